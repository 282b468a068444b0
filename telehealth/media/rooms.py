"""Every room of a media node: sessions opened with a grant, rooms with an epoch, limits, and the beat of all.

A room's epoch is greater each time it moves to another node. A grant of an epoch that is past is refused, and one of a
later epoch ends what is left here of the earlier.
"""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import ClassVar

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.core.grants import GrantKind, MediaGrant, MediaSessionId, Place
from telehealth.media.answer import Local, Reply, candidates, render
from telehealth.media.drain import Drain
from telehealth.media.load import Load
from telehealth.media.malformed import Malformed
from telehealth.media.mux import Mux
from telehealth.media.node import NodeFull, OfferMalformed, SessionExists
from telehealth.media.publisher import Published, Publisher
from telehealth.media.schemas import Restarted, RoomSessionView, Stats
from telehealth.media.seating import Key
from telehealth.media.sections import Offer, read_offer
from telehealth.media.secure import Certificate
from telehealth.media.subscriber import Subscriber
from telehealth.media.transport import DEFAULT_PATIENCE, Ending, Patience, Transport, same_certificate

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.02  # as long as a lost packet waits to be asked for
EPOCH_REMEMBERED = 300.0  # seconds after a room's last session; grants live 60


class EpochPast(Refusal):
    kind: ClassVar[Kind] = Kind.CONFLICT
    slug, title = "epoch-past", "The room has moved on"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits:
    """Sessions of the node, and of one participant in a direction: one more than one, so that another can be made
    before the first is broken.
    """

    sessions: int = 400
    sessions_each: int = 3


DEFAULT_ROOM_LIMITS = RoomLimits()


@dataclass(slots=True, kw_only=True)
class RoomSession:
    """One connection of a participant. `number` and `version` are those of its answers' o= lines. `vouched_until` is
    None for one that lasts by itself.
    """

    id: MediaSessionId
    place: Place
    side: Publisher | Subscriber
    transport: Transport
    number: int = field(default_factory=lambda: secrets.randbits(40))
    version: int = 0
    vouched_until: float | None = None

    @property
    def participant(self) -> str:
        return self.side.participant


class Room:
    """The sessions of one room in one epoch, oldest first."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.sessions: dict[MediaSessionId, RoomSession] = {}

    def of(self, participant: str, side: type[Publisher] | type[Subscriber]) -> list[RoomSession]:
        return [
            each for each in self.sessions.values() if each.participant == participant and isinstance(each.side, side)
        ]

    def tracks(self) -> dict[Key, Published]:
        """What can be shown: of a participant with two connections, what comes by the newest that is up."""
        found: dict[Key, Published] = {}
        for session in self.sessions.values():
            if isinstance(session.side, Publisher):
                for each in session.side.published.values():
                    if each.key not in found or session.transport.state == "connected":
                        found[each.key] = each
        return found

    def subscribers(self) -> Iterator[Subscriber]:
        return (each.side for each in self.sessions.values() if isinstance(each.side, Subscriber))


class Rooms:
    """All methods run in the event loop of the sockets in `mux`."""

    def __init__(
        self,
        mux: Mux,
        *,
        limits: RoomLimits = DEFAULT_ROOM_LIMITS,
        patience: Patience = DEFAULT_PATIENCE,
        drain: Drain | None = None,
    ) -> None:
        """`drain` is begun by who ends the process."""
        self._mux, self._limits, self._patience = mux, limits, patience
        self._loop = asyncio.get_running_loop()
        self._drain, self._life = drain, secrets.token_hex(8)
        self._load = Load(clock=self._loop.time, cpu=time.process_time, packets=lambda: mux.received)
        self._certificate = Certificate.generateCertificate()
        self._rooms: dict[str, Room] = {}
        self._epochs: dict[str, tuple[int, float]] = {}
        self._beat: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.endings: Counter[Ending] = Counter()

    # What a grant allows

    def open(self, grant: MediaGrant, sdp: str) -> str:
        """The answer to a first offer. Raises SessionExists, EpochPast, NodeFull or OfferMalformed."""
        place = _place(grant)
        room = self._enter(place)
        if grant.session in room.sessions:
            raise SessionExists
        side = Publisher if grant.kind is GrantKind.SEND else Subscriber
        if self.count >= self._limits.sessions or len(room.of(grant.sub, side)) >= self._limits.sessions_each:
            raise NodeFull
        offer = _read(sdp)
        session = self._make(grant, place, offer)
        replies = self._take(room, session, offer)
        self._rooms[place.room] = room
        room.sessions[grant.session] = session
        session.transport.start()
        if self._beat is None:
            self._beat = self._loop.call_later(BEAT_SECONDS, self._on_beat)
        return self._answer(session, offer, replies)

    def renew(self, grant: MediaGrant, sdp: str) -> str:
        """The answer to a later offer of the same connection: more sections, or an ICE restart.

        Raises NotFound, EpochPast or OfferMalformed.
        """
        room, session = self._find(grant)
        offer = _read(sdp)
        if not same_certificate(offer.remote.fingerprints, session.transport.remote.fingerprints):
            raise OfferMalformed
        replies = self._take(room, session, offer)
        if offer.remote.fragment != session.transport.remote.fragment:
            session.transport.restart(offer.remote.fragment)
        return self._answer(session, offer, replies)

    def restart(self, grant: MediaGrant, fragment: str) -> Restarted:
        """An ICE restart, all else as it was. Raises NotFound or EpochPast."""
        _, session = self._find(grant)
        session.transport.restart(fragment)
        return Restarted(
            fragment=session.transport.fragment,
            password=session.transport.pwd,
            candidates=list(candidates(self._mux.addresses)),
        )

    async def close(self, grant: MediaGrant) -> None:
        """Ends a connection. Raises NotFound or EpochPast."""
        _, session = self._find(grant)
        await session.transport.close()

    def view(self, grant: MediaGrant) -> RoomSessionView:
        """The figures so far, and with a grant that vouches, some seconds more. Raises NotFound or EpochPast."""
        _, session = self._find(grant)
        session.vouched_until = self._vouched(grant) or session.vouched_until
        return RoomSessionView(
            session=session.id,
            participant=session.participant,
            direction="send" if isinstance(session.side, Publisher) else "receive",
            state=session.transport.state,
            suite=session.transport.suite,
            streams=session.side.views(),
            audio_only=isinstance(session.side, Subscriber) and session.side.audio_only,
            estimate=session.side.estimate if isinstance(session.side, Subscriber) else None,
        )

    def stats(self) -> Stats:
        return Stats(
            life=self._life,
            load=self._load.share(),
            draining=self._drain is not None and self._drain.begun,
            rooms=len(self._rooms),
            sessions=self.count,
            tasks=len(asyncio.all_tasks(self._loop)),
            received=self._mux.received,
            drops={reason.value: count for reason, count in self._mux.drops.items()},
            endings={ending.value: count for ending, count in self.endings.items()},
        )

    def tracks(self, place: Place) -> dict[Key, Published]:
        """What can be shown in that room just now. Raises EpochPast."""
        self._check_epoch(place)
        room = self._rooms.get(place.room)
        return room.tracks() if room is not None and room.epoch == place.epoch else {}

    @property
    def count(self) -> int:
        return sum(len(room.sessions) for room in self._rooms.values())

    async def shut_down(self) -> None:
        sessions = [each for room in self._rooms.values() for each in room.sessions.values()]
        await asyncio.gather(*(each.transport.close() for each in sessions), *self._closing)
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        self._mux.close()

    # Rooms and epochs

    def _enter(self, place: Place) -> Room:
        """The room of that epoch: the one that is here, or a new one in place of an earlier."""
        self._check_epoch(place)
        room = self._rooms.get(place.room)
        if room is not None and room.epoch < place.epoch:
            for session in room.sessions.values():
                self._end(session)
            room = None
        self._remember(place)
        return room or Room(place.epoch)

    def _check_epoch(self, place: Place) -> None:
        room = self._rooms.get(place.room)
        epoch, _ = self._epochs.get(place.room, (0, 0.0))
        if place.epoch < max(epoch, room.epoch if room is not None else 0):
            raise EpochPast

    def _find(self, grant: MediaGrant) -> tuple[Room, RoomSession]:
        place = _place(grant)
        self._check_epoch(place)
        room = self._rooms.get(place.room)
        session = room.sessions.get(grant.session) if room is not None else None
        if room is None or session is None or session.participant != grant.sub or room.epoch != place.epoch:
            raise NotFound
        return room, session

    # Sessions

    def _make(self, grant: MediaGrant, place: Place, offer: Offer) -> RoomSession:
        def opened() -> None:
            self._on_open(session)

        def closed(ending: Ending) -> None:
            self._on_closed(session, ending)

        side: Publisher | Subscriber
        if grant.kind is GrantKind.SEND:
            side = Publisher(grant.sub, clock=monotonic, on_open=opened, on_closed=closed)
        else:
            side = Subscriber(grant.sub, slab=self._mux.outbox, clock=monotonic, on_open=opened, on_closed=closed)
        side.transport = Transport(
            self._mux, side, certificate=self._certificate, remote=offer.remote, patience=self._patience
        )
        session = RoomSession(
            id=grant.session, place=place, side=side, transport=side.transport, vouched_until=self._vouched(grant)
        )
        return session

    def _vouched(self, grant: MediaGrant) -> float | None:
        return monotonic() + self._patience.vouched if grant.vouched else None

    def _take(self, room: Room, session: RoomSession, offer: Offer) -> list[Reply]:
        match session.side:
            case Publisher() as publisher:
                replies = publisher.take(offer)
                if session.transport.state == "connected":
                    self._show(room, publisher)
                return replies
            case Subscriber() as subscriber:
                return subscriber.take(offer, room.tracks())

    def _answer(self, session: RoomSession, offer: Offer, replies: Sequence[Reply]) -> str:
        session.version += 1
        local = Local(
            fragment=session.transport.fragment,
            password=session.transport.pwd,
            fingerprints=session.transport.fingerprints,
            addresses=self._mux.addresses,
            session=session.number,
            version=session.version,
        )
        return render(offer, replies, local)

    def _on_open(self, session: RoomSession) -> None:
        """Media can come: what this connection sends is shown, and the connections it replaces are ended."""
        room = self._rooms.get(session.place.room)
        if room is None or session.id not in room.sessions:
            return
        match session.side:
            case Publisher() as publisher:
                self._show(room, publisher)
            case Subscriber() as subscriber:
                subscriber.begin()
        for other in room.of(session.participant, type(session.side)):
            if other is session:
                break
            self._end(other)

    def _show(self, room: Room, publisher: Publisher) -> None:
        for published in publisher.published.values():
            for subscriber in room.subscribers():
                if subscriber.participant != publisher.participant:
                    subscriber.show(published)

    def _end(self, session: RoomSession, ending: Ending = Ending.CLOSED) -> None:
        task = asyncio.create_task(session.transport.close(ending))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _on_closed(self, session: RoomSession, ending: Ending) -> None:
        self.endings[ending] += 1
        session.side.end()
        room = self._rooms.get(session.place.room)
        if room is not None and room.sessions.get(session.id) is session:
            del room.sessions[session.id]
            if not room.sessions:
                del self._rooms[session.place.room]
                self._remember(session.place)

    def _remember(self, place: Place) -> None:
        """The epoch of a room, for a while after it was last entered or left."""
        now = self._loop.time()
        self._epochs = {room: known for room, known in self._epochs.items() if known[1] > now}
        epoch, _ = self._epochs.get(place.room, (0, 0.0))
        self._epochs[place.room] = (max(epoch, place.epoch), now + EPOCH_REMEMBERED)

    def _on_beat(self) -> None:
        """Of every session. One that fails ends, and harms no other."""
        now = monotonic()
        self._mux.settle()
        self._mux.outbox.hold()
        try:
            for room in self._rooms.values():
                for session in room.sessions.values():
                    if session.transport.ending is not None:
                        continue
                    try:
                        session.side.beat(now)
                        if session.vouched_until is not None and now > session.vouched_until:
                            self._end(session, Ending.UNVOUCHED)
                    except Exception:
                        logger.exception("a session of the node failed")
                        self._end(session, Ending.FAILED)
        finally:
            self._mux.outbox.flush()
        if self._rooms:
            self._beat = self._loop.call_later(BEAT_SECONDS, self._on_beat)
        else:
            self._beat = None


def _place(grant: MediaGrant) -> Place:
    if grant.place is None:
        raise NotFound
    return grant.place


def _read(sdp: str) -> Offer:
    with suppress(Malformed):
        return read_offer(sdp)
    raise OfferMalformed

"""What taps a room: recordings and captions. Each is a subscriber without a connection, whom everybody sees.

It may take what those send whom its web process names, who have agreed; and only while that is said again and again.
One that nobody renews takes nothing more within LEASE seconds. One sender in the room who is not named is enough: then
nothing is taken of anybody.
"""

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from telehealth.core.errors import NotFound
from telehealth.core.grants import MediaGrant, MediaSessionId, Place
from telehealth.media.keyframes import Codec
from telehealth.media.node import NodeFull, SessionExists
from telehealth.media.publisher import Published
from telehealth.media.rooms import EpochPast, Rooms
from telehealth.media.rtp import ROOM, Extensions, RtpPacket
from telehealth.media.seating import Key
from telehealth.media.sending import Outgoing, payload_types
from telehealth.media.tracks import Subscription
from telehealth.media.unpacking import RECORDABLE, Order

LEASE: Final = 1.5  # seconds
FORGOTTEN_AFTER: Final = 10.0  # seconds without a renewal, after which it is over
LOOK_SECONDS: Final = 0.05
MOST_REMEMBERED: Final = 1000
CODECS: Final = sorted(RECORDABLE)  # a codec's place in it is its payload type here
_PLAIN: Final = Extensions({})


class Leave:
    """Whom a tap may take, and for how long from now."""

    def __init__(self, allowed: Collection[str], now: Callable[[], float]) -> None:
        self._now = now
        self._allowed = frozenset[str]()
        self._until = float("-inf")
        self.renew(allowed)

    def renew(self, allowed: Collection[str]) -> None:
        self._allowed, self._until = frozenset(allowed), self._now() + LEASE

    def end(self) -> None:
        self._allowed, self._until = frozenset(), float("-inf")

    @property
    def is_forgotten(self) -> bool:
        return self._now() > self._until + FORGOTTEN_AFTER

    def covers(self, tracks: Collection[Key]) -> bool:
        """Whether it holds now for everybody who sends that."""
        return self._now() < self._until and {key.participant for key in tracks} <= self._allowed


class _Desk:
    """Where an outgoing stream writes its packet: `sending.Slab`."""

    def __init__(self) -> None:
        self.buffer, self.free = bytearray(ROOM), 0


class Tap(ABC):
    """What one participant sends of one kind, repaired, in order and in continuous time."""

    def __init__(self, key: Key, now: Callable[[], float]) -> None:
        self.key, self.now = key, now
        self._desk = _Desk()
        self.outgoing = Outgoing(
            ssrc=1, mid="", extensions=_PLAIN, slab=self._desk, send=self._take, timestamp=secrets.randbits(31)
        )
        self.subscription: Subscription | None = None
        self._order = Order()

    @abstractmethod
    def take(self, codec: Codec, packet: RtpPacket, lost: bool) -> None:
        """The next packet; whether something before it is lost."""

    @abstractmethod
    def left(self) -> None:
        """Nothing comes any more: until it follows something again, if ever."""

    def follow(self, published: Published) -> None:
        shown, now = self.subscription, self.now()
        if shown is not None and shown.track is published.track:
            return
        types = payload_types(
            {each: CODECS.index(codec) for each, codec in published.track.codecs.items() if codec in RECORDABLE}
        )
        if shown is None:
            self.subscription = Subscription(published.track, self.outgoing, types)
            self.subscription.want(0, now)
        else:
            shown.follow(published.track, types, now)

    def leave(self) -> None:
        if self.subscription is None:
            return
        self.subscription.close()
        self.subscription = None
        self._order = Order()
        self.left()

    def end(self) -> None:
        """For good. It and its stream hold one another no longer, nor what that was made of: some 500 kB of packets."""
        self.leave()
        self.outgoing.close()

    def _take(self, length: int) -> None:
        packet = RtpPacket()
        packet.load(bytes(self._desk.buffer[:length]), _PLAIN.kinds)
        for each, lost in self._order.take(packet, self.now()):
            self.take(CODECS[each.payload_type], each, lost)


class Tapper(Protocol):
    """One recording, or the captions of one room."""

    @property
    def forgotten(self) -> bool:
        """Nobody has renewed it for so long that it is over."""
        ...

    def look(self, tracks: Mapping[Key, Published]) -> None:
        """What the room shows now; some twenty times a second."""
        ...


T = TypeVar("T", bound=Tapper)


@dataclass(frozen=True, slots=True)
class Running(Generic[T]):
    id: MediaSessionId
    place: Place
    tapper: T


class Tappings(Generic[T]):
    """Those that run in a node, and the beat of all. What has ended never begins again under its name."""

    def __init__(self, rooms: Rooms, most: int, end: Callable[[Running[T]], None]) -> None:
        """`end` is called of each that nobody renews."""
        self._rooms, self._most, self._end = rooms, most, end
        self._loop = asyncio.get_running_loop()
        self._running: dict[MediaSessionId, Running[T]] = {}
        self._ended: dict[MediaSessionId, None] = {}
        self._beat: asyncio.Handle | None = None

    def __iter__(self) -> Iterator[Running[T]]:
        return iter(list(self._running.values()))

    def begin(self, grant: MediaGrant, make: Callable[[], T]) -> Running[T]:
        """Raises SessionExists, NodeFull, EpochPast, NotFound."""
        if grant.session in self._running or grant.session in self._ended:
            raise SessionExists
        if len(self._running) >= self._most:
            raise NodeFull
        if grant.place is None:
            raise NotFound
        self._rooms.tracks(grant.place)
        running = self._running[grant.session] = Running(grant.session, grant.place, make())
        if self._beat is None:
            self._beat = self._loop.call_soon(self._on_beat)
        return running

    def find(self, grant: MediaGrant) -> Running[T]:
        """Raises NotFound."""
        running = self._running.get(grant.session)
        if running is None or running.place != grant.place:
            raise NotFound
        return running

    def remove(self, running: Running[T]) -> None:
        del self._running[running.id]
        self._ended[running.id] = None
        while len(self._ended) > MOST_REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def look(self, running: Running[T]) -> None:
        """A room that has moved to another node shows nothing here any more."""
        tracks: Mapping[Key, Published] = {}
        with suppress(EpochPast):
            tracks = self._rooms.tracks(running.place)
        running.tapper.look(tracks)

    def stop(self) -> None:
        if self._beat is not None:
            self._beat.cancel()

    def _on_beat(self) -> None:
        for running in self:
            self.look(running)
            if running.tapper.forgotten:
                self._end(running)
        self._beat = self._loop.call_later(LOOK_SECONDS, self._on_beat) if self._running else None

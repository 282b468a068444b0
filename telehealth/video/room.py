"""A room as it stands: who sits in it, which way their media go, and what these come down to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.ids import ParticipantId
from telehealth.visits.lifecycle.parts import BY_HTTP, NO_SENDERS, PATIENT_SIDE, ParticipantKind

RESUMABLE = timedelta(seconds=60)  # how long a seat without a socket is kept, and its media believed
MOST_SEATS = 12


class MediaState(StrEnum):
    """RTCPeerConnectionState (W3C WebRTC, section 4.3.3), as one side reports it."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class Together(StrEnum):
    """What both sides agree on about their media."""

    NOT_YET = "not_yet"
    CONNECTED = "connected"
    LOST = "lost"


class Mode(StrEnum):
    """The way media go: from browser to browser, or over the media node."""

    P2P = "p2p"
    NODE = "node"


class Tap(StrEnum):
    """What may be taken of a call, once everybody in it agrees. The value is its name on the wire."""

    RECORDING = "recording"
    CAPTIONS = "captions"


Quality = Literal["good", "fair", "poor"]
Ended = Literal["declined", "withdrawn", "stopped", "over"]
Media = Literal["audio", "video"]  # MediaStreamTrack.kind (W3C Media Capture and Streams, section 4.3.3)
SETTING_UP = frozenset({MediaState.NEW, MediaState.CONNECTING})
LOST = frozenset({MediaState.DISCONNECTED, MediaState.FAILED, MediaState.CLOSED})


@dataclass(frozen=True, slots=True)
class Who:
    """A participant of the visit. `host`: the clinician who gives it."""

    participant: ParticipantId
    kind: ParticipantKind
    host: bool = False

    @property
    def role(self) -> Role:
        """The side they are on."""
        if self.host:
            return Role.CLINICIAN
        return Role.PATIENT if self.kind in PATIENT_SIDE else Role.GUEST

    @property
    def sends(self) -> bool:
        """Whether others see and hear them."""
        return self.host or self.kind not in NO_SENDERS

    @property
    def receives(self) -> bool:
        """Whether they see and hear others: all but devices."""
        return self.kind is not ParticipantKind.DEVICE

    @property
    def by_node(self) -> bool:
        """Reached over a media node alone: a device or an observer, without a browser."""
        return self.kind in BY_HTTP

    @property
    def asked(self) -> bool:
        """Whether their consent to a recording or to captions is asked for. A device is nobody; whom it shows is asked
        themselves.
        """
        return self.kind is not ParticipantKind.DEVICE

    @property
    def rank(self) -> int:
        """Whose conversation goes first where two can talk: the clinician's, the patient's, the proxy's."""
        if self.host:
            return 0
        return {ParticipantKind.PATIENT: 1, ParticipantKind.PROXY: 2}.get(self.kind, 3)


@dataclass(frozen=True, slots=True)
class Seat:
    """`session` outlives a broken socket, and a lost room whose media run on the node; `connection` is one socket
    (None: away), `ack` the last command obeyed.

    `admitted` is what the visit says, `held` what the host said in the call. `ways` are connections with the media node
    that were offered at the room's place, `live_epoch` where they last ran. `bad_since` and `fine_since` tell of
    what they receive, `muted` of what they do not send.
    """

    who: Who
    session: str
    connection: str | None
    seen_at: datetime
    admitted: bool
    ack: int = 0
    media: MediaState = MediaState.NEW
    held: bool = False
    quality: Quality | None = None
    bad_since: datetime | None = None
    fine_since: datetime | None = None
    sees_video: bool = True
    muted: tuple[Media, ...] = ()
    ways: tuple[str, ...] = ()
    live_epoch: int = 0

    @property
    def id(self) -> ParticipantId:
        return self.who.participant

    @property
    def inside(self) -> bool:
        """Heard and hearing; whoever is not waits."""
        return self.admitted and not self.held


@dataclass(frozen=True, slots=True)
class Taken:
    """A recording, or captions, that the host asked for. `agreed` are those who consent to it, whether they are here
    just now or not.
    """

    id: UUID
    agreed: tuple[ParticipantId, ...]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Since when a room that was lost is there again, and who has sat in it since: whoever has not may still have a
    session from before.
    """

    at: datetime
    back: tuple[ParticipantId, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """`seq` numbers every event of the room, `generation` every pair of peer connections, `epoch` every place on a
    media node, also when the room has left it. `partners` are connected browser to browser, the impolite one first.

    `failures` counts renewals that brought nothing, `asked_at` is when a place was last asked for, `calm_since` since
    when nothing needs the node. `on_hold` are those whom the host had put on hold when they left, `ended` why what was
    asked for last is no more, until it is asked for again.
    """

    seq: int = 0
    generation: int = 0
    seats: tuple[Seat, ...] = ()
    together: Together = Together.NOT_YET
    mode: Mode = Mode.P2P
    epoch: int = 0
    partners: tuple[ParticipantId, ...] = ()
    least: Mode = Mode.P2P
    failures: int = 0
    asked_at: datetime | None = None
    calm_since: datetime | None = None
    recording: Taken | None = None
    captions: Taken | None = None
    ended: tuple[tuple[Tap, Ended], ...] = ()
    on_hold: tuple[ParticipantId, ...] = ()
    rebuilt: Rebuilt | None = None

    def of_connection(self, connection: str) -> Seat | None:
        return next((seat for seat in self.seats if seat.connection == connection), None)

    def of(self, participant: ParticipantId) -> Seat | None:
        return next((seat for seat in self.seats if seat.id == participant), None)

    @property
    def host(self) -> Seat | None:
        return next((seat for seat in self.seats if seat.who.host), None)

    @property
    def inside(self) -> tuple[Seat, ...]:
        return tuple(seat for seat in self.seats if seat.inside)

    def taken(self, tap: Tap) -> Taken | None:
        return self.recording if tap is Tap.RECORDING else self.captions

    def taking(self, tap: Tap, taken: Taken) -> "Room":
        return self._with(tap, taken, ())

    def ending(self, tap: Tap, why: Ended) -> "Room":
        return self._with(tap, None, ((tap, why),))

    def _with(self, tap: Tap, taken: Taken | None, why: tuple[tuple[Tap, Ended], ...]) -> "Room":
        ended = (*(each for each in self.ended if each[0] is not tap), *why)
        if tap is Tap.RECORDING:
            return replace(self, recording=taken, ended=ended)
        return replace(self, captions=taken, ended=ended)

    def unasked(self, tap: Tap) -> tuple[Seat, ...]:
        """Of those inside, who has not agreed to it; nobody when it is not asked for."""
        taken = self.taken(tap)
        if taken is None:
            return ()
        return tuple(each for each in self.inside if each.who.asked and each.id not in taken.agreed)

    def may_take(self, tap: Tap) -> bool:
        """The host is there, and everybody inside agrees."""
        host = self.host
        return self.taken(tap) is not None and host is not None and host.inside and not self.unasked(tap)

    def takes(self, tap: Tap) -> bool:
        """A recorder, or a captioner, takes part: it sits at the media node."""
        return self.mode is Mode.NODE and self.may_take(tap)

    def peers(self, seat: Seat) -> tuple[Seat, ...]:
        """Whom this seat may hear and reach: nobody, until both are inside."""
        if not seat.inside:
            return ()
        return tuple(other for other in self.inside if other.id != seat.id)

    def partner(self, seat: Seat) -> Seat | None:
        """Whom this seat is connected with, browser to browser."""
        if self.mode is not Mode.P2P or seat.id not in self.partners:
            return None
        return next((other for other in self.peers(seat) if other.id in self.partners), None)

    def having(self, seat: Seat) -> "Room":
        """With this seat in place of its participant's, or as the last one."""
        if self.of(seat.id) is None:
            return replace(self, seats=(*self.seats, seat))
        return replace(self, seats=tuple(seat if each.id == seat.id else each for each in self.seats))

    def without(self, participant: ParticipantId) -> "Room":
        left = replace(self, seats=tuple(each for each in self.seats if each.id != participant))
        seat = self.of(participant)
        return left if seat is None or not seat.held else replace(left, on_hold=(*self.on_hold, participant))

    def rebuilt_with(self, participant: ParticipantId) -> "Room":
        """They have sat in it since it was lost."""
        rebuilt = self.rebuilt
        if rebuilt is None or participant in rebuilt.back:
            return self
        return replace(self, rebuilt=replace(rebuilt, back=(*rebuilt.back, participant)))

    def without_hold(self, participant: ParticipantId) -> "Room":
        return replace(self, on_hold=tuple(each for each in self.on_hold if each != participant))


def agreed(room: Room, at: datetime) -> Together:
    """The clinician and somebody of the patient's side connected, or nobody of them in media any more; as long as they
    differ, what was agreed before.
    """
    if {Role.CLINICIAN, Role.PATIENT} <= {seat.who.role for seat in _connected(room)}:
        return Together.CONNECTED
    return Together.LOST if room.together is Together.CONNECTED and silent(room, at) else room.together


def silent(room: Room, at: datetime) -> bool:
    """Nobody who has to be is in media. Whoever hung up or stays away is not; whoever is left alone is only while
    still connected with another browser.
    """
    left = [seat for seat in room.seats if seat.who.role is not Role.GUEST and at - seat.seen_at <= RESUMABLE]
    if len({seat.who.role for seat in left}) > 1:
        return all(seat.media in LOST for seat in left)
    return room.mode is Mode.NODE or all(seat.media in LOST | SETTING_UP for seat in left)


def _connected(room: Room) -> Iterable[Seat]:
    """Of the two sides, whose report counts: browser to browser only partners are connected with each other."""
    counts = room.mode is Mode.NODE
    return (seat for seat in room.inside if seat.media is MediaState.CONNECTED and (counts or room.partner(seat)))

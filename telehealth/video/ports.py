"""What video needs from outside: a place for rooms that every web process reaches, media nodes, TURN servers."""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.grants import MediaSessionId
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.video.language import Cut, Effect, Event, Negotiate
from telehealth.video.placement import Place, Reports
from telehealth.video.room import Room


class RoomsAway(Refusal):
    """Media between the browsers go on; only the socket has to come back."""

    kind, slug, title = Kind.AWAY, "rooms-away", "Calls cannot be set up for the moment"


class Behind(RoomsAway):
    """A follower asked for deliveries that are no longer kept."""

    slug, title = "behind", "Too much was missed"


class MediaAway(Refusal):
    kind, slug, title = Kind.AWAY, "media-away", "The network check cannot run just now"


class ConnectionGone(Refusal):
    kind, slug, title = Kind.ABSENT, "connection-gone", "This connection is no more"


class OfferRefused(Refusal):
    kind, slug, title = Kind.INVALID, "offer-refused", "This is not an offer the network check understands"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One numbered message of a room, for one session or connection."""

    seq: int
    to: str
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The room after an event, and every effect of it; `Send`s are already on their way."""

    room: Room
    effects: tuple[Effect, ...]


class RoomBus(Protocol):
    """Rooms by visit. All functions raise RoomsAway when the place they live in cannot be reached."""

    async def apply(self, visit_id: VisitId, event: Event) -> Outcome:
        """Decide one event with `rules.step`, after every event before it, and make its deliveries followable.

        All of it happens or nothing. A room nobody has touched for two minutes is empty again, with number 0.
        """
        ...

    async def look(self, visit_id: VisitId) -> Room:
        """The room as it stands, left as it is; the empty one, with number 0, when there is none."""
        ...

    def follow(self, visit_id: VisitId, after: int) -> AbstractAsyncContextManager[AsyncGenerator[Delivery, None]]:
        """Every delivery of the room with a number above `after`, in order, without gaps, for ever.

        The iterator raises Behind when the next one is no longer kept.
        """
        ...


class MediaNode(Protocol):
    async def answer(self, session: MediaSessionId, offer: str, *, sub: UUID, now: datetime) -> str:
        """The SDP answer to an offer for a network check by person `sub`. Raises MediaAway or OfferRefused."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """One way of one participant's media at a place: `session` is that of their seat in the room."""

    participant: ParticipantId
    session: str
    way: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The node's ICE credentials after a restart, and where it is, as lines of SDP."""

    fragment: str
    password: str
    candidates: tuple[str, ...]


class MediaRooms(Protocol):
    """The media nodes, as far as rooms need them. Every function but `reports` raises MediaAway."""

    async def reports(self, now: datetime) -> Reports:
        """Which nodes answer just now, and how they are."""
        ...

    def line(self, connections: int) -> "AbstractAsyncContextManager[MediaRooms]":
        """The same for as long as it is held, for so many questions at once, each answered soon or not at all."""
        ...

    async def negotiate(self, place: Place, task: Negotiate, now: datetime) -> str:
        """The SDP answer to one direction of somebody's media, the first one of a connection or a later one.

        Raises OfferRefused too.
        """
        ...

    async def cut(self, place: Place, task: Cut, now: datetime) -> None:
        """Forward nothing more on those ways; one that is not there is no fault."""
        ...

    async def vouch(self, place: Place, connection: Connection, now: datetime) -> str:
        """Whoever has it is still in the room: it lasts some seconds more. Its state (media/transport.py).

        Raises ConnectionGone too.
        """
        ...

    async def restart(self, place: Place, connection: Connection, fragment: str, now: datetime) -> Restarted:
        """Restart its ICE, where the other side has that user fragment from now on. Raises ConnectionGone too."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What a recorder may do for the next moments: `key` is base64, `participants` all who are recorded; none: wait."""

    recording: UUID
    key: str
    participants: tuple[ParticipantId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A file of a recording, as the media node tells of it (media/schemas.py)."""

    file: UUID
    participant: UUID
    kind: str
    number: int
    codec: str
    offset_ms: int
    duration_ms: int
    chunks: int
    octets: int
    head: str


class TakingLost(Refusal):
    """A recorder or a captioner has ended by itself: nobody renewed it, or its disk took nothing more."""

    kind, slug, title = Kind.GONE, "taking-lost", "The recording, or the captions, have ended"


class RecorderLine(Protocol):
    """Both raise MediaAway."""

    async def renew(self, place: Place, permit: Permit, now: datetime) -> Sequence[Track]:
        """The recorder at that place goes on, or begins, as the permit says: what it has written. Or TakingLost."""
        ...

    async def stop(self, place: Place, recording: UUID, now: datetime) -> Sequence[Track]:
        """It takes nothing more; what it has written. Nothing when there is none at that place."""
        ...


class Recorders(Protocol):
    """`directory` is where the media nodes write to; none: nothing can be recorded here."""

    directory: Path | None
    kept_for: timedelta

    def line(self) -> AbstractAsyncContextManager[RecorderLine]:
        """To the media nodes, for as long as it is held."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionPermit:
    """Whom a captioner may hear for the next moments, and in which language; nobody: it waits."""

    captions: UUID
    speakers: Mapping[ParticipantId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What somebody says, numbered: the whole sentence, or as much of it as there is."""

    number: int
    participant: UUID
    text: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The lines after the number that was asked for, up to `number`. `away`: the speech engine does not answer."""

    number: int
    lines: Sequence[Line]
    away: bool


class CaptionerLine(Protocol):
    """Each raises MediaAway. Without a number before it, an answer has no lines."""

    async def renew(self, place: Place, permit: CaptionPermit, after: int | None, now: datetime) -> Transcript:
        """The captioner at that place goes on, or begins, as the permit says. Raises TakingLost too."""
        ...

    async def read(self, place: Place, captions: UUID, after: int | None, now: datetime) -> Transcript:
        """What is said; for it alone the captioner does not go on. Raises TakingLost too."""
        ...

    async def stop(self, place: Place, captions: UUID, now: datetime) -> None:
        """Nobody is heard any more. Nothing when there is none at that place."""
        ...


class Captioners(Protocol):
    """`offered`: the house has a speech engine."""

    offered: bool

    def line(self) -> AbstractAsyncContextManager[CaptionerLine]:
        """The same connection for as long as it is held."""
        ...


@dataclass(frozen=True, slots=True)
class IceServers:
    """Configured TURN servers: `turn:` and `turns:` addresses and the secret shared with them; none by default."""

    urls: tuple[str, ...] = ()
    secret: str | None = None


class CheckBusy(Refusal):
    """`retry_after` says in how many seconds."""

    kind, slug, title = Kind.BUSY, "check-busy", "Too many network checks at once: wait before the next one"


class OpenChecks:
    """How many offers of network checks without a visit are taken: a check makes five. Each web process counts its own;
    the media node bounds what all of them cost.
    """

    def __init__(self, *, each: int = 60, together: int = 300) -> None:
        """So many in a minute of one address, and of all addresses."""
        self._each, self._together = each, together
        self._minute = -1
        self._count: Counter[str] = Counter()

    def take(self, address: str, now: datetime) -> None:
        """One more. Raises CheckBusy."""
        minute = int(now.timestamp()) // 60
        if minute != self._minute:
            self._minute = minute
            self._count.clear()
        if self._count[address] >= self._each or self._count.total() >= self._together:
            raise CheckBusy(retry_after=60 - int(now.timestamp()) % 60)
        self._count[address] += 1

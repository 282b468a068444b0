"""What may be said in a room, what may happen to it, and what it asks to be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from telehealth.core.ids import ParticipantId
from telehealth.video.room import Media, MediaState, Mode, Tap, Who

Wire = Mapping[str, Any]
Direction = Literal["send", "recv"]


# Commands: what a person's browser asks for.


@dataclass(frozen=True, slots=True)
class Signal:
    """A description or a candidate: `body` is the partner's business and opaque here."""

    id: int
    kind: Literal["description", "candidate"]
    generation: int
    body: Wire | None


@dataclass(frozen=True, slots=True)
class Offer:
    """To the media node: one way of one person's media at one place of the room. `connection` counts a browser's
    connections in that direction: a later offer of the same one renews it.
    """

    id: int
    epoch: int
    direction: Direction
    connection: int
    sdp: str

    @property
    def way(self) -> str:
        return f"{self.direction}-{self.connection}"


@dataclass(frozen=True, slots=True)
class Report:
    """Of the connection with the partner, of that generation; or, with an epoch, of those with the media node."""

    id: int
    state: MediaState
    generation: int | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Renew:
    id: int
    generation: int


@dataclass(frozen=True, slots=True)
class Stats:
    """What one browser receives: round trip, freezing and jitter in ms, loss as a fraction, received kb/s."""

    id: int
    rtt_ms: int
    loss: float
    kbps: int
    frozen_ms: int
    relayed: bool
    jitter_ms: int = 0


@dataclass(frozen=True, slots=True)
class Mute:
    """What they do not send just now, all of it: a kind is absent, switched off, or taken away by the system."""

    id: int
    kinds: tuple[Media, ...]


@dataclass(frozen=True, slots=True)
class Admit:
    id: int
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class Hold:
    id: int
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class Deny:
    id: int
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class Taking:
    """One recording, or one stretch of captions."""

    tap: Tap
    id: UUID


@dataclass(frozen=True, slots=True)
class TapRequest:
    """The host wants that of the call, and agrees to it; or wants it no more."""

    id: int
    tap: Tap
    on: bool


@dataclass(frozen=True, slots=True)
class Consent:
    """To that recording, or those captions: given, or not given, or taken back."""

    id: int
    taking: Taking
    given: bool


@dataclass(frozen=True, slots=True)
class Want:
    """Once more what comes by itself, in case it got lost."""

    id: int
    what: Literal["state", "ice"]


@dataclass(frozen=True, slots=True)
class Bye:
    id: int


HostCommand = Admit | Hold | Deny
OfTap = TapRequest | Consent
Command = Signal | Offer | Report | Chat | Renew | Stats | Mute | HostCommand | OfTap | Want | Bye


# Events: what may happen to a room.


@dataclass(frozen=True, slots=True)
class Resume:
    session: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """`session` is the fresh name that is used when `resume` cannot be granted. `least` is what the clinic's policy
    wants of the room: NODE, never browser to browser. `epoch` is that of its place on a media node, 0 for none:
    a room that was lost goes on there.
    """

    at: datetime
    connection: str
    session: str
    who: Who
    admitted: bool
    resume: Resume | None = None
    least: Mode = Mode.P2P
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    at: datetime
    connection: str
    command: Command


@dataclass(frozen=True, slots=True)
class Beat:
    """The socket is alive. `admitted` is what the visit says now."""

    at: datetime
    connection: str
    admitted: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    at: datetime
    connection: str


@dataclass(frozen=True, slots=True)
class Placed:
    """The room has a place on a media node. `why`: it asked for one, its node died, its node is drained."""

    at: datetime
    epoch: int
    why: Literal["asked", "lost", "drained"] = "asked"


@dataclass(frozen=True, slots=True)
class Unplaced:
    """The place of that epoch is gone, and there is no other."""

    at: datetime
    epoch: int


@dataclass(frozen=True, slots=True)
class TapAsked:
    """It is written down that this participant asks for it and agrees: now it may be told."""

    at: datetime
    taking: Taking
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class TapOver:
    """It goes on no more: the disk is full, the visit's consent is gone, nobody kept it alive."""

    at: datetime
    taking: Taking


Event = Arrived | Said | Beat | Dropped | Placed | Unplaced | TapAsked | TapOver


# Effects: what the shell is asked to do.


@dataclass(frozen=True, slots=True)
class Send:
    """Numbered, kept for replay; `to` is a session, or a connection that has to go."""

    seq: int
    to: str
    message: Wire


@dataclass(frozen=True, slots=True)
class Answer:
    """To whoever caused the event, at once, unnumbered."""

    message: Wire


@dataclass(frozen=True, slots=True)
class NoSeat:
    """The room knows nothing of this connection (any more): it has to come back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Another clinician is in the call as its host."""


@dataclass(frozen=True, slots=True)
class Full:
    """There is no seat left."""


@dataclass(frozen=True, slots=True)
class Promote:
    """Find the room a place on a media node, of an epoch higher than this one; asked again until there is one."""

    epoch: int
    mode: Mode = Mode.NODE


@dataclass(frozen=True, slots=True)
class Release:
    """The place up to that epoch is no longer needed."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Negotiate:
    """Take an offer to the media node. Whoever it is for is inside, and may send if that is the direction. `vouched`:
    the connection lasts only as long as somebody sees to it that they are still in the room.
    """

    participant: ParticipantId
    session: str
    offer: Offer
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The media node forwards nothing any more on these ways of theirs."""

    participant: ParticipantId
    session: str
    epoch: int
    ways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep with the visit what was said, once for one session and number, before it is acknowledged."""

    session: str
    number: int
    speaker: Who
    text: str
    heard_by: tuple[ParticipantId, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Keep with the visit how well this participant receives."""

    stats: Stats


@dataclass(frozen=True, slots=True)
class Ask:
    """Keep that this participant asks for a recording or for captions, and agrees; then say so (`TapAsked`)."""

    taking: Taking
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class KeepConsent:
    """Keep what this participant says to it, before it is acknowledged."""

    taking: Taking
    participant: ParticipantId
    given: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """What sits at the place of that epoch takes nothing, until it is renewed."""

    taking: Taking
    epoch: int


@dataclass(frozen=True, slots=True)
class Finish:
    """It stops at once, and is over: `by` is who ended it, None when nobody did."""

    taking: Taking
    epoch: int
    by: ParticipantId | None
    why: Literal["stopped", "declined", "over"]


@dataclass(frozen=True, slots=True)
class LetIn:
    """Admit them to the visit, as the host."""

    id: int
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class PutOut:
    """Put them out of the visit, as the host."""

    id: int
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class FreshIce:
    """Tell whoever asked the ICE servers again."""


AboutTap = Ask | KeepConsent | Pause | Finish
Task = Promote | Release | Negotiate | Cut | Keep | Measured | AboutTap | LetIn | PutOut | FreshIce
Effect = Send | Answer | NoSeat | Taken | Full | Task

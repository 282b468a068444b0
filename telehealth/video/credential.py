"""Who may send to a call, or watch it, without a page: what a credential is good for, and when its connection ends.

Pure. A device sends by WHIP (RFC 9725), an observer receives by WHEP (draft-ietf-wish-whep).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.video.language import Direction
from telehealth.video.room import MediaState, Mode, Room, Who
from telehealth.visits.lifecycle.parts import ParticipantKind

SHORTEST, USUAL, LONGEST = timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=4)
SETTING_UP = timedelta(seconds=15)  # from the first word of a connection to the media node's answer
DIES_OUT = timedelta(seconds=15)  # the ten that a node waits for a word, and whatever word was on its way
RUNNING = "connected"  # what the media node says of a connection whose media can come


class Protocol(StrEnum):
    WHIP = "whip"
    WHEP = "whep"

    @property
    def direction(self) -> Direction:
        return "send" if self is Protocol.WHIP else "recv"


OPENS: Mapping[ParticipantKind, Protocol] = {
    ParticipantKind.DEVICE: Protocol.WHIP,
    ParticipantKind.OBSERVER: Protocol.WHEP,
}


class CredentialInvalid(Refusal):
    """Unknown, expired, used up, taken back, of another visit or for another protocol: one answer."""

    kind, slug, title = Kind.UNIDENTIFIED, "media-credential-invalid", "A media credential is needed that is good here"


class CredentialInUse(Refusal):
    """What this credential opened still runs: a copy of it opens nothing. `retry_after` is in seconds."""

    kind, slug, title = Kind.CONFLICT, "media-credential-in-use", "This media credential is in use"


class NoMediaNode(Refusal):
    kind, slug, title = Kind.AWAY, "no-media-node", "No media node takes this connection just now"


class OfferUnfit(Refusal):
    kind, slug, title = Kind.INVALID, "offer-unfit", "The media node does not take this offer"


class WasHeld(Refusal):
    kind, slug, title = Kind.CONFLICT, "participant-held", "The clinician has put this participant on hold"


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows at the door of a visit."""

    secret: str
    visit_id: UUID
    protocol: Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Of a connection that a media node has answered: the session of its seat, its place, how many ICE sessions."""

    seat: str
    url: str
    epoch: int
    ice: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The one connection of a credential. `ending_since`: it is to end, and its media node could not be told."""

    id: UUID
    opened_at: datetime
    placed: Placed | None = None
    ending_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Of one participant of one visit. `ended`: its holder ended what they began with it."""

    participant: ParticipantId
    kind: ParticipantKind
    visit_id: VisitId
    expires_at: datetime
    ended: bool = False
    session: Session | None = None

    @property
    def protocol(self) -> Protocol:
        return OPENS[self.kind]

    @property
    def way(self) -> str:
        """What its one connection is called in the room."""
        return f"{self.protocol.direction}-1"

    @property
    def who(self) -> Who:
        return Who(self.participant, self.kind)


def fits(credential: Credential, shown: Shown) -> bool:
    """Whether it is for that visit and that protocol."""
    return credential.visit_id == shown.visit_id and credential.protocol is shown.protocol


def check(credential: Credential, shown: Shown, now: datetime) -> None:
    """Whether it opens a connection there. Raises CredentialInvalid."""
    if not fits(credential, shown) or credential.ended or now >= credential.expires_at:
        raise CredentialInvalid


def abandoned(session: Session, now: datetime) -> bool:
    """It was begun, and nobody went on with it."""
    return session.placed is None and now - session.opened_at > SETTING_UP


class Standing(StrEnum):
    """Whether everybody in the room sees the holder of a connection there, at the place where their media are.

    SEEN: it goes on. HELD: they wait to be let in again, cut off. LOST: it ends, for nobody sends or watches unseen.
    """

    SEEN = "seen"
    HELD = "held"
    LOST = "lost"


def standing(credential: Credential, room: Room) -> Standing:
    session, seat = credential.session, room.of(credential.participant)
    if session is None or session.placed is None or seat is None or seat.connection != str(session.id):
        return Standing.LOST
    if seat.held:
        return Standing.HELD
    here = room.mode is Mode.NODE and room.epoch == session.placed.epoch
    return Standing.SEEN if here and seat.inside else Standing.LOST


def media_of(state: str) -> MediaState:
    """What the media node says of a connection, as its holder would report it."""
    return MediaState.CONNECTED if state == RUNNING else MediaState.CONNECTING

"""A room as it stands: who sits in it, and what their media come down to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from telehealth.core.actors import Role

RESUMABLE = timedelta(seconds=60)  # how long a seat without a socket is kept, and its media believed


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


SETTING_UP = frozenset({MediaState.NEW, MediaState.CONNECTING})
LOST = frozenset({MediaState.DISCONNECTED, MediaState.FAILED, MediaState.CLOSED})


@dataclass(frozen=True, slots=True)
class Seat:
    """`session` outlives a broken socket, `connection` is one socket (None: away), `ack` the last command obeyed."""

    role: Role
    holder: UUID
    session: str
    connection: str | None
    seen_at: datetime
    admitted: bool
    ack: int = 0
    media: MediaState = MediaState.NEW


@dataclass(frozen=True, slots=True)
class Room:
    """`seq` numbers every event of the room, `generation` every pair of peer connections."""

    seq: int = 0
    generation: int = 0
    seats: tuple[Seat, ...] = ()
    together: Together = Together.NOT_YET

    def of_connection(self, connection: str) -> Seat | None:
        return next((seat for seat in self.seats if seat.connection == connection), None)

    def of_role(self, role: Role) -> Seat | None:
        return next((seat for seat in self.seats if seat.role is role), None)

    def peers(self, seat: Seat) -> tuple[Seat, ...]:
        """Whom this seat may hear and reach: nobody, until both are admitted."""
        if not seat.admitted:
            return ()
        return tuple(other for other in self.seats if other.role is not seat.role and other.admitted)


def agreed(room: Room, at: datetime) -> Together:
    """Both connected, or nobody in media any more; as long as they differ, what was agreed before."""
    clinician, patient = room.of_role(Role.CLINICIAN), room.of_role(Role.PATIENT)
    together = clinician is not None and patient is not None and patient in room.peers(clinician)
    if together and all(seat.media is MediaState.CONNECTED for seat in room.seats):
        return Together.CONNECTED
    return Together.LOST if room.together is Together.CONNECTED and silent(room, at) else room.together


def silent(room: Room, at: datetime) -> bool:
    """Nobody is in media. Whoever hung up or stays away is not; whoever is left alone is only while still connected."""
    left = [seat for seat in room.seats if at - seat.seen_at <= RESUMABLE]
    without = LOST if len(left) > 1 else LOST | SETTING_UP
    return all(seat.media in without for seat in left)

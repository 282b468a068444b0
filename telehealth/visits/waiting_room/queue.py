"""Whose turn it is among those who came without a time. Pure: entries in, an order out; no clock, no database.

First come, first served within a priority. A higher priority goes first, until someone has waited for `AGEING`: from
then on nobody who came later overtakes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, ParticipantId, PatientId, VisitId, VisitTypeId
from telehealth.visits.waiting_room.estimates import Estimate

AGEING = timedelta(minutes=30)
GRACE = timedelta(minutes=5)  # a patient whose connection drops and who is back within this keeps their place
GONE_FOR_GOOD = timedelta(hours=1)  # nobody comes back to a place after that


class AlreadyQueued(Refusal):
    kind, slug, title = Kind.CONFLICT, "already-queued", "The patient is in the queue already"


class NobodyWaits(Refusal):
    kind, slug, title = Kind.CONFLICT, "nobody-waits", "Nobody in the queue may be seen by you now"


class QueueLeft(Refusal):
    kind, slug, title = Kind.GONE, "queue-left", "The patient is not in the queue any more"


class NotWaiting(Refusal):
    kind, slug, title = Kind.CONFLICT, "nobody-to-tell", "The patient does not wait any more, or not yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """`id` is that of the visit it becomes, `participant_id` that of the patient in it. `jurisdiction` is where the
    patient is, ISO 3166; `since` is when their place began, `dropped_at` since when their connection is gone,
    `verified_at` when they came by their link. Over once `taken_at` or `left_at` is set.
    """

    id: VisitId
    participant_id: ParticipantId
    patient_id: PatientId
    visit_type_id: VisitTypeId
    jurisdiction: str | None
    priority: int
    came_at: datetime
    since: datetime
    dropped_at: datetime | None
    taken_at: datetime | None
    taken_by: ClinicianId | None
    left_at: datetime | None
    verified_at: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.taken_at is None and self.left_at is None


@dataclass(frozen=True, slots=True)
class Standing:
    """`position` 1 is next; `estimate` is None while nobody serves whom they may be treated by. Both None when over."""

    entry: QueueEntry
    position: int | None
    estimate: Estimate | None


class Waiting(Protocol):
    """Someone in the queue: a higher `priority` is more urgent; `since` is when their place began."""

    @property
    def priority(self) -> int: ...
    @property
    def since(self) -> datetime: ...


Entry = TypeVar("Entry", bound=Waiting)


def has_aged(entry: Waiting, now: datetime, ageing: timedelta = AGEING) -> bool:
    """Whether nobody who came later may overtake any more."""
    return now - entry.since >= ageing


def in_order(entries: Iterable[Entry], now: datetime, ageing: timedelta = AGEING) -> list[Entry]:
    """Whose turn comes first. Entries that tie keep the order they were given in."""

    def turn(entry: Entry) -> tuple[bool, int, datetime]:
        aged = has_aged(entry, now, ageing)
        return (not aged, 0 if aged else -entry.priority, entry.since)

    return sorted(entries, key=turn)


def since_after_return(since: datetime, dropped_at: datetime, returned_at: datetime) -> datetime:
    """When the place of someone who is back begins: as before within the grace time, else now, behind their equals."""
    return since if returned_at - dropped_at <= GRACE else returned_at


# What staff tell those who wait

LATE_STEPS = (0, 5, 10, 20)  # minutes; none takes it back
LATE_FOR = timedelta(hours=2)  # how long it holds unless it is said again
TOLD_AHEAD = timedelta(hours=4)  # whose visit begins within this is told too
TOLD_FOR = timedelta(hours=12)
MOST_TOLD = 3


class MessageCode(StrEnum):
    """What is said often, in the language of whoever reads it."""

    SOON = "soon"
    LONGER = "longer"
    CALL_US = "call_us"
    STAY = "stay"


@dataclass(frozen=True, slots=True)
class Told:
    """A message to who waits: a code, or words as they were typed."""

    said_at: datetime
    code: MessageCode | None
    words: str


@dataclass(frozen=True, slots=True)
class Late:
    """By how many minutes a clinician is late, and since when that is known."""

    minutes: int
    said_at: datetime

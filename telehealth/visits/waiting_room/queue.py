"""Whose turn it is among those who came without a time. Pure: entries in, an order out; no clock, no database.

First come, first served within a priority. A higher priority goes first, until someone has waited for `AGEING`: from
then on nobody who came later overtakes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Protocol, TypeVar
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId

AGEING = timedelta(minutes=30)
GRACE = timedelta(minutes=5)  # a patient whose connection drops and who is back within this keeps their place


class AlreadyQueued(Refusal):
    kind, slug, title = Kind.CONFLICT, "already-queued", "The patient is in the queue already"


class NobodyWaits(Refusal):
    kind, slug, title = Kind.CONFLICT, "nobody-waits", "Nobody in the queue may be seen by you now"


class QueueLeft(Refusal):
    kind, slug, title = Kind.GONE, "queue-left", "The patient is not in the queue any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """`jurisdiction` is where the patient is, ISO 3166; `since` is when their place began, `dropped_at` since when
    their connection is gone. Over once `taken_at` or `left_at` is set.
    """

    id: UUID
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


@dataclass(frozen=True, slots=True)
class Standing:
    """`position` 1 is next; `minutes` until they are seen, None while nobody serves the queue. Both None when over."""

    entry: QueueEntry
    position: int | None
    minutes: float | None


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


def minutes_until(position: int, remaining: Iterable[float], mean_service: float) -> float | None:
    """Minutes until the patient at `position` (1 is next) is seen; None while nobody serves the queue.

    Simulated: `remaining` holds, for each clinician at work, the minutes until they are free; each patient goes to
    whoever is free first and takes `mean_service` minutes.
    """
    free_at = list(remaining)
    if not free_at:
        return None
    heapify(free_at)
    begins = 0.0
    for _ in range(position):
        begins = heappop(free_at)
        heappush(free_at, begins + mean_service)
    return begins


def since_after_return(since: datetime, dropped_at: datetime, returned_at: datetime) -> datetime:
    """When the place of someone who is back begins: as before within the grace time, else now, behind their equals."""
    return since if returned_at - dropped_at <= GRACE else returned_at

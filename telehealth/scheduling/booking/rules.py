"""Whether a visit can begin at a time: one function says so for search, booking and moving alike. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.core.intervals import Interval, union
from telehealth.scheduling.availability.rules import DAY, Minutes, Segment, offset_at

FIRST_HORIZON_DAYS, HORIZON_GROWTH = 7, 4


class Reason(StrEnum):
    """What `explain` says about a start."""

    OK = "ok"
    TOO_SOON = "too_soon"
    TOO_FAR = "too_far"
    NOT_OFFERED = "not_offered"
    SLOT_TAKEN = "slot_taken"
    PATIENT_CONFLICT = "patient_conflict"


class SlotRefused(Refusal):
    """`alternatives` lists starts (ISO 8601, UTC) that are free instead."""

    kind, slug, title = Kind.CONFLICT, "slot-refused", "This time cannot be booked"


class SlotTaken(SlotRefused):
    slug, title = "slot-taken", "This time has been taken"


class OutsideHours(SlotRefused):
    slug, title = "outside-hours", "This time is not offered"


class TooSoon(SlotRefused):
    slug, title = "too-soon", "This time is too soon"


class TooFar(SlotRefused):
    slug, title = "too-far", "This time is too far ahead"


class PatientBusy(SlotRefused):
    slug, title = "patient-busy", "The patient has another visit at this time"


class CalendarBusy(Refusal):
    kind, slug, title = Kind.BUSY, "calendar-busy", "Many people are booking here right now"


REFUSALS: Mapping[Reason, type[SlotRefused]] = MappingProxyType(
    {
        Reason.TOO_SOON: TooSoon,
        Reason.TOO_FAR: TooFar,
        Reason.NOT_OFFERED: OutsideHours,
        Reason.SLOT_TAKEN: SlotTaken,
        Reason.PATIENT_CONFLICT: PatientBusy,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitType:
    """What can be booked. All durations are minutes, the horizon is days.

    Starts lie on the clinician's local clock where (minutes since local midnight) mod grid = offset. The patient may
    join from `opens_before` the start until `closes_after` the end.
    """

    id: VisitTypeId
    code: str
    name: str
    minutes: int
    buffer_before: int = 0
    buffer_after: int = 0
    grid: int = 15
    offset: int = 0
    notice: int = 0
    horizon_days: int = 90
    opens_before: int = 30
    closes_after: int = 60

    def occupies(self, start: int) -> Minutes:
        """What a visit beginning at `start` takes from the calendars of everyone in it, buffers included."""
        return Interval(start - self.buffer_before, start + self.minutes + self.buffer_after)


@dataclass(frozen=True, slots=True)
class Slot:
    clinician_id: ClinicianId
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Occupied:
    start: datetime
    end: datetime
    time_zone: str
    visit_type: VisitType


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Everything that decides about starts of one visit type with one clinician, for one patient or for any.

    `now` is rounded up to a minute, so that no start offered lies in the past.
    """

    visit_type: VisitType
    time_zone: str
    open: Sequence[Segment]
    busy: Sequence[Minutes]
    patient_busy: Sequence[Minutes]
    now: int

    def explain(self, start: int) -> Reason:
        """Whether a visit can begin at `start`. Search, booking and moving all ask here and nowhere else."""
        kind = self.visit_type
        if start < self.now + kind.notice:
            return Reason.TOO_SOON
        if start > self.now + kind.horizon_days * DAY:
            return Reason.TOO_FAR
        if not self._offered(start):
            return Reason.NOT_OFFERED
        taken = kind.occupies(start)
        if any(taken.overlaps(each) for each in self.busy):
            return Reason.SLOT_TAKEN
        if any(taken.overlaps(each) for each in self.patient_busy):
            return Reason.PATIENT_CONFLICT
        return Reason.OK

    def starts(self, span: Minutes) -> Iterator[int]:
        """Every start in `span` that can be booked, earliest first."""
        for start in self._on_grid(span):
            if self.explain(start) is Reason.OK:
                yield start

    def _offered(self, start: int) -> bool:
        visit = Interval(start, start + self.visit_type.minutes)
        reading = start + offset_at(self.time_zone, start)
        on_grid = (reading % DAY) % self.visit_type.grid == self.visit_type.offset
        return on_grid and any(piece.contains(visit) for piece in self._hours)

    @cached_property
    def _hours(self) -> list[Minutes]:
        return union(each.span for each in self.open)

    def _on_grid(self, span: Minutes) -> Iterator[int]:
        grid, offset = self.visit_type.grid, self.visit_type.offset
        candidates: set[int] = set()
        for segment in self.open:
            start, end = max(segment.span.start, span.start), min(segment.span.end, span.end)
            reading = (start + segment.offset) % DAY
            candidates.update(range(start + (offset - reading) % grid, end, grid))
        return iter(sorted(candidates))


def horizons(span: Minutes) -> Iterator[Minutes]:
    """`span` in growing pieces, so that the first few free starts are found without looking at all of it."""
    start, days = span.start, FIRST_HORIZON_DAYS
    while start < span.end:
        end = min(start + days * DAY, span.end)
        yield Interval(start, end)
        start, days = end, days * HORIZON_GROWTH


def first_slots(slots: Iterable[Slot], limit: int) -> list[Slot]:
    """The earliest `limit`, clinicians in the order of their ids at equal times."""
    return sorted(slots, key=lambda slot: (slot.start, slot.clinician_id))[:limit]

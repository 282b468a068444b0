"""When someone can be seen: local hours become instants, and one function says whether a start will do. Pure.

Points in time are integer minutes since the Unix epoch, intervals are half-open. An instant is inside local hours when
its local clock reading is (the membership rule): clock time that is skipped yields nothing, clock time that is repeated
counts twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise
from types import MappingProxyType

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.core.intervals import Interval, union
from telehealth.core.time import parse_zone

Minutes = Interval[int]
DAY = 24 * 60
LONGEST_WINDOW_END = 2 * DAY
EARLIEST_OFFSET, LATEST_OFFSET = -16 * 60, 16 * 60  # every local day of every zone lies within these
SAMPLE = 180  # no zone changes its clocks twice within three hours
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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


class InvalidHours(Refusal):
    """`fault` is order (an end before its start), overlap, or zone."""

    kind, slug, title = Kind.INVALID, "invalid-hours", "These hours do not make sense"


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


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Weekly hours: ISO weekday 1 (Monday) to 7, minutes since local midnight; an end past 1440 is the next day's."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    time_zone: str
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of instants with one offset from UTC, all on one local date."""

    span: Minutes
    offset: int


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


def to_minute(instant: datetime) -> int:
    """Whole minutes since the epoch, seconds dropped."""
    return (instant - EPOCH) // timedelta(minutes=1)


def to_minute_up(instant: datetime) -> int:
    """The first whole minute that is not before the instant."""
    return -((EPOCH - instant) // timedelta(minutes=1))


def to_instant(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)


def check_hours(hours: WeeklyHours) -> None:
    """Raises InvalidHours: a window is empty or too long, two overlap on the week's circle, or the zone is unknown."""
    try:
        parse_zone(hours.time_zone)
    except ValueError:
        raise InvalidHours(fault="zone") from None
    for window in hours.windows:
        if not (0 <= window.start < DAY and window.start < window.end <= window.start + DAY):
            raise InvalidHours(fault="order", weekday=window.weekday)
    week = sorted(_on_the_week(window) for window in hours.windows)
    circle = [*week, *(Interval(each.start + 7 * DAY, each.end + 7 * DAY) for each in week[:1])]
    for earlier, later in pairwise(circle):
        if later.start < earlier.end:
            raise InvalidHours(fault="overlap", weekday=earlier.start // DAY + 1)


def _on_the_week(window: Window) -> Minutes:
    monday = (window.weekday - 1) * DAY
    return Interval(monday + window.start, monday + window.end)


@lru_cache(maxsize=200_000)
def offset_at(time_zone: str, minute: int) -> int:
    """Minutes east of UTC at that instant."""
    offset = to_instant(minute).astimezone(parse_zone(time_zone)).utcoffset()
    return 0 if offset is None else offset // timedelta(minutes=1)


@lru_cache(maxsize=50_000)
def segments(time_zone: str, day: int) -> tuple[Segment, ...]:
    """The instants whose local date is `day` (days since the epoch), in order; none for a date that was skipped."""
    midnight = day * DAY
    reach = Interval(midnight - LATEST_OFFSET, midnight + DAY - EARLIEST_OFFSET)
    found = []
    for piece in _constant_pieces(time_zone, reach):
        start = max(piece.span.start, midnight - piece.offset)
        end = min(piece.span.end, midnight + DAY - piece.offset)
        if start < end:
            found.append(Segment(Interval(start, end), piece.offset))
    return tuple(found)


def _constant_pieces(time_zone: str, reach: Minutes) -> Iterator[Segment]:
    start, at = reach.start, reach.start
    while at < reach.end:
        ahead = min(at + SAMPLE, reach.end)
        offset = offset_at(time_zone, at)
        if offset_at(time_zone, ahead) != offset:
            ahead = _change_between(time_zone, at, ahead)
            yield Segment(Interval(start, ahead), offset)
            start = ahead
        at = ahead
    if start < reach.end:
        yield Segment(Interval(start, reach.end), offset_at(time_zone, start))


def _change_between(time_zone: str, before: int, after: int) -> int:
    """The first minute with another offset than `before` has."""
    offset = offset_at(time_zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if offset_at(time_zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def open_segments(hours: WeeklyHours, span: Minutes) -> list[Segment]:
    """The hours as stretches of constant offset within `span`, in order; stretches may touch."""
    first, last = span.start // DAY - 3, span.end // DAY + 2
    found: set[tuple[int, int, int]] = set()
    for day in range(first, last + 1):
        for window in hours.windows:
            if window.weekday == (day + 3) % 7 + 1:  # 1 January 1970 was a Thursday
                found.update(_within(hours.time_zone, day, window, span))
    return [Segment(Interval(start, end), offset) for start, end, offset in sorted(found)]


def _within(time_zone: str, day: int, window: Window, span: Minutes) -> Iterator[tuple[int, int, int]]:
    for later in range((window.end - 1) // DAY + 1):
        midnight = (day + later) * DAY
        low, high = max(window.start - later * DAY, 0), min(window.end - later * DAY, DAY)
        for segment in segments(time_zone, day + later):
            start = max(segment.span.start, midnight + low - segment.offset, span.start)
            end = min(segment.span.end, midnight + high - segment.offset, span.end)
            if start < end:
                yield start, end, segment.offset


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

"""When someone is open: local hours become instants. Pure.

Points in time are integer minutes since the Unix epoch, intervals are half-open. An instant is inside local hours when
its local clock reading is (the membership rule): clock time that is skipped yields nothing, clock time that is repeated
counts twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from telehealth.core.errors import Kind, Refusal
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone

Minutes = Interval[int]
DAY = 24 * 60
LONGEST_WINDOW_END = 2 * DAY
EARLIEST_OFFSET, LATEST_OFFSET = -16 * 60, 16 * 60  # every local day of every zone lies within these
SAMPLE = 180  # no zone changes its clocks twice within three hours
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InvalidHours(Refusal):
    """`fault` is order (an end before its start), overlap, or zone."""

    kind, slug, title = Kind.INVALID, "invalid-hours", "These hours do not make sense"


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

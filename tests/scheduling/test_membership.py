"""Local hours become instants by the membership rule, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telehealth.core.intervals import Interval, union
from telehealth.scheduling.availability.rules import (
    DAY,
    EPOCH,
    Minutes,
    Rule,
    WeeklyHours,
    open_segments,
    segments,
    to_instant,
    to_minute,
    to_minute_up,
)

ZONES = (
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",  # changes at midnight
    "Africa/Cairo",
    "Asia/Kathmandu",  # +05:45
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # half an hour
    "Europe/Dublin",
    "Africa/Casablanca",
    "Pacific/Apia",  # left out 30 December 2011
    "Pacific/Chatham",
    "UTC",
)


def naive_minutes(hours: WeeklyHours, span: Minutes) -> set[int]:
    """The rule itself, minute by minute: is the clock reading of this instant inside a window of its day?"""
    zone = ZoneInfo(hours.time_zone)
    found = set()
    for minute in range(span.start, span.end):
        local = (EPOCH + timedelta(minutes=minute)).astimezone(zone)
        reading = local.hour * 60 + local.minute
        yesterday = (local.date() - timedelta(days=1)).isoweekday()
        for window in hours.rules:
            today_is = window.weekday == local.isoweekday() and window.start <= reading < window.end
            spill = window.weekday == yesterday and window.start <= reading + DAY < window.end
            if today_is or spill:
                found.add(minute)
    return found


def covered(hours: WeeklyHours, span: Minutes) -> set[int]:
    pieces = union(segment.span for segment in open_segments(hours, span))
    return {minute for piece in pieces for minute in range(piece.start, piece.end)}


def changes(zone_name: str) -> list[date]:
    """Days around which the offset changes, 2010 to 2030."""
    zone = ZoneInfo(zone_name)
    noon = datetime(2010, 1, 1, 12, tzinfo=UTC)
    found = []
    for _ in range(7600):
        later = noon + timedelta(days=1)
        if noon.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            found.append(later.date())
        noon = later
    return found


CHANGE_DAYS = [(zone, day) for zone in ZONES for day in changes(zone)]
windows = st.builds(
    lambda weekday, start, length: Rule(weekday, start, min(start + length, start + DAY)),
    st.integers(1, 7),
    st.integers(0, DAY - 1),
    st.integers(1, DAY),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CHANGE_DAYS), st.lists(windows, min_size=1, max_size=4), st.integers(-DAY, DAY))
@example(("Pacific/Apia", date(2011, 12, 30)), [Rule(5, 0, DAY)], 0)
def test_around_clock_changes(change: tuple[str, date], week: list[Rule], shift: int) -> None:
    zone, day = change
    middle = to_minute(datetime.combine(day, datetime.min.time(), UTC)) + shift
    hours, span = WeeklyHours(zone, tuple(week)), Interval(middle - DAY, middle + DAY)
    assert covered(hours, span) == naive_minutes(hours, span)


@pytest.mark.parametrize("zone", ZONES)
def test_days_of_a_zone_tile_all_time(zone: str) -> None:
    """Every instant is on exactly one local date."""
    first = (date(2024, 1, 1) - date(1970, 1, 1)).days
    pieces = [segment.span for day in range(first, first + 1100) for segment in segments(zone, day)]
    assert sum(each.end - each.start for each in pieces) == pieces[-1].end - pieces[0].start
    assert len(union(pieces)) == 1


def test_a_skipped_hour_yields_nothing_and_a_repeated_one_counts_twice() -> None:
    hours = WeeklyHours("America/New_York", (Rule(7, 60, 180),))  # Sundays 01:00 to 03:00
    spring = to_minute(datetime(2026, 3, 8, tzinfo=UTC))
    autumn = to_minute(datetime(2026, 11, 1, tzinfo=UTC))
    assert len(covered(hours, Interval(spring, spring + DAY))) == 60
    assert len(covered(hours, Interval(autumn, autumn + DAY))) == 180


def test_whole_minutes() -> None:
    at = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
    assert to_instant(to_minute(at)) == at.replace(second=0)
    assert to_instant(to_minute_up(at)) == at.replace(minute=1, second=0)
    assert to_minute_up(at.replace(second=0)) == to_minute(at)

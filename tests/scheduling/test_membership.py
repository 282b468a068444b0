"""Local hours become instants by the membership rule, whatever the clocks do."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval, union
from telehealth.scheduling.availability.rules import (
    DAY,
    EPOCH,
    Minutes,
    Opening,
    Override,
    Resource,
    Rule,
    Terms,
    TimeOff,
    Travel,
    blocked,
    offset_at,
    openings,
    segments,
    to_instant,
    to_minute,
    to_minute_up,
)
from tests.kit.examples import examples

KIND = VisitTypeId(UUID(int=7))
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


def naive_minutes(resource: Resource, span: Minutes) -> set[tuple[int, Terms]]:
    """The rule itself, minute by minute: is the clock reading of this instant inside a window of its date?"""
    found: set[tuple[int, Terms]] = set()
    first, last = (at.date() for at in (to_instant(span.start), to_instant(span.end)))
    for day in (first + timedelta(days=shift) for shift in range(-1, (last - first).days + 2)):
        if any(is_off(each, day) for each in unscoped(resource)):
            continue
        zone, open_on_it = ZoneInfo(naive_zone(resource, day)), naive_windows(resource, day)
        midnight = to_minute(datetime.combine(day, time(), UTC))
        for minute in range(max(span.start, midnight - DAY), min(span.end, midnight + 2 * DAY)):
            local = to_instant(minute).astimezone(zone)
            if local.date() == day:
                reading = local.hour * 60 + local.minute
                found |= {(minute, terms) for window, terms in open_on_it if reading in window}
    taken = [each.span for each in unscoped(resource) if each.span is not None]
    return {each for each in found if not any(span.start <= each[0] < span.end for span in taken)}


def naive_windows(resource: Resource, day: date) -> list[tuple[range, Terms]]:
    """Clock readings of one date that are open: what begins on it, and what the night before brings."""
    found = [(range(each.start, each.end), terms(each)) for each in beginning(resource, day)]
    if day not in resource.holidays and all(each.day != day for each in resource.overrides):
        yesterday = day - timedelta(days=1)
        night = beginning(replace(resource, overrides=(), holidays=frozenset()), yesterday)
        night += beginning(replace(resource, rules=()), yesterday)
        found += [(range(each.start - DAY, each.end - DAY), terms(each)) for each in night]
    return found


def beginning(resource: Resource, day: date) -> list[Rule]:
    for override in resource.overrides:
        if override.day == day:
            return [Rule(day.isoweekday(), each.start, each.end) for each in override.windows]
    return [
        rule
        for rule in resource.rules
        if day not in resource.holidays
        and rule.weekday == day.isoweekday()
        and (rule.valid_from or day) <= day <= (rule.valid_to or day)
    ]


def naive_zone(resource: Resource, day: date) -> str:
    return next((each.time_zone for each in resource.travel if each.first <= day <= each.last), resource.time_zone)


def unscoped(resource: Resource) -> list[TimeOff]:
    return [each for each in resource.time_off if not each.only]


def is_off(away: TimeOff, day: date) -> bool:
    return away.first is not None and away.last is not None and away.first <= day <= away.last


def terms(each: Rule | Opening) -> Terms:
    return each.only, each.release_before, each.staffing


def covered(resource: Resource, span: Minutes) -> set[tuple[int, Terms]]:
    found = openings(resource, span)
    assert [each.span for each in found] == sorted(each.span for each in found)
    for each in found:
        assert span.contains(each.span)
        assert {offset_at(zone, each.span.start) for zone in zones_of(resource)} >= {each.offset}
    return {(minute, terms(each)) for each in found for minute in range(each.span.start, each.span.end)}


def zones_of(resource: Resource) -> set[str]:
    return {resource.time_zone, *(each.time_zone for each in resource.travel)}


def resource_of(zone: str, *rules: Rule, **parts: Any) -> Resource:
    return Resource(id=UUID(int=1), kind="clinician", name="", time_zone=zone, version=1, rules=rules, **parts)


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


def one_of_week(weekday: int, start: int, length: int) -> Rule:
    return Rule(weekday, start, min(start + length, start + DAY))


windows = st.builds(one_of_week, st.integers(1, 7), st.integers(0, DAY - 1), st.integers(1, DAY))
near = st.integers(-3, 3)


@st.composite
def resources(draw: st.DrawFn) -> tuple[Resource, Minutes]:
    """A week around a clock change with all that may come in its way, and a stretch of it to look at."""
    zone, day = draw(st.sampled_from(CHANGE_DAYS))
    dates = near.map(lambda shift: day + timedelta(days=shift))
    pairs = st.tuples(dates, dates).map(lambda two: (min(two), max(two)))
    midnight = to_minute(datetime.combine(day, time(), UTC))
    spans = st.builds(lambda at, long: Interval(midnight + at, midnight + at + long), st.integers(-DAY, DAY), nights)
    types = st.sampled_from([frozenset(), frozenset({KIND})])
    rules = st.builds(
        lambda rule, dates, only, staffing: replace(
            rule, valid_from=dates[0], valid_to=dates[1], only=only, staffing=staffing
        ),
        windows,
        st.one_of(st.just((None, None)), pairs),
        types,
        st.sampled_from([50, 100]),
    )
    resource = resource_of(
        zone,
        *draw(st.lists(rules, min_size=1, max_size=5)),
        overrides=tuple(draw(st.lists(overrides(dates), max_size=3, unique_by=lambda each: each.day))),
        time_off=(
            *draw(st.lists(st.builds(TimeOff, spans, only=types), max_size=2)),
            *(TimeOff(None, first, last, draw(types)) for first, last in draw(st.lists(pairs, max_size=1))),
        ),
        travel=tuple(
            Travel(first, last, draw(st.sampled_from(ZONES))) for first, last in draw(st.lists(pairs, max_size=1))
        ),
        holidays=frozenset(draw(st.lists(dates, max_size=1))),
    )
    start = midnight + draw(st.integers(-2 * DAY, 2 * DAY))
    return resource, Interval(start, start + draw(nights))


nights = st.integers(1, DAY)


def journeys(pairs: st.SearchStrategy[tuple[date, date]]) -> st.SearchStrategy[Travel]:
    return st.builds(lambda dates, zone: Travel(dates[0], dates[1], zone), pairs, st.sampled_from(ZONES))


def overrides(dates: st.SearchStrategy[date]) -> st.SearchStrategy[Override]:
    day_windows = windows.map(lambda rule: Interval(rule.start, rule.end))
    return st.builds(Override, dates, st.lists(day_windows, max_size=2).map(tuple))


@settings(max_examples=examples(50), deadline=None)
@given(st.sampled_from(CHANGE_DAYS), st.lists(windows, min_size=1, max_size=4), st.integers(-DAY, DAY))
@example(("Pacific/Apia", date(2011, 12, 30)), [Rule(5, 0, DAY)], 0)
@example(("America/St_Johns", date(2010, 11, 7)), [Rule(6, 0, DAY), Rule(7, 0, DAY)], 0)
def test_around_clock_changes(change: tuple[str, date], week: list[Rule], shift: int) -> None:
    zone, day = change
    middle = to_minute(datetime.combine(day, time(), UTC)) + shift
    resource, span = resource_of(zone, *week), Interval(middle - DAY, middle + DAY)
    assert covered(resource, span) == naive_minutes(resource, span)


@settings(max_examples=examples(80), deadline=None)
@given(resources())
def test_overrides_absences_journeys_and_holidays(case: tuple[Resource, Minutes]) -> None:
    resource, span = case
    expected = naive_minutes(resource, span)
    assert covered(resource, span) == expected
    assert covered(resource, span) == expected  # from memory
    scoped = [each for each in resource.time_off if KIND in each.only]
    closed = {
        minute
        for minute in range(span.start, span.end)
        for each in scoped
        if (each.span is not None and each.span.start <= minute < each.span.end) or on_day_off(resource, each, minute)
    }
    assert {minute for each in blocked(resource, KIND, span) for minute in range(each.start, each.end)} == closed


def on_day_off(resource: Resource, away: TimeOff, minute: int) -> bool:
    instant = EPOCH + timedelta(minutes=minute)
    days = [instant.date() + timedelta(days=shift) for shift in (-1, 0, 1)]
    return any(
        is_off(away, day) and instant.astimezone(ZoneInfo(naive_zone(resource, day))).date() == day for day in days
    )


@settings(max_examples=examples(30), deadline=None)
@given(st.sampled_from(ZONES), st.lists(windows, min_size=1, max_size=4), st.integers(0, 7 * DAY), nights)
def test_a_week_without_a_clock_change_is_like_the_next(zone: str, week: list[Rule], at: int, length: int) -> None:
    resource, july = resource_of(zone, *week), to_minute(datetime(2026, 7, 6, tzinfo=UTC))
    span = Interval(july + at, july + at + length)
    later = openings(resource, Interval(span.start + 7 * DAY, span.end + 7 * DAY))
    shifted = [replace(each, span=Interval(each.span.start - 7 * DAY, each.span.end - 7 * DAY)) for each in later]
    assert shifted == list(openings(resource, span))


SAY_OPENINGS = """
from datetime import UTC, datetime
from tests.scheduling.test_membership import CHANGE_DAYS, Interval, Rule, openings, resource_of, to_minute
for zone, day in CHANGE_DAYS[::7]:
    noon = to_minute(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    week = [Rule(weekday, 21 * 60, 29 * 60) for weekday in range(1, 8)]
    print([(each.span, each.offset) for each in openings(resource_of(zone, *week), Interval(noon - 1440, noon + 1440))])
"""


@cache
def said_in(zone: str) -> str:
    """What a process says whose server is in that zone."""
    environment = {**os.environ, "TZ": zone, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-c", SAY_OPENINGS]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("server", ["America/Los_Angeles", "Europe/Berlin", "Australia/Sydney"])
def test_the_zone_of_the_server_does_not_matter(server: str) -> None:
    assert said_in(server) == said_in("UTC") != ""


@pytest.mark.parametrize("zone", ZONES)
def test_days_of_a_zone_tile_all_time(zone: str) -> None:
    """Every instant is on exactly one local date."""
    first = (date(2024, 1, 1) - date(1970, 1, 1)).days
    pieces = [segment.span for day in range(first, first + 1100) for segment in segments(zone, day)]
    assert sum(each.end - each.start for each in pieces) == pieces[-1].end - pieces[0].start
    assert len(union(pieces)) == 1


def test_a_skipped_hour_yields_nothing_and_a_repeated_one_counts_twice() -> None:
    hours = resource_of("America/New_York", Rule(7, 60, 180))  # Sundays 01:00 to 03:00
    spring = to_minute(datetime(2026, 3, 8, tzinfo=UTC))
    autumn = to_minute(datetime(2026, 11, 1, tzinfo=UTC))
    assert len(covered(hours, Interval(spring, spring + DAY))) == 60
    assert len(covered(hours, Interval(autumn, autumn + DAY))) == 180


def test_whole_minutes() -> None:
    at = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
    assert to_instant(to_minute(at)) == at.replace(second=0)
    assert to_instant(to_minute_up(at)) == at.replace(minute=1, second=0)
    assert to_minute_up(at.replace(second=0)) == to_minute(at)

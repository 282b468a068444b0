"""`explain` decides search and booking alike; a naive oracle says what it must answer."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.checks import InvalidHours, check_hours
from telehealth.scheduling.availability.rules import (
    DAY,
    Minutes,
    Rule,
    WeeklyHours,
    open_segments,
    to_minute,
)
from telehealth.scheduling.booking.rules import Calendar, Reason, VisitType, horizons
from tests.scheduling.test_membership import naive_minutes

NOON = to_minute(datetime(2026, 10, 31, 12, tzinfo=UTC))  # the day before New York sets its clocks back
SPAN = Interval(NOON, NOON + 2 * DAY)
HOURS = WeeklyHours("America/New_York", (Rule(6, 9 * 60, 13 * 60), Rule(7, 0, 8 * 60), Rule(1, 9 * 60, 12 * 60)))


def kind(**changes: int) -> VisitType:
    return VisitType(id=VisitTypeId(UUID(int=1)), code="video", name="Video", **{"minutes": 20, **changes})


def busy_minutes(intervals: list[Minutes]) -> set[int]:
    return {minute for each in intervals for minute in range(each.start, each.end)}


stretches = st.lists(
    st.builds(
        lambda start, length: Interval(NOON + start, NOON + start + length), st.integers(0, 2 * DAY), st.integers(1, 90)
    ),
    max_size=6,
)
kinds = st.builds(
    kind,
    minutes=st.integers(5, 60),
    buffer_before=st.integers(0, 15),
    buffer_after=st.integers(0, 15),
    grid=st.sampled_from((5, 15, 20, 30)),
    notice=st.integers(0, DAY),
    horizon_days=st.integers(1, 2),
)


def calendar(visit_type: VisitType, busy: list[Minutes], patient_busy: list[Minutes]) -> Calendar:
    return Calendar(
        visit_type=visit_type,
        time_zone=HOURS.time_zone,
        open=open_segments(HOURS, Interval(SPAN.start - DAY, SPAN.end + DAY)),
        busy=busy,
        patient_busy=patient_busy,
        now=NOON,
    )


OPEN = naive_minutes(HOURS, Interval(SPAN.start, SPAN.end + 60))


@settings(max_examples=60, deadline=None)
@given(kinds, stretches, stretches)
def test_search_offers_exactly_what_a_naive_reading_of_the_rules_allows(
    visit_type: VisitType, busy: list[Minutes], patient_busy: list[Minutes]
) -> None:
    taken = busy_minutes(busy) | busy_minutes(patient_busy)
    expected = [
        start
        for start in range(SPAN.start, SPAN.end)
        if start >= NOON + visit_type.notice
        and start <= NOON + visit_type.horizon_days * DAY
        and start % visit_type.grid == 0  # New York's offset is whole hours, and every grid here divides one
        and set(range(start, start + visit_type.minutes)) <= OPEN
        and taken.isdisjoint(
            range(start - visit_type.buffer_before, start + visit_type.minutes + visit_type.buffer_after)
        )
    ]
    assert list(calendar(visit_type, busy, patient_busy).starts(SPAN)) == expected


@settings(max_examples=40, deadline=None)
@given(kinds, stretches, stretches, stretches)
def test_more_busy_time_never_adds_a_start(
    visit_type: VisitType, busy: list[Minutes], patient_busy: list[Minutes], more: list[Minutes]
) -> None:
    fewer = set(calendar(visit_type, busy + more, patient_busy).starts(SPAN))
    assert fewer <= set(calendar(visit_type, busy, patient_busy).starts(SPAN))


START = to_minute(datetime(2026, 11, 2, 15, tzinfo=UTC))  # Monday, 10:00


@pytest.mark.parametrize(
    ("start", "visit_type", "calendars", "reason"),
    [
        (START, kind(), ([], []), Reason.OK),
        (NOON - 15, kind(), ([], []), Reason.TOO_SOON),
        (START, kind(notice=START - NOON), ([], []), Reason.OK),
        (START, kind(notice=START - NOON + 1), ([], []), Reason.TOO_SOON),
        (START, kind(horizon_days=1), ([], []), Reason.TOO_FAR),
        (START + 7, kind(), ([], []), Reason.NOT_OFFERED),
        (START + 3 * 60, kind(), ([], []), Reason.NOT_OFFERED),
        (START, kind(), ([Interval(START + 19, START + 40)], []), Reason.SLOT_TAKEN),
        (START, kind(), ([Interval(START + 20, START + 40)], []), Reason.OK),
        (START, kind(buffer_after=1), ([Interval(START + 20, START + 40)], []), Reason.SLOT_TAKEN),
        (START, kind(), ([Interval(START - 200, START + 1)], []), Reason.SLOT_TAKEN),
        (START, kind(), ([], [Interval(START - 5, START + 1)]), Reason.PATIENT_CONFLICT),
    ],
)
def test_every_reason(
    start: int, visit_type: VisitType, calendars: tuple[list[Minutes], list[Minutes]], reason: Reason
) -> None:
    assert calendar(visit_type, *calendars).explain(start) is reason


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        (WeeklyHours("Mars/Olympus", ()), "zone"),
        (WeeklyHours("UTC", (Rule(1, 600, 600),)), "order"),
        (WeeklyHours("UTC", (Rule(1, 600, 600 + DAY + 1),)), "length"),
        (WeeklyHours("UTC", (Rule(1, 600, 720), Rule(1, 700, 800))), "overlap"),
        (WeeklyHours("UTC", (Rule(1, 0, 60), Rule(7, 1380, DAY + 30))), "overlap"),
    ],
)
def test_hours_that_make_no_sense(hours: WeeklyHours, fault: str) -> None:
    with pytest.raises(InvalidHours) as refused:
        check_hours(hours)
    assert refused.value.extras["fault"] == fault


def test_hours_that_touch_are_fine() -> None:
    check_hours(WeeklyHours("UTC", (Rule(1, 0, 600), Rule(1, 600, DAY), Rule(7, 1380, DAY))))


def test_horizons_cover_the_span_once() -> None:
    pieces = list(horizons(Interval(0, 100 * DAY)))
    assert [pieces[0].start, pieces[-1].end] == [0, 100 * DAY]
    assert all(before.end == after.start for before, after in pairwise(pieces))

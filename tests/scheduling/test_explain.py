"""`explain` decides search and booking alike; a naive oracle says what it must answer."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telehealth.core.ids import PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.minutes import minutes_of
from telehealth.scheduling.availability.checks import InvalidHours, check_hours
from telehealth.scheduling.availability.rules import (
    DAY,
    Minutes,
    Resource,
    Rule,
    WeeklyHours,
    to_minute,
)
from telehealth.scheduling.booking.explain import Judgement, Scene, Taken
from telehealth.scheduling.booking.rules import Reason, VisitType
from tests.kit.examples import examples
from tests.scheduling.test_membership import naive_minutes, resource_of

NOON = to_minute(datetime(2026, 10, 31, 12, tzinfo=UTC))  # the day before New York sets its clocks back
FRIDAY_MIDNIGHT = to_minute(datetime(2026, 10, 31, 4, tzinfo=UTC))  # 31 October 00:00 EDT; later midnights are EST
SPAN = Interval(NOON, NOON + 2 * DAY)
HOURS = WeeklyHours("America/New_York", (Rule(6, 9 * 60, 13 * 60), Rule(7, 0, 8 * 60), Rule(1, 9 * 60, 12 * 60)))


def kind(**changes: Any) -> VisitType:
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


CLINICIAN, PATIENT = UUID(int=7), UUID(int=8)


def judged(visit_type: VisitType, busy: list[Minutes], patient_busy: list[Minutes], frame: Minutes = SPAN) -> Judgement:
    host = Resource(id=CLINICIAN, kind="clinician", name="", time_zone=HOURS.time_zone, version=1, rules=HOURS.rules)
    taken = {
        CLINICIAN: [Taken(each.start, each.end) for each in busy],
        PATIENT: [Taken(each.start, each.end, role="patient") for each in patient_busy],
    }
    scene = Scene(
        kind=visit_type, frame=frame, now=NOON, resources={CLINICIAN: host}, taken=taken, patient_id=PatientId(PATIENT)
    )
    return Judgement(scene, host)


def starts(visit_type: VisitType, busy: list[Minutes], patient_busy: list[Minutes]) -> list[int]:
    found = judged(visit_type, busy, patient_busy)
    return [SPAN.start + at for at in minutes_of(found.starts)]


OPEN = {at for at, _ in naive_minutes(resource_of(HOURS.time_zone, *HOURS.rules), Interval(SPAN.start, SPAN.end + 60))}


@settings(max_examples=examples(60), deadline=None)
@given(kinds, stretches, stretches)
def test_search_offers_exactly_what_a_naive_reading_of_the_rules_allows(
    visit_type: VisitType, busy: list[Minutes], patient_busy: list[Minutes]
) -> None:
    taken = busy_minutes(busy) | busy_minutes(patient_busy)
    expected = [
        start
        for start in range(SPAN.start, SPAN.end)
        if start >= NOON + visit_type.notice
        and start < FRIDAY_MIDNIGHT + (visit_type.horizon_days + 1) * DAY + 60
        and start % visit_type.grid == 0  # New York's offset is whole hours, and every grid here divides one
        and set(range(start, start + visit_type.minutes)) <= OPEN
        and taken.isdisjoint(
            range(start - visit_type.buffer_before, start + visit_type.minutes + visit_type.buffer_after)
        )
    ]
    assert starts(visit_type, busy, patient_busy) == expected


@settings(max_examples=examples(40), deadline=None)
@given(kinds, stretches, stretches, stretches)
def test_more_busy_time_never_adds_a_start(
    visit_type: VisitType, busy: list[Minutes], patient_busy: list[Minutes], more: list[Minutes]
) -> None:
    fewer = set(starts(visit_type, busy + more, patient_busy))
    assert fewer <= set(starts(visit_type, busy, patient_busy))


START = to_minute(datetime(2026, 11, 2, 15, tzinfo=UTC))  # Monday, 10:00


@pytest.mark.parametrize("full", [1, 2])
def test_a_seat_is_left_while_one_of_two_sessions_at_one_time_has_it(full: int) -> None:
    start, group = NOON + 60, kind(seats=2)
    host = Resource(id=CLINICIAN, kind="clinician", name="", time_zone="UTC", version=1, rules=HOURS.rules, capacity=2)
    rows = [
        Taken(start, start + 20, owner_id=UUID(int=each), layer=each, visit_type_id=group.id, start=start)
        for each in (1, 2)
    ]
    seats = {UUID(int=each): frozenset({0, 1} if each == full else {0}) for each in (1, 2)}
    scene = Scene(kind=group, frame=SPAN, now=NOON, resources={CLINICIAN: host}, taken={CLINICIAN: rows}, seats=seats)
    found = Judgement(scene, host)
    assert found.explain(start) is Reason.OK
    assert found.open_sessions == {start - SPAN.start: (UUID(int=3 - full), 1)}


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
    assert judged(visit_type, *calendars, Interval(start - 5, start + 5)).explain(start) is reason


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

"""Whose turn it is when a time comes free, and why others are passed over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId, WaitlistEntryId
from telehealth.scheduling.waitlist.rules import (
    MINUTE,
    ONE_BY_ONE,
    Candidate,
    Entry,
    FreeTime,
    OfferMode,
    Skip,
    Wish,
    first_that_suits,
    match,
    mode_for,
    place,
    time_to_answer,
    why_not,
    wish_fault,
)

NOW = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
START = NOW + timedelta(hours=1)
ADA, GRACE = ClinicianId(UUID(int=1)), ClinicianId(UUID(int=2))
KIND = VisitTypeId(UUID(int=3))
FREED = FreeTime(ADA, START, START + 30 * MINUTE)
ZONES = ("UTC", "America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")


def waits(number: int = 1, **more: object) -> Entry:
    known = {
        "id": WaitlistEntryId(UUID(int=number)),
        "patient_id": PatientId(UUID(int=number)),
        "visit_type_id": KIND,
        "joined_at": NOW,
    }
    return Entry(**(known | more))  # type: ignore[arg-type]  # made up from words


def candidate(entry: Entry, minutes: int = 30, zone: str = "UTC", licensed: bool | None = None) -> Candidate:
    """Nothing is free beside the freed time."""
    return Candidate(entry, minutes, zone, licensed, None if minutes <= FREED.minutes else [])


entries = st.builds(
    waits,
    number=st.integers(1, 30),
    priority=st.integers(-3, 3),
    joined_at=st.integers(0, 3).map(lambda hours: NOW - timedelta(hours=hours)),
    min_lead=st.sampled_from([0, 60, 61, 120]),
    clinician_ids=st.frozensets(st.sampled_from([ADA, GRACE])),
)
candidates = st.builds(
    candidate,
    entries,
    st.sampled_from([15, 30, 60]),
    st.sampled_from(ZONES),
    st.sampled_from([None, True, False]),
)
crowds = st.lists(candidates, max_size=12, unique_by=lambda each: each.entry.id)


def test_priority_then_who_came_first_then_the_id() -> None:
    a, b, c = (
        waits(1, priority=0, joined_at=NOW + MINUTE),
        waits(2, priority=5, joined_at=NOW + 3 * MINUTE),
        waits(3, priority=0, joined_at=NOW),
    )
    assert sorted((a, b, c), key=place) == [b, c, a]
    assert sorted((waits(9), waits(8)), key=place) == [waits(8), waits(9)]


def test_offered_to_who_fits_and_the_others_hear_why() -> None:
    crowd = [
        candidate(waits(1), minutes=60),
        candidate(waits(2, min_lead=120)),
        candidate(waits(3), licensed=False),
        candidate(waits(4)),
    ]
    found = match(crowd, FREED, {KIND: [START]}, NOW)
    assert [(entry.id.int, start) for entry, start in found.suited] == [(4, START)]
    assert {key.int: why for key, why in found.skipped.items()} == {1: "too_short", 2: "lead", 3: "licence"}


@pytest.mark.parametrize(
    ("entry", "zone", "why"),
    [
        (waits(clinician_ids=frozenset({GRACE})), "UTC", Skip.CLINICIAN),
        (waits(clinician_ids=frozenset({GRACE, ADA})), "UTC", None),
        (waits(min_lead=60), "UTC", None),
        (waits(min_lead=61), "UTC", Skip.LEAD),
        (waits(first=START.date(), last=START.date()), "UTC", None),
        (waits(last=START.date() - timedelta(days=1)), "UTC", Skip.DATES),
        (waits(last=START.date()), "Pacific/Kiritimati", Skip.DATES),  # it is tomorrow there
        (waits(first=START.date() + timedelta(days=1)), "Pacific/Kiritimati", None),
        (waits(wishes=(Wish(start=9 * 60, end=12 * 60),)), "UTC", Skip.WISH),
        (waits(wishes=(Wish(start=9 * 60, end=12 * 60),)), "America/Chicago", None),
        (waits(wishes=(Wish(start=9 * 60, end=9 * 60 + 29),)), "America/Chicago", Skip.WISH),
        (waits(wishes=(Wish(weekdays=frozenset({1})), Wish(weekdays=frozenset({2})))), "UTC", None),
        (waits(wishes=(Wish(weekdays=frozenset({1})),)), "UTC", Skip.WISH),
        (waits(earlier_than=START), "UTC", Skip.NOT_EARLIER),
        (waits(earlier_than=START + MINUTE), "UTC", None),
    ],
)
def test_each_wish_counts_on_the_patients_own_clock(entry: Entry, zone: str, why: Skip | None) -> None:
    assert why_not(candidate(entry, zone=zone), FREED, START, NOW) == why


def test_the_first_start_that_suits_is_taken() -> None:
    long = FreeTime(ADA, START, START + timedelta(hours=3))
    starts = [START + timedelta(hours=hours) for hours in range(3)]
    late = candidate(waits(wishes=(Wish(start=16 * 60 + 30, end=18 * 60),)))
    assert first_that_suits(late, long, starts, NOW) == starts[2]
    assert first_that_suits(late, long, starts[:2], NOW) is Skip.WISH
    assert first_that_suits(candidate(waits()), long, [], NOW) is Skip.NOT_FREE


def test_free_time_beside_it_helps_who_needs_more() -> None:
    beside = [START - 15 * MINUTE, START, START + 15 * MINUTE]
    assert first_that_suits(candidate(waits(), minutes=45), FREED, beside, NOW) == START - 15 * MINUTE
    assert first_that_suits(candidate(waits()), FREED, beside, NOW) == START
    assert first_that_suits(candidate(waits(), minutes=45), FREED, [], NOW) is Skip.TOO_SHORT


def test_whoever_has_begun_or_is_past_is_offered_to_nobody() -> None:
    assert FREED.ahead(NOW) == FREED
    assert FREED.ahead(START + timedelta(seconds=1)) == replace(FREED, start=START + MINUTE)
    assert why_not(candidate(waits()), FREED, START, START) is Skip.LEAD


def test_short_notice_is_offered_to_several_at_once_and_no_offer_outlives_its_time() -> None:
    assert mode_for(NOW + ONE_BY_ONE, NOW) is OfferMode.EXCLUSIVE
    assert mode_for(NOW + ONE_BY_ONE - MINUTE, NOW) is OfferMode.BROADCAST
    assert time_to_answer(START, NOW) == 15 * MINUTE
    assert time_to_answer(NOW + 5 * MINUTE, NOW) == 5 * MINUTE
    assert time_to_answer(NOW, START) == timedelta()


def test_a_wish_that_cannot_come_true() -> None:
    day = NOW.date()
    assert wish_fault([Wish()], day, day) is None
    assert wish_fault([], day, day - timedelta(days=1)) == "last"
    for wish in (Wish(start=60, end=60), Wish(end=1441), Wish(start=-1), Wish(weekdays=frozenset({8}))):
        assert wish_fault([wish], None, None) == "wishes"


@given(crowds, st.randoms(use_true_random=False))
def test_the_order_depends_on_the_queue_alone(crowd: Sequence[Candidate], random: object) -> None:
    shuffled = list(crowd)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    assert match(crowd, FREED, {KIND: [START]}, NOW) == match(shuffled, FREED, {KIND: [START]}, NOW)


@given(crowds)
def test_everyone_is_suited_or_hears_why(crowd: Sequence[Candidate]) -> None:
    """Who is suited fits, in the order of the queue; who is skipped does not; nobody is forgotten."""
    found = match(crowd, FREED, {KIND: [START]}, NOW)
    suited = [entry for entry, _ in found.suited]
    assert suited == sorted(suited, key=place)
    assert {entry.id for entry in suited} ^ set(found.skipped) == {each.entry.id for each in crowd}
    for each in crowd:
        fits = each.minutes <= 30 and each.entry.min_lead <= 60 and each.licensed is not False
        fits = fits and (not each.entry.clinician_ids or ADA in each.entry.clinician_ids)
        assert (each.entry in suited) == fits


@given(crowds, candidates)
def test_one_more_who_waits_takes_nothing_from_those_before(crowd: Sequence[Candidate], late: Candidate) -> None:
    last = replace(late, entry=replace(late.entry, id=WaitlistEntryId(UUID(int=99)), priority=-9))
    before, after = (match(each, FREED, {KIND: [START]}, NOW) for each in (crowd, [*crowd, last]))
    assert after.suited[: len(before.suited)] == before.suited


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda day: day.replace(second=0, microsecond=0)),  # noqa: DTZ001
    st.integers(1, 240),
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda each: each[0] < each[1]),
)
def test_a_wish_is_membership_of_the_local_reading(
    zone: str, at: datetime, length: int, window: tuple[int, int]
) -> None:
    """Against the plain meaning: on the clock of the patient, the first and the last minute show a wished time."""
    begin, end = window
    start = at.replace(tzinfo=UTC)
    first, last = (each.astimezone(ZoneInfo(zone)) for each in (start, start + (length - 1) * MINUTE))
    inside = all(begin <= each.hour * 60 + each.minute < end for each in (first, last))
    expected = inside and first.date() == last.date()
    assert Wish(start=begin, end=end).suits(start, start + length * MINUTE, ZoneInfo(zone)) == expected
    everything = Wish().suits(start, start + length * MINUTE, ZoneInfo(zone))
    assert everything == (first.date() == last.date())

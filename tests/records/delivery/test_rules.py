from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.ids import uuid7
from telehealth.records.delivery import rules
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.delivery.rules import (
    DELIVERY_STEPS,
    Accepted,
    Answer,
    Away,
    Breaker,
    DeliveryState,
    Differs,
    Duplicated,
    Forbidden,
    Rejected,
    Throttled,
    Trip,
    Unauthorized,
    Unresolved,
    Unsure,
    back_off,
    next_step,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
waits = st.none() | st.timedeltas(min_value=timedelta(), max_value=timedelta(days=1))
statuses = st.none() | st.integers(500, 599)
for_a_person: st.SearchStrategy[Answer] = st.sampled_from(
    [Differs("1"), Rejected(422, ("invalid",)), Forbidden(), Unresolved("Patient", 2), Duplicated(2)]
)
for_later: st.SearchStrategy[Answer] = (
    st.builds(Throttled, waits)
    | st.builds(Unsure, statuses, waits)
    | st.builds(Away, statuses, waits)
    | st.just(Unauthorized())
)
answers: st.SearchStrategy[Answer] = st.just(Accepted("1", "1")) | for_a_person | for_later
jitters = st.floats(0, 1, exclude_max=True)
ages = st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=80))
trips = st.builds(
    Trip,
    attempt=st.integers(1, 10_000),
    since=st.just(NOON),
    first_ambiguous_at=st.none() | st.just(NOON + timedelta(minutes=1)),
)


@given(trips, answers, ages, jitters)
def test_every_answer_leads_to_an_allowed_state(trip: Trip, answer: Answer, age: timedelta, jitter: float) -> None:
    step = next_step(trip, answer, now=NOON + age, jitter=jitter)
    assert step.state in DELIVERY_STEPS[DeliveryState.SENDING]
    assert (step.next_attempt_at is not None) == (step.state in {DeliveryState.PENDING, DeliveryState.VERIFYING})


@given(trips, answers, ages, jitters)
def test_a_doubt_is_never_forgotten(trip: Trip, answer: Answer, age: timedelta, jitter: float) -> None:
    step = next_step(trip, answer, now=NOON + age, jitter=jitter)
    assert step.state is not DeliveryState.PENDING or step.first_ambiguous_at is None
    if trip.first_ambiguous_at is not None:
        assert step.first_ambiguous_at == trip.first_ambiguous_at
    if isinstance(answer, Unsure):
        assert step.first_ambiguous_at is not None


@given(trips, for_later, ages, jitters)
def test_it_goes_on_for_72_hours_and_not_longer(trip: Trip, answer: Answer, age: timedelta, jitter: float) -> None:
    now, deadline = NOON + age, NOON + timedelta(hours=72)
    step = next_step(trip, answer, now=now, jitter=jitter)
    if now >= deadline:
        assert (step.state, step.alarm) == (DeliveryState.DEAD, "record-given-up")
    else:
        assert step.next_attempt_at is not None
        assert now <= step.next_attempt_at <= deadline


@given(trips, for_a_person, ages, jitters)
def test_what_a_person_must_decide_is_not_retried_and_rings(
    trip: Trip, answer: Answer, age: timedelta, jitter: float
) -> None:
    step = next_step(trip, answer, now=NOON + age, jitter=jitter)
    assert step.state in {DeliveryState.HELD, DeliveryState.DEAD}
    assert step.alarm is not None


@given(trips, jitters, st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=1)))
def test_retry_after_is_kept(trip: Trip, jitter: float, wait: timedelta) -> None:
    for answer in (Throttled(wait), Unsure(503, wait), Away(503, wait)):
        step = next_step(trip, answer, now=NOON, jitter=jitter)
        assert step.next_attempt_at is not None
        assert step.next_attempt_at >= NOON + wait


@given(st.integers(1, 10**9), jitters)
def test_back_off_doubles_from_two_seconds_to_fifteen_minutes(attempt: int, jitter: float) -> None:
    ceiling = min(2.0 ** min(attempt, 20), 900)
    assert timedelta() <= back_off(attempt, jitter) <= timedelta(seconds=ceiling)


def test_a_doubtful_create_waits_for_the_search_index() -> None:
    step = next_step(Trip(1, NOON), Unsure(), now=NOON, jitter=0.0)
    assert step.state is DeliveryState.VERIFYING
    assert step.next_attempt_at == NOON + US_CORE.index_lag


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Accepted("7", "1"), DeliveryState.DELIVERED),
        (Rejected(400), DeliveryState.DEAD),
        (Rejected(422), DeliveryState.DEAD),
        (Unauthorized(), DeliveryState.PENDING),
        (Forbidden(), DeliveryState.HELD),
        (Unresolved("Patient", 0), DeliveryState.HELD),
        (Duplicated(2), DeliveryState.HELD),
        (Differs("7"), DeliveryState.HELD),
        (Throttled(), DeliveryState.PENDING),
        (Unsure(503), DeliveryState.VERIFYING),
        (Away(503), DeliveryState.PENDING),
    ],
)
def test_the_table_of_answers(answer: Answer, state: DeliveryState) -> None:
    assert next_step(Trip(1, NOON), answer, now=NOON, jitter=0.5).state is state


def test_the_breaker_opens_after_five_failures_and_probes_once_a_minute() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker = breaker.after(Away(), NOON)
        assert breaker.allows(NOON)
    breaker = breaker.after(Unsure(500), NOON)
    assert not breaker.allows(NOON + timedelta(seconds=59))
    assert breaker.allows(NOON + timedelta(seconds=60))
    assert breaker.after(Accepted("1", None), NOON) == Breaker()


def test_a_refused_credential_opens_the_breaker_at_once() -> None:
    assert not Breaker().after(Unauthorized(), NOON).allows(NOON)


def test_a_version_and_its_note_have_identifiers_of_their_own() -> None:
    note_id = uuid7(NOON)
    first, second = (rules.document_identifiers(note_id, version) for version in (1, 2))
    assert first.note == second.note
    assert first.version.value == f"{note_id}-v1"
    assert first.version.value != second.version.value


def test_an_identifier_is_read_from_a_token() -> None:
    assert rules.Identifier.parse("urn:x|a|b") == rules.Identifier("urn:x", "a|b")

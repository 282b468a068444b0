"""How much goes to a provider and to one address, and when one that is away is asked again: rules."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import Role
from telehealth.core.ids import MessageId
from telehealth.core.rates import Bucket
from telehealth.notifications.limits import (
    DAY,
    FAILURES_TO_CLOSE,
    FIRST_PAUSE,
    HOUR,
    LONGEST_PAUSE,
    MOST,
    Standing,
    waits_for_room,
)
from telehealth.notifications.rules import Channel, Message, MessageKind

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
spans = st.timedeltas(timedelta(), timedelta(hours=3))


def message(channel: Channel = Channel.SMS, ahead: timedelta | None = timedelta(days=1)) -> Message:
    return Message(
        id=MessageId(UUID(int=1)),
        kind=MessageKind.REMINDER,
        channel=channel,
        subject_id=UUID(int=2),
        recipient_role=Role.PATIENT,
        recipient_id=UUID(int=3),
        due_at=NOW,
        attempt=1,
        visit_at=None if ahead is None else NOW + ahead,
    )


def test_one_message_says_nothing_of_its_provider() -> None:
    standing = Standing().failed(NOW, whose=uuid4(), wait=None)
    for _ in range(100):
        standing = standing.failed(NOW, whose=None, wait=None)
    assert standing.allows(NOW)


def test_nor_do_many_messages_of_one_person() -> None:
    standing, theirs = Standing(), uuid4()
    for _ in range(100):
        standing = standing.failed(NOW, whose=theirs, wait=None)
    assert standing.allows(NOW)


def test_five_in_a_row_do_and_one_at_a_time_asks_again() -> None:
    standing = Standing()
    for _ in range(FAILURES_TO_CLOSE):
        assert standing.allows(NOW)
        standing = standing.failed(NOW, whose=uuid4(), wait=None)
    at, pauses = NOW, []
    for _ in range(6):
        assert not standing.allows(at)
        assert standing.probe_at is not None
        pauses.append(standing.probe_at - at)
        at = standing.probe_at
        standing = standing.probing(at).failed(at, whose=uuid4(), wait=None)
    assert pauses == [timedelta(seconds=each) for each in (5, 10, 20, 40, 60, 60)]
    assert pauses[0] == FIRST_PAUSE
    assert pauses[-1] == LONGEST_PAUSE
    assert standing.answered(at) == Standing()


def test_a_provider_that_says_for_how_long_is_asked_again_then() -> None:
    standing, at, wait = Standing(), NOW, timedelta(seconds=7)
    for _ in range(20):
        standing = standing.failed(at, whose=uuid4(), wait=wait)
        assert not standing.allows(at + 0.99 * wait)
        at += wait
        assert standing.allows(at)
        standing = standing.probing(at)


def test_who_answers_in_between_is_not_away() -> None:
    standing = Standing()
    for _ in range(20):
        standing = standing.failed(NOW, whose=uuid4(), wait=None).answered(NOW)
    assert standing == Standing()


@given(st.lists(st.one_of(st.none(), spans), min_size=1, max_size=6), st.booleans())
def test_nothing_goes_before_it_may_whatever_else_answers(waits: list[timedelta | None], answers: bool) -> None:
    standing = Standing()
    for wait in waits:
        standing = standing.failed(NOW, whose=uuid4(), wait=wait)
        standing = standing.answered(NOW) if answers else standing
    asked = [wait for wait in waits if wait is not None]
    longest = max(asked, default=timedelta())
    assert all(not standing.allows(NOW + part * longest) for part in (0, 0.5, 0.999) if longest)
    assert standing.allows(NOW + max(longest, LONGEST_PAUSE))


def test_a_probe_that_does_not_go_makes_room_for_the_next() -> None:
    standing = Standing(FAILURES_TO_CLOSE, NOW).probing(NOW).unasked(NOW)
    assert standing.allows(NOW)
    assert standing.is_away
    asked_to_wait = Standing(FAILURES_TO_CLOSE, NOW, NOW + HOUR)
    assert not asked_to_wait.unasked(NOW).allows(NOW)


@given(st.sampled_from(Channel), st.lists(st.timedeltas(timedelta(seconds=1), timedelta(days=2)), max_size=130))
def test_no_address_gets_more_than_its_share(channel: Channel, times: list[timedelta]) -> None:
    """Whatever arrived before: once it may, in none of the limits' times are there more than so many."""
    sent = sorted((NOW - each for each in times), reverse=True)
    at = waits_for_room(message(channel), sent=sent, on_way=0, now=NOW) or NOW
    while (later := waits_for_room(message(channel), sent=sent, on_way=0, now=at)) is not None:
        at = later
    for span, most in MOST.get(channel, {}).items():
        assert sum(each > at - span for each in sent) < most


def test_what_is_on_its_way_counts_and_is_looked_at_soon() -> None:
    most = MOST[Channel.SMS][HOUR]
    sent = [NOW - timedelta(minutes=1)] * (most - 1)
    assert waits_for_room(message(), sent=sent, on_way=0, now=NOW) is None
    until = waits_for_room(message(), sent=sent, on_way=1, now=NOW)
    assert until is not None
    assert until - NOW < timedelta(minutes=1)


def test_what_presses_is_held_by_the_limit_of_a_day_alone() -> None:
    hour, day = MOST[Channel.SMS][HOUR], MOST[Channel.SMS][DAY]
    pressing = message(ahead=timedelta(minutes=10))
    assert waits_for_room(pressing, sent=[NOW] * hour, on_way=0, now=NOW) is None
    assert waits_for_room(message(), sent=[NOW] * hour, on_way=0, now=NOW) == NOW + HOUR
    assert waits_for_room(pressing, sent=[NOW] * day, on_way=0, now=NOW) == NOW + DAY


@given(st.floats(0.1, 50), st.lists(st.tuples(st.floats(0, 5), st.integers(0, 20)), max_size=30))
def test_a_bucket_gives_its_rate_and_a_seconds_worth_more(rate: float, turns: list[tuple[float, int]]) -> None:
    bucket, at, given_out = Bucket(rate), NOW, 0
    for passed, wanted in turns:
        at += timedelta(seconds=passed)
        bucket = bucket.filled(at)
        taken = bucket.holds(wanted)
        bucket, given_out = bucket.without(taken), given_out + taken
    assert given_out <= max(1.0, rate) + (at - NOW).total_seconds() * rate + 1e-6

"""What senders are told: when each packet came, and how much is needed."""

from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.feedback import LOWERED_AFTER, MOST_STATUSES, MUCH, UNLIMITED, TransportArrivals, UplinkLimit
from telehealth.media.rtcp import build, parse
from telehealth.media.transport_feedback import TICKS_PER_REFERENCE, TICKS_PER_SECOND, TransportFeedback

RATES = (1_500_000, 500_000, 150_000)


def told(messages: tuple[TransportFeedback, ...]) -> dict[int, list[int | None]]:
    """As the sender reads it: number to ticks of arrival, in the order of the messages; None: not received."""
    found: dict[int, list[int | None]] = {}
    for message in messages:
        assert parse(build([message])) == (message,)
        tick = message.reference_time * TICKS_PER_REFERENCE
        for place, delta in enumerate(message.deltas):
            if delta is not None:
                tick += delta
            number = message.base_number + place & 0xFFFF
            found.setdefault(number, []).append(None if delta is None else tick)
        assert message.deltas[-1] is not None
        assert len(message.deltas) <= MOST_STATUSES
    return found


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[tuple[int, float]]]:
    """Batches of (number, time), some lost, some out of order, some twice."""
    number, now = draw(st.integers(0, 0xFFFF)), draw(st.floats(0, 1000))
    batches: list[list[tuple[int, float]]] = []
    for _ in range(draw(st.integers(1, 6))):
        batch: list[tuple[int, float]] = []
        for _ in range(draw(st.integers(0, 30))):
            number += draw(st.sampled_from((1, 1, 1, 1, 2, 5, 60)))
            now += draw(st.floats(0, 0.02))
            batch.append((number & 0xFFFF, now))
        if len(batch) > 2 and draw(st.booleans()):
            at = draw(st.integers(1, len(batch) - 1))
            batch[at], batch[at - 1] = (batch[at - 1][0], batch[at][1]), (batch[at][0], batch[at - 1][1])
        twice = draw(st.booleans())
        batch += batch[-1:] if twice else []
        batches.append(batch)
        now += draw(st.sampled_from((0.0, 0.1, 20.0)))
    return batches


@given(arrivals())
def test_each_arrival_is_told_once_and_each_gap_too(batches: list[list[tuple[int, float]]]) -> None:
    collecting = TransportArrivals(1, 2)
    messages: tuple[TransportFeedback, ...] = ()
    for batch in batches:
        for number, now in batch:
            collecting.record(number, now)
        messages += collecting.take()
    found = told(messages)
    came = {number: int(now * TICKS_PER_SECOND) for batch in reversed(batches) for number, now in reversed(batch)}
    assert {number: ticks for number, ticks in found.items() if ticks != [None]} == {
        number: [tick] for number, tick in came.items()
    }
    if came:
        first = next(batch for batch in batches if batch)
        lowest = min((number - first[0][0] + 0x8000 & 0xFFFF) for number, _ in first) - 0x8000
        highest = max((number - first[0][0] + 0x8000 & 0xFFFF) for number in came) - 0x8000
        assert set(found) == {first[0][0] + place & 0xFFFF for place in range(lowest, highest + 1)}
    assert [each.feedback_number for each in messages] == list(range(len(messages)))


def test_nothing_is_told_of_nothing() -> None:
    assert TransportArrivals(1, 2).take() == ()


def test_what_came_after_it_was_told_as_lost_is_told_then() -> None:
    collecting = TransportArrivals(1, 2)
    for number in (10, 12):
        collecting.record(number, 1.0)
    assert told(collecting.take()) == {10: [4000], 11: [None], 12: [4000]}
    collecting.record(11, 1.5)
    collecting.record(14, 1.5)
    assert told(collecting.take()) == {11: [6000], 13: [None], 14: [6000]}


def test_many_at_once_are_told_in_several_messages() -> None:
    collecting = TransportArrivals(1, 2)
    for number in range(1000):
        collecting.record(number, number / 1000)
    messages = collecting.take()
    assert [len(each.deltas) for each in messages] == [400, 400, 200]
    assert max(len(build([each])) for each in messages) < 1200


def test_a_leap_of_the_numbers_is_no_loss() -> None:
    collecting = TransportArrivals(1, 2)
    collecting.record(10, 1.0)
    collecting.take()
    collecting.record(20_000, 1.1)
    assert told(collecting.take()) == {20_000: [4400]}


def test_a_sender_is_limited_to_what_is_looked_at() -> None:
    limit = UplinkLimit(RATES)
    assert limit.update(0, 0.0) == UNLIMITED
    assert limit.update(1, 1.0) == UNLIMITED, "it may be looked at again in a moment"
    assert limit.update(1, 1.0 + LOWERED_AFTER) == int(650_000 * 1.3) + 100_000
    assert limit.update(None, 100.0) == int(650_000 * 1.3) + 100_000
    assert limit.update(None, 100.0 + LOWERED_AFTER) == int(75_000 * 1.3) + 100_000
    assert limit.update(0, 200.0) == UNLIMITED


def test_what_is_needed_only_now_and_then_stays() -> None:
    limit = UplinkLimit(RATES)
    assert [limit.update(2 if second % 4 else 0, float(second)) for second in range(40)] == [UNLIMITED] * 40


def test_a_sender_without_layers_is_limited_when_nobody_looks() -> None:
    limit = UplinkLimit((800_000,))
    limit.update(None, 0.0)
    assert limit.update(None, LOWERED_AFTER) == 620_000


def test_arrivals_are_told_sooner_when_there_are_many() -> None:
    collecting = TransportArrivals(1, 2)
    assert collecting.due(1.0)
    collecting.record(1, 1.0)
    assert not collecting.due(1.1)
    for number in range(2, MUCH + 1):
        collecting.record(number, 1.1)
    assert not collecting.due(1.05)
    assert collecting.due(1.1)
    collecting.take()
    assert not collecting.due(1.25)
    assert collecting.due(1.31), "a sender that hears nothing at all would think its way is broken"

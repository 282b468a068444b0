"""How long somebody will wait: ranges that hold on days that were not used to make them, and silence where due."""

import random
from heapq import heapify, heapreplace

from hypothesis import given
from hypothesis import strategies as st

from telehealth.visits.waiting_room.estimates import (
    ENOUGH_OBSERVED,
    GONE_AFTER,
    SHARES,
    STEP,
    Estimate,
    Server,
    estimates,
    service_times,
)

OBSERVED = service_times([6, 8, 9, 11, 12, 12, 14, 17, 22, 38] * 2, planned=15)


def test_too_little_observed_is_mixed_with_a_wide_guess_at_what_is_planned() -> None:
    assert service_times([], planned=20)[0] == 10
    assert service_times([], planned=20)[-1] == 40
    assert len(service_times([3.0] * (ENOUGH_OBSERVED - 1), planned=20)) == ENOUGH_OBSERVED - 1 + len(SHARES)
    assert service_times([9, 3, 5, 4] * 5, planned=20) == (*[3] * 5, *[4] * 5, *[5] * 5, *[9] * 5)


def test_nobody_knows_when_nobody_serves() -> None:
    assert estimates([], OBSERVED, 3) is None
    assert estimates([Server(None, GONE_AFTER)], OBSERVED, 3) is None
    assert estimates([Server(None, GONE_AFTER - 1)], OBSERVED, 1) == [Estimate(0, STEP)]


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 60)), min_size=1, max_size=6),
    st.lists(st.floats(1, 60), min_size=5, max_size=30),
    st.integers(1, 30),
)
def test_the_same_facts_give_the_same_answer_and_later_turns_are_later(
    busy: list[float | None], observed: list[float], count: int
) -> None:
    servers = [Server(each, 0.0 if each is None else None) for each in busy]
    times = service_times(observed, 20)
    said = estimates(servers, times, count)
    assert said == estimates(servers, times, count)
    assert said is not None
    assert len(said) == count
    assert all(0 <= each.low <= each.high and each.low % STEP == each.high % STEP == 0 for each in said)
    assert [each.low for each in said] == sorted(each.low for each in said)
    assert [each.high for each in said] == sorted(each.high for each in said)


def test_more_clinicians_are_sooner() -> None:
    one, four = estimates([Server(3.0)], OBSERVED, 8), estimates([Server(3.0)] * 4, OBSERVED, 8)
    assert one is not None
    assert four is not None
    assert four[-1].high < one[-1].low


def test_nine_in_ten_lie_in_the_range_on_other_days() -> None:
    """Three clinicians, the eighth in line; what each patient takes is drawn anew, by another generator."""
    dice = random.Random(20_260_303)
    said = estimates([Server(0.0)] * 3, OBSERVED, 8)
    assert said is not None
    hits = 0
    for _ in range(500):
        free_at = [dice.choice(OBSERVED) for _ in range(3)]
        heapify(free_at)
        for _ in range(7):
            heapreplace(free_at, free_at[0] + dice.choice(OBSERVED))
        hits += said[-1].low <= free_at[0] <= said[-1].high
    assert hits >= 450
    assert said[-1].high - said[-1].low <= 40


def test_an_estimate_is_not_before_what_is_known() -> None:
    assert Estimate(0, 10).after(17) == Estimate(15, 20)
    assert Estimate(20, 40).after(17) == Estimate(20, 40)
    assert Estimate(0, 5).after(-30) == Estimate(0, 5)

"""The ladders, and what a visit to come lacks: pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.visits.escalation.rules import (
    DEFAULT_LADDERS,
    AlertKind,
    Audience,
    Fault,
    Rung,
    UnfitLadder,
    Way,
    check_ladder,
    faults_of,
    looked_at_since,
    next_at,
    resumed,
)

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
LADDERS = st.lists(
    st.builds(Rung, st.integers(0, 86400), st.sampled_from(Audience), st.sampled_from([None, "c@clinic.example"])),
    max_size=6,
)


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_a_ladder_that_ends_with_a_person(kind: AlertKind) -> None:
    check_ladder(kind, DEFAULT_LADDERS[kind])
    assert DEFAULT_LADDERS[kind][-1].whom is Audience.COORDINATOR
    assert DEFAULT_LADDERS[kind][0].way is Way.BOARD


def test_who_waits_is_told_of_at_once_then_after_two_four_and_six_minutes() -> None:
    ladder = DEFAULT_LADDERS[AlertKind.WAITING]
    assert [rung.whom for rung in ladder] == list(Audience)
    due = [next_at(ladder, step, NOW) for step in range(5)]
    assert due == [NOW, *(NOW + timedelta(minutes=each) for each in (2, 4, 6)), None]


@given(ladder=LADDERS)
def test_a_ladder_that_is_taken_is_climbed_in_the_order_of_time(ladder: list[Rung]) -> None:
    try:
        check_ladder(AlertKind.WAITING, ladder)
    except UnfitLadder:
        whole = bool(ladder) and ladder[0].after == 0 and ladder[0].whom is Audience.BOARD
        ordered = ladder == sorted(ladder, key=lambda rung: rung.after)
        addressed = all(not rung.address or rung.whom is Audience.COORDINATOR for rung in ladder)
        assert not (whole and ordered and addressed)
        return
    due = [next_at(ladder, step, NOW) for step in range(len(ladder))]
    assert due == sorted(due, key=lambda at: at or NOW)
    assert due[0] == NOW
    assert next_at(ladder, len(ladder), NOW) is None


@pytest.mark.parametrize(
    ("kind", "ladder", "step", "fault"),
    [
        (AlertKind.WAITING, [], 1, "first"),
        (AlertKind.WAITING, [Rung(5, Audience.BOARD)], 1, "first"),
        (AlertKind.WAITING, [Rung(0, Audience.BOARD), Rung(9, Audience.POOL), Rung(8, Audience.BOARD)], 3, "order"),
        (AlertKind.QUEUED, [Rung(0, Audience.BOARD), Rung(9, Audience.CLINICIAN)], 2, "whom"),
        (AlertKind.HOUSE, [Rung(0, Audience.BOARD), Rung(9, Audience.POOL)], 2, "whom"),
        (AlertKind.WAITING, [Rung(0, Audience.BOARD, "c@clinic.example")], 1, "address"),
    ],
)
def test_what_is_wrong_with_a_ladder_is_said(kind: AlertKind, ladder: list[Rung], step: int, fault: str) -> None:
    with pytest.raises(UnfitLadder) as refused:
        check_ladder(kind, ladder)
    assert (refused.value.extras["step"], refused.value.extras["fault"]) == (step, fault)


@given(ladder=LADDERS.filter(bool), step=st.integers(0, 9))
def test_what_is_raised_again_has_its_last_rung_now_and_the_others_as_much_later(ladder: list[Rung], step: int) -> None:
    last, counted = resumed(ladder, step, NOW)
    assert last == max(0, min(step, len(ladder)) - 1)
    assert next_at(ladder, last, counted) == NOW
    following = next_at(ladder, last + 1, counted)
    if last + 1 < len(ladder):
        assert following == NOW + timedelta(seconds=ladder[last + 1].after - ladder[last].after)


def test_what_is_missing_is_named() -> None:
    assert faults_of(has_link=True, has_account=True) == ()
    assert faults_of(has_link=False, has_account=True) == (Fault.NO_LINK,)
    assert faults_of(has_link=False, has_account=False) == (Fault.NO_LINK, Fault.NO_ACCOUNT)


@pytest.mark.parametrize(
    ("ahead", "counts_from"),
    [(0, None), (1, -59), (60, 0), (61, -1379), (24 * 60, 0), (24 * 60 + 1, None)],
)
def test_a_visit_to_come_is_looked_at_a_day_and_an_hour_before(ahead: int, counts_from: int | None) -> None:
    """Minutes from now."""
    expected = None if counts_from is None else NOW + timedelta(minutes=counts_from)
    assert looked_at_since(NOW + timedelta(minutes=ahead), NOW) == expected

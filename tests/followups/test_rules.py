"""Delays, strokes and endings of follow-up tasks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.followups.rules import (
    OPEN,
    TICKS,
    Delay,
    TaskClosed,
    TaskStatus,
    UnfitDelay,
    closing,
    parse_delay,
    parse_stroke,
)

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(("text", "expected"), [("10d", Delay(10, "d")), ("2w", Delay(2, "w")), ("6m", Delay(6, "m"))])
def test_delays_are_days_weeks_and_months(text: str, expected: Delay) -> None:
    assert parse_delay(text) == expected


@pytest.mark.parametrize("text", ["", "2", "w", "0d", "-1d", "2y", "1.5w", "999w", "2w ", "٢w", "1d\n"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UnfitDelay):
        parse_delay(text)


def test_two_weeks_later_is_the_same_time_of_day_across_a_clock_change() -> None:
    planned = datetime(2026, 3, 20, 9, 30, tzinfo=PARIS)
    assert parse_delay("2w").after(planned, PARIS).astimezone(PARIS) == datetime(2026, 4, 3, 9, 30, tzinfo=PARIS)


def test_a_month_after_the_last_of_january_is_the_last_of_february() -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert Delay(1, "m").after(at, ZoneInfo("UTC")) == datetime(2026, 2, 28, 12, tzinfo=UTC)


@given(st.integers(1, 60), st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 -- made aware below
def test_a_delay_always_leads_later(amount: int, at: datetime) -> None:
    aware = at.replace(tzinfo=UTC)
    for unit in "dwm":
        assert Delay(amount, unit).after(aware, PARIS) > aware


def test_a_stroke_is_a_title_and_a_delay() -> None:
    assert parse_stroke("Ask about B12 + iron  + 2W ") == ("Ask about B12 + iron", "2w")
    for wrong in ("+2w", "no time", ""):
        with pytest.raises(UnfitDelay):
            parse_stroke(wrong)


def test_what_is_open_can_be_closed_and_what_is_closed_stays_so() -> None:
    for status in TaskStatus:
        for wanted in (TaskStatus.DONE, TaskStatus.CANCELLED):
            if status in OPEN:
                assert closing(status, wanted)
            elif status is wanted:
                assert not closing(status, wanted)
            else:
                with pytest.raises(TaskClosed):
                    closing(status, wanted)


def test_time_moves_a_task_through_every_open_state() -> None:
    assert [tick.before for tick in TICKS] + [TICKS[-1].after] == [status for status in TaskStatus if status in OPEN]

"""Delays, and a follow-up in one stroke."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.followups.parts import Pool, Priority, TaskKind, UnfitDelay, UnfitTask
from telehealth.followups.reading import KIND_WORDS, Delay, Stroke, parse_delay, parse_stroke, put_off

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


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Ask about B12 + iron  + 2W ", Stroke(TaskKind.CUSTOM, "Ask about B12 + iron", "2w")),
        ("+2w call", Stroke(TaskKind.CALL, "", "2w")),
        ("call about the result +2w", Stroke(TaskKind.CALL, "call about the result", "2w")),
        ("rebook +3m @desk", Stroke(TaskKind.REBOOK, "", "3m", Pool.DESK)),
        ("Llamar +2d @equipo !", Stroke(TaskKind.CALL, "", "2d", Pool.CLINICIANS, Priority.URGENT)),
        (
            "blood pressure +1d x14",
            Stroke(TaskKind.CUSTOM, "blood pressure", "1d", repeat="FREQ=DAILY;INTERVAL=1;COUNT=14"),
        ),
        (
            "meds !stat +1m *3",
            Stroke(TaskKind.MEDICATION, "", "1m", None, Priority.STAT, "FREQ=MONTHLY;INTERVAL=1;COUNT=3"),
        ),
        ("wait +1d or +2w", Stroke(TaskKind.CUSTOM, "wait +1d or", "2w")),
    ],
)
def test_a_stroke_says_what_when_and_whose(written: str, expected: Stroke) -> None:
    assert parse_stroke(written) == expected


@pytest.mark.parametrize("written", ["no time", "", "call @desk", "call 2w"])
def test_a_stroke_without_a_time_is_refused(written: str) -> None:
    with pytest.raises(UnfitDelay):
        parse_stroke(written)


@pytest.mark.parametrize("written", ["+2w", "call +2w @nobody", "@desk +2w !"])
def test_a_stroke_without_a_matter_or_for_nobody_is_refused(written: str) -> None:
    with pytest.raises(UnfitTask):
        parse_stroke(written)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(written: str) -> None:
    try:
        read = parse_stroke(written)
    except (UnfitDelay, UnfitTask):
        return
    assert read.title or read.kind is not TaskKind.CUSTOM


def test_every_word_for_a_kind_is_of_one_kind() -> None:
    words = [word for known in KIND_WORDS.values() for word in known]
    assert len(words) == len(set(words))
    assert set(KIND_WORDS) == set(TaskKind) - {TaskKind.CUSTOM, TaskKind.COSIGN}


@given(
    st.integers(0, 400),
    st.integers(1, 30),
    st.sampled_from(["UTC", "America/Chicago", "Europe/Madrid", "Australia/Lord_Howe"]),
    st.timedeltas(timedelta(days=-40), timedelta(days=400)),
)
def test_a_repetition_that_is_put_off_keeps_its_distances_and_its_time_of_day(
    start: int, count: int, zone: str, later: timedelta
) -> None:
    there, hour = ZoneInfo(zone), timedelta(hours=1)
    local = datetime(2026, 1, 1, 12, tzinfo=there)
    times = [(local + timedelta(days=start + day)).astimezone(UTC) for day in range(count)]
    now = times[0] + later
    moved = put_off(times, now, zone)
    assert moved == times if later <= timedelta(0) else times[0] + later <= moved[0] < now + timedelta(days=1) + hour
    days = {(b.astimezone(there).date() - a.astimezone(there).date()) for a, b in zip(times, moved, strict=True)}
    assert len(days) == 1
    assert {each.astimezone(there).time() for each in moved} == {local.time()}

"""Series on the local clock: dateutil's expansion, and an independent naive reading day by day (P13)."""

import calendar
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from telehealth.core.time import ZONES, parse_zone
from telehealth.scheduling.recurrence.rules import LONGEST, MOST, InvalidRecurrence, Occurrence, expand, instant_of
from tests.kit.examples import examples

at = datetime.fromisoformat  # a clock reading, without a zone
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MONTH_DAYS = st.integers(-31, 31).filter(bool)

ends = st.one_of(
    st.integers(1, 30).map("COUNT={}".format),
    st.datetimes(at("2024-01-01"), at("2028-01-01")).map("UNTIL={:%Y%m%dT%H%M00}".format),
)
plain_days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True)
nth_days = st.lists(
    st.tuples(st.integers(-5, 5).filter(bool), st.sampled_from(DAYS)).map(lambda each: f"{each[0]}{each[1]}"),
    min_size=1,
    max_size=3,
    unique=True,
)


@st.composite
def rules(draw: st.DrawFn) -> str:
    freq = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY")))
    parts = [f"FREQ={freq}", draw(ends), f"INTERVAL={draw(st.integers(1, 13))}"]
    if draw(st.booleans()):
        days = draw(nth_days if freq == "MONTHLY" and draw(st.booleans()) else plain_days)
        parts.append(f"BYDAY={','.join(days)}")
    if freq != "WEEKLY" and draw(st.booleans()):
        month_days = draw(st.lists(MONTH_DAYS, min_size=1, max_size=4, unique=True))
        parts.append(f"BYMONTHDAY={','.join(map(str, month_days))}")
    if len(parts) > 3 and draw(st.booleans()):
        parts.append(f"BYSETPOS={draw(st.integers(-4, 4).filter(bool))}")
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(DAYS))}")
    return ";".join(draw(st.permutations(parts)))


starts = st.datetimes(at("2024-01-01"), at("2026-12-31")).map(lambda each: each.replace(second=0, microsecond=0))


@settings(max_examples=examples(100), deadline=None)
@given(rules(), starts, st.sampled_from(ZONES))
def test_the_naive_reading_and_dateutil_agree(rule: str, start: datetime, zone: str) -> None:
    naive = list(naive_readings(rule, start))
    found = expanded(rule, start, zone)
    if isinstance(found, str):
        reaches_far = len(naive) > MOST or "COUNT" in rule or until_of(rule) > start + LONGEST
        assert found in ({"count", "span"} if naive else {"empty", "span"})
        assert not naive or reaches_far
        return
    assert [each.local for each in found] == naive
    assert [each.local for each in found] == list(rrulestr(rule, dtstart=start))
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    for each in found:
        check_reading(each.local, each.start, zone)


def expanded(rule: str, start: datetime, zone: str) -> list[Occurrence] | str:
    """Or the fault."""
    try:
        return expand(rule, start, zone)
    except InvalidRecurrence as refused:
        return str(refused.extras["fault"])


def until_of(rule: str) -> datetime:
    found = re.search(r"UNTIL=(\w+)", rule)
    return at(found[1]) if found else at("9999-12-31")


def check_reading(local: datetime, start: datetime, zone: str) -> None:
    """Instant by instant, without asking for a fold: the first with that reading, or one gap later."""
    read = start.astimezone(parse_zone(zone)).replace(tzinfo=None)
    around = (start + timedelta(minutes=step) for step in range(-180, 0, 15))
    if read == local:
        assert local not in {each.astimezone(parse_zone(zone)).replace(tzinfo=None) for each in around}
    else:
        before = (start - timedelta(days=1)).astimezone(parse_zone(zone)).utcoffset()
        after = start.astimezone(parse_zone(zone)).utcoffset()
        assert before is not None
        assert after is not None
        assert read - local == after - before > timedelta()


def naive_readings(rule: str, start: datetime) -> Iterator[datetime]:
    """Day by day through two years: does this day belong to the set of its period?"""
    parts = dict(part.split("=") for part in rule.split(";"))
    until = until_of(rule)
    left = int(parts.get("COUNT", 10_000))
    for later in range(LONGEST.days + 1):
        reading = start + timedelta(days=later)
        if left and reading <= until and reading.date() in chosen(parts, start.date(), reading.date()):
            left -= 1
            yield reading


def chosen(parts: Mapping[str, str], first: date, day: date) -> set[date]:
    period = sorted(each for each in period_of(parts, first, day) if fits(parts, first, each))
    if "BYSETPOS" not in parts:
        return set(period)
    position = int(parts["BYSETPOS"])
    index = position - 1 if position > 0 else len(period) + position
    return {period[index]} if 0 <= index < len(period) else set()


def period_of(parts: Mapping[str, str], first: date, day: date) -> list[date]:
    """The days of the period that `day` is in, none when the interval leaves it out."""
    interval = int(parts["INTERVAL"])
    if parts["FREQ"] == "DAILY":
        return [day] if (day - first).days % interval == 0 else []
    if parts["FREQ"] == "WEEKLY":
        begins = DAYS.index(parts.get("WKST", "MO"))
        week, week_of_first = (each - timedelta(days=(each.weekday() - begins) % 7) for each in (day, first))
        if (week - week_of_first).days // 7 % interval:
            return []
        # Of a start that its rule misses the standard says nothing; dateutil counts BYSETPOS from it on in its week.
        return [each for n in range(7) if (each := week + timedelta(days=n)) >= first]
    months = (day.year - first.year) * 12 + day.month - first.month
    length = calendar.monthrange(day.year, day.month)[1]
    return [day.replace(day=n + 1) for n in range(length)] if months % interval == 0 else []


def fits(parts: Mapping[str, str], first: date, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    month_days = {int(each) for each in parts.get("BYMONTHDAY", "").split(",") if each}
    days = {each for each in parts.get("BYDAY", "").split(",") if each}
    if not month_days and not days:
        return {"DAILY": True, "WEEKLY": day.weekday() == first.weekday(), "MONTHLY": day.day == first.day}[
            parts["FREQ"]
        ]
    name = DAYS[day.weekday()]
    nth = {name, f"{(day.day - 1) // 7 + 1}{name}", f"-{(length - day.day) // 7 + 1}{name}"}
    return (not month_days or bool(month_days & {day.day, day.day - length - 1})) and (not days or bool(days & nth))


REFUSED = [
    ("FREQ=SECONDLY;COUNT=3", "frequency"),
    ("FREQ=MINUTELY;COUNT=3", "frequency"),
    ("FREQ=HOURLY;COUNT=3", "frequency"),
    ("FREQ=YEARLY;COUNT=3", "frequency"),
    ("COUNT=3", "frequency"),
    ("FREQ=DAILY", "unbounded"),
    ("FREQ=DAILY;COUNT=2;UNTIL=20260401", "part"),
    ("FREQ=DAILY;COUNT=105", "count"),
    ("FREQ=DAILY;COUNT=1000000000000", "syntax"),
    ("FREQ=DAILY;COUNT=0", "syntax"),
    ("FREQ=DAILY;COUNT=-1", "syntax"),
    ("FREQ=DAILY;COUNT=3;INTERVAL=0", "syntax"),
    ("FREQ=DAILY;COUNT=3;BYSECOND=1", "part"),
    ("FREQ=DAILY;COUNT=3;BYSETPOS=1", "part"),
    ("FREQ=DAILY;COUNT=3;BYDAY=1MO", "part"),
    ("FREQ=WEEKLY;COUNT=3;BYMONTHDAY=1", "part"),
    ("FREQ=WEEKLY;COUNT=3;COUNT=4", "syntax"),
    ("FREQ=WEEKLY;COUNT=3;BYDAY=XX", "syntax"),
    ("FREQ=WEEKLY;COUNT=3;WKST=XX", "syntax"),
    ("FREQ=MONTHLY;COUNT=3;BYMONTHDAY=32", "syntax"),
    ("FREQ=DAILY;UNTIL=20260230", "syntax"),
    ("FREQ=DAILY;UNTIL=99991231T235959Z", "span"),
    ("FREQ=DAILY;UNTIL=20270301", "count"),
    ("FREQ=DAILY;UNTIL=20260301", "empty"),
    ("FREQ=MONTHLY;COUNT=104", "span"),
    ("FREQ=MONTHLY;COUNT=2;INTERVAL=12;BYMONTHDAY=2,3;BYDAY=1MO;BYSETPOS=300", "empty"),
    ("FREQ=DAILY;COUNT=2;INTERVAL=7;BYDAY=SU", "empty"),
    ("FREQ=WEEKLY;COUNT=2;" + "BYDAY=MO," * 100, "syntax"),
    ("", "syntax"),
]


@pytest.mark.parametrize(("rule", "fault"), REFUSED)
def test_bombs_and_nonsense_are_refused_at_once(rule: str, fault: str) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidRecurrence) as refused:
        expand(rule, at("2026-03-02T09:00"), "Europe/Berlin")
    assert refused.value.extras["fault"] == fault
    assert time.perf_counter() - began < 0.5


def test_a_zone_that_is_none_and_a_start_that_is_out_of_reach() -> None:
    for start, zone, fault in (
        (at("2026-03-02T09:00"), "Mars/Olympus", "zone"),
        (at("9999-12-31"), "UTC", "start"),
        (at("0001-01-01"), "UTC", "start"),
    ):
        with pytest.raises(InvalidRecurrence) as refused:
            expand("FREQ=DAILY;COUNT=2", start, zone)
        assert refused.value.extras["fault"] == fault


def starts_of(rule: str, start: str, zone: str) -> list[str]:
    return [f"{each.start:%Y-%m-%dT%H:%MZ}" for each in expand(rule, datetime.fromisoformat(start), zone)]


def test_clock_changes_and_ends() -> None:
    assert starts_of("FREQ=WEEKLY;COUNT=3", "2025-03-02T15:00", "America/Chicago") == [
        "2025-03-02T21:00Z",
        "2025-03-09T20:00Z",
        "2025-03-16T20:00Z",
    ]
    assert starts_of("FREQ=DAILY;COUNT=3", "2025-03-29T02:30", "Europe/Rome") == [
        "2025-03-29T01:30Z",
        "2025-03-30T01:30Z",  # 03:30: the clock skips 02:30
        "2025-03-31T00:30Z",
    ]
    assert starts_of("RRULE:freq=daily;count=2", "2025-10-25T02:30", "Europe/Rome") == [
        "2025-10-25T00:30Z",
        "2025-10-26T00:30Z",  # the first of two
    ]
    assert len(starts_of("FREQ=DAILY;UNTIL=20250305", "2025-03-02T15:00", "UTC")) == 4
    assert len(starts_of("FREQ=DAILY;UNTIL=20250305T000000", "2025-03-02T15:00", "UTC")) == 3
    assert len(starts_of("FREQ=DAILY;UNTIL=20250305T210000Z", "2025-03-02T15:00", "America/Chicago")) == 4
    assert len(starts_of("FREQ=DAILY;UNTIL=20250305T205900Z", "2025-03-02T15:00", "America/Chicago")) == 3
    assert len(starts_of(f"FREQ=WEEKLY;COUNT={MOST}", "2025-03-02T15:00", "America/Chicago")) == MOST
    mixed = expand("FREQ=MONTHLY;COUNT=6;BYDAY=MO,1FR", at("2026-03-02T09:00"), "UTC")
    assert [each.local.day for each in mixed] == [2, 6, 9, 16, 23, 30]


@settings(max_examples=examples(50), deadline=None)
@given(st.datetimes(at("1990-01-01"), at("2090-01-01")), st.sampled_from(ZONES))
def test_an_instant_reads_back_or_is_in_the_gap(local: datetime, zone: str) -> None:
    reading = local.replace(second=0, microsecond=0)
    start = instant_of(reading, parse_zone(zone))
    assert start.tzinfo is UTC
    check_reading(reading, start, zone)

"""Repetition agrees with the standard, read day by day; and whatever a calendar holds, reading it ends."""

import calendar as months
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import to_minute
from telehealth.scheduling.calendars.ical import Fault, UnreadableCalendar
from telehealth.scheduling.calendars.reading import View, read_calendar
from telehealth.scheduling.calendars.repeats import Work, read_rule, readings
from telehealth.scheduling.calendars.rules import Busy
from tests.scheduling.calendars.test_reading import calendar, event

LOW, HIGH = datetime(2026, 1, 1), datetime(2027, 2, 1)  # noqa: DTZ001 -- clock readings
SPAN = Interval(to_minute(LOW.replace(tzinfo=UTC)), to_minute(HIGH.replace(tzinfo=UTC)))
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True)
class Spec:
    """A rule in the words of RFC 5545, section 3.3.10; ordinals (0 for none) stand beside weekdays."""

    freq: str
    interval: int
    byday: tuple[tuple[int, int], ...]
    bymonthday: tuple[int, ...]
    bymonth: tuple[int, ...]
    bysetpos: tuple[int, ...]
    wkst: int
    count: int

    def text(self) -> str:
        days = [f"{number or ''}{DAYS[day]}" for number, day in self.byday]
        lists = {"BYDAY": days, "BYMONTHDAY": self.bymonthday, "BYMONTH": self.bymonth, "BYSETPOS": self.bysetpos}
        parts = [f"{name}={','.join(map(str, each))}" for name, each in lists.items() if each]
        parts += [f"COUNT={self.count}"] if self.count else []
        return ";".join((f"FREQ={self.freq}", f"INTERVAL={self.interval}", f"WKST={DAYS[self.wkst]}", *parts))

    def period(self, day: date) -> int:
        """Which day, week, month or year of all time this date is in."""
        weeks = (day.toordinal() - 1 - self.wkst) // 7
        month = day.year * 12 + day.month
        return {"DAILY": day.toordinal(), "WEEKLY": weeks, "MONTHLY": month, "YEARLY": day.year}[self.freq]

    def has(self, day: date, first: date) -> bool:
        last = months.monthrange(day.year, day.month)[1]
        if self.bymonth and day.month not in self.bymonth:
            return False
        if self.bymonthday and not {day.day, day.day - last - 1} & set(self.bymonthday):
            return False
        if self.byday and not any(self._is(day, number, weekday) for number, weekday in self.byday):
            return False
        if self.byday or self.bymonthday or self.freq == "DAILY":
            return True
        if self.freq == "WEEKLY":
            return day.weekday() == first.weekday()
        return day.day == first.day and (self.freq == "MONTHLY" or bool(self.bymonth) or day.month == first.month)

    def _is(self, day: date, number: int, weekday: int) -> bool:
        if day.weekday() != weekday:
            return False
        whole_year = self.freq == "YEARLY" and not self.bymonth
        place = day.timetuple().tm_yday if whole_year else day.day
        length = 365 + months.isleap(day.year) if whole_year else months.monthrange(day.year, day.month)[1]
        return number in (0, (place - 1) // 7 + 1, -((length - place) // 7 + 1))

    def dates(self, first: date, end: date) -> Iterator[date]:
        """Every date of the rule, found by looking at each."""
        begin = date(first.year, 1, 1) - timedelta(days=7)
        every = (begin + timedelta(days=each) for each in range((end - begin).days + 400))
        found = 0
        for period, days in groupby(every, self.period):
            if (period - self.period(first)) % self.interval:
                continue
            hits = [day for day in days if self.has(day, first)]
            if self.bysetpos:
                places = {place - 1 if place > 0 else len(hits) + place for place in self.bysetpos}
                hits = [day for place, day in enumerate(hits) if place in places]
            for day in hits:
                if day >= first and (not self.count or found < self.count):
                    found += 1
                    yield day


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    freq = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    numbers = {"MONTHLY": st.integers(-5, 5), "YEARLY": st.integers(-5, 5)}.get(freq, st.just(0))
    days = st.lists(st.tuples(numbers, st.integers(0, 6)), max_size=3, unique=True)
    month_day = st.integers(-31, 31).filter(bool)
    no_list: st.SearchStrategy[list[int]] = st.just([])
    byday = tuple(draw(days))
    bymonthday = tuple(draw(no_list if freq == "WEEKLY" else st.lists(month_day, max_size=3, unique=True)))
    placed = freq in ("MONTHLY", "YEARLY") and bool(byday or bymonthday)
    return Spec(
        freq=freq,
        interval=draw(st.integers(1, 4)),
        byday=byday,
        bymonthday=bymonthday,
        bymonth=tuple(draw(st.lists(st.integers(1, 12), max_size=3, unique=True))),
        bysetpos=tuple(draw(st.lists(st.integers(-5, 5).filter(bool), max_size=2, unique=True) if placed else no_list)),
        wkst=draw(st.integers(0, 6)),
        count=draw(st.sampled_from((0, 0, 1, 3, 40, 400))),
    )


@given(specs(), st.dates(date(2016, 1, 1), date(2026, 12, 31)))
def test_the_same_dates_as_by_looking_at_every_day(spec: Spec, first: date) -> None:
    expected = [day for day in spec.dates(first, HIGH.date()) if LOW.date() <= day < HIGH.date()]
    start = datetime.combine(first, datetime.min.time()).replace(hour=9)
    found = readings(read_rule(spec.text()), start, (LOW, HIGH), Work())
    assert [each.date() for each in found] == expected


def read(*parts: str) -> Busy:
    return read_calendar(calendar(*parts), View(zone_on=lambda _: "Europe/Berlin", span=SPAN, domain="visits.example"))


def repeating(*rules: str, start: str = "20260105T090000Z", minutes: int = 30) -> str:
    return event(f"DTSTART:{start}", f"DURATION:PT{minutes}M", *(f"RRULE:{rule}" for rule in rules))


BOMB_ZONE = """BEGIN:VTIMEZONE
TZID:Bomb
BEGIN:STANDARD
DTSTART:00010101T000000
TZOFFSETFROM:+0000
TZOFFSETTO:+0100
RRULE:FREQ=SECONDLY
END:STANDARD
END:VTIMEZONE"""
EVERY_HOUR = ",".join(map(str, range(24)))
EVERY_MINUTE = ",".join(map(str, range(60)))
REFUSED: dict[str, tuple[Fault, str]] = {
    "every second": (Fault.TOO_OFTEN, repeating("FREQ=SECONDLY")),
    "every second, counted": (Fault.TOO_OFTEN, repeating("FREQ=SECONDLY;COUNT=1000000000")),
    "every minute": (Fault.TOO_OFTEN, repeating("FREQ=MINUTELY;UNTIL=99991231T235959Z")),
    "seconds of a day": (
        Fault.TOO_OFTEN,
        repeating(f"FREQ=DAILY;BYHOUR={EVERY_HOUR};BYMINUTE={EVERY_MINUTE};BYSECOND={EVERY_MINUTE}"),
    ),
    "minutes of a day": (Fault.TOO_MANY_TIMES, repeating(f"FREQ=DAILY;BYHOUR={EVERY_HOUR};BYMINUTE={EVERY_MINUTE}")),
    "hours that never are": (Fault.TOO_OFTEN, repeating("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30")),
    "a thousand days that never are": (Fault.TOO_OFTEN, repeating(*["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"] * 1000)),
    "counted from long ago": (
        Fault.TOO_OFTEN,
        repeating(*["FREQ=DAILY;COUNT=999999999"] * 1000, start="15840101T090000Z"),
    ),
    "no interval": (Fault.BAD_RULE, repeating("FREQ=DAILY;INTERVAL=0")),
    "interval of all numbers": (Fault.BAD_RULE, repeating(f"FREQ=DAILY;INTERVAL={'9' * 1000}")),
    "a rule that is not one": (Fault.BAD_RULE, repeating("FREQ=DAILY;BYDAY=99XX")),
    "a calendar of another kind": (Fault.BAD_RULE, repeating("RSCALE=CHINESE;FREQ=YEARLY")),
    "no start": (Fault.BAD_TIME, event("SUMMARY:x")),
    "a date that is not one": (Fault.BAD_TIME, event("DTSTART:20260230T090000Z")),
    "a year zero": (Fault.BAD_TIME, event("DTSTART:00000101T000000Z")),
    "a zone that changes every second": (Fault.TOO_OFTEN, BOMB_ZONE),
    "deep nesting": (Fault.TOO_DEEP, "BEGIN:X\r\n" * 100_000),
    "too many events": (Fault.TOO_MANY_EVENTS, (event("DTSTART:20260101T000000Z") + "\r\n") * 20_001),
    "longer than anything": (Fault.TOO_LARGE, "X" * 11_000_000),
    "an end without a beginning": (Fault.NOT_A_CALENDAR, "END:VEVENT"),
    "cut short": (Fault.CUT_SHORT, "BEGIN:VEVENT\r\nDTSTART:20260303T090000Z\r\nEND:VEVENT\r\nBEGIN:VCALENDAR"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_time(name: str) -> None:
    fault, content = REFUSED[name]
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableCalendar) as refused:
        read(content)
    assert refused.value.fault is fault
    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


@pytest.mark.parametrize(
    ("rule", "start", "times"),
    [
        ("FREQ=DAILY;COUNT=1000000000", "20260105T090000Z", 392),
        (f"FREQ=DAILY;COUNT={'9' * 500}", "20260105T090000Z", 392),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "19000101T090000Z", 396),
        ("FREQ=HOURLY;INTERVAL=8", "20160101T090000Z", 396 * 3),
        ("FREQ=YEARLY", "16040229T090000Z", 0),
        ("FREQ=YEARLY", "16040301T090000Z", 1),
    ],
)
def test_rules_without_an_end_are_read_as_far_as_is_asked(rule: str, start: str, times: int) -> None:
    started = time.process_time()
    assert len(read(repeating(rule, start=start)).times) == times
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "text",
    ["", "<html>sign in</html>", "BEGIN:VCALENDAR", "BEGIN:VCARD\nEND:VCARD", "\0", "BEGIN:VCALENDAR\nEND:VEVENT"],
)
def test_what_is_no_calendar_is_not_an_empty_one(text: str) -> None:
    with pytest.raises(UnreadableCalendar):
        read_calendar(text, View(zone_on=lambda _: "UTC", span=SPAN, domain="visits.example"))


def test_a_life_in_a_calendar_is_read_in_seconds() -> None:
    """3,100 events with descriptions, some of them series from years ago."""
    notes = "DESCRIPTION:" + "x" * 500
    hours = [f"202603{day:02}T{hour:02}0000Z" for day in range(1, 31) for hour in range(10)] * 10
    single = [event(f"DTSTART:{start}", "DURATION:PT1H", notes, uid=f"{n}") for n, start in enumerate(hours)]
    rule = ("DTSTART;TZID=Europe/Berlin:20160104T090000", "DURATION:PT30M", notes, "RRULE:FREQ=WEEKLY;BYDAY=MO,FR")
    series = [event(*rule, uid=f"s{n}") for n in range(100)]
    started = time.process_time()
    assert read(*single, *series).times
    assert time.process_time() - started < 5


WORDS = (
    *DAYS,
    *("BEGIN", "END", "VEVENT", "VCALENDAR", "VTIMEZONE", "STANDARD", "DTSTART", "RRULE", "RDATE", "UID", "TZID"),
    *(":", ";", "=", ",", "/", "\r\n", "FREQ=YEARLY", "BYWEEKNO=1", "20260101", "T000000", "Z", "-1", "53", "P1D"),
)


@given(st.lists(st.sampled_from(WORDS)).map("".join))
def test_nothing_else_than_a_fault_comes_of_nonsense(text: str) -> None:
    for whole in (text, calendar(event("DTSTART:20260101T000000Z", text)), calendar(repeating(text))):
        try:
            read_calendar(whole, View(zone_on=lambda _: "Europe/Berlin", span=SPAN, domain="visits.example"))
        except UnreadableCalendar:
            continue

"""When an event of someone else's calendar repeats (RFC 5545, section 3.3.10), in bounded time. Pure.

dateutil expands. It looks for the next match up to the year 9999 and from the very first occurrence on, so rules are
read near the end of its calendar (the Gregorian one repeats after 400 years) and near the time that is asked for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from dateutil import rrule

from telehealth.scheduling.calendars.ical import Fault, UnreadableCalendar

LAST_YEAR = 9998
CYCLE = 400  # years after which the Gregorian calendar repeats, weekdays included
MOST_STEPS = 1_500_000  # days looked at in one calendar, some seconds of work
MOST_TIMES = 20_000
MOST_POSITIONS = 16
MOST_CLOCK_TIMES = 24 * 60
LARGEST_INTERVAL = 10_000
LONGEST_RULE = 2_000
FREQUENCIES = {
    "HOURLY": rrule.HOURLY,
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
WEEKDAYS = {day: getattr(rrule, day) for day in ("MO", "TU", "WE", "TH", "FR", "SA", "SU")}
DAY_OF_WEEK = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
DIGITS = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
RANGES: Mapping[str, tuple[str, range]] = MappingProxyType(
    {
        "BYMONTH": ("bymonth", range(1, 13)),
        "BYMONTHDAY": ("bymonthday", range(-31, 32)),
        "BYYEARDAY": ("byyearday", range(-366, 367)),
        "BYWEEKNO": ("byweekno", range(-53, 54)),
        "BYSETPOS": ("bysetpos", range(-366, 367)),
        "BYHOUR": ("byhour", range(24)),
        "BYMINUTE": ("byminute", range(60)),
        "BYSECOND": ("bysecond", range(60)),
    }
)
ORDINALS = range(-53, 54)
UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?", re.ASCII)
DAY_PARTS = frozenset({"byweekday", "bymonthday", "byyearday", "byweekno"})


@dataclass(slots=True)
class Work:
    """What reading one calendar may cost: days looked at, and times found."""

    steps: int = MOST_STEPS
    times: int = MOST_TIMES

    def look(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise UnreadableCalendar(Fault.TOO_OFTEN)

    def find(self) -> None:
        self.times -= 1
        if self.times < 0:
            raise UnreadableCalendar(Fault.TOO_MANY_TIMES)


@dataclass(frozen=True, slots=True)
class Repeat:
    """`until` is as it was written: a date, a clock reading, or a time in UTC that ends in Z."""

    freq: int
    by: Mapping[str, Any]
    interval: int = 1
    count: int | None = None
    until: str = ""

    @property
    def steps_a_day(self) -> int:
        return (24 if self.freq == rrule.HOURLY else 1) * max(1, len(self.by.get("bysetpos", ())))


def read_rule(text: str) -> Repeat:
    """What an RRULE value says. Raises UnreadableCalendar: bad_rule, or too_often for what repeats within the hour."""
    parts = _parts(text)
    written = parts.pop("FREQ", "")
    if written in ("SECONDLY", "MINUTELY"):
        raise UnreadableCalendar(Fault.TOO_OFTEN)
    if written not in FREQUENCIES:
        raise UnreadableCalendar(Fault.BAD_RULE)
    freq = FREQUENCIES[written]
    if "UNTIL" in parts and not UNTIL.fullmatch(parts["UNTIL"]):
        raise UnreadableCalendar(Fault.BAD_RULE)
    until, week_start = parts.pop("UNTIL", ""), parts.pop("WKST", "MO")
    interval = _number(parts.pop("INTERVAL", "1"), range(1, LARGEST_INTERVAL))
    count = _number(parts.pop("COUNT"), range(1, 10**9 + 1)) if "COUNT" in parts else None
    by = {"wkst": _weekdays(week_start)[0]}
    if "BYDAY" in parts:
        by["byweekday"] = _any_of(_weekdays(parts.pop("BYDAY")), freq, parts)
    for name, value in parts.items():
        keyword, allowed = RANGES.get(name, ("", range(0)))
        by[keyword] = tuple(_number(each, allowed) for each in value.split(","))
    _check(freq, by)
    return Repeat(freq, by, interval, count, until)


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if len(text) > LONGEST_RULE:
        raise UnreadableCalendar(Fault.BAD_RULE)
    for part in filter(None, text.strip().upper().split(";")):
        name, _, value = part.partition("=")
        if name in found or not value:
            raise UnreadableCalendar(Fault.BAD_RULE)
        found[name.strip()] = value.strip()
    return found


def _number(written: str, allowed: range) -> int:
    number = int(written) if DIGITS.fullmatch(written) else None
    if number is None and written.isdecimal() and allowed.stop > 10**9:
        return allowed.stop - 1  # more than anyone counts to
    if number is None or number not in allowed or (number == 0 and allowed.start < 0):
        raise UnreadableCalendar(Fault.BAD_RULE)
    return number


def _weekdays(written: str) -> tuple[Any, ...]:
    found = [DAY_OF_WEEK.fullmatch(each) for each in written.split(",")]
    days = [each.groups() for each in found if each is not None]
    if len(days) < len(found):
        raise UnreadableCalendar(Fault.BAD_RULE)
    return tuple(WEEKDAYS[day](_number(number, ORDINALS)) if number else WEEKDAYS[day] for number, day in days)


def _any_of(days: tuple[Any, ...], freq: int, parts: Mapping[str, str]) -> tuple[Any, ...]:
    """Numbers mean something in a month or a year alone. dateutil reads "MO,1FR" as both at once, the standard as
    either: every Monday is the first to the last.
    """
    if freq > rrule.MONTHLY or "BYWEEKNO" in parts:
        return tuple(WEEKDAYS[str(day)[:2]] for day in days)
    most = 5 if freq == rrule.MONTHLY or "BYMONTH" in parts else 53
    if any(abs(day.n or 0) > most for day in days):
        raise UnreadableCalendar(Fault.BAD_RULE)
    if not any(day.n for day in days):
        return days
    return tuple(one for day in days for one in ([day] if day.n else [day(number) for number in range(1, most + 1)]))


def _check(freq: int, by: Mapping[str, Any]) -> None:
    clock_times = 1
    for name in ("byhour", "byminute", "bysecond"):
        clock_times *= max(1, len(set(by.get(name, ()))))
    if clock_times > MOST_CLOCK_TIMES:
        raise UnreadableCalendar(Fault.TOO_OFTEN)
    if len(by.get("bysetpos", ())) > MOST_POSITIONS:
        raise UnreadableCalendar(Fault.BAD_RULE)
    if freq == rrule.HOURLY and not set(by) <= {"wkst", "byweekday", "byhour"}:
        raise UnreadableCalendar(Fault.TOO_OFTEN)  # hours that match nothing would be counted for centuries


def readings(repeat: Repeat, first: datetime, within: tuple[datetime, datetime], work: Work) -> Iterator[datetime]:
    """The clock readings a rule yields in [low, high), in order, for an event that begins at `first`.

    UNTIL is not applied: only the caller knows the clock. Raises UnreadableCalendar.
    """
    low, high = within
    near = _near(repeat, first, low)
    last = start = first if repeat.count else near[1]
    if start >= high:
        return
    years = (LAST_YEAR - high.year) // CYCLE * CYCLE
    try:
        rule = _rule(near[0] if not repeat.count else repeat, start.replace(year=start.year + years))
    except ValueError:  # a set that dateutil sees is empty
        return
    for found in rule:
        reading = found.replace(year=found.year - years)
        work.look(1 + (reading - last).days * repeat.steps_a_day)
        last = reading
        if reading >= high:
            return
        if reading >= low:
            yield reading
    if repeat.count is None:
        work.look((LAST_YEAR - last.year - years) * 366 * repeat.steps_a_day)


def _rule(repeat: Repeat, start: datetime) -> rrule.rrule:
    return rrule.rrule(repeat.freq, dtstart=start, interval=repeat.interval, count=repeat.count, **repeat.by)


def _near(repeat: Repeat, first: datetime, low: datetime) -> tuple[Repeat, datetime]:
    """The same rule from a later start that is still before `low`, whole intervals on."""
    explicit = _explicit(repeat, first)
    unit = {rrule.HOURLY: timedelta(hours=1), rrule.DAILY: timedelta(days=1), rrule.WEEKLY: timedelta(weeks=1)}
    if repeat.freq in unit:
        step = unit[repeat.freq] * repeat.interval
        return explicit, first + step * max(0, (low - first) // step - 1)
    months = (12 if repeat.freq == rrule.YEARLY else 1) * repeat.interval
    passed = ((low.year - first.year) * 12 + low.month - first.month) // months - 1
    if passed < 1:
        return explicit, first
    month = first.year * 12 + (first.month - 1 if repeat.freq == rrule.MONTHLY else 0) + passed * months
    return explicit, first.replace(year=month // 12, month=month % 12 + 1, day=1)


def _explicit(repeat: Repeat, first: datetime) -> Repeat:
    """With the days that the first occurrence implies written out."""
    if DAY_PARTS & set(repeat.by):
        return repeat
    implied: dict[str, Any] = {
        rrule.YEARLY: {"bymonth": first.month, "bymonthday": first.day},
        rrule.MONTHLY: {"bymonthday": first.day},
        rrule.WEEKLY: {"byweekday": first.weekday()},
    }.get(repeat.freq, {})
    return replace(repeat, by=implied | dict(repeat.by))


def lasts(until: str, local: datetime, utc: datetime) -> bool:
    """Whether an occurrence is not past UNTIL; a date includes its day. Raises UnreadableCalendar."""
    if not until:
        return True
    try:
        if len(until) == 8:
            return local.date() <= date.fromisoformat(until)
        end = datetime.fromisoformat(until.removesuffix("Z"))
    except ValueError:
        raise UnreadableCalendar(Fault.BAD_RULE) from None
    return (utc if until.endswith("Z") else local) <= end

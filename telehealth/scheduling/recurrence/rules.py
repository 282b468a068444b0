"""When a visit that repeats takes place: a recurrence rule read on the local clock of a zone (RFC 5545). Pure.

A visit is meant at a clock time. On a day whose clock skips that time it moves forward by the gap; where the clock
shows that time twice it is the first (RFC 5545, section 3.3.10, in the reading of section 3.3.5).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import rrule

from telehealth.core.errors import Kind, Refusal
from telehealth.core.time import parse_zone

MOST = 104
LONGEST = timedelta(days=731)
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
LONGEST_TEXT = 300
LAST_YEARS = range(9996, 9960, -1)  # dateutil ends in 9999; see `_twin_year`
FREQUENCIES = {"DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY}
WEEKDAYS = {
    "MO": rrule.MO,
    "TU": rrule.TU,
    "WE": rrule.WE,
    "TH": rrule.TH,
    "FR": rrule.FR,
    "SA": rrule.SA,
    "SU": rrule.SU,
}
DAY_OF_WEEK = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
NUMBER = re.compile(r"[+-]?[1-9][0-9]{0,2}", re.ASCII)
INSTANT = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?", re.ASCII)


class InvalidRecurrence(Refusal):
    """`fault` is syntax, part, frequency, unbounded, count, span, empty, start or zone; `part` is where it lies."""

    kind, slug, title = Kind.INVALID, "invalid-recurrence", "This repetition does not make sense, or has no near end"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """`number` counts from 1; `local` is the clock time that was meant, without a zone; `start` the instant, in UTC."""

    number: int
    local: datetime
    start: datetime


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule that has an end. `until` bounds clock readings when it is naive, instants when it is aware."""

    freq: int
    by: Mapping[str, Any]
    interval: int = 1
    count: int | None = None
    until: datetime | None = None

    def holds(self, local: datetime, start: datetime) -> bool:
        if self.until is None:
            return True
        return (local if self.until.tzinfo is None else start) <= self.until


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a naive clock reading: forward by the gap when skipped, the first when repeated."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)  # PEP 495 reads a gap with the offset before it


def expand(rule: str, local_start: datetime, time_zone: str) -> list[Occurrence]:
    """The visits of a series that begins at `local_start`, a naive clock reading in that zone.

    `rule` is an RRULE value: DAILY, WEEKLY or MONTHLY, ending by COUNT or UNTIL, with INTERVAL, BYDAY, BYMONTHDAY,
    BYSETPOS and WKST. An UNTIL that is a date includes that day; a start that the rule misses is no visit, and in its
    week BYSETPOS counts from it on. At most 104 visits within two years.
    Raises InvalidRecurrence.
    """
    recurrence = read(rule)
    try:
        zone = parse_zone(time_zone)
    except ValueError:
        raise InvalidRecurrence(fault="zone") from None
    if not EARLIEST_YEAR <= local_start.year < LATEST_YEAR:
        raise InvalidRecurrence(fault="start")
    if recurrence.until is not None and recurrence.until.replace(tzinfo=None) > local_start + LONGEST:
        raise InvalidRecurrence(fault="span", part="UNTIL")
    found = list(islice(_occurrences(recurrence, local_start, zone), MOST + 1))
    if not found:
        raise InvalidRecurrence(fault="empty")
    if len(found) > MOST:
        raise InvalidRecurrence(fault="count")
    if recurrence.count is not None and len(found) < recurrence.count:
        raise InvalidRecurrence(fault="span", part="COUNT")
    return found


def _occurrences(recurrence: Recurrence, local_start: datetime, zone: ZoneInfo) -> Iterator[Occurrence]:
    readings = ((local, instant_of(local, zone)) for local in _readings(recurrence, local_start))
    for number, (local, start) in enumerate(takewhile(lambda each: recurrence.holds(*each), readings), start=1):
        yield Occurrence(number, local, start)


def _readings(recurrence: Recurrence, first: datetime) -> Iterator[datetime]:
    """Clock readings within two years, from dateutil, in years that have the same days."""
    years = first.year - _twin_year(first.year)
    start = first.replace(year=first.year - years)
    rule = rrule.rrule(
        recurrence.freq, dtstart=start, interval=recurrence.interval, count=recurrence.count, **recurrence.by
    )
    for reading in rule:
        if reading - start > LONGEST:
            return
        yield reading.replace(year=reading.year + years)


def _twin_year(year: int) -> int:
    """A year near 9999 that has the same days, and so have the three after it.

    dateutil looks for the next match up to the year 9999; a rule that never matches (BYMONTHDAY=31 in every twelfth
    month from February) would take it seconds to read there from today.
    """
    kinds = [_kind_of_year(year + later) for later in range(4)]
    for twin in LAST_YEARS:
        if kinds == [_kind_of_year(twin + later) for later in range(4)]:
            return twin
    raise InvalidRecurrence(fault="start")


def _kind_of_year(year: int) -> tuple[int, int]:
    """Its first weekday and its length."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    return first.weekday(), (last - first).days


# Reading the text


def read(text: str) -> Recurrence:
    """What an RRULE value says, whether or not anything matches it. Raises InvalidRecurrence."""
    parts = _parts(text)
    freq = FREQUENCIES.get(parts.pop("FREQ", ""))
    if freq is None:
        raise InvalidRecurrence(fault="frequency", part="FREQ")
    values = {name: _value(name, written) for name, written in parts.items()}
    count, until = values.pop("COUNT", None), values.pop("UNTIL", None)
    if (count is None) is (until is None):
        raise InvalidRecurrence(fault="unbounded" if count is None else "part", part="COUNT")
    if count is not None and count > MOST:
        raise InvalidRecurrence(fault="count", part="COUNT")
    interval = values.pop("INTERVAL", 1)
    _check_together(freq, values)
    return Recurrence(freq, {DATEUTIL[name]: value for name, value in values.items()}, interval, count, until)


def _parts(text: str) -> dict[str, str]:
    if len(text) > LONGEST_TEXT:
        raise InvalidRecurrence(fault="syntax")
    found: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in found:
            raise InvalidRecurrence(fault="syntax")
        if name not in READERS and name != "FREQ":
            raise InvalidRecurrence(fault="part")
        found[name] = value
    return found


def _check_together(freq: int, values: Mapping[str, Any]) -> None:
    """RFC 5545, section 3.3.10: what a part may stand beside."""
    if freq != rrule.MONTHLY and any(day.n for day in values.get("BYDAY", ())):
        raise InvalidRecurrence(fault="part", part="BYDAY")
    if freq == rrule.WEEKLY and "BYMONTHDAY" in values:
        raise InvalidRecurrence(fault="part", part="BYMONTHDAY")
    if "BYSETPOS" in values and not {"BYDAY", "BYMONTHDAY"} & set(values):
        raise InvalidRecurrence(fault="part", part="BYSETPOS")


def _value(name: str, written: str) -> Any:
    try:
        return READERS[name](written)
    except (ValueError, KeyError):
        raise InvalidRecurrence(fault="syntax", part=name) from None


def _number(written: str) -> int:
    if not NUMBER.fullmatch(written):
        raise ValueError
    return int(written)


def _positive(written: str) -> int:
    if (number := _number(written)) < 1:
        raise ValueError
    return number


def _numbers(most: int) -> Callable[[str], tuple[int, ...]]:
    def listed(written: str) -> tuple[int, ...]:
        numbers = tuple(map(_number, written.split(",")))
        if any(abs(number) > most for number in numbers):
            raise ValueError
        return numbers

    return listed


def _days(written: str) -> tuple[Any, ...]:
    """Dateutil reads "MO,1FR" as both at once, the standard as either: every Monday is the first to the fifth."""
    days = tuple(_day(each) for each in written.split(","))
    if not any(day.n for day in days):
        return days
    return tuple(one for day in days for one in ([day] if day.n else [day(number) for number in range(1, 6)]))


def _day(written: str) -> Any:
    found = DAY_OF_WEEK.fullmatch(written)
    if found is None:
        raise ValueError
    ordinal, day = found.groups()
    return WEEKDAYS[day](int(ordinal)) if ordinal else WEEKDAYS[day]


def _until(written: str) -> datetime:
    if not INSTANT.fullmatch(written):
        raise ValueError
    if len(written) == 8:
        return datetime.combine(date.fromisoformat(written), time.max)
    return datetime.fromisoformat(written)


READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "INTERVAL": _positive,
        "COUNT": _positive,
        "UNTIL": _until,
        "BYDAY": _days,
        "BYMONTHDAY": _numbers(31),
        "BYSETPOS": _numbers(366),
        "WKST": WEEKDAYS.__getitem__,
    }
)
DATEUTIL = {"BYDAY": "byweekday", "BYMONTHDAY": "bymonthday", "BYSETPOS": "bysetpos", "WKST": "wkst"}

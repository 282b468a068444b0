"""What a TZID means: an IANA zone, a name that Windows or a vendor gives one, or the VTIMEZONE that stands beside it.

A name that means nothing is said to mean nothing: reading it as UTC would open hours that are busy. Pure.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from telehealth.core.time import ZONES
from telehealth.scheduling.availability.rules import EPOCH_DAY, Segment, segments, to_instant
from telehealth.scheduling.calendars.ical import Component, Fault, UnreadableCalendar
from telehealth.scheduling.calendars.repeats import Repeat, Work, lasts, read_rule, readings

Clock = Callable[[datetime], timedelta]  # a naive clock reading -> what it is ahead of UTC
MACHINES_OWN = frozenset({"localtime", "Factory", "posixrules"})
CONTINENTS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
NAMES: Mapping[str, str] = {name.casefold(): name for name in available_timezones() - MACHINES_OWN} | {
    windows.casefold(): name for windows, name in WINDOWS_TO_OLSON.items()
}
CITIES: Mapping[str, str] = {
    name.rpartition("/")[2].replace("_", " ").casefold(): name
    for name in reversed(ZONES)
    if name.startswith(CONTINENTS)
}
DISPLAYED = re.compile(r"\((?:UTC|GMT)[^)]*\)\s*(.*)", re.IGNORECASE)  # "(UTC+01:00) Amsterdam, Berlin, Bern"
SAMPLES = [datetime(2026, month, 1, 12) for month in range(1, 13)]  # noqa: DTZ001 -- clock readings
OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])?", re.ASCII)
STAMP = re.compile(r"[0-9]{8}T[0-9]{6}", re.ASCII)
MOST_OBSERVANCES = 500
UNSEEN = timedelta(days=800)  # how far outside the time that is asked for an observance may begin


def iana(zone: ZoneInfo) -> Clock:
    """A time that is skipped is read with the offset before the gap, a repeated one is the first (section 3.3.5)."""

    def ahead(local: datetime) -> timedelta:
        return local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta(0)

    return ahead


def utc(local: datetime) -> timedelta:  # noqa: ARG001 -- a clock
    return timedelta(0)


@lru_cache(maxsize=2_000)
def known(tzid: str) -> ZoneInfo | None:
    """The IANA zone that a TZID means by its name alone; None when it could mean anything."""
    name = tzid.strip().strip('"').strip()
    found = NAMES.get(name.casefold()) or _suffix(name) or _displayed(name)
    return None if found is None else ZoneInfo(found)


def _suffix(name: str) -> str | None:
    """`/freeassociation.sourceforge.net/Europe/Berlin`: a globally unique identifier (section 3.8.3.1)."""
    parts = name.split("/")
    tails = ("/".join(parts[-length:]).casefold() for length in (3, 2))
    return next((NAMES[tail] for tail in tails if tail in NAMES), None) if name.startswith("/") else None


def _displayed(name: str) -> str | None:
    """What a mail program shows to people, which some write into files."""
    shown = DISPLAYED.fullmatch(name)
    plain = (shown[1] if shown else name).strip().casefold()
    if plain in NAMES:
        return NAMES[plain]
    american = re.fullmatch(r"(.+) time \(us ?& ?canada\)", plain)
    if american:
        return NAMES.get(f"{american[1]} standard time")
    cities = [CITIES[city] for each in plain.split(",") if (city := each.strip()) in CITIES]
    if not cities or not (shown or "," in plain):
        return None
    return cities[0] if len({_year(city) for city in cities}) == 1 else None


def _year(name: str) -> tuple[timedelta, ...]:
    return tuple(map(iana(ZoneInfo(name)), SAMPLES))


@dataclass(frozen=True, slots=True)
class Zones:
    """The clocks of one calendar. `floating` is the reader's own: for times without a zone in a calendar without one.

    `own` is the zone that the calendar says is its own (X-WR-TIMEZONE, which is no standard and everywhere). Whole days
    stay the reader's.
    """

    floating: Clock
    embedded: Mapping[str, Clock]
    own: str = ""

    def clock(self, tzid: str | None) -> Clock | None:
        """None when nobody knows what the TZID means."""
        tzid = tzid or self.own
        if not tzid:
            return self.floating
        zone = known(tzid)
        return self.embedded.get(tzid) if zone is None else iana(zone)


@lru_cache(maxsize=500)
def describe(zone: ZoneInfo, first: date, last: date) -> Timezone:
    """The VTIMEZONE of a zone for local dates from `first` to `last`, an observance for each change (3.6.5)."""
    described = Timezone()
    described.add("TZID", zone.key)
    before: int | None = None
    for day in range(first.toordinal(), last.toordinal() + 1):
        for segment in segments(zone.key, day - EPOCH_DAY):
            if segment.offset != before:
                described.add_component(_observance(zone, segment, segment.offset if before is None else before))
            before = segment.offset
    return described


def _observance(zone: ZoneInfo, segment: Segment, before: int) -> TimezoneStandard | TimezoneDaylight:
    onset = to_instant(segment.span.start)
    local = onset.astimezone(zone)
    observance = TimezoneDaylight() if local.dst() else TimezoneStandard()
    observance.add("DTSTART", (onset + timedelta(minutes=before)).replace(tzinfo=None))
    observance.add("TZOFFSETFROM", timedelta(minutes=before))
    observance.add("TZOFFSETTO", timedelta(minutes=segment.offset))
    observance.add("TZNAME", local.tzname())
    return observance


def embedded(parts: Iterable[Component], within: tuple[datetime, datetime], work: Work) -> dict[str, Clock]:
    """The clocks that VTIMEZONE components describe and that go by no known name. A broken one describes none."""
    found: dict[str, Clock] = {}
    for part in parts:
        tzid = part.text("TZID")
        if part.name == "VTIMEZONE" and tzid and known(tzid) is None and tzid not in found:
            try:
                found[tzid] = _described(part, within, work)
            except (ValueError, OverflowError):
                continue
            except UnreadableCalendar as unreadable:
                if unreadable.fault is not Fault.BAD_RULE:
                    raise
    return found


def _described(part: Component, within: tuple[datetime, datetime], work: Work) -> Clock:
    """Section 3.6.5: from each onset on, a clock is ahead by TZOFFSETTO."""
    if not 0 < len(part.parts) <= MOST_OBSERVANCES:
        raise ValueError
    changes = sorted(chain.from_iterable(_changes(each, within, work) for each in part.parts))
    # In a gap the old offset still holds, in a repeated hour the old one is the first: the new one begins at the later.
    onsets = [onset + max(timedelta(0), after - before) for onset, before, after in changes]
    offsets = [changes[0][1], *(after for _, _, after in changes)]

    def ahead(local: datetime) -> timedelta:
        return offsets[bisect_right(onsets, local)]

    return ahead


def _changes(
    part: Component, within: tuple[datetime, datetime], work: Work
) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    """Onsets on the clock that they end, with the offsets before and after: the first, and those within reach."""
    first = _stamp(part.text("DTSTART"))
    before, after = _offset(part.text("TZOFFSETFROM")), _offset(part.text("TZOFFSETTO"))
    onsets = [first, *(_stamp(each) for found in part.all("RDATE") for each in found.value.split(","))]
    for rule in part.all("RRULE"):
        onsets += _onsets(read_rule(rule.value), first, before, reach=(within, work))
    for onset in onsets:
        yield onset, before, after


def _onsets(
    repeat: Repeat, first: datetime, before: timedelta, reach: tuple[tuple[datetime, datetime], Work]
) -> Iterator[datetime]:
    """Those within reach, or the last ones when the rule had ended by then: what they began still holds."""
    (low, high), work = reach
    low, high = low - UNSEEN, high + UNSEEN
    if repeat.until:
        ends = _stamp(repeat.until[:8] + "T235959")
        low, high = min(low, ends - UNSEEN), min(high, ends + timedelta(days=2))
    for onset in readings(repeat, first, (first if repeat.count else low, high), work):
        if lasts(repeat.until, onset, onset - before):
            yield onset


def _stamp(text: str) -> datetime:
    if not STAMP.fullmatch(text.strip().removesuffix("Z")):
        raise ValueError
    return datetime.fromisoformat(text.strip().removesuffix("Z"))


def _offset(text: str) -> timedelta:
    found = OFFSET.fullmatch(text)
    if found is None:
        raise ValueError
    sign, hours, minutes, seconds = found.groups()
    size = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    return -size if sign == "-" else size

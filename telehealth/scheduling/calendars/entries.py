"""One VEVENT as times (RFC 5545, section 3.6.1): when it first is, how long, what it leaves out or replaces. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from icalendar import vDuration

from telehealth.scheduling.calendars.ical import Component, Fault, Property, UnreadableCalendar
from telehealth.scheduling.calendars.zones import Clock, Zones, utc

EARLIEST = datetime(1583, 1, 1)  # noqa: DTZ001 -- a clock reading: the Gregorian calendar's first full year
LATEST = datetime(9900, 1, 1)  # noqa: DTZ001
LONGEST = timedelta(days=36_600)
DAY = timedelta(days=1)
DATE = re.compile(r"[0-9]{8}", re.ASCII)
DATE_TIME = re.compile(r"[0-9]{8}T([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9]|60)Z?", re.ASCII)
Key = tuple[str, date]


@dataclass(frozen=True, slots=True)
class Stamp:
    """A clock reading as it was written. `clock` is None when nobody knows what `tzid` means."""

    local: datetime
    clock: Clock | None
    tzid: str = ""
    whole_day: bool = False

    @property
    def utc(self) -> datetime | None:
        return None if self.clock is None or self.whole_day else self.local - self.clock(self.local)

    @property
    def order(self) -> datetime:
        return self.utc or self.local

    def leaves_out(self) -> frozenset[Key]:
        """As an EXDATE or RECURRENCE-ID: one time, or all of a date."""
        day = self.local.date()
        if self.whole_day:
            return frozenset({("day", day)})
        return frozenset({self._time, ("midnight", day)} if self.local.time() == time.min else {self._time})

    def goes_by(self) -> frozenset[Key]:
        """How it can be left out."""
        day = self.local.date()
        return frozenset({("day", day), ("midnight", day) if self.whole_day else self._time})

    @property
    def _time(self) -> Key:
        return ("local", self.local) if self.utc is None else ("utc", self.utc)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time an event takes. Ends are given on the same clock and, where that is known, in UTC."""

    start: Stamp
    end: datetime
    end_utc: datetime | None

    def moved(self, by: timedelta, like: "Occurrence") -> "Occurrence":
        """Later by that much, and as long as another one."""
        start = replace(self.start, local=self.start.local + by)
        end_utc = start.utc + (like.end_utc - like.start.utc) if start.utc and like.end_utc and like.start.utc else None
        return Occurrence(start, start.local + (like.end - like.start.local), end_utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`free` takes no time, and its times are not read. `replaces` is the occurrence it stands in for."""

    component: Component
    sequence: int
    free: bool
    first: Occurrence | None
    nominal: timedelta | None
    replaces: Stamp | None
    from_here_on: bool

    @property
    def at_first(self) -> Occurrence:
        """Raises UnreadableCalendar for what is free: its times were not read."""
        if self.first is None:
            raise UnreadableCalendar(Fault.BAD_TIME)
        return self.first

    @property
    def stands_for(self) -> datetime | None:
        return None if self.replaces is None else self.replaces.order

    def at(self, start: Stamp) -> Occurrence:
        """The occurrence that begins then: as long as the first in elapsed time, when that has an end; a DURATION's
        days are days of the calendar (section 3.8.5.3).
        """
        first = self.at_first
        end = start.local + (first.end - first.start.local)
        if self.nominal is not None:
            return _lasting(start, self.nominal)
        if start.utc is None or first.end_utc is None or first.start.utc is None:
            return Occurrence(start, end, None)
        return Occurrence(start, end, start.utc + (first.end_utc - first.start.utc))


def read_entry(component: Component, zones: Zones) -> Entry:
    """Raises UnreadableCalendar."""
    free = component.text("TRANSP").upper() == "TRANSPARENT" or component.text("STATUS").upper() == "CANCELLED"
    replaced = component.first("RECURRENCE-ID")
    duration = component.first("DURATION") if component.first("DTEND") is None else None
    nominal = None if free or duration is None else _duration(duration.value)
    sequence = component.text("SEQUENCE")
    return Entry(
        component=component,
        sequence=int(sequence) if re.fullmatch(r"[0-9]{1,9}", sequence) else 0,
        free=free,
        first=None if free else _first(component, zones, nominal),
        nominal=nominal,
        replaces=None if replaced is None else read_stamp(replaced, replaced.value, zones),
        from_here_on=replaced is not None and replaced.parameters.get("RANGE", "").upper() == "THISANDFUTURE",
    )


def _first(component: Component, zones: Zones, nominal: timedelta | None) -> Occurrence:
    begins, ends = component.first("DTSTART"), component.first("DTEND")
    if begins is None:
        raise UnreadableCalendar(Fault.BAD_TIME)
    start = read_stamp(begins, begins.value, zones)
    if nominal is not None:
        return _lasting(start, nominal)
    if ends is None:
        return _lasting(start, DAY if start.whole_day else timedelta(0))
    return _until(start, read_stamp(ends, ends.value, zones))


def _until(start: Stamp, end: Stamp) -> Occurrence:
    if start.whole_day:
        return Occurrence(start, max(end.local, start.local + DAY), None)
    end = replace(end, clock=start.clock, whole_day=False) if end.whole_day else end
    unknown = replace(start, clock=None, tzid=end.tzid) if end.clock is None else start
    return Occurrence(unknown, end.local, end.utc)


def _lasting(start: Stamp, nominal: timedelta) -> Occurrence:
    end = start.local + nominal
    if start.whole_day:
        return Occurrence(start, max(end, start.local + DAY), None)
    if start.clock is None:
        return Occurrence(start, end, None)
    same_time = start.local + timedelta(days=nominal.days)
    return Occurrence(start, end, same_time - start.clock(same_time) + timedelta(seconds=nominal.seconds))


def excluded(component: Component, zones: Zones) -> Iterator[Stamp]:
    """EXDATE, section 3.8.5.1."""
    for listed in component.all("EXDATE"):
        for value in listed.value.split(","):
            yield read_stamp(listed, value, zones)


def added(entry: Entry, zones: Zones) -> Iterator[Occurrence]:
    """RDATE, section 3.8.5.2: dates, times, or periods with an end of their own."""
    for listed in entry.component.all("RDATE"):
        for value in listed.value.split(","):
            yield _period(listed, value, zones) if "/" in value else entry.at(read_stamp(listed, value, zones))


def busy_periods(component: Component) -> Iterator[Occurrence]:
    """FREEBUSY of a VFREEBUSY, section 3.8.2.6: periods in UTC."""
    zones = Zones(utc, {})
    for listed in component.all("FREEBUSY"):
        if listed.parameters.get("FBTYPE", "").upper() != "FREE":
            for value in listed.value.split(","):
                yield _period(listed, value, zones)


def _period(written: Property, value: str, zones: Zones) -> Occurrence:
    """Section 3.3.9: a start and an end, or a start and a duration."""
    begin, _, end = value.strip().upper().partition("/")
    start = read_stamp(written, begin, zones)
    if end.lstrip("+").startswith("P"):
        return _lasting(start, _duration(end))
    return _until(start, read_stamp(written, end, zones))


def read_stamp(written: Property, value: str, zones: Zones) -> Stamp:
    """A DATE or DATE-TIME (sections 3.3.4 and 3.3.5). Raises UnreadableCalendar."""
    value = value.strip().upper()
    if DATE.fullmatch(value):
        return Stamp(_checked(value), zones.floating, whole_day=True)
    if not DATE_TIME.fullmatch(value):
        raise UnreadableCalendar(Fault.BAD_TIME)
    seconds = "59" if value[13:15] == "60" else value[13:15]  # a leap second
    local = _checked(value[:13] + seconds)
    if value.endswith("Z"):
        return Stamp(local, utc, "UTC")
    tzid = written.parameters.get("TZID")
    return Stamp(local, zones.clock(tzid), tzid or zones.own)


def _checked(value: str) -> datetime:
    try:
        local = datetime.fromisoformat(value)
    except ValueError:
        raise UnreadableCalendar(Fault.BAD_TIME) from None
    if local < EARLIEST:
        raise UnreadableCalendar(Fault.BAD_TIME)
    return min(local, LATEST)


def _duration(value: str) -> timedelta:
    try:
        found: timedelta = vDuration.from_ical(value.strip().upper())  # type: ignore[no-untyped-call]
    except (ValueError, OverflowError):
        raise UnreadableCalendar(Fault.BAD_TIME) from None
    return max(-LONGEST, min(found, LONGEST))

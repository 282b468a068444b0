"""Someone else's calendar as busy time, in minutes since the epoch. Pure.

What is free for the calendar's owner is free here: TRANSP:TRANSPARENT, STATUS:CANCELLED (RFC 5545, sections 3.8.2.7 and
3.8.1.11). What is not understood is never taken for free time: the local day is closed and an alert says why, or the
calendar is refused whole.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache

from telehealth.core.intervals import Interval, union
from telehealth.core.time import parse_zone
from telehealth.scheduling.availability.rules import EPOCH, EPOCH_DAY, Minutes, segments, to_instant
from telehealth.scheduling.calendars.entries import Entry, Key, Occurrence, added, busy_periods, excluded, read_entry
from telehealth.scheduling.calendars.ical import Component, Fault, UnreadableCalendar, calendars
from telehealth.scheduling.calendars.repeats import Work, lasts, read_rule, readings
from telehealth.scheduling.calendars.rules import Alert, AlertCode, Busy, is_own
from telehealth.scheduling.calendars.zones import Clock, Zones, embedded, iana

MARGIN = timedelta(days=2)  # no clock is further from UTC than that
LONGEST_EVENT = timedelta(days=3660)
MOST_CHANGES = 200
MOST_ALERTS = 20
LONGEST_DETAIL = 100
ALMOST_A_MINUTE = timedelta(seconds=59)
NAIVE_EPOCH = EPOCH.replace(tzinfo=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Whose busy time, and when: `zone_on` names their IANA zone on a local date, `span` is what is asked for.

    Events whose UID is in `domain` are ours: the house's own bookings say what they take.
    """

    zone_on: Callable[[date], str]
    span: Minutes
    domain: str


def read_calendar(text: str, view: View) -> Busy:
    """The busy time within the span: disjoint and sorted. Raises UnreadableCalendar."""
    return _Reader(view).read(calendars(text))


@dataclass(slots=True)
class _Reader:
    view: View
    work: Work = field(default_factory=Work)
    alerts: dict[Alert, None] = field(default_factory=dict)
    days: dict[int, list[Minutes]] = field(default_factory=dict)
    zones: Zones = field(init=False)

    def read(self, stream: Sequence[Component]) -> Busy:
        parts = [part for calendar in stream for part in calendar.parts]
        named = {calendar.text("X-WR-TIMEZONE") for calendar in stream} - {""}
        self.zones = Zones(self._floating, embedded(parts, self._reach(), self.work), ",".join(sorted(named)))
        found: list[Minutes] = []
        for group in _by_uid(part for part in parts if part.name == "VEVENT"):
            if not is_own(group[0].text("UID"), self.view.domain):
                found += self._group(group)
        for part in parts:
            if part.name == "VFREEBUSY":
                found += [each for period in busy_periods(part) for each in self._taken(period)]
        return Busy(union(found), tuple(self.alerts))

    def _reach(self) -> tuple[datetime, datetime]:
        """The clock readings that may lie in the span, whatever the zone."""
        span = self.view.span
        return to_instant(span.start).replace(tzinfo=None) - MARGIN, to_instant(span.end).replace(tzinfo=None) + MARGIN

    def _floating(self, local: datetime) -> timedelta:
        return _clock(self.view.zone_on(local.date()))(local)

    def _group(self, group: Sequence[Component]) -> Iterator[Minutes]:
        """The events of one UID: those that repeat, and those that stand in for one of their times."""
        entries = _latest([read_entry(part, self.zones) for part in group])
        changes = _Changes.of(entries)
        for entry in entries:
            if entry.first is None:
                continue
            self.work.find()
            occurrences = [entry.first] if entry.replaces is not None else self._occurrences(entry, changes)
            for occurrence in occurrences:
                yield from self._taken(occurrence)

    def _occurrences(self, entry: Entry, changes: "_Changes") -> Iterator[Occurrence]:
        left_out = {key for stamp in excluded(entry.component, self.zones) for key in stamp.leaves_out()}
        seen: set[datetime] = set()
        for occurrence in self._all(entry):
            names = occurrence.start.goes_by()
            if occurrence.start.local not in seen and not names & left_out and not names & changes.replaced:
                seen.add(occurrence.start.local)
                self.work.find()
                yield from changes.applied(occurrence)

    def _all(self, entry: Entry) -> Iterator[Occurrence]:
        """DTSTART is the first, whether or not the rule says so (section 3.8.5.3)."""
        first = entry.at_first
        yield first
        yield from added(entry, self.zones)
        low, high = self._reach()
        low -= max(timedelta(0), min(first.end - first.start.local, LONGEST_EVENT)) + MARGIN
        for rule in entry.component.all("RRULE"):
            repeat = read_rule(rule.value)
            for local in readings(repeat, first.start.local, (low, high), self.work):
                start = replace(first.start, local=local)
                if not lasts(repeat.until, local, start.order):
                    break
                yield entry.at(start)

    def _taken(self, occurrence: Occurrence) -> Iterator[Minutes]:
        """The time one occurrence takes."""
        start, end = occurrence.start, occurrence.end
        if start.whole_day:
            yield from self._days(start.local, end)
        elif start.utc is None or occurrence.end_utc is None:
            self._alert(AlertCode.UNKNOWN_TIME_ZONE, start.tzid)
            yield from self._days(start.local, end)
        elif occurrence.end_utc < start.utc:
            self._alert(AlertCode.ENDS_BEFORE_IT_STARTS)
            yield from self._days(start.local, end)
        else:
            yield from self._cut(_minute(start.utc), _minute(occurrence.end_utc + ALMOST_A_MINUTE))

    def _alert(self, code: AlertCode, detail: str = "") -> None:
        if len(self.alerts) < MOST_ALERTS:
            self.alerts[Alert(code, "".join(filter(str.isprintable, detail))[:LONGEST_DETAIL])] = None

    def _days(self, start: datetime, end: datetime) -> Iterator[Minutes]:
        """Whole local days of the reader, from the one that `start` lies in to the one before `end`; one at least."""
        last = max(start, end - timedelta(microseconds=1))
        low, high = (each.toordinal() for each in self._reach())
        days = range(max(start.toordinal(), low), min(last.toordinal(), high) + 1)
        self.work.look(len(days))
        for span in union(span for day in days for span in self._day(day)):
            yield from self._cut(span.start, span.end)

    def _day(self, day: int) -> list[Minutes]:
        """The instants of one local date."""
        found = self.days.get(day)
        if found is None:
            zone = self.view.zone_on(date.fromordinal(day))
            found = self.days[day] = [segment.span for segment in segments(zone, day - EPOCH_DAY)]
        return found

    def _cut(self, start: int, end: int) -> Iterator[Minutes]:
        start, end = max(start, self.view.span.start), min(end, self.view.span.end)
        if start < end:
            yield Interval(start, end)


@dataclass(frozen=True, slots=True)
class _Changes:
    """What stands in for single times of a series, and from when on something else holds (RANGE=THISANDFUTURE)."""

    replaced: frozenset[Key]
    from_then_on: Sequence[tuple[datetime, Occurrence | None]]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "_Changes":
        instead = [(each.replaces, each) for each in entries if each.replaces is not None]
        later = [(stamp.order, each.first) for stamp, each in instead if each.from_here_on]
        if len(later) > MOST_CHANGES:
            raise UnreadableCalendar(Fault.TOO_MANY_EVENTS)
        later.sort(key=lambda each: each[0])
        return cls(frozenset(key for stamp, _ in instead for key in stamp.leaves_out()), later)

    def applied(self, occurrence: Occurrence) -> Iterator[Occurrence]:
        """The occurrence, moved and resized as the last change before it was; nothing when that one is free."""
        index = bisect_right(self.from_then_on, occurrence.start.order, key=lambda each: each[0])
        if not index:
            yield occurrence
        elif (like := self.from_then_on[index - 1][1]) is not None:
            yield occurrence.moved(like.start.order - self.from_then_on[index - 1][0], like)


def _minute(utc: datetime) -> int:
    """Whole minutes since the epoch, seconds dropped."""
    return (utc - NAIVE_EPOCH) // timedelta(minutes=1)


def _by_uid(parts: Iterable[Component]) -> Iterable[list[Component]]:
    """Without a UID each stands for itself."""
    groups: dict[object, list[Component]] = defaultdict(list)
    for part in parts:
        groups[part.text("UID") or id(part)].append(part)
    return groups.values()


def _latest(entries: Sequence[Entry]) -> list[Entry]:
    """Of what describes the same time, the highest SEQUENCE; all of them where it does not tell."""
    newest: dict[object, int] = {}
    for each in entries:
        newest[each.stands_for] = max(each.sequence, newest.get(each.stands_for, 0))
    return [each for each in entries if each.sequence == newest[each.stands_for]]


@lru_cache(maxsize=1_000)
def _clock(zone: str) -> Clock:
    return iana(parse_zone(zone))

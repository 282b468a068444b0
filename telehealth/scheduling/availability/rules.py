"""When someone or something is open: local hours become instants. Pure.

Points in time are integer minutes since the Unix epoch, intervals are half-open. An instant is inside local hours when
its local clock reading is (the membership rule): clock time that is skipped yields nothing, clock time that is repeated
counts twice. Every decision is made for one local date at a time, in the zone the resource is in on that date: weekly
rules that begin on it, what spills into it from the night before, the override or holiday that takes their place.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval, subtract, union
from telehealth.core.time import parse_zone

Minutes = Interval[int]
Terms = tuple[frozenset[VisitTypeId], int | None, int]  # only, release_before, staffing
DAY = 24 * 60
LONGEST_WINDOW_END = 2 * DAY
EARLIEST_OFFSET, LATEST_OFFSET = -16 * 60, 16 * 60  # every local day of every zone lies within these
SAMPLE = 180  # no zone changes its clocks twice within three hours
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.toordinal()
CLINICIAN = "clinician"
WHOLE = 100  # percent of one provider
DAYS_REMEMBERED = 400  # of one resource; more than the longest search
ANY_TYPE: frozenset[VisitTypeId] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """Weekly hours: ISO weekday 1 (Monday) to 7, minutes since local midnight; an end past 1440 is the next day's.

    It holds for what begins on local dates from `valid_from` to `valid_to`, both included. With `only`, the time is
    kept for those visit types until `release_before` minutes before a start; then it is anyone's. `staffing` is
    percent of one provider.
    """

    weekday: int
    start: int
    end: int
    valid_from: date | None = None
    valid_to: date | None = None
    only: frozenset[VisitTypeId] = ANY_TYPE
    release_before: int | None = None
    staffing: int = WHOLE

    def holds_on(self, day: date) -> bool:
        """Whether the rule has an occurrence that begins on this local date."""
        return (
            self.weekday == day.isoweekday()
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )


def order(rule: Rule) -> tuple[int, int, int]:
    """Rules as a week reads them."""
    return rule.weekday, rule.start, rule.end


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    time_zone: str
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """The hours of one local date, in place of its weekly rules; none means closed.

    It governs the instants of its date: what the night before would bring past midnight is cut, and what the date's
    own weekly night brings to the next date stays. Windows are minutes since that midnight; one that ends on the next
    day adds to that day, unless that has an override too.
    """

    day: date
    windows: tuple[Minutes, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeOff:
    """Away: either the instants of `span`, or the local dates `first` to `last`, both included.

    With `only`, the time is closed to those visit types and stays open to all others.
    """

    span: Minutes | None = None
    first: date | None = None
    last: date | None = None
    only: frozenset[VisitTypeId] = ANY_TYPE
    reason: str = ""
    id: UUID | None = None

    @property
    def begins(self) -> int:
        """About when, in minutes since the epoch: a date is taken as one in UTC."""
        if self.span is not None:
            return self.span.start
        return (self.first.toordinal() - EPOCH_DAY) * DAY if self.first is not None else 0

    def covers(self, day: date) -> bool:
        """Whether the whole of this local date is off."""
        return self.first is not None and self.last is not None and self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Travel:
    """On the local dates `first` to `last`, both included, hours are meant in another zone."""

    first: date
    last: date
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """Someone or something a visit needs: a clinician (whose id it shares), an interpreter, a room.

    `version` grows with every change and is never used twice. `memory` keeps what was computed from this version.
    """

    id: UUID
    kind: str
    name: str
    time_zone: str
    version: int
    capacity: int = 1
    pools: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    retired: bool = False
    rules: tuple[Rule, ...] = ()
    overrides: tuple[Override, ...] = ()
    time_off: tuple[TimeOff, ...] = ()
    travel: tuple[Travel, ...] = ()
    holidays: frozenset[date] = frozenset()
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEntry:
    """What the list of resources tells of one; `calendar_ids` are the holiday calendars attached to it."""

    id: UUID
    kind: str
    name: str
    time_zone: str
    capacity: int = 1
    pools: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    calendar_ids: frozenset[UUID] = frozenset()
    retired: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """Local dates on which whoever has the calendar is closed; `everyone` has it when it is the organisation's."""

    id: UUID
    name: str
    everyone: bool
    days: tuple[date, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of instants with one offset from UTC, all on one local date."""

    span: Minutes
    offset: int


@dataclass(frozen=True, slots=True)
class Opening:
    """A stretch of open instants on one local date with one offset from UTC; see Rule for the rest."""

    span: Minutes
    offset: int
    only: frozenset[VisitTypeId] = ANY_TYPE
    release_before: int | None = None
    staffing: int = WHOLE


def to_minute(instant: datetime) -> int:
    """Whole minutes since the epoch, seconds dropped."""
    return (instant - EPOCH) // timedelta(minutes=1)


def to_minute_up(instant: datetime) -> int:
    """The first whole minute that is not before the instant."""
    return -((EPOCH - instant) // timedelta(minutes=1))


@lru_cache(maxsize=100_000)
def to_instant(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)


@lru_cache(maxsize=200_000)
def offset_at(time_zone: str, minute: int) -> int:
    """Minutes east of UTC at that instant."""
    offset = to_instant(minute).astimezone(parse_zone(time_zone)).utcoffset()
    return 0 if offset is None else offset // timedelta(minutes=1)


@lru_cache(maxsize=50_000)
def segments(time_zone: str, day: int) -> tuple[Segment, ...]:
    """The instants whose local date is `day` (days since the epoch), in order; none for a date that was skipped."""
    midnight = day * DAY
    reach = Interval(midnight - LATEST_OFFSET, midnight + DAY - EARLIEST_OFFSET)
    found = []
    for piece in _constant_pieces(time_zone, reach):
        start = max(piece.span.start, midnight - piece.offset)
        end = min(piece.span.end, midnight + DAY - piece.offset)
        if start < end:
            found.append(Segment(Interval(start, end), piece.offset))
    return tuple(found)


def _constant_pieces(time_zone: str, reach: Minutes) -> Iterator[Segment]:
    start, at = reach.start, reach.start
    while at < reach.end:
        ahead = min(at + SAMPLE, reach.end)
        offset = offset_at(time_zone, at)
        if offset_at(time_zone, ahead) != offset:
            ahead = _change_between(time_zone, at, ahead)
            yield Segment(Interval(start, ahead), offset)
            start = ahead
        at = ahead
    if start < reach.end:
        yield Segment(Interval(start, reach.end), offset_at(time_zone, start))


def _change_between(time_zone: str, before: int, after: int) -> int:
    """The first minute with another offset than `before` has."""
    offset = offset_at(time_zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if offset_at(time_zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def zone_on(resource: Resource, day: date) -> str:
    """The zone the resource is in on that local date; of two journeys, the one that began last."""
    away = [each for each in resource.travel if each.first <= day <= each.last]
    return max(away, key=lambda each: each.first).time_zone if away else resource.time_zone


def openings(resource: Resource, span: Minutes) -> Sequence[Opening]:
    """What is open in `span`, in order of start; stretches may touch, and overlap where rules or journeys do.

    Overrides, holidays, journeys and time off for all visit types are in it; `blocked` has the rest.
    """
    found: list[Opening] = []
    for day in _local_days(span):
        today = openings_of_day(resource, day)
        if span.contains(Interval(day * DAY - LATEST_OFFSET, (day + 1) * DAY - EARLIEST_OFFSET)):
            found += today
        else:
            found += [_clip(each, span) for each in today if each.span.overlaps(span)]
    # Dates interleave where a journey joins two zones, and where clocks go back over midnight (St John's at 00:01).
    found.sort(key=lambda each: (each.span.start, each.span.end))
    return found


def openings_of_day(resource: Resource, day: int) -> tuple[Opening, ...]:
    """What is open on one local date, `day` being days since the epoch. Computed once for a version."""
    days: dict[int, tuple[Opening, ...]] = resource.memory.setdefault("days", {})
    known = days.get(day)
    if known is None:
        if len(days) >= DAYS_REMEMBERED:
            days.clear()
        known = days[day] = tuple(_open_on(resource, day))
    return known


def blocked(resource: Resource, visit_type_id: VisitTypeId, span: Minutes) -> list[Minutes]:
    """Time off in `span` that closes this visit type, though other types may still be open."""
    scoped = [each for each in resource.time_off if visit_type_id in each.only]
    if not scoped:
        return []
    pieces = [each.span for each in scoped if each.span is not None]
    for day in _local_days(span):
        today = _date(day)
        if any(each.covers(today) for each in scoped):
            pieces += [segment.span for segment in segments(zone_on(resource, today), day)]
    return union(_cut(each, span) for each in pieces if each.overlaps(span))


def covers(resource: Resource, visit_type_id: VisitTypeId, span: Minutes) -> bool:
    """Whether the whole span is open to that visit type; time kept for other types is not."""
    own = [each.span for each in openings(resource, span) if not each.only or visit_type_id in each.only]
    return not subtract([span], own) and not blocked(resource, visit_type_id, span)


def _open_on(resource: Resource, day: int) -> list[Opening]:
    today = _date(day)
    everyone = [each for each in resource.time_off if not each.only]
    if any(each.covers(today) for each in everyone):
        return []
    away = [each.span for each in everyone if each.span is not None]
    midnight = day * DAY
    found = [
        Opening(piece, segment.offset, *terms)
        for terms, windows in _windows_on(resource, today)
        for segment in segments(zone_on(resource, today), day)
        for piece in subtract(_overlaps(windows, midnight - segment.offset, segment.span), away)
    ]
    return sorted(found, key=lambda each: each.span)


def _windows_on(resource: Resource, today: date) -> list[tuple[Terms, list[Minutes]]]:
    """The local windows of one date by their terms: those that begin on it, then what the night before brings.

    An override or a holiday governs the instants of its own date and no others: it cuts what the night before would
    bring, and leaves what its own date's weekly night brings to the next.
    """
    by_terms: dict[Terms, list[Minutes]] = defaultdict(list)
    for rule in _beginning_on(resource, today):
        by_terms[_terms(rule)].append(Interval(rule.start, min(rule.end, DAY)))
    if not (today in resource.holidays or today in _overrides(resource)):
        for rule in _from_the_night(resource, today - timedelta(days=1)):
            if rule.end > DAY:
                by_terms[_terms(rule)].append(Interval(max(rule.start - DAY, 0), rule.end - DAY))
    return [(terms, union(windows)) for terms, windows in by_terms.items()]


def _beginning_on(resource: Resource, day: date) -> Iterable[Rule]:
    if day in _overrides(resource):
        return _instead(resource, day)
    return [] if day in resource.holidays else _weekly(resource, day)


def _from_the_night(resource: Resource, yesterday: date) -> Iterable[Rule]:
    return [*_weekly(resource, yesterday), *_instead(resource, yesterday)]


def _weekly(resource: Resource, day: date) -> list[Rule]:
    return [rule for rule in resource.rules if rule.holds_on(day)]


def _instead(resource: Resource, day: date) -> list[Rule]:
    """An override's windows as rules of their one date."""
    override = _overrides(resource).get(day)
    return [Rule(day.isoweekday(), each.start, each.end) for each in override.windows] if override else []


def _overrides(resource: Resource) -> dict[date, Override]:
    found: dict[date, Override] | None = resource.memory.get("overrides")
    if found is None:
        found = resource.memory["overrides"] = {each.day: each for each in resource.overrides}
    return found


def _terms(rule: Rule) -> Terms:
    return rule.only, rule.release_before, rule.staffing


def _overlaps(windows: Iterable[Minutes], midnight: int, within: Minutes) -> Iterator[Minutes]:
    for window in windows:
        start, end = max(midnight + window.start, within.start), min(midnight + window.end, within.end)
        if start < end:
            yield Interval(start, end)


def _local_days(span: Minutes) -> range:
    """Every date, as days since the epoch, that is a local date of an instant in `span` somewhere."""
    return range((span.start + EARLIEST_OFFSET) // DAY, (span.end + LATEST_OFFSET) // DAY + 1)


def _date(day: int) -> date:
    return date.fromordinal(day + EPOCH_DAY)


def _cut(piece: Minutes, span: Minutes) -> Minutes:
    return Interval(max(piece.start, span.start), min(piece.end, span.end))


def _clip(opening: Opening, span: Minutes) -> Opening:
    return opening if span.contains(opening.span) else replace(opening, span=_cut(opening.span, span))

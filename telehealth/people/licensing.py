"""Who may treat whom where: licences and attested places as dates, turned into instants. Pure.

A date belongs to the place: it begins at midnight of the clocks there. Where a jurisdiction has several clocks, a
licence counts only while its dates hold on all of them (it must hold wherever in it the patient is), and an attested
place while its dates hold on any of them (a patient who named a place is not placeless because it has a second clock).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval, subtract, union
from telehealth.core.time import parse_zone
from telehealth.people.jurisdictions import zones_of

Span = Interval[datetime]
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
ONE_DAY, ONE_SECOND = timedelta(days=1), timedelta(seconds=1)


class UnfitPlace(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-place", "This is no country of ISO 3166-1 and no subdivision of ISO 3166-2"


class UnfitDates(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-dates", "The last date is before the first"


@dataclass(frozen=True, slots=True)
class Licence:
    """`jurisdiction` as ISO 3166-1 or 3166-2; `first` and `last` are inclusive local dates there, None for no limit.

    A licence for a country says nothing about its subdivisions, nor the reverse.
    """

    clinician_id: ClinicianId
    jurisdiction: str
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The patient said they will be in this jurisdiction from `first` to `last`, inclusive local dates there."""

    jurisdiction: str
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """The instants a patient is in a jurisdiction, as far as they told."""

    jurisdiction: str
    span: Span


def stays(whereabouts: Sequence[Whereabouts], span: Span) -> list[Stay]:
    """Where the patient is in `span`: disjoint, sorted. Where attestations overlap, the later in the sequence wins."""
    found: list[Stay] = []
    for place in reversed(whereabouts):
        told = _within(_anywhere(place), span)
        left = subtract(told, (each.span for each in found))
        found.extend(Stay(place.jurisdiction, piece) for piece in left)
    return sorted(found, key=lambda each: each.span)


def licensed(licences: Iterable[Licence], places: Sequence[Stay]) -> list[Span]:
    """The instants of those stays at which one clinician, whose licences these are, may treat there."""
    wanted = {each.jurisdiction for each in places}
    held: dict[str, list[Licence]] = {}
    for licence in licences:
        if licence.jurisdiction in wanted:
            held.setdefault(licence.jurisdiction, []).append(licence)
    return union(
        piece
        for stay in places
        for first, last in _joined(held.get(stay.jurisdiction, ()))
        for piece in _within(_everywhere(stay.jurisdiction, first, last), stay.span)
    )


def may_treat(licences: Iterable[Licence], jurisdiction: str, at: datetime) -> bool:
    """Whether one clinician, whose licences these are, may treat a patient who is there at that instant."""
    moment = Interval(at, at + ONE_SECOND)
    return bool(licensed(licences, [Stay(jurisdiction, moment)]))


def dates_there(jurisdiction: str, at: datetime) -> tuple[date, date]:
    """The first and the last local date that this instant has in the jurisdiction."""
    dates = [at.astimezone(parse_zone(zone)).date() for zone in zones_of(jurisdiction)]
    return min(dates), max(dates)


def _joined(licences: Iterable[Licence]) -> Iterator[tuple[date, date]]:
    """Dates of validity, with renewals that follow on the next day joined: no zone sees a gap between the two."""
    ranges = sorted((each.first or date.min, each.last or date.max) for each in licences)
    current: tuple[date, date] | None = None
    for first, last in ranges:
        if current is None:
            current = first, last
        elif current[1] == date.max or first <= current[1] + ONE_DAY:
            current = current[0], max(current[1], last)
        else:
            yield current
            current = first, last
    if current is not None:
        yield current


@lru_cache(maxsize=4096)
def _everywhere(jurisdiction: str, first: date, last: date) -> Span | None:
    """The instants at which every clock of the jurisdiction shows one of these dates."""
    days = [_days(zone, first, last) for zone in zones_of(jurisdiction)]
    start, end = max(each.start for each in days), min(each.end for each in days)
    return Interval(start, end) if start < end else None


def _anywhere(place: Whereabouts) -> Span | None:
    first, last = place.first or date.min, place.last or date.max
    days = [_days(zone, first, last) for zone in zones_of(place.jurisdiction)]
    return Interval(min(each.start for each in days), max(each.end for each in days))


def _days(zone: str, first: date, last: date) -> Span:
    """The instants of those local dates. Raises ValueError when the last is before the first."""
    if last < first:
        raise ValueError("the last date is before the first")
    after = END if last >= LAST_DAY else _midnight(zone, last + ONE_DAY)
    return Interval(BEGINNING if first < FIRST_DAY else _midnight(zone, first), after)


@lru_cache(maxsize=65536)
def _midnight(zone: str, day: date) -> datetime:
    """The instant from which on the local date is `day` or later, wherever the clock puts or skips its midnight."""
    key = parse_zone(zone)
    reading = datetime.combine(day, time(), tzinfo=key)
    first, second = reading.astimezone(UTC), reading.replace(fold=1).astimezone(UTC)
    if first <= second:  # midnight is read once, or twice: mostly both on the new date
        return first if (second - ONE_SECOND).astimezone(key).date() >= day else second
    before, after = second - ONE_SECOND, first
    while after - before > ONE_SECOND:
        middle = before + (after - before) // ONE_SECOND // 2 * ONE_SECOND
        before, after = (before, middle) if middle.astimezone(key).date() >= day else (middle, after)
    return after


def _within(told: Span | None, span: Span) -> list[Span]:
    if told is None or not told.overlaps(span):
        return []
    return [Interval(max(told.start, span.start), min(told.end, span.end))]

"""Free times as pages list them: some days at a time, by the local date of whoever reads, and where it goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.scheduling.availability import queries as availability
from telehealth.scheduling.availability.rules import Resource, to_minute
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.offered import local_day, zone_of
from telehealth.scheduling.booking.rules import Asked, VisitType
from telehealth.visits.lifecycle import queries

DAYS_SHOWN = 7
MOST_SEATS = 2_000
SLACK = timedelta(days=2)  # dates of the clinician and of the reader differ by less


@dataclass(frozen=True, slots=True)
class FreeTime:
    """`there` is the zone the clinician is in then, when that is known and its clock differs from the reader's."""

    start: datetime
    clinicians: int
    seats_left: int | None = None
    there: ZoneInfo | None = None

    @property
    def offer(self) -> str:
        return self.start.isoformat()


@dataclass(frozen=True, slots=True)
class FreeDay:
    day: date
    times: Sequence[FreeTime]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeDays:
    """From `first`; `earlier` and `later` are where one may go on, `next_free` when there is nothing in between."""

    first: date
    days: Sequence[FreeDay]
    earlier: date | None
    later: date | None
    next_free: date | None


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads: the zone they read times in, from which day on, and a time that is not to be listed."""

    zone: ZoneInfo
    day: date | None = None
    without: datetime | None = None


async def free_days(unit: Unit, kind: VisitType, asked: Asked, reading: Reading) -> FreeDays:
    """A week of free times, from the day asked for, else from the first day on which there are any."""
    today = unit.now.astimezone(reading.zone).date()
    last = today + timedelta(days=kind.horizon_days)
    horizon = unit.now + timedelta(days=kind.horizon_days) + SLACK
    found = await _next_day(unit, asked, Interval(unit.now, horizon), reading) if reading.day is None else None
    first = min(max(reading.day or found or today, today), last)
    span = _week(first, reading.zone)
    times = [each for each in await _times(unit, kind, asked, span) if each.start != reading.without]
    times = await _with_zones(unit, asked, times, reading.zone)
    beyond = Interval(span.end, max(span.end, horizon))
    later = first + timedelta(days=DAYS_SHOWN)
    return FreeDays(
        first=first,
        days=[
            FreeDay(day, list(group))
            for day, group in groupby(times, key=lambda each: each.start.astimezone(reading.zone).date())
        ],
        earlier=max(first - timedelta(days=DAYS_SHOWN), today) if first > today else None,
        later=later if later <= last else None,
        next_free=None if times else await _next_day(unit, asked, beyond, reading),
    )


def _week(first: date, zone: ZoneInfo) -> Interval[datetime]:
    return Interval(
        queries.whole_day(first, zone)[0], queries.whole_day(first + timedelta(days=DAYS_SHOWN - 1), zone)[1]
    )


async def _next_day(unit: Unit, asked: Asked, span: Interval[datetime], reading: Reading) -> date | None:
    slots = await booking.search(unit, asked, span, 1)
    return slots[0].start.astimezone(reading.zone).date() if slots else None


async def _times(unit: Unit, kind: VisitType, asked: Asked, span: Interval[datetime]) -> list[FreeTime]:
    """One for each start, however many clinicians are free then."""
    if kind.seats > 1:
        slots = await booking.search(unit, asked, span, MOST_SEATS)
        together = [list(group) for _, group in groupby(slots, key=lambda slot: slot.start)]
        return [FreeTime(each[0].start, len(each), max(slot.seats_left for slot in each)) for each in together]
    counts: dict[datetime, int] = {}
    for starts in (await booking.free_starts(unit, asked, span)).values():
        for start in starts:
            counts[start] = counts.get(start, 0) + 1
    return [FreeTime(start, counts[start]) for start in sorted(counts)]


async def _with_zones(unit: Unit, asked: Asked, times: list[FreeTime], zone: ZoneInfo) -> list[FreeTime]:
    if len(asked.clinician_ids) != 1 or not times:
        return times
    resource = await availability.resource(unit, asked.clinician_ids[0])
    return [
        FreeTime(each.start, each.clinicians, each.seats_left, _there(resource, each.start, zone)) for each in times
    ]


def _there(resource: Resource, start: datetime, zone: ZoneInfo) -> ZoneInfo | None:
    minute = to_minute(start)
    there = parse_zone(zone_of(resource, local_day(resource, minute)))
    return None if start.astimezone(there).utcoffset() == start.astimezone(zone).utcoffset() else there

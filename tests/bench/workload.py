"""The workload of the slot benchmarks: four weeks that cross a US and an EU clock change, eight zones, 60 % full.

Points in time are whole minutes since the epoch. Everything follows from a seed; the year is the first whose March lies
ahead, because django-appointment offers nothing in the past and has no clock to set.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.bench import naive
from tests.bench.naive import Visit, Week

DAYS = 28
FULL = 0.6
ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "America/Chicago",
    "Australia/Sydney",
    "Europe/London",
    "America/Phoenix",
)
VISIT = Visit(minutes=30, grid=15, buffer_before=0, buffer_after=10)


@dataclass(frozen=True, slots=True)
class Busy:
    """A clinician's week and the visits [start, end) they have, buffers not included."""

    week: Week
    visits: tuple[tuple[int, int], ...]

    def as_json(self) -> dict[str, Any]:
        return {"zone": self.week.zone, "windows": self.week.windows, "visits": self.visits}


@dataclass(frozen=True, slots=True)
class Workload:
    start: int
    end: int
    clinicians: tuple[Busy, ...]
    visit: Visit = VISIT

    def first(self, number: int) -> "Workload":
        return Workload(self.start, self.end, self.clinicians[:number])

    def as_json(self) -> dict[str, Any]:
        """What the peers' drivers read."""
        return {
            "from": self.start,
            "to": self.end,
            "visit": self.visit.as_json(),
            "clinicians": [each.as_json() for each in self.clinicians],
        }


def first_day(today: date) -> date:
    """The Monday before the second Sunday of March (US clock change); the last Sunday (EU) is within four weeks."""
    year = today.year if today < date(today.year, 2, 25) else today.year + 1
    eighth = date(year, 3, 8)
    return eighth + timedelta(days=(7 - eighth.isoweekday()) % 7 - 6)


def make(today: date, clinicians: int, seed: int = 1) -> Workload:
    """Five days a week of eight hours each, on days that differ, so that Sundays are worked too."""
    monday = first_day(today)
    start = minute_of(datetime.combine(monday, datetime.min.time(), UTC))
    end = start + DAYS * 24 * 60
    chance = random.Random(seed)
    return Workload(start, end, tuple(_clinician(number, (start, end), chance) for number in range(clinicians)))


def _clinician(number: int, span: tuple[int, int], chance: random.Random) -> Busy:
    opens = 7 * 60 + chance.randrange(0, 13) * 15
    weekdays = sorted((number + worked) % 7 + 1 for worked in range(5))
    week = Week(ZONES[number % len(ZONES)], tuple((weekday, opens, opens + 8 * 60) for weekday in weekdays))
    visits = sorted(visit for opened in naive.windows(week, *span) for visit in _visits(opened, chance))
    return Busy(week, tuple(visits))


def _visits(opened: tuple[int, int], chance: random.Random) -> Iterator[tuple[int, int]]:
    """Visits at random places of one day's hours, until that part of it is taken, buffers included."""
    start, end = opened
    each = VISIT.minutes + VISIT.buffer_before + VISIT.buffer_after
    places = list(range(start, end - VISIT.minutes + 1, VISIT.grid))
    chance.shuffle(places)
    wanted = int(FULL * (end - start) / each + chance.random())
    taken: list[int] = []
    for place in places:
        if len(taken) >= wanted:
            return
        if all(abs(place - other) >= each for other in taken):
            taken.append(place)
            yield place, place + VISIT.minutes


def minute_of(instant: datetime) -> int:
    return int(instant.timestamp()) // 60


def local(zone: str, minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, ZoneInfo(zone))

"""A naive engine of aware datetimes: what a careful person writes first. A peer to measure, and an oracle to check.

It shares no code with the engine it is compared with. Instants cross its border as whole minutes since the epoch,
intervals are half-open; an instant is inside local hours when its local clock reading is (the membership rule).
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Visit:
    """Minutes; starts lie where (minutes since local midnight) mod `grid` is `offset`."""

    minutes: int
    grid: int
    offset: int = 0
    buffer_before: int = 0
    buffer_after: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Week:
    """Windows are (ISO weekday, start, end) in minutes since local midnight; an end past 1440 is on the next day."""

    zone: str
    windows: tuple[tuple[int, int, int], ...]


def windows(week: Week, start: int, end: int) -> list[Span]:
    """The instants of [start, end) that are inside the hours, disjoint and in order."""
    zone = ZoneInfo(week.zone)
    day = _instant(start).astimezone(zone).date() - 2 * DAY
    found: list[Span] = []
    while day <= _instant(end).astimezone(zone).date():
        for weekday, opens, closes in week.windows:
            if weekday == day.isoweekday():
                midnight = datetime.combine(day, time(), zone)
                found += _window(midnight, opens, closes)
        day += DAY
    return _joined((max(low, start), min(high, end)) for low, high in found)


def starts(week: Week, visit: Visit, busy: Collection[Span], span: Span) -> list[int]:
    """Starts in `span` that the hours allow and that collide with nothing; `busy` is with the buffers of its visits."""
    low, high = span
    taken = [(_instant(first), _instant(last)) for first, last in busy]
    found = []
    for opens, closes in windows(week, low - 1440, high + 1440):
        start = max(_instant(opens), _instant(low))
        while start + visit.minutes * MINUTE <= _instant(closes) and start < _instant(high):
            if _on_grid(start.astimezone(ZoneInfo(week.zone)), visit):
                if _is_free(start, visit, taken):
                    found.append(_minute(start))
                start += visit.grid * MINUTE
            else:
                start += MINUTE
    return found


def is_member(week: Week, minute: int) -> bool:
    """The membership rule word for word, for one instant: the oracle of everything else."""
    reading = _instant(minute).astimezone(ZoneInfo(week.zone))
    today, since_midnight = reading.isoweekday(), reading.hour * 60 + reading.minute
    yesterday = (today - 2) % 7 + 1
    return any(
        (weekday == today and opens <= since_midnight < closes)
        or (weekday == yesterday and opens <= since_midnight + 1440 < closes)
        for weekday, opens, closes in week.windows
    )


def members(week: Week, start: int, end: int) -> list[Span]:
    """The instants of [start, end) that are members, found by asking for each."""
    return _joined((minute, minute + 1) for minute in range(start, end) if is_member(week, minute))


def _window(midnight: datetime, opens: int, closes: int) -> Iterator[Span]:
    """One day's window: for each offset in force around that day, the instants that have it and read as inside."""
    around = {(midnight + hours * timedelta(hours=6)).utcoffset() for hours in range(-4, 13)}
    for offset in around:
        start = (midnight + opens * MINUTE).replace(tzinfo=timezone(offset or timedelta()))
        yield from _having(midnight.tzinfo, start, start + (closes - opens) * MINUTE)


def _having(zone: tzinfo | None, start: datetime, end: datetime) -> Iterator[Span]:
    """The instants of [start, end) at which the zone has the offset of `start`."""
    low, high, offset = _minute(start), _minute(end), start.utcoffset()
    looked_at = {_instant(each).astimezone(zone).utcoffset() for each in (*range(low, high, 30), high - 1)}
    if looked_at == {offset}:
        yield low, high
    elif offset in looked_at:
        same = (each for each in range(low, high) if _instant(each).astimezone(zone).utcoffset() == offset)
        yield from ((each, each + 1) for each in same)


def _on_grid(reading: datetime, visit: Visit) -> bool:
    return (reading.hour * 60 + reading.minute) % visit.grid == visit.offset


def _is_free(start: datetime, visit: Visit, taken: Collection[tuple[datetime, datetime]]) -> bool:
    first = start - visit.buffer_before * MINUTE
    last = start + (visit.minutes + visit.buffer_after) * MINUTE
    return not any(begins < last and first < ends for begins, ends in taken)


def _joined(spans: Iterator[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def _minute(instant: datetime) -> int:
    return int(instant.timestamp()) // 60

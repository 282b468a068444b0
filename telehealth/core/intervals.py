"""Half-open intervals [start, end) over anything ordered, and their small algebra."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

Point = TypeVar("Point", int, datetime)


@dataclass(frozen=True, slots=True, order=True)
class Interval(Generic[Point]):
    start: Point
    end: Point

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError("an interval ends before it starts")

    def overlaps(self, other: "Interval[Point]") -> bool:
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Interval[Point]") -> bool:
        return self.start <= other.start and other.end <= self.end


def union(intervals: Iterable[Interval[Point]]) -> list[Interval[Point]]:
    """The same points as disjoint, sorted intervals; neighbours that touch become one."""
    merged: list[Interval[Point]] = []
    for interval in sorted(intervals, key=lambda each: each.start):
        if interval.start == interval.end:
            continue
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def subtract(intervals: Iterable[Interval[Point]], taken: Iterable[Interval[Point]]) -> list[Interval[Point]]:
    """The points of `intervals` that are in none of `taken`, disjoint and sorted."""
    holes = union(taken)
    return [piece for interval in union(intervals) for piece in _remaining(interval, holes)]


def _remaining(interval: Interval[Point], holes: list[Interval[Point]]) -> Iterator[Interval[Point]]:
    start = interval.start
    for hole in islice(holes, bisect_right(holes, start, key=lambda each: each.end), None):
        if hole.start >= interval.end:
            break
        if start < hole.start:
            yield Interval(start, hole.start)
        start = max(start, hole.end)
    if start < interval.end:
        yield Interval(start, interval.end)

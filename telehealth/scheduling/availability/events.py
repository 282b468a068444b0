"""What happened to hours."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.intervals import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOpened(Event):
    """A clinician is there when they were not before: other hours, an absence that ended, another calendar's time.

    `pieces` are the stretches in order, each as start+length in minutes since the epoch, separated by commas: one event
    for a change of hours, which opens dozens of days.
    """

    resource_id: UUID
    opened_at: datetime
    pieces: str

    @classmethod
    def of(cls, resource_id: UUID, opened_at: datetime, spans: Iterable[Interval[int]]) -> Self:
        pieces = ",".join(f"{each.start}+{each.end - each.start}" for each in spans)
        return cls(resource_id=resource_id, opened_at=opened_at, pieces=pieces)

    @property
    def spans(self) -> list[Interval[int]]:
        """Minutes since the epoch, in order."""
        pairs = (tuple(map(int, each.split("+"))) for each in self.pieces.split(",") if each)
        return [Interval(start, start + length) for start, length in pairs]

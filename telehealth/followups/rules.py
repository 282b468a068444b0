"""Follow-up tasks: their states, what moves them, and when they fall due. Pure."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId
from telehealth.followups import events as happened

LONGEST_TITLE = 200
_DELAY = re.compile(r"([1-9]\d{0,2})([dwm])")
_LONGEST_DELAY = timedelta(days=5 * 366)


class TaskStatus(StrEnum):
    PLANNED = "planned"
    DUE = "due"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    DONE = "done"
    CANCELLED = "cancelled"


S = TaskStatus
OPEN = frozenset({S.PLANNED, S.DUE, S.REMINDED, S.ESCALATED})
WANTED = OPEN - {S.PLANNED}  # what the board shows: due and not done


class TaskClosed(Refusal):
    kind, slug, title = Kind.CONFLICT, "task-closed", "This task is done or cancelled already"


class UnfitDelay(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-delay", "Say when as days, weeks or months, such as 10d, 2w or 6m"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """One task. `clinician_id` owns it; `title` is what they wrote, and may speak of the patient's health."""

    id: TaskId
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    title: str
    status: TaskStatus
    planned_at: datetime
    due_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """What time alone does to a task, so long after it fell due."""

    before: TaskStatus
    after: TaskStatus
    wait: timedelta
    event: type[happened.FollowUpEvent]


TICKS = (
    Tick(S.PLANNED, S.DUE, timedelta(0), happened.FollowUpDue),
    Tick(S.DUE, S.REMINDED, timedelta(days=1), happened.FollowUpReminded),
    Tick(S.REMINDED, S.ESCALATED, timedelta(days=3), happened.FollowUpEscalated),
)


@dataclass(frozen=True, slots=True)
class Delay:
    """So many days, weeks or months."""

    amount: int
    unit: str

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The same time of day in that zone, that much later; a month ends on its last day at the latest."""
        local = instant.astimezone(zone)
        match self.unit:
            case "d" | "w":
                wall = local + timedelta(days=self.amount * (7 if self.unit == "w" else 1))
            case "m":
                wall = _months_later(local, self.amount)
            case _:
                raise AssertionError("unreachable: parse_delay knows three units")
        return wall.astimezone(UTC)


def parse_delay(text: str) -> Delay:
    """`10d`, `2w` or `6m`, up to five years. Raises UnfitDelay."""
    match = _DELAY.fullmatch(text)
    if match is None:
        raise UnfitDelay
    amount, unit = int(match[1]), match[2]
    if timedelta(days=amount * {"d": 1, "w": 7, "m": 30}[unit]) > _LONGEST_DELAY:
        raise UnfitDelay
    return Delay(amount, unit)


def parse_stroke(stroke: str) -> tuple[str, str]:
    """`Check blood pressure +2w` -> (title, delay). Raises UnfitDelay when either is missing."""
    title, plus, delay = stroke.rpartition("+")
    if not plus or not title.strip():
        raise UnfitDelay
    return title.strip(), delay.strip().lower()


def closing(status: TaskStatus, wanted: TaskStatus) -> bool:
    """Whether there is something to do to close a task so; doing it twice is no fault. Raises TaskClosed."""
    if status is wanted:
        return False
    match status:
        case S.PLANNED | S.DUE | S.REMINDED | S.ESCALATED:
            return True
        case S.DONE | S.CANCELLED:
            raise TaskClosed
        case never:
            assert_never(never)


def _months_later(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))

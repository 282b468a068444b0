"""Commands on follow-up tasks, and what time does to them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Double, func, literal, select, update

from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId
from telehealth.core.time import parse_zone
from telehealth.db.tables import UtcDateTime
from telehealth.db.unit import Unit
from telehealth.followups.events import FollowUpCancelled, FollowUpDone, FollowUpEvent, FollowUpPlanned
from telehealth.followups.models import FollowUpRow
from telehealth.followups.queries import find_row, follow_up_of, place
from telehealth.followups.rules import TICKS, FollowUp, TaskStatus, Tick, closing, parse_delay
from telehealth.visits.lifecycle.service import open_visit

BATCH = 100


async def plan(unit: Unit, visit_id: UUID, *, title: str, due_in: str) -> FollowUp:
    """A task for the visit's clinician, due at this time of day, so much later. Raises NotFound, UnfitDelay."""
    visit = await open_visit(unit, visit_id)
    task_id = unit.new_id()
    row = FollowUpRow(
        id=task_id,
        visit_id=visit.id,
        patient_id=visit.patient_id,
        clinician_id=visit.clinician_id,
        title=unit.vault.seal(place(task_id), title),
        status=TaskStatus.PLANNED,
        planned_at=unit.now,
        due_at=parse_delay(due_in).after(unit.now, parse_zone(visit.time_zone)),
        moved_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "follow_up_task", task_id, patient_id=visit.patient_id)
    unit.emit(_event(FollowUpPlanned, row))
    return follow_up_of(unit, row)


async def done(unit: Unit, task_id: UUID) -> FollowUp:
    """The owner has done it. Raises NotFound, TaskClosed."""
    return await _close(unit, task_id, TaskStatus.DONE, FollowUpDone)


async def cancel(unit: Unit, task_id: UUID) -> FollowUp:
    """It is no longer wanted. Raises NotFound, TaskClosed."""
    return await _close(unit, task_id, TaskStatus.CANCELLED, FollowUpCancelled)


async def fire(unit: Unit, tick: Tick, *, speed: float) -> int:
    """Move every task whose time has come, at most 100 at once; two sweeps at a time share the work."""
    due = (
        select(FollowUpRow.id)
        .where(FollowUpRow.status == tick.before, _has_come(unit, tick.wait, speed))
        .order_by(FollowUpRow.due_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    moved = await unit.session.scalars(
        update(FollowUpRow)
        .where(FollowUpRow.id.in_(due.scalar_subquery()))
        .values(status=tick.after, moved_at=unit.now)
        .returning(FollowUpRow)
    )
    rows = moved.all()
    for row in rows:
        unit.emit(_event(tick.event, row))
    return len(rows)


async def fire_all(unit: Unit, *, speed: float) -> int:
    """One round of every tick."""
    return sum([await fire(unit, tick, speed=speed) for tick in TICKS])


def _has_come(unit: Unit, wait: timedelta, speed: float) -> ColumnElement[bool]:
    if speed == 1:
        return FollowUpRow.due_at <= unit.now - wait
    needed = _seconds(FollowUpRow.due_at - FollowUpRow.planned_at) + wait.total_seconds()
    return needed <= _seconds(literal(unit.now, UtcDateTime()) - FollowUpRow.planned_at) * speed


def _seconds(interval: ColumnElement[Any]) -> ColumnElement[float]:
    return func.date_part("epoch", interval, type_=Double())


async def _close(unit: Unit, task_id: UUID, status: TaskStatus, event: type[FollowUpEvent]) -> FollowUp:
    row = await find_row(unit, task_id)
    if closing(TaskStatus(row.status), status):
        row.status, row.moved_at, row.closed_at = status, unit.now, unit.now
        unit.emit(_event(event, row))
    unit.audit("update", "follow_up_task", row.id, patient_id=row.patient_id)
    return follow_up_of(unit, row)


def _event(event: type[FollowUpEvent], row: FollowUpRow) -> FollowUpEvent:
    return event(
        task_id=TaskId(row.id),
        visit_id=VisitId(row.visit_id),
        patient_id=PatientId(row.patient_id),
        clinician_id=ClinicianId(row.clinician_id),
    )

"""Reading follow-up tasks: a clinician sees the ones they own, the system all."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, select, true, tuple_

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups.models import FollowUpRow
from telehealth.followups.rules import OPEN, WANTED, FollowUp, TaskStatus

LONGEST_LIST = 100


async def find_row(unit: Unit, task_id: UUID) -> FollowUpRow:
    """The row, locked, when it is the actor's. Leaves the trace to the command. Raises NotFound."""
    query = select(FollowUpRow).where(FollowUpRow.id == task_id, visible(unit)).with_for_update()
    found = await unit.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


async def follow_ups(
    unit: Unit,
    *,
    statuses: Iterable[TaskStatus] = OPEN,
    visit_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = LONGEST_LIST,
) -> list[FollowUp]:
    """The actor's tasks in those states, the most urgent first, after the task of that id. Audited per task."""
    query = select(FollowUpRow).where(FollowUpRow.status.in_(list(statuses)), visible(unit))
    if visit_id is not None:
        query = query.where(FollowUpRow.visit_id == visit_id)
    if after is not None:
        last = select(FollowUpRow.due_at, FollowUpRow.id).where(FollowUpRow.id == after, visible(unit))
        query = query.where(tuple_(FollowUpRow.due_at, FollowUpRow.id) > last.scalar_subquery())
    rows = await unit.session.scalars(query.order_by(FollowUpRow.due_at, FollowUpRow.id).limit(limit))
    found = [follow_up_of(unit, row) for row in rows]
    for each in found:
        unit.audit("read", "follow_up_task", each.id, patient_id=each.patient_id)
    return found


async def wanted(unit: Unit) -> list[FollowUp]:
    """What the board shows: the actor's tasks that are due and not done."""
    return await follow_ups(unit, statuses=WANTED)


async def wanted_marks(unit: Unit) -> dict[UUID, str]:
    """By clinician: changes when their `wanted` does. Says that something changed, never what: no audit row."""
    seen = select(FollowUpRow.clinician_id, func.count(), func.max(FollowUpRow.moved_at))
    query = seen.where(FollowUpRow.status.in_(list(WANTED)), visible(unit)).group_by(FollowUpRow.clinician_id)
    return {
        clinician_id: f"{count}-{int(moved.timestamp() * 1000)}"
        for clinician_id, count, moved in await unit.session.execute(query)
    }


def visible(unit: Unit) -> ColumnElement[bool]:
    match unit.actor.role:
        case Role.SYSTEM:
            return true()
        case Role.CLINICIAN:
            return FollowUpRow.clinician_id == unit.actor.person_id
        case _:
            return false()


def place(task_id: UUID) -> tuple[str, str, UUID]:
    """Where the title is sealed for."""
    return ("follow_up_task", "title", task_id)


def follow_up_of(unit: Unit, row: FollowUpRow) -> FollowUp:
    return FollowUp(
        id=TaskId(row.id),
        visit_id=VisitId(row.visit_id),
        patient_id=PatientId(row.patient_id),
        clinician_id=ClinicianId(row.clinician_id),
        title=unit.vault.open(place(row.id), row.title),
        status=TaskStatus(row.status),
        planned_at=row.planned_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
    )

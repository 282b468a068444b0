"""How a task changes: one command to the machine, its history entry, its event and its trace, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from telehealth.core.errors import Stale
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups.events import FollowUpEvent
from telehealth.followups.models import FollowUpRow, StepRow
from telehealth.followups.parts import Command, Facing, TaskStatus
from telehealth.followups.queries import begun, note_place, own_id
from telehealth.followups.reading import put_off
from telehealth.followups.rules import (
    BLOCKING_GONE,
    CLOSED,
    WINDOW,
    Situation,
    Transition,
    answer_by,
    decide,
    next_look,
)
from telehealth.people import queries as people


def situation(unit: Unit, row: FollowUpRow, *, reason: str = "", now: datetime | None = None) -> Situation:
    return Situation(
        now=now or unit.now,
        due_at=row.due_at,
        ends_at=looked_at_again(row),
        closed_at=row.closed_at,
        blocked=row.blocked,
        taken=row.owner_id is not None and row.owner_id != own_id(unit),
        reason=reason,
    )


async def change(
    unit: Unit,
    row: FollowUpRow,
    command: Command,
    *,
    note: str = "",
    cause: str = "",
    revision: int | None = None,
    back_to: TaskStatus | None = None,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Give one command to the machine; the row is locked. Raises Stale, TaskClosed, TaskOpen, TaskTaken, ReasonMissing.

    `cause` names why the system did it; `note` is what a person wrote. What waits for this task hears of its end.
    """
    if revision is not None and revision != row.revision:
        raise Stale
    before = TaskStatus(row.status)
    transition = decide(command, before, unit.actor.role, situation(unit, row, reason=note))
    after = transition.to or back_to or before
    for name, value in (values or {}).items():
        setattr(row, name, value)
    _write(unit, row, transition, after, note=note, cause=cause)
    if (after in CLOSED) is not (before in CLOSED):
        await _tell_successors(unit, row, after)


def close(unit: Unit, row: FollowUpRow, command: Command, *, cause: str) -> None:
    """The same for the system, of a task that nothing waits for: nobody has to be asked. Raises TaskClosed."""
    transition = decide(command, TaskStatus(row.status), unit.actor.role, situation(unit, row))
    _write(unit, row, transition, transition.to or TaskStatus(row.status), cause=cause)


def _write(
    unit: Unit, row: FollowUpRow, transition: Transition, after: TaskStatus, *, note: str = "", cause: str = ""
) -> None:
    apply(unit, row, transition.command, after, note=note, cause=cause)
    unit.emit(event_of(transition.event, row))
    unit.audit("update", "follow_up_task", row.id, patient_id=row.patient_id)


def apply(
    unit: Unit, row: FollowUpRow, command: Command, after: TaskStatus, *, note: str = "", cause: str = ""
) -> None:
    """Write the state and the history entry, whoever decided."""
    before = None if command is Command.PLAN else TaskStatus(row.status)
    row.status, row.moved_at = after, unit.now
    row.closed_at = (unit.now if before != after else row.closed_at) if after in CLOSED else None
    row.next_at = next_look(after, row.due_at, looked_at_again(row), blocked=row.blocked)
    if before is not None:
        row.revision += 1
    sealed = unit.vault.seal(note_place(row.id, row.revision), note) if note else None
    entry = StepRow(task_id=row.id, seq=row.revision, at=unit.now, command=command, before=before, after=after)
    entry.actor_id, entry.role, entry.cause, entry.note = unit.actor.id, unit.actor.role, cause, sealed
    unit.session.add(entry)


def looked_at_again(row: FollowUpRow) -> datetime:
    """When the time of who has it is over."""
    return answer_by(row.due_at, row.ends_at or row.due_at + WINDOW, row.taken_on_at)


async def _tell_successors(unit: Unit, row: FollowUpRow, after: TaskStatus) -> None:
    """A done or skipped task lets what waited fire, and a reopened one holds it up again. A cancelled one takes along
    what nobody has begun; what somebody has is let go.

    What waited beyond its time falls due now, with its whole window before it; a repetition begins then, and keeps its
    distances.
    """
    await unit.session.flush()
    query = select(FollowUpRow).where(FollowUpRow.after_id == row.id, FollowUpRow.status == TaskStatus.PLANNED)
    rows = (await unit.session.scalars(query.order_by(FollowUpRow.id).with_for_update())).all()
    kept = await begun(unit, [each.id for each in rows]) if rows and after is TaskStatus.CANCELLED else set[UUID]()
    left = [each for each in rows if after is not TaskStatus.CANCELLED or each.id in kept]
    for each in rows:
        if each not in left:
            await change(unit, each, Command.CANCEL, cause=BLOCKING_GONE)
    due = await _begun_now(unit, left) if after in CLOSED else {}
    for each in left:
        each.blocked, each.moved_at, each.revision = after not in CLOSED, unit.now, each.revision + 1
        late = due.get(each.id, each.due_at) - each.due_at
        if late:
            each.due_at, each.ends_at = each.due_at + late, (each.ends_at or each.due_at + WINDOW) + late
        each.next_at = next_look(
            TaskStatus.PLANNED, each.due_at, each.ends_at or each.due_at + WINDOW, blocked=each.blocked
        )


async def _begun_now(unit: Unit, rows: Sequence[FollowUpRow]) -> dict[UUID, datetime]:
    """When tasks fall due that may from now on."""
    due = {each.id: max(each.due_at, unit.now) for each in rows if each.series_id is None}
    for series_id in {each.series_id for each in rows} - {None}:
        those = sorted((each for each in rows if each.series_id == series_id), key=lambda each: each.due_at)
        zone = (await people.patient(unit, PatientId(those[0].patient_id))).time_zone
        times = put_off([each.due_at for each in those], unit.now, zone)
        due |= {each.id: at for each, at in zip(those, times, strict=True)}
    return due


def event_of(event: type[FollowUpEvent], row: FollowUpRow) -> FollowUpEvent:
    return event(
        task_id=TaskId(row.id),
        visit_id=VisitId(row.visit_id),
        patient_id=PatientId(row.patient_id),
        clinician_id=ClinicianId(row.clinician_id),
        pool=row.pool,
        owner_id=row.owner_id,
        asks_patient=row.facing == Facing.PATIENT,
    )

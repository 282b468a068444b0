"""What time and events do to follow-up tasks: they fall due, or are found needless, or come of a visit that failed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Double, func, literal, select, text

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.errors import Stale
from telehealth.core.ids import PatientId
from telehealth.db.tables import UtcDateTime
from telehealth.db.unit import Unit
from telehealth.followups import queries
from telehealth.followups.models import CoordinationRow, FollowUpRow, TriggerRow
from telehealth.followups.parts import (
    Command,
    Coordination,
    FollowUp,
    TaskKind,
    TaskStatus,
    UnfitCoordinator,
    Wish,
)
from telehealth.followups.rules import ENDINGS, TRANSITIONS, Facts, moved_by_time, needless, next_look
from telehealth.followups.service import plan
from telehealth.followups.steps import apply, change, close, event_of, looked_at_again, situation
from telehealth.visits.gates import queries as gates
from telehealth.visits.lifecycle import queries as visits

BATCH = 200
LONGEST_SPEED_UP = timedelta(days=50 * 365)
ONE_AT_A_TIME = text("LOCK TABLE follow_up_trigger IN SHARE ROW EXCLUSIVE MODE")  # who reads goes on
NONE: Mapping[str, bool] = MappingProxyType({})


async def fire(unit: Unit, *, speed: float) -> int:
    """Take on tasks whose time has come, at most 200 at once; two sweeps at a time share the work.

    Each is looked at afresh: what no longer applies is closed instead. Answers how many were looked at.
    """
    due = (
        select(FollowUpRow)
        .where(FollowUpRow.next_at.is_not(None), _has_come(unit, speed))
        .order_by(FollowUpRow.next_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    rows = (await unit.session.scalars(due.execution_options(populate_existing=True))).all()
    left = await recheck(unit, rows)
    for row in left:
        _move(unit, row, _sped(unit, row, speed))
    return len(rows)


async def recheck(unit: Unit, rows: Sequence[FollowUpRow]) -> list[FollowUpRow]:
    """Close what no longer applies, and answer the others."""
    found = list(zip(rows, map(needless, await _facts(unit, rows)), strict=True))
    awaited = await queries.awaited(unit, [row.id for row, condition in found if condition is not None])
    left = []
    for row, condition in found:
        if condition is None or row.closed_at is not None:  # what waited for one that was cancelled has gone with it
            left.append(row)
        elif row.id in awaited:
            await change(unit, row, condition.command, cause=condition.name)
        else:
            close(unit, row, condition.command, cause=condition.name)
    return left


async def recheck_of(unit: Unit, patient_id: PatientId, kind: TaskKind) -> None:
    """Something happened that may fulfil the patient's open tasks of that kind."""
    query = select(FollowUpRow).where(
        FollowUpRow.patient_id == patient_id, FollowUpRow.kind == kind, FollowUpRow.closed_at.is_(None)
    )
    await recheck(unit, (await unit.session.scalars(query.order_by(FollowUpRow.id).with_for_update())).all())


async def recheck_visit(unit: Unit, visit_id: UUID) -> None:
    """A visit is not what it was when its tasks were made."""
    query = select(FollowUpRow).where(FollowUpRow.visit_id == visit_id, FollowUpRow.closed_at.is_(None))
    await recheck(unit, (await unit.session.scalars(query.order_by(FollowUpRow.id).with_for_update())).all())


async def locked(unit: Unit, task_id: UUID) -> FollowUp:
    """A task that the actor sees: nobody closes it meanwhile. Leaves the trace to what is done with it.

    Raises NotFound.
    """
    return queries.follow_up_of(unit, await queries.find_row(unit, task_id))


async def open_of(unit: Unit, patient_id: PatientId, kind: TaskKind, origin: str) -> list[FollowUp]:
    """The patient's tasks of that kind and origin that are open: nobody closes them meanwhile. Leaves the trace to what
    is done with them.
    """
    row = FollowUpRow
    theirs = row.patient_id == patient_id, row.kind == kind, row.closed_at.is_(None)
    query = select(row).where(*theirs, row.origin.startswith(f"{origin}:", autoescape=True), queries.visible(unit))
    locked_rows = query.order_by(row.id).with_for_update().execution_options(populate_existing=True)
    return [queries.follow_up_of(unit, each) for each in await unit.session.scalars(locked_rows)]


async def told_again(unit: Unit, task_id: UUID, cause: str) -> None:
    """What it was made for has happened again: its history says so, whoever read it before hears that it has changed.

    Raises NotFound, TaskClosed.
    """
    await change(unit, await queries.find_row(unit, task_id), Command.NOTE, cause=cause)


async def fulfil(unit: Unit, task_id: UUID, cause: str) -> None:
    """What it asks for has happened. Raises NotFound, TaskClosed."""
    await change(unit, await queries.find_row(unit, task_id), Command.COMPLETE, cause=cause)


async def cancel_unbegun(unit: Unit, task_ids: Collection[UUID], cause: str) -> None:
    """What they were made for is no more: what no person has laid hand on is cancelled, the rest is left to them.

    Locked first and looked at then, so that what somebody begins meanwhile is seen to be begun.
    """
    query = select(FollowUpRow).where(FollowUpRow.id.in_(task_ids), FollowUpRow.closed_at.is_(None))
    rows = (await unit.session.scalars(query.order_by(FollowUpRow.id).with_for_update())).all()
    begun = await queries.begun(unit, [row.id for row in rows])
    for row in rows:
        if row.closed_at is None and row.id not in begun:  # what waited for one that was cancelled has gone with it
            await change(unit, row, Command.CANCEL, cause=cause)


async def not_cancelled(unit: Unit, task_ids: Collection[UUID], kind: TaskKind) -> list[UUID]:
    """Those of them that are of that kind and there still, open or done."""
    query = select(FollowUpRow.id).where(FollowUpRow.id.in_(task_ids), FollowUpRow.kind == kind)
    query = query.where(FollowUpRow.status != TaskStatus.CANCELLED)
    return list(await unit.session.scalars(query.order_by(FollowUpRow.id)))


async def ended_badly(unit: Unit, visit_id: UUID, ending: str) -> None:
    """Somebody has to see to it, unless this clinic has switched that off; once for a visit and an ending."""
    trigger = ENDINGS[ending]
    made = FollowUpRow.visit_id == visit_id, FollowUpRow.origin == ending
    known = select(FollowUpRow.id).where(*made, FollowUpRow.status != TaskStatus.CANCELLED)
    if not (await queries.triggers(unit))[ending] or await unit.session.scalar(known) is not None:
        return
    wish = Wish(kind=trigger.kind, owner=trigger.owner, priority=trigger.priority, origin=ending)
    (task,) = await plan(unit, visit_id, wish)
    rows = (await unit.session.scalars(select(FollowUpRow).where(FollowUpRow.id == task.id))).all()
    await recheck(unit, rows)  # it may be corrected, or booked again, already


async def set_triggers(unit: Unit, switches: Mapping[str, bool], *, was: Mapping[str, bool] = NONE) -> None:
    """What of these makes a task by itself from now on; what is not among them stays as it is. `was` is how whoever
    asks has seen them. Raises Stale when somebody else has changed one of those since.
    """
    await unit.session.execute(ONE_AT_A_TIME)
    now = await queries.triggers(unit)
    if any(now[name] != on for name, on in was.items()):
        raise Stale
    for name, on in switches.items():
        await unit.session.merge(TriggerRow(ending=name, enabled=on, changed_at=unit.now))
    unit.audit("update", "follow_up_trigger", None)


async def name_coordinators(unit: Unit, clinician_ids: Collection[UUID], *, version: int) -> Coordination:
    """These and no others are told of each task that is escalated from now on. `version` is what they take the place
    of. Raises Stale, UnfitCoordinator.
    """
    if version != (await queries.coordination(unit)).version:
        raise Stale
    if not set(clinician_ids) <= {each.person_id for each in await access.staff(unit, Role.CLINICIAN)}:
        raise UnfitCoordinator
    named = {"clinician_ids": sorted(set(clinician_ids)), "named_at": unit.now, "named_by": unit.actor.id}
    unit.session.add(CoordinationRow(version=version + 1, **named))
    await unit.session.flush()
    unit.audit("update", "follow_up_coordination", None)
    return await queries.coordination(unit)


def _move(unit: Unit, row: FollowUpRow, now: datetime) -> None:
    """By one step; a row that was looked at too early, or whose task is closed, is put where it belongs."""
    status = TaskStatus(row.status)
    command = moved_by_time(status, situation(unit, row, now=now))
    if command is None:
        row.next_at = next_look(status, row.due_at, looked_at_again(row), blocked=row.blocked)
        return
    (transition,) = (each for each in TRANSITIONS if each.command is command)
    apply(unit, row, command, transition.to or status)
    unit.emit(event_of(transition.event, row))


async def _facts(unit: Unit, rows: Sequence[FollowUpRow]) -> list[Facts]:
    if not rows:
        return []
    statuses = await visits.statuses(unit, {row.visit_id for row in rows})
    booked = await visits.booked_since(unit, {row.patient_id for row in rows if row.kind == TaskKind.REBOOK})
    asked = {row.patient_id for row in rows if row.kind == TaskKind.QUESTIONNAIRE}
    answered = await gates.answered_since(unit, asked)
    return [
        Facts(
            planned_at=row.planned_at,
            kind=TaskKind(row.kind),
            origin=row.origin or "",
            visit_status=statuses[row.visit_id],
            booked_at=booked.get(row.patient_id),
            answered_at=answered.get(row.patient_id),
            questionnaire=row.questionnaire or "",
        )
        for row in rows
    ]


def _sped(unit: Unit, row: FollowUpRow, speed: float) -> datetime:
    """What time it is for a task: for demonstrations time runs faster from when it was planned, or taken on."""
    if speed == 1:
        return unit.now
    begun = row.taken_on_at or row.planned_at
    return begun + min((unit.now - begun) * speed, LONGEST_SPEED_UP)


def _has_come(unit: Unit, speed: float) -> ColumnElement[bool]:
    if speed == 1:
        return FollowUpRow.next_at <= unit.now
    begun = func.coalesce(FollowUpRow.taken_on_at, FollowUpRow.planned_at)
    needed = _seconds(FollowUpRow.next_at - begun)
    return needed <= _seconds(literal(unit.now, UtcDateTime()) - begun) * speed


def _seconds(interval: ColumnElement[Any]) -> ColumnElement[float]:
    return func.date_part("epoch", interval, type_=Double())

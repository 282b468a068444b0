"""Reading follow-up tasks: one sees one's own, those of one's pool, and what was escalated; the system sees all.

Who came by a patient's link sees what that visit asks of the patient.
"""

import json
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true, tuple_

from telehealth.access import queries as access
from telehealth.access.rules import Everyone, Granted
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups.models import CoordinationRow, FollowUpRow, StepRow, TriggerRow
from telehealth.followups.parts import (
    Command,
    Coordination,
    Facing,
    FollowUp,
    Item,
    Owner,
    Pool,
    Priority,
    Step,
    TaskFilter,
    TaskKind,
    TaskStatus,
)
from telehealth.followups.rules import DEVICE_ALERT, OPEN, STAFF, SWITCHES, WANTED, WINDOW

LONGEST_LIST, MOST_ON_BOARD = 100, 300


async def find_row(unit: Unit, task_id: UUID) -> FollowUpRow:
    """The row, locked, when it is the actor's to see. Leaves the trace to the command. Raises NotFound."""
    query = select(FollowUpRow).where(FollowUpRow.id == task_id, visible(unit)).with_for_update()
    found = await unit.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


async def follow_up(unit: Unit, task_id: UUID) -> FollowUp:
    """One task; audited. Raises NotFound."""
    found = await unit.session.scalar(select(FollowUpRow).where(FollowUpRow.id == task_id, visible(unit)))
    if found is None:
        raise NotFound
    return _read(unit, [found])[0]


async def is_off(unit: Unit, task_id: UUID, person_id: UUID) -> bool:
    """Whether that task is closed, or another person's by now. Says nothing of a patient: no audit row."""
    row = FollowUpRow
    off = or_(row.closed_at.is_not(None), row.owner_id.is_distinct_from(person_id) & row.owner_id.is_not(None))
    return await unit.session.scalar(select(row.id).where(row.id == task_id, off)) is not None


async def is_closed(unit: Unit, task_id: UUID) -> bool:
    """No audit row, as above."""
    query = select(FollowUpRow.id).where(FollowUpRow.id == task_id, FollowUpRow.closed_at.is_not(None))
    return await unit.session.scalar(query) is not None


async def is_escalated(unit: Unit, task_id: UUID) -> bool:
    """Whether nobody has done that task in time, and nobody taken it on since. No audit row, as above."""
    row = FollowUpRow
    query = select(row.id).where(row.id == task_id, row.status == TaskStatus.ESCALATED)
    return await unit.session.scalar(query) is not None


async def is_anyones_now(unit: Unit, task_id: UUID) -> bool:
    """Whether that task cannot wait, or a device asked for it, and no clinician has it yet nor was it escalated. No
    audit row, as above.
    """
    row = FollowUpRow
    theirs = (row.pool == Pool.CLINICIANS, row.owner_id.is_(None), row.closed_at.is_(None))
    now = or_(row.priority == Priority.STAT, row.origin.startswith(f"{DEVICE_ALERT}:", autoescape=True))
    query = select(row.id).where(row.id == task_id, row.status != TaskStatus.ESCALATED, now, *theirs)
    return await unit.session.scalar(query) is not None


async def coordination(unit: Unit) -> Coordination:
    """Who is to be told of what is escalated, as far as they still sign in here."""
    query = select(CoordinationRow).order_by(CoordinationRow.version.desc()).limit(1)
    row = await unit.session.scalar(query)
    if row is None:
        return Coordination(version=0)
    signing_in = {each.person_id for each in await access.staff(unit, Role.CLINICIAN)}
    return Coordination(row.version, tuple(ClinicianId(each) for each in row.clinician_ids if each in signing_in))


async def others_to_hear(unit: Unit, task_id: UUID, whose: ClinicianId) -> tuple[ClinicianId, ...]:
    """Who is to hear of this task besides whose it is: the coordinators, and with none named every clinician when
    `whose` signs in no more. Nobody, of what clinicians neither sign in a supervisor's place nor do for the desk.
    """
    row = FollowUpRow
    theirs = (row.id == task_id, row.kind != TaskKind.COSIGN, row.pool == Pool.CLINICIANS)
    if await unit.session.scalar(select(row.id).where(*theirs)) is None:
        return ()
    if named := (await coordination(unit)).clinician_ids:
        return named
    signing_in = [each.person_id for each in await access.staff(unit, Role.CLINICIAN) if each.person_id is not None]
    return () if whose in signing_in else tuple(ClinicianId(each) for each in sorted(signing_in))


async def follow_ups(
    unit: Unit,
    *,
    statuses: Iterable[TaskStatus] = OPEN,
    visit_id: UUID | None = None,
    facing: Facing | None = None,
    after: UUID | None = None,
    limit: int = LONGEST_LIST,
) -> list[FollowUp]:
    """The actor's tasks in those states, the earliest first, after the task of that id. Audited per task."""
    query = select(FollowUpRow).where(FollowUpRow.status.in_(list(statuses)), visible(unit))
    if visit_id is not None:
        query = query.where(FollowUpRow.visit_id == visit_id)
    if facing is not None:
        query = query.where(FollowUpRow.facing == facing)
    if after is not None:
        last = select(FollowUpRow.due_at, FollowUpRow.id).where(FollowUpRow.id == after, visible(unit))
        query = query.where(tuple_(FollowUpRow.due_at, FollowUpRow.id) > last.scalar_subquery())
    rows = await unit.session.scalars(query.order_by(FollowUpRow.due_at, FollowUpRow.id).limit(limit))
    return _read(unit, rows)


async def asking(unit: Unit, visit_id: UUID) -> list[FollowUp]:
    """The tasks of a visit that name questions for its patient, whatever has become of them, the earliest first.

    Audited. The caller has looked at the actor's right to the visit.
    """
    query = select(FollowUpRow).where(FollowUpRow.visit_id == visit_id, FollowUpRow.questionnaire.is_not(None))
    return _read(unit, await unit.session.scalars(query.order_by(FollowUpRow.due_at, FollowUpRow.id)))


async def window_end(unit: Unit, task_id: UUID) -> datetime:
    """When the time is over to do a task; tells nothing else of it."""
    row = await unit.session.get_one(FollowUpRow, task_id)
    return row.ends_at or row.due_at + WINDOW


async def wanted(unit: Unit) -> list[FollowUp]:
    """What is due and not closed, of the actor alone."""
    query = select(FollowUpRow).where(FollowUpRow.status.in_(list(WANTED)), _own(unit))
    return _read(unit, await unit.session.scalars(query.order_by(FollowUpRow.due_at, FollowUpRow.id).limit(100)))


async def on_board(unit: Unit) -> list[FollowUp]:
    """What is due and not closed, of the actor and of the team."""
    query = select(FollowUpRow).where(FollowUpRow.status.in_(list(WANTED)), visible(unit))
    can_wait = FollowUpRow.priority != Priority.STAT  # what cannot is not what a long board leaves out
    rows = await unit.session.scalars(query.order_by(can_wait, FollowUpRow.due_at, FollowUpRow.id).limit(MOST_ON_BOARD))
    return _read(unit, rows)


async def coming(unit: Unit, limit: int = 20) -> list[FollowUp]:
    """What falls due next, of the actor alone."""
    query = select(FollowUpRow).where(FollowUpRow.status == TaskStatus.PLANNED, _own(unit))
    query = query.where(FollowUpRow.closed_at.is_(None)).order_by(FollowUpRow.due_at, FollowUpRow.id)
    return _read(unit, await unit.session.scalars(query.limit(limit)))


async def wanted_marks(unit: Unit) -> dict[UUID, str]:
    """By owner: changes when their `wanted` does. Says that something changed, never what: no audit row."""
    seen = select(FollowUpRow.owner_id, func.count(), func.max(FollowUpRow.moved_at))
    query = seen.where(FollowUpRow.status.in_(list(WANTED)), FollowUpRow.owner_id.is_not(None), visible(unit))
    return {
        owner_id: f"{count}-{int(moved.timestamp() * 1000)}"
        for owner_id, count, moved in await unit.session.execute(query.group_by(FollowUpRow.owner_id))
        if owner_id is not None
    }


async def board_mark(unit: Unit) -> str:
    """Changes when any board of tasks does; leaves no audit row."""
    seen = select(func.count(), func.max(FollowUpRow.moved_at), func.sum(FollowUpRow.revision))
    count, moved, revisions = (await unit.session.execute(seen.where(FollowUpRow.status.in_(list(WANTED))))).one()
    return f"{count}-{revisions or 0}-{int(moved.timestamp() * 1000) if moved else 0}"


async def tasks_granted(
    unit: Unit, granted: Granted, after: tuple[datetime, UUID] | None = None, *, limit: int, where: TaskFilter
) -> list[FollowUp]:
    """Tasks a grant opens, by (moved_at, id), after that position; each audited with the purpose of its grant."""
    row = FollowUpRow
    tests: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
        (where.ids, row.id.in_),
        (where.patient_id, row.patient_id.__eq__),
        (where.planned_from, row.planned_at.__ge__),
        (where.planned_before, row.planned_at.__lt__),
        (where.changed_from, row.moved_at.__ge__),
        (where.changed_before, row.moved_at.__lt__),
    ]
    conditions = [test(value) for value, test in tests if value is not None]
    if where.statuses is not None:
        waits = and_(row.blocked, row.status == TaskStatus.PLANNED)
        of_status = and_(row.status.in_(where.statuses), ~waits)
        conditions.append(or_(of_status, waits) if where.waiting else of_status)
    if not isinstance(covered := granted.patients, Everyone):
        conditions.append(row.patient_id.in_(covered))
    if after is not None:
        conditions.append(tuple_(row.moved_at, row.id) > after)
    query = select(row).where(*conditions).order_by(row.moved_at, row.id).limit(limit)
    found = [follow_up_of(unit, each) for each in await unit.session.scalars(query)]
    for each in found:
        traced = access.acting_for(unit, granted.purpose(each.patient_id))
        traced.audit("read", "follow_up_task", each.id, patient_id=each.patient_id)
    return found


async def steps(unit: Unit, task_id: UUID) -> list[Step]:
    """What was done to a task, first things first; the task was opened by the caller."""
    query = select(StepRow).where(StepRow.task_id == task_id).order_by(StepRow.seq)
    return [_step_of(unit, row) for row in await unit.session.scalars(query)]


async def begun(unit: Unit, task_ids: Collection[UUID]) -> set[UUID]:
    """Those of them that a person has done anything to since they were planned."""
    by_hand = StepRow.role.in_(list(STAFF)), StepRow.command != Command.PLAN
    return set(await unit.session.scalars(select(StepRow.task_id).where(StepRow.task_id.in_(task_ids), *by_hand)))


async def awaited(unit: Unit, task_ids: Collection[UUID]) -> set[UUID]:
    """Those of them that another task waits for."""
    if not task_ids:
        return set()
    query = select(FollowUpRow.after_id).where(FollowUpRow.after_id.in_(task_ids))
    return {after_id for after_id in await unit.session.scalars(query) if after_id is not None}


async def triggers(unit: Unit) -> dict[str, bool]:
    """By ending of a visit, and for what devices tell, whether it makes a task at this clinic."""
    own = {row.ending: row.enabled for row in await unit.session.scalars(select(TriggerRow))}
    return dict.fromkeys(SWITCHES, True) | {name: own[name] for name in own if name in SWITCHES}


def visible(unit: Unit) -> ColumnElement[bool]:
    """What was escalated is the clinicians' team's: whoever owns it has been silent. Who has it since, they see too.

    The desk has its own tasks alone: what clinicians write down is about health.
    """
    match unit.actor.role:
        case Role.SYSTEM:
            return true()
        case Role.CLINICIAN:
            unowned = and_(FollowUpRow.pool == Pool.CLINICIANS, FollowUpRow.owner_id.is_(None))
            gave = FollowUpRow.clinician_id == unit.actor.person_id
            taken_on = and_(FollowUpRow.taken_on_at.is_not(None), FollowUpRow.closed_at.is_(None))
            return or_(_own(unit), gave, unowned, FollowUpRow.status == TaskStatus.ESCALATED, taken_on)
        case Role.FRONT_DESK:
            return FollowUpRow.pool == Pool.DESK
        case Role.PATIENT:
            own = FollowUpRow.visit_id == unit.actor.visit_id, FollowUpRow.patient_id == unit.actor.person_id
            return and_(*own, FollowUpRow.facing == Facing.PATIENT)
        case _:
            return false()


def own_id(unit: Unit) -> UUID | None:
    """How the actor owns tasks: as a clinician, or by their account."""
    return unit.actor.person_id if unit.actor.role is Role.CLINICIAN else unit.actor.id


def _own(unit: Unit) -> ColumnElement[bool]:
    if unit.actor.role is Role.SYSTEM:
        return true()
    me = own_id(unit)
    return false() if me is None else FollowUpRow.owner_id == me


def place(task_id: UUID, column: str = "title") -> tuple[str, str, UUID]:
    """Where a text of a task is sealed for."""
    return ("follow_up_task", column, task_id)


def note_place(task_id: UUID, seq: int) -> tuple[str, str, UUID]:
    return ("follow_up_step", f"note-{seq}", task_id)


def sealed_items(unit: Unit, task_id: UUID, items: Collection[Item]) -> bytes | None:
    written = json.dumps([[item.text, item.done] for item in items])
    return unit.vault.seal(place(task_id, "checklist"), written) if items else None


def _read(unit: Unit, rows: Iterable[FollowUpRow]) -> list[FollowUp]:
    found = [follow_up_of(unit, row) for row in rows]
    for each in found:
        unit.audit("read", "follow_up_task", each.id, patient_id=each.patient_id)
    return found


def follow_up_of(unit: Unit, row: FollowUpRow) -> FollowUp:
    listed = "[]" if row.checklist is None else unit.vault.open(place(row.id, "checklist"), row.checklist)
    return FollowUp(
        id=TaskId(row.id),
        visit_id=VisitId(row.visit_id),
        patient_id=PatientId(row.patient_id),
        clinician_id=ClinicianId(row.clinician_id),
        kind=TaskKind(row.kind),
        title=unit.vault.open(place(row.id), row.title),
        owner=Owner(Pool(row.pool), row.owner_id),
        facing=Facing(row.facing),
        priority=Priority(row.priority),
        status=TaskStatus(row.status),
        planned_at=row.planned_at,
        due_at=row.due_at,
        ends_at=row.ends_at or row.due_at + WINDOW,
        moved_at=row.moved_at,
        closed_at=row.closed_at,
        taken_on_at=row.taken_on_at,
        after_id=None if row.after_id is None else TaskId(row.after_id),
        blocked=row.blocked,
        series_id=row.series_id,
        number=row.number,
        origin=(row.origin or "").partition(":")[0],
        source=(row.origin or "").partition(":")[2],  # keeps apart tasks of one visit
        questionnaire=row.questionnaire or "",
        reason="" if row.reason is None else unit.vault.open(place(row.id, "reason"), row.reason),
        checklist=tuple(Item(text, done) for text, done in json.loads(listed)),
        revision=row.revision,
    )


def _step_of(unit: Unit, row: StepRow) -> Step:
    written = row.cause if row.note is None else unit.vault.open(note_place(row.task_id, row.seq), row.note)
    return Step(
        seq=row.seq,
        at=row.at,
        command=Command(row.command),
        before=None if row.before is None else TaskStatus(row.before),
        after=TaskStatus(row.after),
        actor_id=row.actor_id,
        role=row.role,
        note=written,
    )

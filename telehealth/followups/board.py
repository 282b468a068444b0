"""What boards and rooms show of follow-up tasks: the implementation of lower floors' ports, and the board of tasks."""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from telehealth.access import queries as access
from telehealth.core.actors import SYSTEM
from telehealth.db.together import Together
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import queries
from telehealth.followups.parts import Facing, FollowUp, Pool, TaskStatus
from telehealth.followups.rules import CLOSED, overdue_first, owned
from telehealth.people import queries as people


class BoardFollowUps:
    """`visits.ports.FollowUps`, and the tasks of one visit: for its room, and for what its patient is given to read."""

    async def wanted(self, unit: Unit, /) -> list[FollowUp]:
        return await queries.wanted(unit)

    async def wanted_marks(self, unit: Unit, /) -> dict[UUID, str]:
        return await queries.wanted_marks(unit)

    async def of_visit(self, unit: Unit, visit_id: UUID, /) -> list[FollowUp]:
        return await queries.follow_ups(unit, visit_id=visit_id)

    async def for_patient(self, unit: Unit, visit_id: UUID, /) -> list[FollowUp]:
        return await queries.follow_ups(unit, visit_id=visit_id, facing=Facing.PATIENT)


class TaskBoards:
    """The version of all boards of tasks, read once for all that are open in this process."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._marks = Together(self._read)

    async def version(self) -> str:
        return await self._marks.ask("") or ""

    async def _read(self, _asked: Collection[str]) -> Mapping[str, str]:
        return {"": await self._unit_of_work.run(queries.board_mark, SYSTEM)}


async def board(unit: Unit) -> dict[str, Any]:
    """Own tasks, the team's, and what falls due next; the overdue first. Whether anybody hears of what is escalated."""
    due = overdue_first(await queries.on_board(unit), unit.now)
    coming = await queries.coming(unit)
    me, draw = queries.own_id(unit), await _drawing(unit, (*due, *coming))
    return {
        "mine": [draw(task) for task in due if owned(task.owner, me)],
        "team": [draw(task) for task in due if not owned(task.owner, me)],
        "coming": [draw(task) for task in coming],
        "coordinated": bool((await queries.coordination(unit)).clinician_ids),
    }


async def one(unit: Unit, task_id: UUID) -> dict[str, Any]:
    """One task as boards show it. Raises NotFound."""
    task = await queries.follow_up(unit, task_id)
    closed = task.status in CLOSED
    return (await _drawing(unit, [task]))(task) | {"mine": owned(task.owner, queries.own_id(unit)), "closed": closed}


async def _drawing(unit: Unit, tasks: Collection[FollowUp]) -> Callable[[FollowUp], dict[str, Any]]:
    """How one of these tasks is drawn. Of what another has, nobody takes anything but what was escalated."""
    me = queries.own_id(unit)
    patients = await people.patients(unit, {task.patient_id for task in tasks})
    names = await owners(unit, tasks)

    def drawn(task: FollowUp) -> dict[str, Any]:
        escalated = task.status is TaskStatus.ESCALATED
        return {
            "id": task.id,
            "visit_id": task.visit_id,
            "patient_id": task.patient_id,
            "kind": task.kind,
            "title": task.title,
            "patient_name": patients[task.patient_id].name,
            "due_at": task.due_at,
            "overdue": task.due_at <= task.ends_at <= unit.now,
            "escalated": escalated,
            "free": escalated or task.owner.person_id is None,
            "taken_on_at": task.taken_on_at if task.is_taken_on else None,
            "priority": task.priority,
            "facing": task.facing,
            "pool": task.owner.pool,
            "owner": names.get(task.owner.person_id) if task.owner.person_id else None,
            "origin": task.origin,
            "asks": bool(task.questionnaire),
            "gave": task.clinician_id == me,
            "number": task.number,
            "revision": task.revision,
            "items": [item.done for item in task.checklist],
        }

    return drawn


async def owners(unit: Unit, tasks: Collection[FollowUp]) -> dict[UUID | None, str]:
    """What to call the people who own these tasks."""
    of = {pool: {t.owner.person_id for t in tasks if t.owner.pool is pool and t.owner.person_id} for pool in Pool}
    found: dict[UUID | None, str] = {}
    if of[Pool.CLINICIANS]:
        found |= {each.id: each.name for each in await people.clinicians(unit)}
    if of[Pool.DESK]:
        found.update((await access.account_names(unit, of[Pool.DESK])).items())
    return found

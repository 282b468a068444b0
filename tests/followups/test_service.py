"""Tasks fall due on time, once, whoever sweeps; nobody else's task can be seen."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from telehealth.core.actors import Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.events import Event
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import queries, service
from telehealth.followups.events import FollowUpDue, FollowUpEscalated, FollowUpReminded
from telehealth.followups.models import FollowUpRow
from telehealth.followups.parts import FollowUp, TaskStatus, Wish
from telehealth.followups.ports import FollowUpSpeed
from telehealth.followups.tasks import fire_due
from telehealth.tasks.work import Work
from tests.kit.visits import Arranged, arrange_visit

TITLE = "Ask about the biopsy"


def work_of(unit_of_work: UnitOfWork, speed: float = 1.0) -> Work:
    return Work(unit_of_work, Ports({FollowUpSpeed: FollowUpSpeed(speed)}), unit_of_work.clock)


async def plan(unit_of_work: UnitOfWork, arranged: Arranged, due_in: str = "2w") -> FollowUp:
    wish = Wish(title=TITLE, due_in=due_in)
    return (await unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, wish))[0]


def fired(nudged: list[Event]) -> list[str]:
    return [
        type(event).__name__
        for event in nudged
        if isinstance(event, FollowUpDue | FollowUpReminded | FollowUpEscalated)
    ]


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


async def test_a_task_fires_when_it_is_due_and_not_before(
    unit_of_work: UnitOfWork, clock: FixedClock, nudged: list[Event], arranged: Arranged
) -> None:
    task = await plan(unit_of_work, arranged)
    clock.advance(timedelta(weeks=2, seconds=-1))
    assert await fire_due(work_of(unit_of_work)) == 0
    clock.advance(timedelta(seconds=1))
    assert await fire_due(work_of(unit_of_work)) == 1
    assert await fire_due(work_of(unit_of_work)) == 0
    (wanted,) = await unit_of_work.run(queries.wanted, arranged.clinician)
    assert (wanted.id, wanted.status, wanted.title) == (task.id, TaskStatus.DUE, TITLE)
    assert fired(nudged) == ["FollowUpDue"]


async def test_nobody_does_it(
    unit_of_work: UnitOfWork, clock: FixedClock, nudged: list[Event], arranged: Arranged
) -> None:
    await plan(unit_of_work, arranged, "1d")
    for _ in range(6):
        clock.advance(timedelta(days=1))
        await fire_due(work_of(unit_of_work))
    assert fired(nudged) == ["FollowUpDue", "FollowUpReminded", "FollowUpEscalated"]


async def test_what_is_done_reminds_nobody(
    unit_of_work: UnitOfWork, clock: FixedClock, nudged: list[Event], arranged: Arranged
) -> None:
    task = await plan(unit_of_work, arranged, "1d")
    clock.advance(timedelta(days=1))
    await fire_due(work_of(unit_of_work))
    for _ in range(2):  # twice is no fault
        assert (await unit_of_work.run(service.done, arranged.clinician, task.id)).status is TaskStatus.DONE
    clock.advance(timedelta(days=9))
    assert await fire_due(work_of(unit_of_work)) == 0
    assert fired(nudged) == ["FollowUpDue"]


async def test_a_demonstration_runs_fast(unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged) -> None:
    await plan(unit_of_work, arranged)
    fast = work_of(unit_of_work, speed=14 * 24 * 60)  # two weeks in a minute
    clock.advance(timedelta(seconds=59))
    assert await fire_due(fast) == 0
    clock.advance(timedelta(seconds=1))
    assert await fire_due(fast) == 1


async def test_two_sweeps_fire_each_task_once(
    unit_of_work: UnitOfWork, clock: FixedClock, nudged: list[Event], arranged: Arranged
) -> None:
    for _ in range(25):
        await plan(unit_of_work, arranged, "1d")
    clock.advance(timedelta(days=1))
    moved = await asyncio.gather(*(fire_due(work_of(unit_of_work)) for _ in range(4)))
    assert sum(moved) == 25
    assert len(fired(nudged)) == 25


async def test_a_task_is_its_owners_alone(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    task = await plan(unit_of_work, arranged)
    other = Actor(UUID(int=9), Role.CLINICIAN, arranged.clinician.scopes, person_id=UUID(int=9))
    assert await unit_of_work.run(queries.follow_ups, other) == []
    with pytest.raises(NotFound):
        await unit_of_work.run(service.done, other, task.id)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.plan, other, arranged.visit_id, Wish(title="x", due_in="1d"))


async def test_the_title_is_sealed_and_each_reading_leaves_a_trace(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    task = await plan(unit_of_work, arranged)
    await unit_of_work.run(queries.follow_ups, arranged.clinician)

    async def look(unit: Unit) -> tuple[bytes, list[str]]:
        row = await unit.session.get_one(FollowUpRow, task.id)
        trace = select(AuditRow.action).where(AuditRow.entity_id == task.id, AuditRow.patient_id == task.patient_id)
        return row.title, list(await unit.session.scalars(trace.order_by(AuditRow.position)))

    title, trace = await unit_of_work.run(look)
    assert TITLE.encode() not in title
    assert trace == ["create", "read"]

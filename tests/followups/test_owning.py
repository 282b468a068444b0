"""Tasks of people and pools: who sees, takes, gives away, closes and reopens them; who did what is kept."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import keeping, queries, service
from telehealth.followups.parts import (
    Command,
    FollowUp,
    Item,
    Owner,
    Pool,
    TaskClosed,
    TaskKind,
    TaskOpen,
    TaskStatus,
    TaskTaken,
    UnfitTask,
    Wish,
)
from telehealth.followups.rules import UNDO_FOR
from telehealth.followups.tasks import fire_due
from tests.followups.working import work_of
from tests.kit.quicker import waiting
from tests.kit.staff import NothingAsked
from tests.kit.visits import Arranged, arrange_visit

DESK = Actor(uuid4(), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK], purpose=Purpose.TREATMENT)
OTHER_DESK = replace(DESK, id=uuid4())
COLLEAGUE = Actor(uuid4(), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=uuid4(), purpose=Purpose.TREATMENT)


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


async def plan(unit_of_work: UnitOfWork, arranged: Arranged, stroke: str) -> FollowUp:
    return (await unit_of_work.run(service.stroke, arranged.clinician, arranged.visit_id, stroke, NothingAsked()))[0]


async def due(unit_of_work: UnitOfWork, clock: FixedClock, days: int) -> None:
    clock.advance(timedelta(days=days))
    await fire_due(work_of(unit_of_work))


async def seen(unit_of_work: UnitOfWork, actor: Actor) -> list[str]:
    return sorted(task.title for task in await unit_of_work.run(queries.on_board, actor))


async def test_a_pool_sees_its_tasks_and_the_team_what_was_escalated(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    for stroke in ("ours +1d", "the desk's +1d @desk", "anyone's +1d @team"):
        await plan(unit_of_work, arranged, stroke)
    await due(unit_of_work, clock, 1)
    assert await seen(unit_of_work, arranged.clinician) == ["anyone's", "ours", "the desk's"]
    assert await seen(unit_of_work, DESK) == ["the desk's"]
    assert await seen(unit_of_work, COLLEAGUE) == ["anyone's"]
    assert [t.title for t in await unit_of_work.run(queries.wanted, arranged.clinician)] == ["ours"]
    await due(unit_of_work, clock, 4)
    for actor in (arranged.clinician, COLLEAGUE):
        assert len(await seen(unit_of_work, actor)) == 3
    assert await seen(unit_of_work, DESK) == ["the desk's"], "what clinicians write down is about health"
    nobody = replace(DESK, role=Role.ADMIN)
    assert await seen(unit_of_work, nobody) == []


async def test_of_two_who_take_a_task_one_has_it(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    task = await plan(unit_of_work, arranged, "rebook +1d @desk")
    taken = await unit_of_work.run(service.claim, DESK, task.id)
    assert taken.owner == Owner(Pool.DESK, DESK.id)
    with pytest.raises(TaskTaken):
        await unit_of_work.run(service.claim, OTHER_DESK, task.id)
    assert (await unit_of_work.run(service.claim, DESK, task.id)).owner == taken.owner
    await due(unit_of_work, clock, 5)
    for _ in range(2):
        await fire_due(work_of(unit_of_work))
    rescued = await unit_of_work.run(service.claim, OTHER_DESK, task.id)
    assert (rescued.status, rescued.owner.person_id) == (TaskStatus.REMINDED, OTHER_DESK.id)


async def test_a_task_is_given_to_somebody_who_is_there(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    task = await plan(unit_of_work, arranged, "call +1d")
    with pytest.raises(NotFound):
        await unit_of_work.run(service.assign, arranged.clinician, task.id, Owner(Pool.CLINICIANS, uuid4()))
    with pytest.raises(UnfitTask):
        await unit_of_work.run(service.assign, arranged.clinician, task.id, Owner(Pool.DESK, uuid4()))
    given = await unit_of_work.run(service.assign, arranged.clinician, task.id, Owner(Pool.DESK), revision=1)
    assert (given.owner, given.revision) == (Owner(Pool.DESK), 2)
    with pytest.raises(Stale):
        await unit_of_work.run(service.assign, arranged.clinician, task.id, Owner(Pool.CLINICIANS), revision=1)


async def test_who_did_what_is_kept_with_their_words(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    task = await plan(unit_of_work, arranged, "call +1d @desk")
    await unit_of_work.run(service.note, DESK, task.id, text="No answer, line busy")
    skipped = await unit_of_work.run(service.skip, DESK, task.id, reason="Moved away")
    assert (skipped.status, skipped.reason) == (TaskStatus.SKIPPED, "Moved away")
    with pytest.raises(TaskClosed):
        await unit_of_work.run(service.done, DESK, task.id)
    again = await unit_of_work.run(service.reopen, DESK, task.id)
    assert (again.status, again.reason, again.closed_at) == (TaskStatus.PLANNED, "", None)
    await unit_of_work.run(service.done, DESK, task.id)
    clock.advance(UNDO_FOR)
    with pytest.raises(TaskOpen):
        await unit_of_work.run(service.reopen, DESK, task.id)
    told = await unit_of_work.run(service.history, arranged.clinician, task.id)
    assert [(step.command, step.note) for step in told] == [
        (Command.PLAN, ""),
        (Command.NOTE, "No answer, line busy"),
        (Command.SKIP, "Moved away"),
        (Command.REOPEN, ""),
        (Command.COMPLETE, ""),
    ]
    assert [step.seq for step in told] == [1, 2, 3, 4, 5]
    assert {step.actor_id for step in told[1:]} == {DESK.id}


async def test_a_checklist_is_ticked_line_by_line(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    wish = Wish(kind=TaskKind.LAB, due_in="1w", checklist=("Order", "Result seen"))
    (task,) = await unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, wish)
    ticked = await unit_of_work.run(service.check, arranged.clinician, task.id, 1, done=True, revision=1)
    assert ticked.checklist == (Item("Order"), Item("Result seen", done=True))
    with pytest.raises(UnfitTask):
        await unit_of_work.run(service.check, arranged.clinician, task.id, 2, done=True)


async def _after(unit: Unit, arranged: Arranged, first: FollowUp) -> FollowUp:
    return (await service.plan(unit, arranged.visit_id, Wish(title="then", due_in="1d", after_id=first.id)))[0]


async def test_a_task_waits_for_the_one_before_it_and_then_has_its_whole_window(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    first = await plan(unit_of_work, arranged, "first +1d")
    then = await unit_of_work.run(_after, arranged.clinician, arranged, first)
    await due(unit_of_work, clock, 10)
    assert await seen(unit_of_work, arranged.clinician) == ["first"]
    await unit_of_work.run(service.done, arranged.clinician, first.id)
    freed = await unit_of_work.run(queries.follow_up, arranged.clinician, then.id)
    assert (freed.due_at, freed.moved_at) == (clock.now(), clock.now())
    with pytest.raises(Stale):  # who read it when it waited read of another time
        await unit_of_work.run(service.claim, arranged.clinician, then.id, revision=then.revision)
    assert (await unit_of_work.run(service.history, arranged.clinician, then.id))[-1].command is Command.PLAN
    await fire_due(work_of(unit_of_work))
    (fired,) = await unit_of_work.run(queries.on_board, arranged.clinician)
    assert (fired.id, fired.status, fired.due_at) == (then.id, TaskStatus.DUE, clock.now())
    assert fired.ends_at - fired.due_at == then.ends_at - then.due_at


async def test_a_repetition_that_waited_begins_when_it_may_and_keeps_its_distances(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    first = await plan(unit_of_work, arranged, "order the device +1d")
    wish = Wish(title="measure", due_in="2d", repeat="FREQ=DAILY;COUNT=3", after_id=first.id)
    planned = await unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, wish)
    clock.advance(timedelta(days=9, hours=1))
    await unit_of_work.run(service.done, arranged.clinician, first.id)
    freed = [await unit_of_work.run(queries.follow_up, arranged.clinician, each.id) for each in planned]
    assert [b.due_at - a.due_at for a, b in zip(planned, freed, strict=True)] == [timedelta(days=8)] * 3
    assert [b.ends_at - a.ends_at for a, b in zip(planned, freed, strict=True)] == [timedelta(days=8)] * 3
    await fire_due(work_of(unit_of_work))
    assert await seen(unit_of_work, arranged.clinician) == [], "the first is measured tomorrow, at its time of day"
    await due(unit_of_work, clock, 1)
    assert await seen(unit_of_work, arranged.clinician) == ["measure"]


async def test_cancelling_the_one_before_lets_go_of_what_somebody_has_begun(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    first = await plan(unit_of_work, arranged, "first +1d")
    then = await unit_of_work.run(_after, arranged.clinician, arranged, first)
    await unit_of_work.run(service.note, arranged.clinician, then.id, text="Asked already")
    await unit_of_work.run(service.cancel, arranged.clinician, first.id)
    left = await unit_of_work.run(queries.follow_up, arranged.clinician, then.id)
    assert (left.status, left.blocked, left.revision) == (TaskStatus.PLANNED, False, 3)
    done = await unit_of_work.run(service.done, arranged.clinician, then.id, revision=3)
    assert done.status is TaskStatus.DONE


async def test_what_is_claimed_while_it_is_about_to_be_cancelled_is_begun(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    task = await plan(unit_of_work, arranged, "call +1d @desk")
    claimed, waited = asyncio.Event(), asyncio.Event()

    async def claim(unit: Unit) -> None:
        await service.claim(unit, task.id)
        claimed.set()
        await waited.wait()

    claiming = asyncio.create_task(unit_of_work.run(claim, DESK))
    await claimed.wait()
    cancelling = asyncio.create_task(unit_of_work.run(keeping.cancel_unbegun, SYSTEM, [task.id], "gone"))
    while not cancelling.done() and not await unit_of_work.run(waiting, SYSTEM):  # noqa: ASYNC110 -- PostgreSQL tells nobody
        await asyncio.sleep(0.02)
    waited.set()
    await asyncio.gather(claiming, cancelling)
    assert (await unit_of_work.run(queries.follow_up, DESK, task.id)).status is TaskStatus.PLANNED


async def test_undoing_the_one_before_holds_it_up_again_and_cancelling_takes_it_along(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    first = await plan(unit_of_work, arranged, "first +1d")
    then = await unit_of_work.run(_after, arranged.clinician, arranged, first)
    last = await unit_of_work.run(_after, arranged.clinician, arranged, then)
    await unit_of_work.run(service.done, arranged.clinician, first.id)
    await unit_of_work.run(service.reopen, arranged.clinician, first.id)
    await due(unit_of_work, clock, 2)
    assert await seen(unit_of_work, arranged.clinician) == ["first"]
    await unit_of_work.run(service.cancel, arranged.clinician, first.id)
    for each in (then, last):
        gone = await unit_of_work.run(queries.follow_up, arranged.clinician, each.id)
        assert gone.status is TaskStatus.CANCELLED
        told = await unit_of_work.run(service.history, arranged.clinician, each.id)
        assert told[-1].note == "predecessor_cancelled"
    with pytest.raises(UnfitTask):
        await unit_of_work.run(_after, arranged.clinician, arranged, first)

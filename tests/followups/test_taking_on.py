"""What was escalated is taken on by one, whom everybody sees; who then is silent too is no end of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.errors import Stale
from telehealth.core.ids import ClinicianId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import board, keeping, queries, service
from telehealth.followups.parts import (
    Command,
    Coordination,
    FollowUp,
    Owner,
    Pool,
    TaskKind,
    TaskStatus,
    TaskTaken,
    UnfitCoordinator,
    Wish,
)
from telehealth.followups.tasks import fire_due
from telehealth.people import service as registration
from tests.followups.working import work_of
from tests.kit.quicker import waiting
from tests.kit.staff import open_own_account
from tests.kit.visits import Arranged, arrange_visit

ADMIN = Actor(uuid4(), Role.ADMIN, SCOPES[Role.ADMIN])


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


async def colleague(unit_of_work: UnitOfWork, name: str, like: Arranged) -> Actor:
    async def hire(unit: Unit) -> ClinicianId:
        made = await registration.add_clinician(unit, given=name, family="B", email=f"{name}@clinic.example")
        return made.id

    hired = await unit_of_work.run(hire, SYSTEM)
    return replace(like.clinician, id=uuid4(), person_id=hired, purpose=Purpose.TREATMENT)


def person(actor: Actor) -> ClinicianId:
    assert actor.person_id is not None
    return ClinicianId(actor.person_id)


async def escalated(unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged) -> FollowUp:
    """Of the visit's clinician, who was silent for its two days."""
    wish = Wish(title="call", kind=TaskKind.CALL, due_in="1d", window="2d")
    (task,) = await unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, wish)
    await pass_days(unit_of_work, clock, 3)
    return task


async def pass_days(unit_of_work: UnitOfWork, clock: FixedClock, days: float) -> None:
    clock.advance(timedelta(days=days))
    for _ in range(4):
        await fire_due(work_of(unit_of_work))


async def seen(unit_of_work: UnitOfWork, actor: Actor) -> list[tuple[str, bool, bool, str | None]]:
    """As (list, escalated, taken on, owner)."""
    shown = await unit_of_work.run(board.board, actor)
    return [
        (name, each["escalated"], each["taken_on_at"] is not None, each["owner"])
        for name in ("mine", "team")
        for each in shown[name]
    ]


async def test_one_takes_it_on_and_the_others_see_who(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    task = await escalated(unit_of_work, clock, arranged)
    ben, eve = [await colleague(unit_of_work, name, arranged) for name in ("Ben", "Eve")]
    assert await seen(unit_of_work, eve) == [("team", True, False, "Dr. Grace Sample")]
    taken = await unit_of_work.run(service.claim, ben, task.id)
    assert (taken.status, taken.owner.person_id, taken.taken_on_at) == (
        TaskStatus.REMINDED,
        ben.person_id,
        clock.now(),
    )
    assert (taken.due_at, taken.ends_at) == (task.due_at, task.ends_at), "what was agreed stays what it was"
    for other in (eve, arranged.clinician):
        assert await seen(unit_of_work, other) == [("team", False, True, "Ben B")]
        with pytest.raises(TaskTaken):
            await unit_of_work.run(service.claim, other, task.id)
    assert await seen(unit_of_work, ben) == [("mine", False, True, "Ben B")]
    told = await unit_of_work.run(service.history, eve, task.id)
    assert [(each.command, each.before, each.after, each.actor_id) for each in told][-1] == (
        Command.CLAIM,
        TaskStatus.ESCALATED,
        TaskStatus.REMINDED,
        ben.id,
    )
    await unit_of_work.run(service.done, ben, task.id)
    assert await seen(unit_of_work, eve) == await seen(unit_of_work, ben) == []


async def test_who_takes_it_on_and_is_silent_for_as_long_again_is_not_waited_for(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    task = await escalated(unit_of_work, clock, arranged)
    ben, eve = [await colleague(unit_of_work, name, arranged) for name in ("Ben", "Eve")]
    for who in (ben, eve):
        await unit_of_work.run(service.claim, who, task.id)
        await pass_days(unit_of_work, clock, 1.9)
        assert not await unit_of_work.run(queries.is_escalated, SYSTEM, task.id)
        await pass_days(unit_of_work, clock, 0.1)
        assert await unit_of_work.run(queries.is_escalated, SYSTEM, task.id)
    assert await seen(unit_of_work, ben) == [("team", True, False, "Eve B")]
    told = await unit_of_work.run(service.history, ben, task.id)
    assert [each.command for each in told][3:] == [Command.ESCALATE, *[Command.CLAIM, Command.ESCALATE] * 2]


async def test_of_two_who_press_at_once_one_has_it(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    task = await escalated(unit_of_work, clock, arranged)
    ben, eve = [await colleague(unit_of_work, name, arranged) for name in ("Ben", "Eve")]
    pressed, waited = asyncio.Event(), asyncio.Event()

    async def press(unit: Unit) -> None:
        await service.claim(unit, task.id)
        pressed.set()
        await waited.wait()

    first = asyncio.create_task(unit_of_work.run(press, ben))
    await pressed.wait()
    second = asyncio.create_task(unit_of_work.run(service.claim, eve, task.id))
    while not second.done() and not await unit_of_work.run(waiting, SYSTEM):  # noqa: ASYNC110 -- PostgreSQL tells nobody
        await asyncio.sleep(0.02)
    assert not second.done()
    waited.set()
    await first
    with pytest.raises(TaskTaken):
        await second
    assert (await unit_of_work.run(queries.follow_up, eve, task.id)).owner.person_id == ben.person_id


async def test_an_administrator_names_who_hears_of_it(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    assert await unit_of_work.run(queries.coordination) == Coordination(0)
    ben = await colleague(unit_of_work, "Ben", arranged)
    with pytest.raises(UnfitCoordinator):
        await unit_of_work.run(keeping.name_coordinators, ADMIN, [person(ben)], version=0)
    await unit_of_work.run(open_own_account, SYSTEM, ben)
    named = await unit_of_work.run(keeping.name_coordinators, ADMIN, [person(ben), person(ben)], version=0)
    assert named == Coordination(1, (person(ben),))
    with pytest.raises(Stale):
        await unit_of_work.run(keeping.name_coordinators, ADMIN, [], version=0)
    assert await unit_of_work.run(keeping.name_coordinators, ADMIN, [], version=1) == Coordination(2)


async def test_of_two_who_name_others_at_once_the_second_reads_what_the_first_did(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    ben = await colleague(unit_of_work, "Ben", arranged)
    await unit_of_work.run(open_own_account, SYSTEM, ben)
    both = [unit_of_work.run(keeping.name_coordinators, ADMIN, who, version=0) for who in ([person(ben)], [])]
    came = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in came) == ["Coordination", "Stale"]
    assert (await unit_of_work.run(queries.coordination)).version == 1


async def test_in_a_demonstration_time_runs_as_fast_for_who_takes_it_on(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    wish = Wish(title="call", kind=TaskKind.CALL, due_in="1d", window="2d")
    (task,) = await unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, wish)
    fast = work_of(unit_of_work, speed=86400)  # a day a second
    clock.advance(timedelta(seconds=3))
    for _ in range(3):
        await fire_due(fast)
    await unit_of_work.run(service.claim, arranged.clinician, task.id)
    for seconds, is_so in ((1.9, False), (0.1, True)):
        clock.advance(timedelta(seconds=seconds))
        await fire_due(fast)
        assert await unit_of_work.run(queries.is_escalated, SYSTEM, task.id) is is_so


async def test_whoever_it_is_given_to_has_it_from_then_on(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    task = await escalated(unit_of_work, clock, arranged)
    ben, eve = [await colleague(unit_of_work, name, arranged) for name in ("Ben", "Eve")]
    await unit_of_work.run(service.claim, ben, task.id)
    await pass_days(unit_of_work, clock, 1)
    given = await unit_of_work.run(service.assign, ben, task.id, Owner(Pool.CLINICIANS, person(eve)))
    assert given.taken_on_at == clock.now()
    again = await unit_of_work.run(service.claim, eve, task.id)
    assert again.taken_on_at == clock.now()
    await pass_days(unit_of_work, clock, 1.9)
    assert (await unit_of_work.run(service.claim, eve, task.id)).taken_on_at == given.taken_on_at
    await pass_days(unit_of_work, clock, 0.1)
    assert await unit_of_work.run(queries.is_escalated, SYSTEM, task.id)

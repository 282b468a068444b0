"""At the same moment: the same alert twice, two of one device, and the end of one beside the sweep that escalates."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from telehealth.access.rules import DataKind, NoGrant
from telehealth.alerts import queries, service
from telehealth.alerts.parts import Alert, AlertDiffers, Severity
from telehealth.alerts.rules import LONGEST_WAIT, SAID_EVERY
from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.followups import keeping
from telehealth.followups import service as followups
from telehealth.followups.parts import FollowUp, TaskStatus
from tests.alerts.telling import Platform, another_patient
from tests.kit.patience import until_it

TEN = 10


async def test_one_alert_that_is_sent_by_many_at_once_is_one(platform: Platform) -> None:
    told = platform.report()
    found = await asyncio.gather(*(platform.take(told) for _ in range(TEN)))
    assert len({each.id for each in found}) == len(await platform.tasks()) == 1
    assert await platform.scalar("SELECT count(*) FROM device_alert") == 1


async def test_of_one_identifier_for_two_patients_at_once_one_is_refused(platform: Platform) -> None:
    other = await platform.unit_of_work.run(another_patient)
    told = platform.report()
    both = (told, replace(told, patient_id=other.patient_id))
    found = await asyncio.gather(*(platform.take(each) for each in both), return_exceptions=True)
    assert [type(each) for each in found if not isinstance(each, Alert)] == [AlertDiffers]
    assert len(await platform.tasks()) == 1


async def test_many_alerts_of_one_device_at_once_are_one_task(platform: Platform) -> None:
    told = [platform.report(severity) for severity in Severity for _ in range(3)]
    found = await asyncio.gather(*(platform.take(each) for each in told))
    still_open = [each for each in await platform.tasks() if each.closed_at is None]
    assert len(still_open) == 1
    of_it = "SELECT count(*) FROM device_alert a JOIN follow_up_task t ON t.id = a.task_id WHERE t.closed_at IS NULL"
    assert await platform.scalar(of_it) == len(found)


async def test_an_end_beside_the_sweep_that_escalates_is_the_end(platform: Platform, clock: FixedClock) -> None:
    """Whoever comes first: the sweep passes what another holds, or has escalated it; it is done all the same."""
    alerts = [await platform.tell(device=replace(platform.report().device, identifier=f"SN-{n}")) for n in range(TEN)]
    await platform.fire()
    clock.advance(timedelta(minutes=11))
    await platform.fire()
    assert {each.status for each in await platform.tasks()} == {TaskStatus.REMINDED}
    clock.advance(timedelta(minutes=10))
    sweeps = [platform.fire() for _ in range(3)]
    await asyncio.gather(*sweeps, *(platform.over(each) for each in alerts))
    assert {each.status for each in await platform.tasks()} == {TaskStatus.DONE}
    await platform.fire()
    assert {each.status for each in await platform.tasks()} == {TaskStatus.DONE}


async def test_the_sweep_lets_alone_what_is_being_resolved(platform: Platform, clock: FixedClock) -> None:
    alert = await platform.tell()
    await platform.fire()
    clock.advance(timedelta(minutes=11))
    await platform.fire()
    clock.advance(timedelta(minutes=10))
    held, swept = asyncio.Event(), asyncio.Event()

    async def slowly(unit: Unit) -> None:
        await service.resolve(unit, alert.id)
        await unit.session.flush()
        held.set()
        await swept.wait()

    resolving = asyncio.create_task(platform.unit_of_work.run(slowly, platform.actor))
    await held.wait()
    assert await platform.unit_of_work.run(keeping.fire, speed=1.0) == 0
    swept.set()
    await resolving
    assert [each.note for each in await platform.history(await platform.task(alert))][-1] == "alert_resolved"


async def test_an_alert_while_staff_close_the_task_is_seen_by_them_or_has_another(platform: Platform) -> None:
    for _ in range(TEN):
        first = await platform.tell()
        assert first.task_id is not None
        platform.clock.advance(SAID_EVERY)
        closing = platform.unit_of_work.run(followups.skip, platform.nurse, first.task_id, reason="Slept")
        second, _ = await asyncio.gather(platform.tell(), closing)
        history = await platform.history(await platform.task(first))
        joined = [each.note for each in history] == ["device_alert", "alert_again", "Slept"]
        assert joined is (second.task_id == first.task_id)
        if not joined:
            await platform.over(second)


async def joins_during(platform: Platform, act: Callable[[], Coroutine[Any, Any, object]]) -> Alert:
    """An alert that has joined a task and is not committed before what is done meanwhile waits for it."""
    joined, waits = asyncio.Event(), asyncio.Event()

    async def slowly(unit: Unit) -> Alert:
        alert = await service.take(unit, platform.report())
        joined.set()
        await waits.wait()
        return alert

    joining = asyncio.create_task(platform.unit_of_work.run(slowly, platform.actor))
    await joined.wait()
    acting = asyncio.create_task(act())
    await until_it(platform.waits)
    waits.set()
    await acting
    return await joining


async def test_what_joins_while_opening_it_again_is_judged_keeps_it_open(platform: Platform) -> None:
    first = await platform.tell()
    assert first.task_id is not None
    await platform.unit_of_work.run(followups.done, platform.nurse, first.task_id)
    await platform.over(first)
    task = await platform.unit_of_work.run(followups.reopen, platform.nurse, first.task_id)
    second = await joins_during(
        platform, lambda: platform.unit_of_work.run(service.reopened, SYSTEM, task.id, task.patient_id)
    )
    assert (second.task_id, (await platform.task(second)).status) == (task.id, TaskStatus.PLANNED)


async def now_of(platform: Platform, alert: Alert) -> FollowUp:
    """The task of an alert by now, whatever it was when it was told."""
    return await platform.task(await platform.take(alert.report))


@pytest.mark.parametrize("act", [followups.done, followups.cancel, partial(followups.skip, reason="Slept")])
async def test_what_joins_in_the_moment_in_which_staff_close_it_has_another(
    platform: Platform, act: Callable[..., Coroutine[Any, Any, FollowUp]]
) -> None:
    """As the second within a minute it leaves no line: nobody could have known."""
    first = await platform.tell()
    assert first.task_id is not None
    second = await joins_during(platform, lambda: platform.unit_of_work.run(act, platform.nurse, first.task_id))
    former = await platform.task(first)
    assert (second.task_id, former.closed_at is not None) == (former.id, True)
    for _ in range(2):
        await platform.unit_of_work.run(service.closed, SYSTEM, former.id, former.patient_id)
        other = await now_of(platform, second)
        assert (other.id != former.id, other.closed_at) == (True, None)
        assert (await now_of(platform, first)).id == former.id
    assert len(await platform.tasks()) == 2
    await platform.over(second)
    assert (await platform.task(first)).closed_at == former.closed_at
    assert {each.status for each in await platform.tasks()} == {former.status, TaskStatus.DONE}


async def read(platform: Platform, alert: Alert) -> FollowUp:
    """The nurse opens the page of its task, and does something else then."""
    task = await now_of(platform, alert)
    platform.clock.advance(timedelta(seconds=1))
    await platform.unit_of_work.run(queries.for_task, platform.nurse, task.id)
    platform.clock.advance(timedelta(seconds=1))
    return task


async def close(platform: Platform, seen: FollowUp) -> None:
    """By the button of a page that was drawn from what was seen."""
    await platform.unit_of_work.run(followups.done, platform.nurse, seen.id, revision=seen.revision)
    await platform.unit_of_work.run(service.closed, SYSTEM, seen.id, seen.patient_id)


@pytest.mark.parametrize("call", [timedelta(seconds=1), SAID_EVERY, timedelta(minutes=20)])
async def test_what_joins_without_a_line_while_the_page_is_open_has_another(
    platform: Platform, call: timedelta
) -> None:
    """However long the nurse is on the telephone then: nothing has told her that there is more."""
    first = await platform.tell()
    seen = await read(platform, first)
    second = await platform.tell()
    assert (second.task_id, (await platform.task(second)).revision) == (seen.id, seen.revision)
    platform.clock.advance(call)
    await platform.unit_of_work.run(followups.done, platform.nurse, seen.id, revision=seen.revision)
    await read(platform, first)  # what she sees of it now she had not seen when she closed it
    await platform.unit_of_work.run(service.closed, SYSTEM, seen.id, seen.patient_id)
    other = await now_of(platform, second)
    assert (other.id != seen.id, other.closed_at, other.source) == (True, None, str(second.id))
    assert (await now_of(platform, first)).id == seen.id
    assert await platform.moved() == [second.id]


async def test_of_many_alerts_only_those_are_opened_that_who_closed_the_task_was_not_shown(
    platform: Platform,
) -> None:
    shown = [await platform.tell() for _ in range(10)]
    seen = await read(platform, shown[0])
    left = [await platform.tell() for _ in range(2)]
    platform.clock.advance(timedelta(seconds=1))
    await platform.unit_of_work.run(followups.done, platform.nurse, seen.id, revision=seen.revision)
    closed = await platform.unit_of_work.run(keeping.locked, SYSTEM, seen.id)
    found = await platform.unit_of_work.run(queries.unread, SYSTEM, closed, platform.nurse.id)
    assert {each.id for each in found} == {each.id for each in left}
    others = await platform.unit_of_work.run(queries.unread, SYSTEM, closed, SYSTEM.id)
    assert {each.id for each in others} == {each.id for each in shown[1:] + left}


async def test_what_nobody_opened_has_another_and_that_is_all(platform: Platform) -> None:
    """Closed on the board, where the first is to be read."""
    first = await platform.tell()
    platform.clock.advance(SAID_EVERY)
    told = [await platform.tell() for _ in range(3)]
    platform.clock.advance(LONGEST_WAIT)
    await close(platform, await platform.task(first))
    (other,) = {(await now_of(platform, each)).id for each in told}
    assert other != first.task_id
    await close(platform, await now_of(platform, told[0]))
    assert {(await now_of(platform, each)).id for each in told} == {other}
    assert {each.status for each in await platform.tasks()} == {TaskStatus.DONE}


async def test_what_staff_have_read_stays_with_what_they_closed(platform: Platform) -> None:
    first, second = await platform.tell(), await platform.tell()
    task = await read(platform, second)
    await close(platform, task)
    assert {(await now_of(platform, each)).id for each in (first, second)} == {task.id}
    third = await platform.tell()
    assert third.task_id != task.id
    await platform.over(third)
    assert third.task_id is not None
    await platform.unit_of_work.run(service.closed, SYSTEM, third.task_id, task.patient_id)
    assert len(await platform.tasks()) == 2


async def test_the_end_and_another_alert_at_once_leave_a_task_for_what_is_not_over(platform: Platform) -> None:
    for _ in range(TEN):
        first = await platform.tell()
        second, _ = await asyncio.gather(platform.tell(), platform.over(first))
        assert (await platform.task(second)).closed_at is None
        await platform.over(second)
    assert {each.status for each in await platform.tasks()} == {TaskStatus.DONE}


async def test_a_grant_that_is_taken_back_in_between_ends_it(platform: Platform) -> None:
    told = [platform.report() for _ in range(TEN)]
    found = await asyncio.gather(platform.revoke(), *(platform.take(each) for each in told), return_exceptions=True)
    kept = [each for each in found if isinstance(each, Alert)]
    assert found[0] is None, "it was taken back"
    assert {type(each) for each in found[1:]} <= {Alert, NoGrant, NotFound}
    assert await platform.scalar("SELECT count(*) FROM device_alert") == len(kept)
    with pytest.raises((NoGrant, NotFound)):
        await platform.tell()
    await platform.permit(kind=DataKind.ALERTS)
    assert {(await platform.take(each)).task_id for each in told} == {each.id for each in await platform.tasks()}

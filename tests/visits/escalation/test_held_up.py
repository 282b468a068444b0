"""Who has come and is not ready though it is time: told of on the boards, then to the coordinator, until they are."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.escalation import queries, service, tasks
from telehealth.visits.escalation.models import AlertRow
from telehealth.visits.escalation.rules import AlertKind
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle import tasks as lifecycle
from telehealth.visits.lifecycle.rules import Command, DeviceCheck
from telehealth.visits.lifecycle.steps import change
from tests.kit.clinic import TUESDAY_NINE
from tests.visits.escalation.conftest import DESK, Ward, open_ward, status

MINUTE = 60


async def arrive(ward: Ward, *, minutes: int = -5) -> None:
    """The patient opens their link so long after the start, and does nothing more."""
    ward.clock.advance(TUESDAY_NINE + timedelta(minutes=minutes) - ward.clock.now())
    await ward.give(visits.arrive, ward.patient)


async def wait(ward: Ward, seconds: float = 0) -> list[str]:
    """As Ward.wait, with the sweep that finds who is held up."""
    ward.clock.advance(timedelta(seconds=seconds))
    await tasks.watch_held_up(ward.work)
    return await ward.wait()


async def test_the_boards_at_the_start_and_the_coordinator_three_minutes_later(ward: Ward) -> None:
    await arrive(ward)
    assert await wait(ward, 5 * MINUTE - 1) == []
    assert await ward.alerts() == []
    assert await wait(ward, 1) == []
    (alert,) = await ward.alerts()
    assert (alert.kind, alert.since, alert.visit_id) == ("held_up", TUESDAY_NINE, ward.visit_id)
    assert await ward.steps() == [("board", None)]
    assert await wait(ward, 3 * MINUTE - 1) == []
    assert await wait(ward, 1) == [DESK]
    assert await wait(ward, 9 * MINUTE) == []
    assert await ward.steps() == [("board", None), ("coordinator", ward.desk.id)]


async def test_who_comes_late_has_five_minutes(ward: Ward) -> None:
    await arrive(ward, minutes=10)
    await wait(ward, 5 * MINUTE - 1)
    assert await ward.alerts() == []
    await wait(ward, 1)
    assert [each.since for each in await ward.alerts()] == [TUESDAY_NINE + timedelta(minutes=15)]


async def test_the_desk_sees_it_and_whose_visit_it_is_and_no_colleague(ward: Ward) -> None:
    await arrive(ward)
    await wait(ward, 5 * MINUTE)
    before = await ward.unit_of_work.run(queries.mark, ward.own)
    for actor, number in ((ward.desk, 1), (ward.own, 1), (ward.other, 0)):
        shown = await ward.unit_of_work.run(queries.on_board, actor)
        assert [each.alert.kind for each in shown] == [AlertKind.HELD_UP] * number
    (only,) = await ward.unit_of_work.run(queries.on_board, ward.desk)
    assert not only.may_be_taken_over_by(ward.colleague.id)
    with pytest.raises(NotFound):
        await ward.unit_of_work.run(service.take_over, ward.other, ward.visit_id)
    await ward.unit_of_work.run(service.acknowledge, ward.own, only.alert.id)
    assert await ward.unit_of_work.run(queries.mark, ward.own) != before


async def test_getting_ready_ends_it_and_begins_the_wait(ward: Ward) -> None:
    await arrive(ward)
    await wait(ward, 6 * MINUTE)
    await ward.give(visits.record_check, ward.patient, check=DeviceCheck.GOOD)
    await ward.give(gates.make_ready, ward.patient)
    assert [each.alert for each in await ward.unit_of_work.run(queries.on_board, ward.desk)] == []
    await ward.relay()
    assert {each.kind: each.closing for each in await ward.alerts()} == {"held_up": "over", "waiting": None}
    assert await tasks.watch_held_up(ward.work) == 0


@pytest.mark.parametrize("ending", [visits.leave, visits.cancel, visits.note_provider_no_show])
async def test_whatever_ends_the_visit_ends_it(ward: Ward, ending: object) -> None:
    await arrive(ward)
    await wait(ward, 6 * MINUTE)
    ward.clock.advance(timedelta(minutes=29 if ending is visits.note_provider_no_show else 0))
    options = {"reason": "other"} if ending is visits.cancel else {}
    await ward.give(ending, ward.desk, **options)  # type: ignore[arg-type]
    assert await wait(ward, 10 * MINUTE) == []
    assert [each.closing for each in await ward.alerts()] == ["over"]


async def test_of_whose_page_is_gone_nobody_is_told_until_they_are_back(ward: Ward) -> None:
    await arrive(ward)
    await ward.give(visits.away)
    await wait(ward, 6 * MINUTE)
    assert await ward.alerts() == []
    await ward.give(visits.back, ward.patient)
    await ward.relay()  # without waiting for a sweep
    assert [(each.kind, each.since) for each in await ward.alerts()] == [("held_up", TUESDAY_NINE)]


async def test_whom_the_desk_checked_in_is_there_without_a_page(ward: Ward) -> None:
    ward.clock.advance(TUESDAY_NINE - ward.clock.now())
    await ward.give(visits.arrive, ward.desk)
    await wait(ward, 5 * MINUTE)
    assert [each.kind for each in await ward.alerts()] == ["held_up"]


async def test_who_takes_back_their_consent_has_five_minutes_and_is_told_of_anew(ward: Ward) -> None:
    await arrive(ward)
    await wait(ward, 6 * MINUTE)
    await ward.give(visits.record_check, ward.patient, check=DeviceCheck.GOOD)
    await ward.give(gates.make_ready, ward.patient)
    await ward.relay()
    await ward.unit_of_work.run(change, ward.patient, ward.visit_id, Command.WITHDRAW)
    await ward.relay()
    await wait(ward, 5 * MINUTE - 1)
    assert {each.kind: each.closing for each in await ward.alerts()} == {"held_up": "over", "waiting": "over"}
    await wait(ward, 1)
    again = (await ward.alerts())[-1]
    assert (again.kind, again.closing, again.since) == ("held_up", None, TUESDAY_NINE + timedelta(minutes=6))


async def test_it_is_raised_once_for_a_stay_and_again_only_when_taken_on_and_left(ward: Ward) -> None:
    await arrive(ward)
    await wait(ward, 5 * MINUTE)
    (alert,) = await ward.alerts()
    await ward.unit_of_work.run(service.acknowledge, ward.desk, alert.id)
    await ward.give(visits.away)
    await ward.give(visits.back, ward.patient)
    assert await wait(ward, 10 * MINUTE - 1) == []
    assert await wait(ward, 1) == []
    (alert,) = await ward.alerts()
    assert (alert.acknowledged_at, alert.resumed_from) == (None, TUESDAY_NINE + timedelta(minutes=10))
    assert await wait(ward, 3 * MINUTE) == [DESK]


async def test_of_many_sweeps_one_raises_it_whatever_died_before(ward: Ward) -> None:
    class Killed(BaseException):
        """Nothing catches it, like the end of a process."""

    async def raise_and_die(unit: Unit) -> None:
        assert await service.watch_held_up(unit) == 1
        raise Killed

    await arrive(ward)
    ward.clock.advance(timedelta(minutes=30))  # nothing ran meanwhile
    with pytest.raises(Killed):
        await ward.unit_of_work.run(raise_and_die, SYSTEM)
    assert await ward.alerts() == []
    assert sum(await asyncio.gather(*(tasks.watch_held_up(ward.work) for _ in range(6)))) == 1
    assert await ward.wait() == [DESK]
    assert await ward.steps() == [("board", None), ("coordinator", ward.desk.id)]


async def test_one_that_was_lost_is_raised_with_the_same_beginning(ward: Ward) -> None:
    async def forget(unit: Unit) -> None:
        await unit.session.execute(update(AlertRow).values(closed_at=unit.now, closing="over"))

    await arrive(ward)
    await wait(ward, 6 * MINUTE)
    await ward.unit_of_work.run(forget)
    assert await tasks.watch_held_up(ward.work) == 1
    assert [each.since for each in await ward.alerts()] == [TUESDAY_NINE] * 2


async def test_nobody_came_to_help_and_the_visit_ends_by_itself(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    ward = await open_ward(unit_of_work, clock, no_show_automatic=True, provider_no_show_after=20)
    await arrive(ward)
    assert await wait(ward, 8 * MINUTE) == [DESK]
    ward.clock.advance(timedelta(minutes=17))
    assert await lifecycle.fire_timers(ward.work) == 1
    assert await status(ward) == "provider_no_show"
    await ward.wait()
    assert [(each.closing, each.step) for each in await ward.alerts()] == [("over", 2)]


async def test_the_mail_says_nothing_about_the_patient(ward: Ward) -> None:
    await arrive(ward)
    assert await wait(ward, 8 * MINUTE) == [DESK]
    mail = ward.mailer.sent[-1]
    assert mail.subject == "Someone is held up before their visit"
    assert "https://visits.example/day" in mail.text
    assert not any(word in mail.subject + mail.text for word in ("Rosa", "Moreno", str(ward.visit_id)))

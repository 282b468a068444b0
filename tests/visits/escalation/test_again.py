"""Taking an alert on is a promise: what still stands after a while is raised again, at the step it had."""

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.escalation import plans, queries, service, tasks
from telehealth.visits.escalation.models import AlertRow
from telehealth.visits.escalation.rules import AlertKind, Audience, Rung
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle import tasks as lifecycle
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.visits.escalation.conftest import DESK, Ward, open_ward, status
from tests.visits.escalation.test_queue_alerts import queued

ADA, GRACE = "ada@clinic.example", "grace@clinic.example"
MINUTE = 60


async def take_on(ward: Ward) -> None:
    """The front desk sees to the last that is open."""
    alert = [each for each in await ward.alerts() if each.closed_at is None][-1]
    await ward.unit_of_work.run(service.acknowledge, ward.desk, alert.id)


async def test_who_still_waits_ten_minutes_later_is_told_of_again(ward: Ward) -> None:
    await ward.come()
    assert await ward.wait(2 * MINUTE) == [ADA]
    await take_on(ward)
    before = await ward.unit_of_work.run(queries.mark, ward.desk)
    assert await ward.wait(10 * MINUTE - 1) == []
    assert await ward.wait(1) == [ADA]
    (shown,) = await ward.unit_of_work.run(queries.on_board, ward.desk)
    assert (shown.by, shown.alert.acknowledged_at, shown.alert.step) == (None, None, 2)
    assert await ward.unit_of_work.run(queries.mark, ward.desk) != before
    assert [(each.whom, each.had_by) for each in shown.tellings] == [
        (Audience.BOARD, None),
        (Audience.CLINICIAN, None),
        (Audience.CLINICIAN, ward.desk.id),
    ]
    assert await ward.wait(2 * MINUTE - 1) == []
    assert await ward.wait(1) == [GRACE]
    assert await ward.wait(2 * MINUTE) == [DESK]


@pytest.mark.parametrize(("minutes", "last"), [(0, "board"), (2, "clinician")])
async def test_whoever_it_is_raised_for_again_the_boards_hear_of_it_once(ward: Ward, minutes: int, last: str) -> None:
    async def raised(unit: Unit) -> int:
        query = text("SELECT count(*) FROM outbox WHERE kind = 'AlertRaised'")
        return int((await unit.session.execute(query)).scalar_one())

    await ward.come()
    await ward.wait(minutes * MINUTE)
    await take_on(ward)
    before = await ward.unit_of_work.run(raised)
    ward.clock.advance(timedelta(minutes=10))
    await tasks.escalate(ward.work)
    assert [whom for whom, _ in await ward.steps()][-1] == last
    assert await ward.unit_of_work.run(raised) == before + 1


async def test_at_the_top_of_the_ladder_whoever_is_there_is_told_again(ward: Ward) -> None:
    await ward.come()
    await ward.wait(6 * MINUTE)
    await take_on(ward)
    assert await ward.wait(10 * MINUTE) == [DESK]
    await take_on(ward)
    assert await ward.wait(10 * MINUTE) == [DESK]
    assert [whom for whom, _ in await ward.steps()].count("coordinator") == 3


async def test_what_was_seen_to_is_not_raised_again(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    await take_on(ward)
    await ward.give(visits.admit, ward.own)
    assert await ward.wait(60 * MINUTE) == []
    assert [each.closing for each in await ward.alerts()] == ["over"]


async def test_a_clinic_says_how_long(ward: Ward) -> None:
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, {}, {AlertKind.WAITING: 90})
    await ward.come()
    await ward.wait()
    await take_on(ward)
    await ward.wait(89)
    assert [each.acknowledged_at is None for each in await ward.alerts()] == [False]
    await ward.wait(1)
    assert [each.acknowledged_at is None for each in await ward.alerts()] == [True]


async def test_who_waits_in_the_queue_is_told_of_again_too(ward: Ward) -> None:
    await queued(ward, "Luis")
    await ward.wait()
    await take_on(ward)
    assert await ward.wait(15 * MINUTE) == []
    assert [each.acknowledged_at for each in await ward.alerts()] == [None]
    assert await ward.wait(15 * MINUTE) == [ADA, GRACE]


async def test_of_many_sweeps_one_raises_it_again(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    await take_on(ward)
    ward.clock.advance(timedelta(minutes=10))
    (alert,) = await ward.alerts()
    again = [await ward.unit_of_work.run(service.reopen, SYSTEM, alert.id) for _ in range(3)]
    assert again == [True, False, False]


async def test_nobody_waits_past_it_without_being_taken_on_or_a_no_show(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    """Whoever takes it on each time and does nothing: it comes back until the visit is over."""
    ward = await open_ward(unit_of_work, clock, no_show_automatic=True, provider_no_show_after=30)
    await ward.come()
    quiet = 0
    for _ in range(10):
        await ward.wait(3 * MINUTE)
        await lifecycle.fire_timers(ward.work)
        (alert,) = await ward.alerts()
        if alert.closed_at is None and alert.step == 4 and alert.acknowledged_at is None:
            await take_on(ward)
        quiet = 0 if alert.acknowledged_at is None else quiet + 1
        assert quiet <= 4, "ten minutes, and the sweep after them"
    assert await status(ward) == VisitStatus.PROVIDER_NO_SHOW
    assert [whom for whom, _ in await ward.steps()].count("coordinator") == 3


# New rules for what stands open


async def test_new_rules_tell_who_comes_after_the_top_of_the_old_ones(ward: Ward) -> None:
    short = [Rung(0, Audience.BOARD), Rung(60, Audience.CLINICIAN)]
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, {AlertKind.WAITING: short})
    await ward.come()
    assert await ward.wait(5 * MINUTE) == [ADA]
    assert [each.next_at for each in await ward.alerts()] == [None]
    longer = [*short, Rung(600, Audience.COORDINATOR, "boss@clinic.example")]
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, {AlertKind.WAITING: longer})
    (alert,) = await ward.alerts()
    assert alert.next_at == alert.since + timedelta(seconds=600)
    assert await ward.wait(5 * MINUTE - 1) == []
    assert await ward.wait(1) == ["boss@clinic.example"]


async def test_new_rules_bring_what_was_due_later_forward_and_the_top_down(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    sooner = [Rung(0, Audience.BOARD), Rung(30, Audience.COORDINATOR)]
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, {AlertKind.WAITING: sooner})
    assert await ward.wait(30) == [DESK]
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, {AlertKind.WAITING: sooner[:1]})
    assert await ward.wait(60 * MINUTE) == []


async def test_new_rules_make_nobody_late_for_a_patient_who_is_early(ward: Ward) -> None:
    await ward.come(early=timedelta(minutes=8))
    await ward.wait()
    sooner = [Rung(0, Audience.BOARD), Rung(30, Audience.COORDINATOR)]
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, {AlertKind.WAITING: sooner})
    assert await ward.wait(8 * MINUTE + 29) == []
    assert await ward.wait(1) == [DESK]


async def lose_its_turn(unit: Unit) -> None:
    await unit.session.execute(update(AlertRow).values(next_at=None))


async def test_rules_that_change_while_it_is_raised_are_caught_up_with(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    assert await tasks.watch_all(ward.work) == 0
    await ward.unit_of_work.run(lose_its_turn)
    assert await tasks.watch_all(ward.work) == 1
    assert await ward.wait(2 * MINUTE) == [ADA]

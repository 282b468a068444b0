"""A made-up clinic day over the real services: what patients were told holds, and nobody is forgotten."""

import pytest

from telehealth.cli.clinic_day import ClinicDay, Day
from telehealth.cli.clinic_plan import Plan
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.lifecycle.rules import UNFINISHED, VisitStatus


async def play(unit_of_work: UnitOfWork, clock: FixedClock, plan: Plan) -> Day:
    return await ClinicDay(unit_of_work, clock, plan).play()


def nobody_is_forgotten(day: Day) -> None:
    assert day.forgotten == 0
    open_ends = UNFINISHED - {VisitStatus.ENDED}  # an ended visit waits for its note
    assert {status: count for status, count in day.ended.items() if status in open_ends | {VisitStatus.BOOKED}} == {}
    assert day.longest_past_policy <= 1  # the sweep of this day runs once a minute
    assert day.alerts > 0
    assert day.unanswered == 0


async def test_what_patients_are_told_holds(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    day = await play(unit_of_work, clock, Plan(seed=3, hours=3, on_call=2, booked=1, walk_ins=22, ill_for=0))
    nobody_is_forgotten(day)
    kept = day.kept()
    assert len(kept) >= 20
    assert sum(kept) / len(kept) >= 0.8


async def test_who_waits_for_a_clinician_who_does_not_come_is_told(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    day = await play(unit_of_work, clock, Plan(seed=5, hours=3, on_call=0, booked=1, walk_ins=0, ill_for=100))
    nobody_is_forgotten(day)
    assert day.ended[VisitStatus.PROVIDER_NO_SHOW] >= 1


async def test_with_nobody_at_the_desk_it_is_seen(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    """The measure can fail: somebody waits past escalation when nobody takes anything on."""
    plan = Plan(seed=3, hours=2, on_call=1, booked=0, walk_ins=16, ill_for=0, desk=False)
    assert (await play(unit_of_work, clock, plan)).unanswered > 0


async def test_who_is_lost_on_the_way_is_helped(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    plan = Plan(seed=4, hours=2, on_call=0, booked=1, walk_ins=0, ill_for=0, lost=1.0)
    day = await play(unit_of_work, clock, plan)
    nobody_is_forgotten(day)
    assert len(day.lost) >= 2
    assert all(day.lost.values())


async def test_with_nobody_at_the_desk_it_is_seen_that_nobody_helped(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    plan = Plan(seed=4, hours=2, on_call=0, booked=1, walk_ins=0, ill_for=0, lost=1.0, desk=False)
    day = await play(unit_of_work, clock, plan)
    assert not any(day.lost.values())
    assert day.unanswered >= len(day.lost) > 0


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1, 7))
async def test_whole_days(unit_of_work: UnitOfWork, clock: FixedClock, seed: int) -> None:
    day = await play(unit_of_work, clock, Plan(seed=seed))
    nobody_is_forgotten(day)
    kept = day.kept()
    assert len(kept) >= 50
    assert sum(kept) / len(kept) >= 0.8

"""The queue of those who came without a time: its order as a property, its claims on PostgreSQL."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.licensing import Licence
from telehealth.scheduling.booking import service as scheduling
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.waiting_room import service, standings, waiting
from telehealth.visits.waiting_room.queue import (
    AGEING,
    GONE_FOR_GOOD,
    GRACE,
    AlreadyQueued,
    NobodyWaits,
    QueueLeft,
    in_order,
    since_after_return,
)
from tests.kit.clinic import Clinic, open_clinic, register

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Someone:
    priority: int
    since: datetime


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 90)), max_size=40))
def test_nobody_is_overtaken_for_longer_than_the_bound(arrivals: list[tuple[int, int]]) -> None:
    """One is taken each minute. Whoever overtakes came while the other had waited less than the bound."""
    everyone = [Someone(priority, NOON + minutes(at)) for priority, at in arrivals]
    left, now = everyone, NOON
    while left:
        here = in_order([each for each in left if each.since <= now], now)
        if here:
            taken = here[0]
            passed = [each for each in here if each.since < taken.since]
            assert all(now - each.since < AGEING and each.priority < taken.priority for each in passed)
            assert [each for each in here if each.priority > taken.priority] == [] or now - taken.since >= AGEING
            left = [each for each in left if each is not taken]
        now += minutes(1)


def test_a_place_outlasts_a_short_absence() -> None:
    assert since_after_return(NOON, NOON + minutes(9), NOON + minutes(9) + GRACE) == NOON
    late = NOON + minutes(9) + GRACE + timedelta(seconds=1)
    assert since_after_return(NOON, NOON + minutes(9), late) == late


async def _queue(unit: Unit, clinic: Clinic, count: int) -> list[UUID]:
    found: list[UUID] = []
    for number in range(count):
        patient = await register(unit, f"Number{number}")
        unit = replace(unit, now=unit.now + timedelta(seconds=1))
        queued = await waiting.enqueue(unit, patient_id=patient.id, visit_type_id=clinic.visit_type.id)
        assert queued.standing.position == number + 1
        found.append(queued.standing.entry.id)
    return found


async def test_each_is_taken_once(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    entries = await unit_of_work.run(_queue, SYSTEM, clinic, 12)
    asked = [unit_of_work.run(service.take_next, clinic.clinician_actor) for _ in range(15)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    taken = [each.id for each in outcomes if isinstance(each, Visit)]
    assert Counter(taken) == Counter(entries)
    assert sum(isinstance(each, NobodyWaits) for each in outcomes) == 3


async def test_order_standing_and_absence(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    first, second, third = await unit_of_work.run(_queue, SYSTEM, clinic, 3)
    urgent = await unit_of_work.run(register, SYSTEM, "Urgent")
    clock.advance(minutes(1))
    kind = clinic.visit_type.id
    queued = await unit_of_work.run(waiting.enqueue, SYSTEM, patient_id=urgent.id, visit_type_id=kind, priority=1)
    hurried = queued.standing
    assert (hurried.position, hurried.estimate) == (1, None)
    with pytest.raises(AlreadyQueued):
        await unit_of_work.run(waiting.enqueue, SYSTEM, patient_id=urgent.id, visit_type_id=kind)
    await unit_of_work.run(waiting.drop, SYSTEM, hurried.entry.id)
    assert (await unit_of_work.run(service.take_next, clinic.clinician_actor)).id == first
    clock.advance(GRACE + timedelta(seconds=1))
    await unit_of_work.run(waiting.come_back, SYSTEM, hurried.entry.id)
    await unit_of_work.run(waiting.drop, SYSTEM, second)
    clock.advance(GRACE)
    await unit_of_work.run(waiting.come_back, SYSTEM, second)
    line = await unit_of_work.run(standings.everyone, SYSTEM)
    assert [each.entry.id for each in line] == [hurried.entry.id, second, third]
    said = [each.estimate for each in line if each.estimate is not None]
    assert len(said) == 3
    assert said[0].low < said[1].low < said[2].low
    await unit_of_work.run(waiting.leave, SYSTEM, third)
    assert (await unit_of_work.run(standings.standing, SYSTEM, third)).position is None
    for refused in (waiting.drop, waiting.come_back):
        with pytest.raises(QueueLeft):
            await unit_of_work.run(refused, SYSTEM, third)
    for stranger in (replace(SYSTEM, role=Role.PATIENT), replace(SYSTEM, role=Role.INTEGRATION)):
        with pytest.raises(NotFound):
            await unit_of_work.run(standings.standing, stranger, second)
    with pytest.raises(NotFound):
        await unit_of_work.run(standings.standing, SYSTEM, uuid4())


async def test_who_is_gone_for_good_keeps_nobody_waiting(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    first, second = await unit_of_work.run(_queue, SYSTEM, clinic, 2)
    await unit_of_work.run(waiting.drop, SYSTEM, first)
    clock.advance(GONE_FOR_GOOD - timedelta(seconds=1))
    assert await unit_of_work.run(waiting.end_gone, SYSTEM) == 0
    clock.advance(timedelta(seconds=1))
    assert await unit_of_work.run(waiting.end_gone, SYSTEM) == 1
    assert await unit_of_work.run(waiting.end_gone, SYSTEM) == 0
    assert [each.entry.id for each in await unit_of_work.run(standings.everyone, SYSTEM)] == [second]
    patient_id = (await unit_of_work.run(standings.standing, SYSTEM, first)).entry.patient_id
    kind = clinic.visit_type.id
    again = await unit_of_work.run(waiting.enqueue, SYSTEM, patient_id=patient_id, visit_type_id=kind)
    assert again.standing.position == 2


async def test_who_may_not_be_treated_keeps_the_place(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    licence = Licence(clinic.clinician.id, "US-NY", last=clock.now().date() + timedelta(days=1))
    await unit_of_work.run(people.add_licence, SYSTEM, licence)
    entries = {}
    for place in ("US-TX", "US-NY", "US-NY", "US-CA"):
        patient = await unit_of_work.run(register, SYSTEM, place)
        clock.advance(minutes(1))
        queued = await unit_of_work.run(
            waiting.enqueue, SYSTEM, patient_id=patient.id, visit_type_id=clinic.visit_type.id, jurisdiction=place
        )
        entries[queued.standing.entry.id] = place
    taken = await unit_of_work.run(service.take_next, clinic.clinician_actor)
    assert taken.id == list(entries)[1]
    line = [entries[each.entry.id] for each in await unit_of_work.run(standings.everyone, SYSTEM)]
    assert line == ["US-TX", "US-NY", "US-CA"]
    clock.advance(timedelta(days=3))
    with pytest.raises(NobodyWaits):
        await unit_of_work.run(service.take_next, clinic.clinician_actor)


async def test_who_needs_a_licence_says_where_the_patient_is(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    kind = replace(clinic.visit_type, needs_licence=True)
    await unit_of_work.run(scheduling.add_visit_type, SYSTEM, kind)

    async def enqueue(place: str | None) -> None:
        await unit_of_work.run(
            waiting.enqueue, SYSTEM, patient_id=clinic.patient.id, visit_type_id=kind.id, jurisdiction=place
        )

    with pytest.raises(LocationRequired):
        await enqueue(None)
    await enqueue("US-NY")

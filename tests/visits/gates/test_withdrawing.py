"""Consent can be taken back until the visit is over: the gate is closed again, and staff see it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.appointments.service import Booked
from telehealth.visits.gates import queries, service
from telehealth.visits.gates.rules import Gate, GatesClosed, GateState, PreparationOver
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.events import ConsentWithdrawn
from telehealth.visits.lifecycle.rules import Command, NotNow, Visit, VisitStatus
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, book
from tests.visits.gates.arriving import Arrival, arrive, ask_consent, check_devices


@pytest.fixture
async def arrival(unit_of_work: UnitOfWork, clock: FixedClock) -> Arrival:
    return await arrive(unit_of_work, clock)


@pytest.fixture
async def text(unit_of_work: UnitOfWork, arrival: Arrival) -> UUID:
    """The text that is asked for; Rosa has agreed to it and waits."""
    text_id = await unit_of_work.run(ask_consent)
    await agree(unit_of_work, arrival, text_id)
    await check_devices(unit_of_work, arrival)
    await unit_of_work.run(service.make_ready, arrival.rosa, arrival.visit.id)
    return text_id


async def agree(unit_of_work: UnitOfWork, arrival: Arrival, text_id: UUID) -> None:
    await unit_of_work.run(service.agree, arrival.rosa, arrival.visit.id, text_id=text_id, language="es")


async def consent_gate(unit: Unit, visit_id: UUID) -> GateState:
    standings = await queries.standings(unit, await visits.find(unit, visit_id))
    return {each.gate: each.state for each in standings}[Gate.CONSENT]


async def withdraw(unit_of_work: UnitOfWork, arrival: Arrival) -> Visit:
    return await unit_of_work.run(service.withdraw, arrival.rosa, arrival.visit.id)


async def is_withdrawn(unit: Unit, visit_id: UUID) -> bool:
    return visit_id in await queries.withdrawn(unit, [visit_id])


async def test_who_waits_prepares_again_and_may_agree_again(
    unit_of_work: UnitOfWork, arrival: Arrival, text: UUID, nudged: Sequence[Event]
) -> None:
    visit_id = arrival.visit.id
    for _ in range(2):  # again changes nothing
        back = await withdraw(unit_of_work, arrival)
        assert (back.status, back.waiting_since) == (VisitStatus.ARRIVED, None)
    told = [each for each in nudged if isinstance(each, ConsentWithdrawn)]
    assert len(told) == 1
    assert f"clinician:{arrival.clinic.clinician.id}" in told[0].topics()
    assert await unit_of_work.run(consent_gate, SYSTEM, visit_id) is GateState.CLOSED
    assert await unit_of_work.run(is_withdrawn, SYSTEM, visit_id)
    with pytest.raises(GatesClosed):
        await unit_of_work.run(service.make_ready, arrival.rosa, visit_id)
    for _ in range(2):
        await agree(unit_of_work, arrival, text)
    assert not await unit_of_work.run(is_withdrawn, SYSTEM, visit_id)
    ready = await unit_of_work.run(service.make_ready, arrival.rosa, visit_id)
    assert ready.status is VisitStatus.READY
    assert ready.waiting_since is not None
    assert (await withdraw(unit_of_work, arrival)).status is VisitStatus.ARRIVED

    async def audited(unit: Unit) -> int:
        query = select(func.count()).where(AuditRow.entity == "consent", AuditRow.action == "update")
        return await unit.session.scalar(query) or 0

    assert await unit_of_work.run(audited) == 2


@pytest.mark.usefixtures("text")
async def test_who_was_just_let_in_prepares_again(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    visit_id, clinician = arrival.visit.id, arrival.clinic.clinician_actor
    await unit_of_work.run(lifecycle.admit, clinician, visit_id)
    back = await withdraw(unit_of_work, arrival)
    assert (back.status, back.waiting_since) == (VisitStatus.ARRIVED, None)
    for command in (lifecycle.put_back, lifecycle.admit):
        with pytest.raises(NotNow):
            await unit_of_work.run(command, clinician, visit_id)


@pytest.mark.usefixtures("text")
async def test_during_a_call_staff_are_told_and_the_call_goes_on(
    unit_of_work: UnitOfWork, arrival: Arrival, nudged: Sequence[Event]
) -> None:
    visit_id, clinician = arrival.visit.id, arrival.clinic.clinician_actor
    await unit_of_work.run(lifecycle.admit, clinician, visit_id)
    await unit_of_work.run(lifecycle.connected, SYSTEM, visit_id)
    assert (await withdraw(unit_of_work, arrival)).status is VisitStatus.IN_PROGRESS
    assert [each for each in nudged if isinstance(each, ConsentWithdrawn)]
    history = await unit_of_work.run(visits.history, clinician, visit_id)
    assert history[-1].command is Command.WITHDRAW
    await unit_of_work.run(lifecycle.end, clinician, visit_id)
    with pytest.raises(PreparationOver):
        await withdraw(unit_of_work, arrival)


async def test_what_staff_waived_before_is_closed_by_it_and_what_they_waive_after_is_not(
    unit_of_work: UnitOfWork, arrival: Arrival, clock: FixedClock
) -> None:
    visit_id, desk = arrival.visit.id, arrival.clinic.front_desk
    text_id = await unit_of_work.run(ask_consent)
    await unit_of_work.run(lifecycle.arrive, arrival.rosa, visit_id)
    states = []
    await unit_of_work.run(service.waive, desk, visit_id, Gate.CONSENT, reason="told by phone")
    states.append(await unit_of_work.run(consent_gate, SYSTEM, visit_id))
    await agree(unit_of_work, arrival, text_id)
    await withdraw(unit_of_work, arrival)
    states.append(await unit_of_work.run(consent_gate, SYSTEM, visit_id))
    clock.advance(timedelta(minutes=1))
    await unit_of_work.run(service.waive, desk, visit_id, Gate.CONSENT, reason="an emergency")
    states.append(await unit_of_work.run(consent_gate, SYSTEM, visit_id))
    assert states == [GateState.WAIVED, GateState.CLOSED, GateState.WAIVED]


@pytest.mark.usefixtures("text")
async def test_nobody_takes_back_for_the_patient(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    for actor in (arrival.clinic.front_desk, arrival.clinic.clinician_actor, SYSTEM):
        with pytest.raises(NotFound):
            await unit_of_work.run(service.withdraw, actor, arrival.visit.id)
    assert not await unit_of_work.run(is_withdrawn, SYSTEM, arrival.visit.id)


# Pages


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def test_on_the_patients_own_page_and_on_those_of_staff(house: House) -> None:
    booked: Booked = await house.unit_of_work.run(book, house.clinic.front_desk, house.clinic)
    text_id = await house.unit_of_work.run(ask_consent)
    house.clock.advance(TUESDAY_NINE - timedelta(minutes=5) - house.clock.now())
    patient = house.phone
    entered = await patient.post(f"/join/{booked.link_secret}", data=BIRTH)
    patient.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    assert (await patient.get("/visit/consent?lang=en")).headers["location"] == "/visit"
    await patient.post("/visit/consent", data={"text": str(text_id), "language": "en", "agree": "yes"})
    assert 'href="/visit/consent"' in (await patient.get("/visit")).text
    page = await patient.get("/visit/consent?lang=en")
    assert "Withdraw my consent" in page.text
    assert "You may say no." in page.text
    assert (await patient.post("/visit/consent/withdraw")).headers["location"] == "/visit/consent"
    after = (await patient.get("/visit/consent?lang=en")).text
    assert "You have withdrawn your consent." in after
    assert "Withdraw my consent" not in after
    assert (await patient.get("/visit")).headers["location"] == "/visit/prepare"
    answer = await patient.post(f"/v1/visits/{booked.visit.id}/consent/withdraw?language=es")
    assert answer.json()["consent"]["agreed_at"] is None
    for shown in (f"/visits/{booked.visit.id}/desk", "/day"):
        assert "Consent withdrawn" in (await house.desk.get(shown)).text

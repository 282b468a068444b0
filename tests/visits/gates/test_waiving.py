"""Staff let a patient in without one of the things that are asked: with a reason, and a licence only its clinician."""

from dataclasses import replace

import pytest

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import NotAllowed
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.booking import service as booking
from telehealth.visits.gates import queries, service
from telehealth.visits.gates.rules import Gate, GateState, NoSuchGate, Waiver
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import Command, JurisdictionMismatch, NotNow, Visit, VisitStatus
from tests.kit.clinic import add_colleague
from tests.visits.gates.arriving import ANSWERS, Arrival, arrive, ask_consent, ask_questions, check_devices


@pytest.fixture
async def arrival(unit_of_work: UnitOfWork, clock: FixedClock) -> Arrival:
    return await arrive(unit_of_work, clock)


async def gates_of(unit: Unit, arrival: Arrival) -> dict[Gate, GateState]:
    visit = await visits.find(unit, arrival.visit.id)
    return {each.gate: each.state for each in await queries.standings(unit, visit)}


async def waive(unit_of_work: UnitOfWork, arrival: Arrival, actor: Actor, gate: Gate) -> Visit:
    return await unit_of_work.run(service.waive, actor, arrival.visit.id, gate, reason="told by phone")


async def test_staff_waive_what_is_closed_and_the_patient_goes_on(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_consent)
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    await unit_of_work.run(lifecycle.arrive, arrival.rosa, arrival.visit.id)
    desk = arrival.clinic.front_desk
    for gate in (Gate.CONSENT, Gate.INTAKE, Gate.DEVICES):
        await waive(unit_of_work, arrival, desk, gate)
    assert set((await unit_of_work.run(gates_of, SYSTEM, arrival)).values()) == {GateState.WAIVED}
    ready = await unit_of_work.run(service.make_ready, arrival.rosa, arrival.visit.id)
    assert (ready.status, ready.check) == (VisitStatus.READY, None)
    history = await unit_of_work.run(visits.history, SYSTEM, arrival.visit.id)
    assert [each.command for each in history][-4:] == [*[Command.WAIVE] * 3, Command.MAKE_READY]

    async def read(unit: Unit) -> dict[Gate, Waiver]:
        return await queries.waivers(unit, await visits.find(unit, arrival.visit.id))

    told = await unit_of_work.run(read, desk)
    assert {each.reason for each in told.values()} == {"told by phone"}
    assert set(told) == {Gate.CONSENT, Gate.INTAKE, Gate.DEVICES}


async def test_what_is_waived_and_then_done_counts_as_done(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    desk = arrival.clinic.front_desk
    once = await waive(unit_of_work, arrival, desk, Gate.INTAKE)
    assert (await waive(unit_of_work, arrival, desk, Gate.INTAKE)).revision == once.revision, "again changes nothing"
    await unit_of_work.run(
        service.save_intake, arrival.rosa, arrival.visit.id, revision=0, complete=True, given=ANSWERS
    )
    assert (await unit_of_work.run(gates_of, SYSTEM, arrival))[Gate.INTAKE] is GateState.OPEN


async def test_only_staff_waive_and_only_what_is_asked(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    with pytest.raises(NotAllowed):
        await waive(unit_of_work, arrival, arrival.rosa, Gate.DEVICES)
    with pytest.raises(NoSuchGate):
        await waive(unit_of_work, arrival, arrival.clinic.front_desk, Gate.CONSENT)
    await check_devices(unit_of_work, arrival)
    await unit_of_work.run(service.make_ready, arrival.rosa, arrival.visit.id)
    await unit_of_work.run(lifecycle.admit, arrival.clinic.clinician_actor, arrival.visit.id)
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    with pytest.raises(NotNow):
        await waive(unit_of_work, arrival, arrival.clinic.front_desk, Gate.INTAKE)


async def test_a_clinician_sets_the_licence_aside_for_one_place(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    kind = replace(arrival.clinic.visit_type, needs_licence=True)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, kind)
    await check_devices(unit_of_work, arrival)
    visit_id, clinician = arrival.visit.id, arrival.clinic.clinician_actor
    told = await unit_of_work.run(lifecycle.attest_location, arrival.rosa, visit_id, "US-NV")
    assert told.misplaced
    with pytest.raises(NotAllowed):
        await waive(unit_of_work, arrival, arrival.clinic.front_desk, Gate.LOCATION)
    assert not (await waive(unit_of_work, arrival, clinician, Gate.LOCATION)).misplaced
    again = await unit_of_work.run(lifecycle.attest_location, arrival.rosa, visit_id, "US-NV")
    assert not again.misplaced, "the patient's page says it again on the way into the waiting room"
    await unit_of_work.run(service.make_ready, arrival.rosa, visit_id)
    elsewhere = await unit_of_work.run(lifecycle.attest_location, arrival.rosa, visit_id, "US-CA")
    assert elsewhere.misplaced
    with pytest.raises(JurisdictionMismatch):
        await unit_of_work.run(lifecycle.admit, clinician, visit_id)
    await waive(unit_of_work, arrival, clinician, Gate.LOCATION)
    admitted = await unit_of_work.run(lifecycle.admit, clinician, visit_id)
    assert admitted.status is VisitStatus.ADMITTING


async def test_what_one_clinician_set_aside_the_next_has_not(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    visit_id = arrival.visit.id
    colleague = await unit_of_work.run(add_colleague, SYSTEM, arrival.clinic)
    kind = replace(arrival.clinic.visit_type, needs_licence=True)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, kind)
    await unit_of_work.run(lifecycle.attest_location, arrival.rosa, visit_id, "US-NV")
    assert (await waive(unit_of_work, arrival, arrival.clinic.clinician_actor, Gate.LOCATION)).place_waived
    await unit_of_work.run(booking.add_visit_type, SYSTEM, arrival.clinic.visit_type)
    handed = await unit_of_work.run(lifecycle.hand_over, arrival.clinic.front_desk, visit_id, colleague.id)
    assert (handed.clinician_id, handed.place_waived) == (colleague.id, False)

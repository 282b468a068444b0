"""Staff let a patient in without one of the things that are asked: with a reason, and a licence only its clinician."""

from dataclasses import replace
from uuid import uuid4

import pytest

from telehealth.access.queries import session_actor
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.errors import NotAllowed, Stale
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.booking import service as booking
from telehealth.visits.gates import queries, service
from telehealth.visits.gates.rules import Gate, GateState, NoSuchGate, Waiver
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import Command, JurisdictionMismatch, NotNow, Visit, VisitStatus
from tests.kit.clinic import add_colleague
from tests.kit.staff import open_account
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

    told = await unit_of_work.run(read, arrival.clinic.clinician_actor)
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


@pytest.mark.parametrize("by_desk", [True, False])
async def test_who_waives_and_that_is_for_all_staff_why_only_for_who_wrote_it_and_who_treats(
    unit_of_work: UnitOfWork, arrival: Arrival, *, by_desk: bool
) -> None:
    async def signed_in(unit: Unit) -> dict[str, Actor]:
        found = {}
        for name, role, person in (
            ("ada", Role.CLINICIAN, arrival.clinic.clinician.id),
            ("kim", Role.FRONT_DESK, None),
        ):
            actor = await session_actor(unit, await open_account(unit, role, person))
            assert actor is not None
            found[name] = actor
        return {**found, "lou": arrival.clinic.front_desk}

    async def read(unit: Unit) -> Waiver:
        return (await queries.waivers(unit, await visits.find(unit, arrival.visit.id)))[Gate.DEVICES]

    who = await unit_of_work.run(signed_in, SYSTEM)
    await waive(unit_of_work, arrival, who["kim" if by_desk else "ada"], Gate.DEVICES)
    seen = {name: await unit_of_work.run(read, actor) for name, actor in who.items()}
    assert len({each.waived_by for each in seen.values()} - {""}) == 1
    assert {name: each.reason is not None for name, each in seen.items()} == {"ada": True, "kim": by_desk, "lou": False}
    everyone = Actor(uuid4(), Role.INTEGRATION, purpose=Purpose.TREATMENT)

    async def as_loaded(unit: Unit) -> Waiver:
        return (await queries.waivers(replace(unit, actor=everyone), arrival.visit))[Gate.DEVICES]

    assert (await unit_of_work.run(as_loaded, SYSTEM)).reason is None


async def test_what_was_changed_meanwhile_is_neither_waived_nor_made_ready(
    unit_of_work: UnitOfWork, arrival: Arrival
) -> None:
    desk, visit_id = arrival.clinic.front_desk, arrival.visit.id
    read = arrival.visit.revision
    arrived = await unit_of_work.run(lifecycle.arrive, arrival.rosa, visit_id)
    present = {"revision": arrived.revision, "visit_status": VisitStatus.ARRIVED}
    for command, more in ((service.waive, {"gate": Gate.DEVICES, "reason": "told by phone"}), (service.make_ready, {})):
        with pytest.raises(Stale) as refused:
            await unit_of_work.run(command, desk, visit_id, revision=read, **more)  # type: ignore[arg-type]
        assert refused.value.extras == present
    waived = await unit_of_work.run(
        service.waive, desk, visit_id, Gate.DEVICES, reason="told by phone", revision=arrived.revision
    )
    with pytest.raises(Stale):
        await unit_of_work.run(lifecycle.cancel, desk, visit_id, reason="other", revision=read)
    ready = await unit_of_work.run(service.make_ready, arrival.rosa, visit_id, revision=waived.revision)
    assert ready.status is VisitStatus.READY

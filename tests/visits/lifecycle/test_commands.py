"""What staff do with a visit: check in, let wait on, hand over, write down how it ended, take that back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Refusal, Stale
from telehealth.core.time import FixedClock
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.licensing import Licence
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.models import OccupancyRow
from telehealth.scheduling.booking.rules import OVERBOOKED_LAYER, SlotTaken
from telehealth.visits.appointments import service as appointments
from telehealth.visits.appointments.wishes import Wish
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import queries, service, steps
from telehealth.visits.lifecycle.rules import Command, DeviceCheck, JurisdictionMismatch, NotNow, VisitStatus
from telehealth.visits.participants import queries as participants
from tests.kit.clinic import TUESDAY_NINE, Clinic, add_colleague, book, guest_of, open_clinic, register

S = VisitStatus


@pytest.fixture
async def clinic(unit_of_work: UnitOfWork) -> Clinic:
    return await unit_of_work.run(open_clinic, SYSTEM)


async def test_the_front_desk_checks_in_who_is_on_the_phone(
    unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic
) -> None:
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    with pytest.raises(NotNow):
        await unit_of_work.run(service.arrive, clinic.front_desk, visit.id)
    clock.advance(TUESDAY_NINE - clock.now())
    assert (await unit_of_work.run(service.arrive, clinic.front_desk, visit.id)).status is S.ARRIVED


@pytest.mark.parametrize("command", [Command.ARRIVE, Command.RESCHEDULE, Command.HAND_OVER])
async def test_a_command_without_its_facts_is_refused(
    unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic, command: Command
) -> None:
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    clock.advance(TUESDAY_NINE - clock.now())
    with pytest.raises(Refusal):
        await unit_of_work.run(steps.change, clinic.front_desk, visit.id, command)


async def test_nobody_is_made_ready_past_the_gates(unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic) -> None:
    """Also where nothing is asked: whoever did not look does not know."""
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - clock.now())
    patient = await guest_of(unit_of_work, booked)
    await unit_of_work.run(service.record_check, patient, booked.visit.id, DeviceCheck.GOOD)
    with pytest.raises(NotNow, check=lambda refused: refused.extras["reason"] == "consent_current"):
        await unit_of_work.run(steps.change, patient, booked.visit.id, Command.MAKE_READY)
    facts = {"consent_current": True}
    with pytest.raises(NotNow, check=lambda refused: refused.extras["reason"] == "intake_done"):
        await unit_of_work.run(steps.change, patient, booked.visit.id, Command.MAKE_READY, facts=facts)
    assert (await unit_of_work.run(gates.make_ready, patient, booked.visit.id)).status is S.READY


async def test_admitting_again_is_admitting(unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic) -> None:
    visit_id = await _waiting(unit_of_work, clock, clinic)
    once = await unit_of_work.run(service.admit, clinic.clinician_actor, visit_id, revision=4)
    assert await unit_of_work.run(service.admit, clinic.clinician_actor, visit_id, revision=4) == once
    for command in (service.no_answer, service.put_back):
        back = await unit_of_work.run(command, clinic.clinician_actor, visit_id)
        assert (back.status, back.waiting_since) == (S.READY, once.waiting_since)
        await unit_of_work.run(service.admit, clinic.clinician_actor, visit_id)


async def test_another_clinician_takes_over(unit_of_work: UnitOfWork, clinic: Clinic) -> None:
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    with pytest.raises(Stale):
        await unit_of_work.run(service.hand_over, SYSTEM, visit.id, colleague.id, revision=7)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.hand_over, SYSTEM, visit.id, uuid4())  # type: ignore[arg-type]
    taken = await unit_of_work.run(service.hand_over, clinic.clinician_actor, visit.id, colleague.id)
    assert (taken.clinician_id, taken.status, taken.revision) == (colleague.id, S.BOOKED, 2)
    assert await unit_of_work.run(service.hand_over, SYSTEM, visit.id, colleague.id) == taken
    with pytest.raises(NotFound):
        await unit_of_work.run(service.open_visit, clinic.clinician_actor, visit.id)
    its = replace(clinic.clinician_actor, person_id=colleague.id)
    assert await unit_of_work.run(service.open_visit, its, visit.id) == taken
    present = {each.person_id for each in await unit_of_work.run(participants.participants_of, SYSTEM, visit.id)}
    assert present == {colleague.id, clinic.patient.id}
    assert await unit_of_work.run(_hosts, SYSTEM) == [(colleague.id, 0)]
    told = await unit_of_work.run(_told, SYSTEM)
    assert [kind for kind in told if "Over" in kind or "Freed" in kind] == [
        "TimeFreed",
        "VisitTakenOver",
        "VisitHandedOver",
    ]
    other = replace(clinic, patient=await unit_of_work.run(register, SYSTEM, "Ines"))
    await unit_of_work.run(book, SYSTEM, other)  # the time of who handed over is free


async def test_a_time_that_is_taken_needs_a_reason_before_the_patient_is_there(
    unit_of_work: UnitOfWork, clinic: Clinic
) -> None:
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    other = replace(clinic, clinician=colleague, patient=await unit_of_work.run(register, SYSTEM, "Ines"))
    await unit_of_work.run(book, SYSTEM, other)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    with pytest.raises(SlotTaken):
        await unit_of_work.run(service.hand_over, SYSTEM, visit.id, colleague.id)
    over = await unit_of_work.run(service.hand_over, SYSTEM, visit.id, colleague.id, override="Ada is ill")
    assert over.overbooked
    assert await unit_of_work.run(_hosts, SYSTEM) == [(colleague.id, 0), (colleague.id, OVERBOOKED_LAYER)]


async def test_who_waits_is_never_refused_for_time(unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic) -> None:
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    other = replace(clinic, clinician=colleague, patient=await unit_of_work.run(register, SYSTEM, "Ines"))
    await unit_of_work.run(book, SYSTEM, other)
    visit_id = await _waiting(unit_of_work, clock, clinic)
    since = (await unit_of_work.run(queries.find, SYSTEM, visit_id)).waiting_since
    over = await unit_of_work.run(service.hand_over, clinic.front_desk, visit_id, colleague.id)
    assert (over.status, over.overbooked, over.waiting_since) == (S.READY, True, since)
    its = replace(clinic.clinician_actor, person_id=colleague.id)
    await unit_of_work.run(service.admit, its, visit_id)
    await unit_of_work.run(service.connected, SYSTEM, visit_id)
    back = await unit_of_work.run(service.hand_over, its, visit_id, clinic.clinician.id)
    assert (back.status, back.clinician_id) == (S.IN_PROGRESS, clinic.clinician.id)
    await unit_of_work.run(service.end, clinic.clinician_actor, visit_id)
    with pytest.raises(NotNow):
        await unit_of_work.run(service.hand_over, SYSTEM, visit_id, colleague.id)


async def test_nobody_takes_over_where_they_may_not_treat(
    unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic
) -> None:
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(clinic.visit_type, needs_licence=True))
    await unit_of_work.run(
        people.replace_licences, SYSTEM, clinic.clinician.id, [Licence(clinic.clinician.id, "US-MN")]
    )
    wish = {"patient_id": clinic.patient.id, "visit_type_id": clinic.visit_type.id, "start": TUESDAY_NINE}
    visit = (await unit_of_work.run(_appoint_in, SYSTEM, "US-MN", clinic, wish)).visit
    with pytest.raises(JurisdictionMismatch):
        await unit_of_work.run(service.hand_over, SYSTEM, visit.id, colleague.id)
    await unit_of_work.run(people.replace_licences, SYSTEM, colleague.id, [Licence(colleague.id, "US-MN")])
    assert (await unit_of_work.run(service.hand_over, SYSTEM, visit.id, colleague.id)).clinician_id == colleague.id


async def test_endings_tell_who_did_not_come_and_are_taken_back(
    unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic
) -> None:
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    clock.advance(TUESDAY_NINE + timedelta(minutes=15) - clock.now())
    missed = await unit_of_work.run(service.note_patient_no_show, clinic.front_desk, visit.id)
    assert missed.status is S.PATIENT_NO_SHOW
    with pytest.raises(Stale):
        await unit_of_work.run(service.correct, clinic.front_desk, visit.id, reason="other", revision=1)
    booked = await unit_of_work.run(service.correct, clinic.front_desk, visit.id, reason="came_after_all")
    assert booked.status is S.BOOKED
    await unit_of_work.run(service.arrive, clinic.front_desk, visit.id)
    left = await unit_of_work.run(service.leave, clinic.front_desk, visit.id)
    assert left.status is S.LEFT_UNSEEN
    assert (await unit_of_work.run(service.correct, SYSTEM, visit.id, reason="other")).status is S.ARRIVED
    clock.advance(timedelta(minutes=15))
    nobody = await unit_of_work.run(service.note_provider_no_show, clinic.front_desk, visit.id)
    assert nobody.status is S.PROVIDER_NO_SHOW
    clock.advance(timedelta(hours=25))
    with pytest.raises(NotNow) as refused:
        await unit_of_work.run(service.correct, clinic.front_desk, visit.id, reason="other")
    assert refused.value.extras == {"allowed": ["mark_error"], "reason": "in_time_to_correct"}


async def _waiting(unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic) -> Any:
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - clock.now())
    patient = await guest_of(unit_of_work, booked)
    await unit_of_work.run(service.record_check, patient, booked.visit.id, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, booked.visit.id)
    return booked.visit.id


async def _appoint_in(unit: Unit, place: str, clinic: Clinic, wish: dict[str, Any]) -> appointments.Booked:
    return await appointments.appoint(unit, Wish(clinician_ids=(clinic.clinician.id,), location=place, **wish))


async def _hosts(unit: Unit) -> list[tuple[Any, int]]:
    query = select(OccupancyRow.resource_id, OccupancyRow.layer).where(
        OccupancyRow.role == "host", OccupancyRow.state == "active"
    )
    return [(resource, layer) for resource, layer in await unit.session.execute(query.order_by(OccupancyRow.layer))]


async def _told(unit: Unit) -> list[str]:
    return list(await unit.session.scalars(select(OutboxRow.kind).order_by(OutboxRow.position)))

"""A visit and the two it is about."""

from dataclasses import dataclass
from datetime import timedelta

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.ids import VisitId
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.rules import DeviceCheck, VisitStatus
from tests.kit.clinic import Clinic, book, guest_of, open_clinic
from tests.kit.patience import until_it


@dataclass(frozen=True, slots=True)
class Meeting:
    clinic: Clinic
    visit_id: VisitId
    clinician: Actor
    patient: Actor


async def wait_for_call(unit_of_work: UnitOfWork, clock: FixedClock) -> Meeting:
    """The patient is ready, in the waiting room, a minute before the visit."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(booked.visit.starts_at - clock.now() - timedelta(minutes=1))
    patient = await guest_of(unit_of_work, booked)
    visit_id = booked.visit.id
    await unit_of_work.run(visits.arrive, patient, visit_id)
    await unit_of_work.run(visits.record_check, patient, visit_id, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, visit_id)
    return Meeting(clinic, visit_id, clinic.clinician_actor, patient)


async def status_becomes(unit_of_work: UnitOfWork, visit_id: VisitId, status: VisitStatus) -> None:
    async def is_so() -> bool:
        return (await unit_of_work.run(visits.open_visit, SYSTEM, visit_id)).status is status

    await until_it(is_so)

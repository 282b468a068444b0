"""Visits that have taken place, and patients who say how they were."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.monitoring import service as monitoring
from telehealth.surveys import queries, service
from telehealth.surveys.parts import CODE
from telehealth.visits.appointments.service import Booked
from telehealth.visits.lifecycle.events import VisitCompleted
from telehealth.visits.lifecycle.rules import Visit
from tests.kit.clinic import Clinic, book, guest, register

ENDED = "UPDATE visit SET status = :status, started_at = starts_at, ended_at = ends_at WHERE id = :visit"
WELL = {"overall": "9", "clear": "true", "comment": "CANARY thank you"}


async def switch_on(unit: Unit, minutes: int = 120) -> None:
    await service.choose(unit, CODE, minutes, version=(await queries.choice(unit)).version)


async def becomes(unit: Unit, visit: Visit, status: str = "completed") -> None:
    """As its note reached the record; or as somebody marks it as an error."""
    await unit.session.execute(text(ENDED), {"visit": visit.id, "status": status})
    if status == "completed":
        unit.emit(VisitCompleted(visit_id=visit.id, patient_id=visit.patient_id, clinician_id=visit.clinician_id))


async def visited(unit: Unit, clinic: Clinic, start: datetime, given: str = "") -> Booked:
    """A visit at that time that is complete; of a patient of that name, who is new."""
    theirs = replace(clinic, patient=await register(unit, given)) if given else clinic
    booked = await book(unit, theirs, start)
    await becomes(unit, booked.visit)
    return booked


async def request_of(unit: Unit, visit: Visit) -> UUID | None:
    found = text("SELECT request_id FROM survey WHERE visit_id = :visit")
    return (await unit.session.execute(found, {"visit": visit.id})).scalar_one_or_none()


async def answer(unit_of_work: UnitOfWork, visit: Visit, answers: dict[str, str] | None = None) -> UUID:
    """By the patient, after the identity step of the link."""

    async def own(unit: Unit) -> tuple[UUID, UUID]:
        row = text("SELECT id FROM participant WHERE visit_id = :visit AND role = 'patient'")
        request = await request_of(unit, visit)
        assert request is not None
        return request, (await unit.session.execute(row, {"visit": visit.id})).scalar_one()

    request, participant = await unit_of_work.run(own, SYSTEM)
    await unit_of_work.run(monitoring.answer, guest(visit, participant), request, answers or WELL)
    return request

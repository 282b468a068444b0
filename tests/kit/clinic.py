"""A small clinic in the database: a clinician with hours, patients, one kind of visit."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import VisitTypeId
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.rules import Clinician, Patient
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Rule, WeeklyHours
from telehealth.scheduling.booking import service as scheduling
from telehealth.scheduling.booking.rules import VisitType
from telehealth.visits.appointments import service as visits
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.participants import guests

TUESDAY_NINE = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)  # 09:00 in Chicago
BORN = date(1947, 6, 5)


@dataclass(frozen=True, slots=True)
class Clinic:
    """Office hours are Monday to Friday, 09:00 to 17:00 in Chicago; visits take 20 minutes on a 20-minute grid."""

    clinician: Clinician
    patient: Patient
    visit_type: VisitType

    @property
    def clinician_actor(self) -> Actor:
        return Actor(UUID(int=1), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=self.clinician.id)

    @property
    def front_desk(self) -> Actor:
        return Actor(UUID(int=2), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK])


async def open_clinic(unit: Unit) -> Clinic:
    clinician = await people.add_clinician(
        unit, given="Ada", family="Lindqvist", prefix="Dr.", email="ada@clinic.example", time_zone="America/Chicago"
    )
    patient = await register(unit, "Rosa")
    kind = VisitType(id=VisitTypeId(unit.new_id()), code="video", name="Video visit", minutes=20, grid=20)
    await scheduling.add_visit_type(unit, kind)
    windows = tuple(Rule(weekday, 9 * 60, 17 * 60) for weekday in range(1, 6))
    await availability.publish_hours(unit, clinician.id, WeeklyHours("America/Chicago", windows))
    await people.set_clinic(unit, name="Riverside", phone="+1 507 555 0100", time_zone="America/Chicago")
    return Clinic(clinician, patient, kind)


async def register(unit: Unit, given: str) -> Patient:
    return await people.register_patient(
        unit, given=given, family="Moreno", birth_date=BORN, language="es", time_zone="America/Chicago"
    )


async def book(unit: Unit, clinic: Clinic, start: datetime = TUESDAY_NINE) -> visits.Booked:
    return await visits.book(
        unit,
        patient_id=clinic.patient.id,
        clinician_id=clinic.clinician.id,
        visit_type_id=clinic.visit_type.id,
        start=start,
    )


async def guest_of(unit_of_work: UnitOfWork, booked: visits.Booked) -> Actor:
    """The patient, after the identity step."""
    answer = await unit_of_work.run(guests.identify_guest, SYSTEM, booked.link_secret, BORN)
    assert isinstance(answer, guests.Identified)
    return guest(answer.visit, answer.participant.id)


def guest(visit: Visit, participant_id: UUID) -> Actor:
    scopes = SCOPES[Role.PATIENT]
    return Actor(participant_id, Role.PATIENT, scopes, person_id=visit.patient_id, visit_id=visit.id)


async def add_colleague(unit: Unit, clinic: Clinic) -> Clinician:
    """A second clinician with the same hours."""
    colleague = await people.add_clinician(
        unit, given="Grace", family="Okafor", prefix="Dr.", email="grace@clinic.example", time_zone="America/Chicago"
    )
    rules = tuple(Rule(weekday, 9 * 60, 17 * 60) for weekday in range(1, 6))
    await availability.publish_hours(unit, colleague.id, WeeklyHours("America/Chicago", rules))
    return colleague

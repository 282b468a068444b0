"""A patient, a clinician and a visit in any state, put straight into the tables."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import uuid4

from telehealth.access.rules import SCOPES
from telehealth.core.actors import Actor, Purpose, Role
from telehealth.core.ids import PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import service as people
from telehealth.scheduling.booking.models import VisitTypeRow
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import VisitStatus


@dataclass(frozen=True, slots=True)
class Arranged:
    """`clinician` acts as the one who gives the visit."""

    visit_id: VisitId
    patient_id: PatientId
    clinician: Actor


async def arrange_visit(
    unit: Unit, *, status: VisitStatus = VisitStatus.IN_PROGRESS, identifier: str | None = None
) -> Arranged:
    """`identifier` is the patient's at the record service, "system|value"."""
    patient = await people.register_patient(
        unit, given="Ada", family="Example", birth_date=date(1980, 2, 3), identifier=identifier
    )
    clinician = await people.add_clinician(
        unit, given="Grace", family="Sample", prefix="Dr.", email=f"{uuid4()}@clinic.example"
    )
    visit_type = _visit_type(unit)
    unit.session.add(visit_type)
    await unit.session.flush()
    row = VisitRow(
        id=unit.new_id(),
        patient_id=patient.id,
        clinician_id=clinician.id,
        visit_type_id=visit_type.id,
        visit_type=visit_type.code,
        status=status,
        starts_at=unit.now,
        ends_at=unit.now + timedelta(minutes=20),
        opens_at=unit.now - timedelta(minutes=15),
        closes_at=unit.now + timedelta(minutes=35),
        time_zone="UTC",
        local_start=f"{unit.now:%Y-%m-%dT%H:%M}",
        tzdata="2026a",
        revision=1,
        created_at=unit.now,
        changed_at=unit.now,
        started_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    actor = Actor(uuid4(), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=clinician.id, purpose=Purpose.TREATMENT)
    return Arranged(VisitId(row.id), patient.id, actor)


def _visit_type(unit: Unit) -> VisitTypeRow:
    return VisitTypeRow(
        id=unit.new_id(),
        code=f"follow-up-{uuid4()}",
        name="Follow-up",
        minutes=20,
        buffer_before=0,
        buffer_after=0,
        grid=20,
        grid_offset=0,
        notice=0,
        horizon_days=60,
        opens_before=15,
        closes_after=15,
    )

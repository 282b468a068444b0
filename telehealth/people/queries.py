"""Reading people. Whoever asks for a patient by id has already been allowed the visit, note or task that names them,
and has left the audit row there; a search by name has no such thing before it and audits here.
"""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import select

from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.unit import Unit
from telehealth.people.models import ClinicianRow, ClinicRow, PatientRow
from telehealth.people.rules import UNNAMED_CLINIC, Clinic, Clinician, Patient, is_called

MOST_FOUND = 20


async def patient(unit: Unit, patient_id: PatientId) -> Patient:
    """Raises NotFound."""
    found = await patients(unit, [patient_id])
    if patient_id not in found:
        raise NotFound
    return found[patient_id]


async def patients(unit: Unit, patient_ids: Iterable[PatientId]) -> dict[PatientId, Patient]:
    """Those of the ids that exist."""
    rows = await unit.session.scalars(select(PatientRow).where(PatientRow.id.in_(set(patient_ids))))
    return {PatientId(row.id): to_patient(row) for row in rows}


async def identified(unit: Unit, identifier: str) -> PatientId | None:
    """Who has this identifier, "system|value"; nobody when it is unknown."""
    found = await unit.session.scalar(select(PatientRow.id).where(PatientRow.identifier == identifier))
    return None if found is None else PatientId(found)


async def find_patients(unit: Unit, name: str, birth_date: date) -> list[Patient]:
    """Patients born on that day whose name has words beginning as asked; one audit row for each. At most 20."""
    rows = await unit.session.scalars(
        select(PatientRow)
        .where(PatientRow.birth_date == birth_date)
        .order_by(PatientRow.family, PatientRow.given, PatientRow.id)
    )
    called = [each for each in map(to_patient, rows) if is_called(name, each.name)][:MOST_FOUND]
    for each in called:
        unit.audit("read", "patient", each.id, patient_id=each.id)
    return called


async def clinician(unit: Unit, clinician_id: ClinicianId) -> Clinician:
    """Raises NotFound."""
    row = await unit.session.get(ClinicianRow, clinician_id)
    if row is None:
        raise NotFound
    return to_clinician(row)


async def clinicians(unit: Unit) -> list[Clinician]:
    """Everyone who gives visits, by family name."""
    rows = await unit.session.scalars(
        select(ClinicianRow).order_by(ClinicianRow.family, ClinicianRow.given, ClinicianRow.id)
    )
    return [to_clinician(row) for row in rows]


async def clinic(unit: Unit) -> Clinic:
    """The institution; a nameless one in UTC until `set_clinic`."""
    row = await unit.session.get(ClinicRow, 1)
    return UNNAMED_CLINIC if row is None else Clinic(row.name, row.phone, row.time_zone)


def to_patient(row: PatientRow) -> Patient:
    return Patient(
        id=PatientId(row.id),
        identifier=row.identifier,
        given=row.given,
        family=row.family,
        birth_date=row.birth_date,
        language=row.language,
        time_zone=row.time_zone,
        email=row.email,
        phone=row.phone,
    )


def to_clinician(row: ClinicianRow) -> Clinician:
    return Clinician(
        id=ClinicianId(row.id),
        given=row.given,
        family=row.family,
        prefix=row.prefix,
        email=row.email,
        time_zone=row.time_zone,
        languages=tuple(row.languages),
    )

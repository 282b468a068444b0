"""Reading people. Whoever asks for a patient by id has already been allowed the visit, note or task that names them,
and has left the audit row there; a search by name has no such thing before it and audits here.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BindParameter, ColumnElement, ScalarSelect, func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, RelatedPersonId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.people import licensing
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.people.models import (
    ClinicianRow,
    ClinicRow,
    LicenceRow,
    PatientLocationRow,
    PatientRow,
    RelatedPersonRow,
    SupervisionRow,
)
from telehealth.people.rules import (
    UNNAMED_CLINIC,
    Clinic,
    Clinician,
    Patient,
    RelatedPerson,
    Relationship,
    is_called,
)

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


async def supervisors(unit: Unit, clinician_id: UUID) -> list[Clinician]:
    """Who co-signs what this clinician signs, by family name; nobody, unless they are a trainee."""
    rows = await unit.session.scalars(
        select(ClinicianRow)
        .join(SupervisionRow, SupervisionRow.supervisor_id == ClinicianRow.id)
        .where(SupervisionRow.trainee_id == clinician_id)
        .order_by(ClinicianRow.family, ClinicianRow.given, ClinicianRow.id)
    )
    return [to_clinician(row) for row in rows]


async def supervision(unit: Unit) -> dict[UUID, list[Clinician]]:
    """Every trainee with those who co-sign for them, by family name."""
    pairs = await unit.session.execute(
        select(SupervisionRow.trainee_id, ClinicianRow)
        .join(ClinicianRow, SupervisionRow.supervisor_id == ClinicianRow.id)
        .order_by(ClinicianRow.family, ClinicianRow.given, ClinicianRow.id)
    )
    named: dict[UUID, list[Clinician]] = {}
    for trainee_id, row in pairs:
        named.setdefault(trainee_id, []).append(to_clinician(row))
    return named


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


def to_related_person(row: RelatedPersonRow) -> RelatedPerson:
    return RelatedPerson(
        id=RelatedPersonId(row.id),
        patient_id=PatientId(row.patient_id),
        given=row.given,
        family=row.family,
        relationship=Relationship(row.relationship),
        email=row.email,
        phone=row.phone,
        language=row.language,
        may_join=row.may_join,
        may_book=row.may_book,
        begins_at=row.begins_at,
        ends_at=row.ends_at,
    )


async def related_person(unit: Unit, person_id: UUID) -> RelatedPerson:
    """Raises NotFound."""
    row = await unit.session.get(RelatedPersonRow, person_id, populate_existing=True)
    if row is None:
        raise NotFound
    return to_related_person(row)


async def related_persons(unit: Unit, patient_id: PatientId) -> list[RelatedPerson]:
    """Everyone who may act for the patient, or did or will, first named first."""
    rows = await unit.session.scalars(
        select(RelatedPersonRow).where(RelatedPersonRow.patient_id == patient_id).order_by(RelatedPersonRow.id)
    )
    return [to_related_person(row) for row in rows]


# Licences and whereabouts


async def licences(unit: Unit, clinician_id: ClinicianId) -> list[Licence]:
    """The clinician's licences, by jurisdiction and date."""
    rows = await unit.session.scalars(
        select(LicenceRow)
        .where(LicenceRow.clinician_id == clinician_id)
        .order_by(LicenceRow.jurisdiction, LicenceRow.first.nulls_first(), LicenceRow.last, LicenceRow.id)
    )
    return [Licence(ClinicianId(row.clinician_id), row.jurisdiction, row.first, row.last) for row in rows]


async def licensed_jurisdictions(unit: Unit) -> list[str]:
    """Wherever anyone here holds or held a licence, in the order of the codes."""
    rows = await unit.session.scalars(select(LicenceRow.jurisdiction).distinct().order_by(LicenceRow.jurisdiction))
    return list(rows)


async def may_treat(unit: Unit, jurisdiction: str, at: datetime) -> frozenset[ClinicianId]:
    """Every clinician who may treat a patient who is there at that instant."""
    held = parse_licences(await unit.session.scalar(select(licences_json_in(jurisdiction))))
    return frozenset(each for each, theirs in held.items() if licensing.may_treat(theirs, jurisdiction, at))


async def whereabouts(unit: Unit, patient_id: PatientId) -> list[Whereabouts]:
    """Where the patient told to be, the oldest attestation first: where two overlap, the later one counts."""
    return parse_whereabouts(await unit.session.scalar(select(whereabouts_json(patient_id))))


async def location_at(unit: Unit, patient_id: PatientId, at: datetime) -> str | None:
    """The jurisdiction the patient told to be in at that instant."""
    moment = Interval(at, at + licensing.ONE_SECOND)
    found = licensing.stays(await whereabouts(unit, patient_id), moment)
    return found[0].jurisdiction if found else None


def whereabouts_json(patient_id: UUID | BindParameter[UUID]) -> ScalarSelect[Any]:
    """A column for a statement of another package: `parse_whereabouts` reads it."""
    row = PatientLocationRow
    return (
        select(_list_of(row.jurisdiction, row.first, row.last, order_by=row.position))
        .where(row.patient_id == patient_id, row.withdrawn_at.is_(None))
        .scalar_subquery()
    )


def licences_json(patient_id: UUID | BindParameter[UUID]) -> ScalarSelect[Any]:
    """All licences wherever that patient told to be, as a column: `parse_licences` reads it."""
    told = select(PatientLocationRow.jurisdiction).where(
        PatientLocationRow.patient_id == patient_id, PatientLocationRow.withdrawn_at.is_(None)
    )
    return _licences_json(LicenceRow.jurisdiction.in_(told))


def licences_json_in(jurisdiction: str | BindParameter[str]) -> ScalarSelect[Any]:
    """All licences of one jurisdiction, as a column: `parse_licences` reads it."""
    return _licences_json(LicenceRow.jurisdiction == jurisdiction)


def parse_whereabouts(rows: Iterable[Sequence[Any]] | None) -> list[Whereabouts]:
    return [Whereabouts(place, _day(first), _day(last)) for place, first, last in rows or ()]


def parse_licences(rows: Iterable[Sequence[Any]] | None) -> dict[ClinicianId, list[Licence]]:
    """By clinician; who holds none of them is absent."""
    held: dict[ClinicianId, list[Licence]] = {}
    for holder, place, first, last in rows or ():
        clinician_id = ClinicianId(UUID(holder))
        held.setdefault(clinician_id, []).append(Licence(clinician_id, place, _day(first), _day(last)))
    return held


def _licences_json(which: ColumnElement[bool]) -> ScalarSelect[Any]:
    row = LicenceRow
    return (
        select(_list_of(row.clinician_id, row.jurisdiction, row.first, row.last, order_by=row.id))
        .where(which)
        .scalar_subquery()
    )


def _list_of(*columns: Any, order_by: Any) -> ColumnElement[Any]:
    rows = func.json_agg(aggregate_order_by(func.json_build_array(*columns), order_by))
    return func.coalesce(rows, text("'[]'::json"), type_=JSON)


def _day(iso: str | None) -> date | None:
    return None if iso is None else date.fromisoformat(iso)

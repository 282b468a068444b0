"""Registering people."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy.dialects.postgresql import insert

from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.people.models import ClinicianRow, ClinicRow, PatientRow
from telehealth.people.queries import to_clinician, to_patient
from telehealth.people.rules import Clinic, Clinician, NotBornYet, Patient, is_identifier, own_identifier


async def register_patient(  # noqa: PLR0913 -- one argument for each field a registration form has
    unit: Unit,
    *,
    given: str,
    family: str,
    birth_date: date,
    identifier: str | None = None,
    language: str = "en",
    time_zone: str = "UTC",
    email: str | None = None,
    phone: str | None = None,
) -> Patient:
    """`identifier` is "system|value" of the record service; without one the patient gets a number of our own.

    Raises PatientKnown when it is taken, NotBornYet, ValueError for a malformed identifier or an unknown zone.
    """
    if birth_date > (unit.now + timedelta(days=1)).date():  # it may be tomorrow already where they are
        raise NotBornYet
    new_id = unit.new_id()
    row = PatientRow(
        id=new_id,
        identifier=_checked_identifier(identifier) if identifier else own_identifier(new_id),
        given=given,
        family=family,
        birth_date=birth_date,
        language=language,
        time_zone=parse_zone(time_zone).key,
        email=email,
        phone=phone,
        registered_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "patient", new_id, patient_id=new_id)
    return to_patient(row)


async def add_clinician(
    unit: Unit,
    *,
    given: str,
    family: str,
    email: str,
    prefix: str = "",
    time_zone: str = "UTC",
    languages: Sequence[str] = ("en",),
) -> Clinician:
    """Raises ValueError for an unknown zone."""
    row = ClinicianRow(
        id=unit.new_id(),
        given=given,
        family=family,
        prefix=prefix,
        email=email,
        time_zone=parse_zone(time_zone).key,
        languages=list(languages),
        added_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "clinician", row.id)
    return to_clinician(row)


async def set_clinic(unit: Unit, *, name: str, phone: str, time_zone: str) -> Clinic:
    """Raises ValueError for an unknown zone."""
    named = Clinic(name, phone, parse_zone(time_zone).key)
    values = {"name": named.name, "phone": named.phone, "time_zone": named.time_zone}
    await unit.session.execute(
        insert(ClinicRow).values(id=1, **values).on_conflict_do_update(index_elements=[ClinicRow.id], set_=values)
    )
    unit.audit("update", "clinic", None)
    return named


def _checked_identifier(text: str) -> str:
    if not is_identifier(text):
        raise ValueError("an identifier is written system|value")
    return text

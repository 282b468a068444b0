"""Registering and finding people on a real PostgreSQL."""

import asyncio
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import queries, service
from telehealth.people.rules import UNNAMED_CLINIC, Clinic, NotBornYet, Patient, PatientKnown

BORN = date(1961, 4, 12)
DESK = Actor(UUID(int=1), Role.FRONT_DESK)


async def register(unit_of_work: UnitOfWork, given: str, family: str, identifier: str | None = None) -> Patient:
    return await unit_of_work.run(
        service.register_patient, SYSTEM, given=given, family=family, birth_date=BORN, identifier=identifier
    )


async def audited(unit: Unit) -> list[tuple[str, str, UUID | None]]:
    rows = await unit.session.scalars(select(AuditRow).where(AuditRow.role == Role.FRONT_DESK).order_by("position"))
    return [(row.action, row.entity, row.patient_id) for row in rows]


async def test_a_patient_comes_back_as_registered(unit_of_work: UnitOfWork) -> None:
    patient = await unit_of_work.run(
        service.register_patient,
        SYSTEM,
        given="Ana",
        family="Lima",
        birth_date=BORN,
        identifier="urn:mrn|7",
        language="pt-BR",
        time_zone="America/Sao_Paulo",
        email="ana@example.org",
        phone="+55 11 5550134",
    )
    assert await unit_of_work.run(queries.patient, SYSTEM, patient.id) == patient
    assert patient.name == "Ana Lima"


async def test_without_a_number_the_patient_gets_one_of_ours(unit_of_work: UnitOfWork) -> None:
    patient = await register(unit_of_work, "Ana", "Lima")
    assert patient.identifier == f"urn:ietf:rfc:3986|urn:uuid:{patient.id}"


async def test_an_identifier_belongs_to_one_patient_also_in_a_race(unit_of_work: UnitOfWork) -> None:
    tries = [register(unit_of_work, "Ana", "Lima", "urn:mrn|7") for _ in range(6)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Patient) for each in results) == 1
    assert sum(isinstance(each, PatientKnown) for each in results) == 5


async def test_nobody_is_born_ahead(unit_of_work: UnitOfWork) -> None:
    with pytest.raises(NotBornYet):
        await unit_of_work.run(
            service.register_patient, SYSTEM, given="Ana", family="Lima", birth_date=date(2026, 3, 4)
        )


async def test_what_is_malformed_is_not_stored(unit_of_work: UnitOfWork) -> None:
    person = {"given": "Ana", "family": "Lima"}
    for wrong in ({"identifier": "seven"}, {"time_zone": "Mars/Olympus"}):
        with pytest.raises(ValueError, match=r"identifier|zone"):
            await unit_of_work.run(service.register_patient, SYSTEM, birth_date=BORN, **person, **wrong)


async def test_a_search_audits_each_patient_it_shows_and_no_other(unit_of_work: UnitOfWork) -> None:
    lima = await register(unit_of_work, "Ana", "Lima")
    await register(unit_of_work, "Bo", "Berg")
    andrade = await register(unit_of_work, "Ana", "Andrade")
    found = await unit_of_work.run(queries.find_patients, DESK, "ana", BORN)
    assert found == [andrade, lima]
    assert await unit_of_work.run(audited) == [("read", "patient", andrade.id), ("read", "patient", lima.id)]
    assert await unit_of_work.run(queries.find_patients, DESK, "ana", date(1961, 4, 13)) == []


async def test_people_who_are_not_there(unit_of_work: UnitOfWork) -> None:
    known = await register(unit_of_work, "Ana", "Lima")
    nobody = PatientId(UUID(int=9))
    assert await unit_of_work.run(queries.patients, SYSTEM, [known.id, nobody]) == {known.id: known}
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.patient, SYSTEM, nobody)
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.clinician, SYSTEM, ClinicianId(UUID(int=9)))


async def test_clinicians_by_family_name(unit_of_work: UnitOfWork) -> None:
    for given, family in (("Zoe", "Adler"), ("Ben", "Ziegler"), ("Amy", "Adler")):
        await unit_of_work.run(
            service.add_clinician,
            SYSTEM,
            given=given,
            family=family,
            prefix="Dr.",
            email=f"{given}@clinic.example",
            time_zone="Europe/Berlin",
            languages=("de", "en"),
        )
    found = await unit_of_work.run(queries.clinicians)
    assert [each.name for each in found] == ["Dr. Amy Adler", "Dr. Zoe Adler", "Dr. Ben Ziegler"]
    assert await unit_of_work.run(queries.clinician, SYSTEM, found[0].id) == found[0]


async def test_the_clinic_is_named_once_and_renamed(unit_of_work: UnitOfWork) -> None:
    assert await unit_of_work.run(queries.clinic) == UNNAMED_CLINIC
    for name in ("First", "Second"):
        await unit_of_work.run(service.set_clinic, SYSTEM, name=name, phone="+1 507 555 0100", time_zone="UTC")
    assert await unit_of_work.run(queries.clinic) == Clinic("Second", "+1 507 555 0100", "UTC")

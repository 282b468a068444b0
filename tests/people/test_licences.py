"""Licences and attested places on a real PostgreSQL."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import queries, service
from telehealth.people.licensing import Licence, UnfitDates, UnfitPlace, Whereabouts
from telehealth.people.models import PatientLocationRow

DESK = Actor(UUID(int=1), Role.FRONT_DESK)
NOBODY = ClinicianId(UUID(int=9))
MARCH = [date(2026, 3, day) for day in range(1, 31)]


@pytest.fixture
async def ada(unit_of_work: UnitOfWork) -> ClinicianId:
    return await add_clinician(unit_of_work, "Ada")


@pytest.fixture
async def rosa(unit_of_work: UnitOfWork) -> PatientId:
    found = await unit_of_work.run(
        service.register_patient, SYSTEM, given="Rosa", family="Moreno", birth_date=date(1947, 6, 5)
    )
    return found.id


async def add_clinician(unit_of_work: UnitOfWork, given: str) -> ClinicianId:
    email = f"{given}@clinic.example"
    return (await unit_of_work.run(service.add_clinician, SYSTEM, given=given, family="Berg", email=email)).id


async def embedded(unit: Unit, patient_id: PatientId, jurisdiction: str) -> tuple[Any, Any, Any]:
    """The three columns in one statement, as booking asks for them."""
    columns = (
        queries.whereabouts_json(patient_id),
        queries.licences_json(patient_id),
        queries.licences_json_in(jurisdiction),
    )
    places, there, elsewhere = (await unit.session.execute(select(*columns))).one()
    return queries.parse_whereabouts(places), queries.parse_licences(there), queries.parse_licences(elsewhere)


async def told(unit: Unit) -> list[tuple[str, str, bool]]:
    rows = await unit.session.scalars(select(PatientLocationRow).order_by(PatientLocationRow.position))
    return [(row.jurisdiction, row.attested_by, row.withdrawn_at is None) for row in rows]


async def traces(unit: Unit) -> list[tuple[str, str, UUID | None]]:
    rows = await unit.session.scalars(select(AuditRow).where(AuditRow.role == Role.FRONT_DESK).order_by("position"))
    return [(row.action, row.entity, row.patient_id) for row in rows]


async def test_licences_are_replaced_and_added(unit_of_work: UnitOfWork, ada: ClinicianId) -> None:
    first = [Licence(NOBODY, "US-NY", None, MARCH[4]), Licence(NOBODY, "US-CA", MARCH[0], None)]
    held = await unit_of_work.run(service.replace_licences, DESK, ada, first)
    assert held == [Licence(ada, "US-CA", MARCH[0], None), Licence(ada, "US-NY", None, MARCH[4])]
    more = await unit_of_work.run(service.add_licence, DESK, Licence(ada, "DE"))
    assert more == [Licence(ada, "DE"), *held]
    assert await unit_of_work.run(queries.licensed_jurisdictions) == ["DE", "US-CA", "US-NY"]
    assert await unit_of_work.run(service.replace_licences, DESK, ada, []) == []
    entries = [("update", "licence", None), ("create", "licence", None), ("update", "licence", None)]
    assert await unit_of_work.run(traces) == entries


async def test_what_cannot_be_is_refused(unit_of_work: UnitOfWork, ada: ClinicianId, rosa: PatientId) -> None:
    with pytest.raises(UnfitPlace):
        await unit_of_work.run(service.add_licence, SYSTEM, Licence(ada, "US-ZZ"))
    with pytest.raises(UnfitDates):
        await unit_of_work.run(service.add_licence, SYSTEM, Licence(ada, "DE", MARCH[2], MARCH[1]))
    with pytest.raises(NotFound):
        await unit_of_work.run(service.add_licence, SYSTEM, Licence(NOBODY, "DE"))
    with pytest.raises(UnfitPlace):
        await unit_of_work.run(service.attest_at, SYSTEM, rosa, "EU", datetime(2026, 3, 2, tzinfo=UTC))
    with pytest.raises(NotFound):
        await unit_of_work.run(service.attest, SYSTEM, PatientId(NOBODY), Whereabouts("DE"))


async def test_the_later_word_of_a_patient_counts(unit_of_work: UnitOfWork, rosa: PatientId) -> None:
    places = [Whereabouts("US-CA"), Whereabouts("US-NV", MARCH[9], MARCH[11])]
    await unit_of_work.run(service.replace_whereabouts, DESK, rosa, places)
    noon = datetime(2026, 3, 11, 20, tzinfo=UTC)
    assert await unit_of_work.run(queries.location_at, SYSTEM, rosa, noon) == "US-NV"
    await unit_of_work.run(service.attest_at, DESK, rosa, "US-TX", noon)
    assert await unit_of_work.run(queries.location_at, SYSTEM, rosa, noon) == "US-TX"
    assert await unit_of_work.run(queries.location_at, SYSTEM, rosa, noon.replace(day=20)) == "US-CA"
    assert await unit_of_work.run(queries.whereabouts, SYSTEM, rosa) == [
        *places,
        Whereabouts("US-TX", MARCH[10], MARCH[10]),
    ]


async def test_what_was_attested_stays_on_record(unit_of_work: UnitOfWork, rosa: PatientId) -> None:
    for place in ("US-CA", "US-NV", "US-NV"):
        await unit_of_work.run(service.replace_whereabouts, DESK, rosa, [Whereabouts(place)])
    assert await unit_of_work.run(told) == [("US-CA", "front_desk", False), ("US-NV", "front_desk", True)]
    assert await unit_of_work.run(traces) == [("update", "patient_location", rosa)] * 3


async def test_booking_reads_all_of_it_in_one_statement(
    unit_of_work: UnitOfWork, ada: ClinicianId, rosa: PatientId
) -> None:
    ben = await add_clinician(unit_of_work, "Ben")
    await unit_of_work.run(service.replace_licences, SYSTEM, ada, [Licence(ada, "US-CA", MARCH[0], MARCH[8])])
    await unit_of_work.run(service.replace_licences, SYSTEM, ben, [Licence(ben, "US-CA"), Licence(ben, "US-NY")])
    assert await unit_of_work.run(embedded, SYSTEM, rosa, "FR") == ([], {}, {})
    await unit_of_work.run(service.attest, SYSTEM, rosa, Whereabouts("US-CA", MARCH[0], MARCH[5]))
    places, there, elsewhere = await unit_of_work.run(embedded, SYSTEM, rosa, "US-NY")
    assert places == [Whereabouts("US-CA", MARCH[0], MARCH[5])]
    assert there == {ada: [Licence(ada, "US-CA", MARCH[0], MARCH[8])], ben: [Licence(ben, "US-CA")]}
    assert elsewhere == {ben: [Licence(ben, "US-NY")]}
    before, after = datetime(2026, 3, 9, 20, tzinfo=UTC), datetime(2026, 3, 10, 20, tzinfo=UTC)
    assert await unit_of_work.run(queries.may_treat, SYSTEM, "US-CA", before) == {ada, ben}
    assert await unit_of_work.run(queries.may_treat, SYSTEM, "US-CA", after) == {ben}

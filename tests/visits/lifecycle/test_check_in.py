"""Where the patient is when the visit begins: nobody is treated where the clinician is not licensed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

import httpx
import pytest

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.ids import ClinicianId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import LocationRequired, SlotRefused
from telehealth.visits.appointments import service as appointments
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import DeviceCheck, JurisdictionMismatch, NotNow, Visit, VisitStatus
from tests.kit import ways_in
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, guest_of, open_clinic
from tests.kit.web import bearer, client_of

LAST_DAY = date(2026, 3, 3)  # of Ada's licence, and the day of the visit


@dataclass(frozen=True)
class Arrival:
    """Rosa, at home in California, has a visit with Ada, who is licensed there; Ben is licensed next door."""

    clinic: Clinic
    ben: ClinicianId
    visit: Visit
    rosa: Actor


async def _open(unit: Unit) -> tuple[Clinic, ClinicianId, appointments.Booked]:
    clinic = await open_clinic(unit)
    kind = replace(clinic.visit_type, needs_licence=True)
    await booking.add_visit_type(unit, kind)
    ada = clinic.clinician.id
    ben = await registration.add_clinician(unit, given="Ben", family="Berg", email="ben@clinic.example")
    await registration.add_licence(unit, Licence(ada, "US-CA", None, LAST_DAY))
    await registration.add_licence(unit, Licence(ben.id, "US-NV"))
    await registration.attest(unit, clinic.patient.id, Whereabouts("US-CA"))
    return clinic, ben.id, await book(unit, clinic)


@pytest.fixture
async def arrival(unit_of_work: UnitOfWork, clock: FixedClock) -> Arrival:
    clock.advance(TUESDAY_NINE - timedelta(days=1) - clock.now())
    clinic, ben, booked = await unit_of_work.run(_open)
    rosa = await guest_of(unit_of_work, booked)
    clock.advance(TUESDAY_NINE - timedelta(minutes=5) - clock.now())
    return Arrival(clinic, ben, booked.visit, rosa)


async def attest(unit_of_work: UnitOfWork, arrival: Arrival, place: str) -> Visit:
    await unit_of_work.run(lifecycle.record_check, arrival.rosa, arrival.visit.id, DeviceCheck.GOOD)
    return await unit_of_work.run(lifecycle.attest_location, arrival.rosa, arrival.visit.id, place)


async def test_a_visit_begins_where_the_clinician_is_licensed(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    told = await attest(unit_of_work, arrival, "US-CA")
    assert (told.location, told.licensed_there, told.status) == ("US-CA", True, VisitStatus.ARRIVED)
    await unit_of_work.run(gates.make_ready, arrival.rosa, told.id)
    admitted = await unit_of_work.run(lifecycle.admit, arrival.clinic.clinician_actor, told.id)
    assert admitted.status is VisitStatus.ADMITTING


async def test_without_a_place_nothing_begins(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(lifecycle.record_check, arrival.rosa, arrival.visit.id, DeviceCheck.GOOD)
    with pytest.raises(LocationRequired):
        await unit_of_work.run(gates.make_ready, arrival.rosa, arrival.visit.id)


async def test_another_state_at_check_in_keeps_the_time_and_names_who_may(
    unit_of_work: UnitOfWork, arrival: Arrival
) -> None:
    told = await attest(unit_of_work, arrival, "US-NV")
    assert told.licensed_there is False
    with pytest.raises(JurisdictionMismatch) as refused:
        await unit_of_work.run(gates.make_ready, arrival.rosa, told.id)
    assert refused.value.extras["alternatives"] == {
        "clinicians": [{"id": str(arrival.ben), "name": "Ben Berg"}],
        "reschedule": True,
    }
    patient = arrival.clinic.patient.id
    assert await unit_of_work.run(people.location_at, SYSTEM, patient, TUESDAY_NINE) == "US-NV"
    assert await unit_of_work.run(people.location_at, SYSTEM, patient, TUESDAY_NINE + timedelta(days=1)) == "US-CA"
    kept = await unit_of_work.run(queries.find, SYSTEM, told.id)
    assert (kept.status, kept.starts_at) == (VisitStatus.ARRIVED, arrival.visit.starts_at)
    with pytest.raises(SlotRefused):
        await unit_of_work.run(book, SYSTEM, arrival.clinic)


async def test_the_licence_is_checked_again_when_the_clinician_admits(
    unit_of_work: UnitOfWork, arrival: Arrival, clock: FixedClock
) -> None:
    ada = arrival.clinic.clinician
    told = await attest(unit_of_work, arrival, "US-CA")
    await unit_of_work.run(gates.make_ready, arrival.rosa, told.id)
    await unit_of_work.run(registration.replace_licences, SYSTEM, ada.id, [])
    with pytest.raises(JurisdictionMismatch):
        await unit_of_work.run(lifecycle.admit, arrival.clinic.clinician_actor, told.id)
    moved = await unit_of_work.run(lifecycle.attest_location, arrival.rosa, told.id, "US-NV")
    assert (moved.status, moved.licensed_there) == (VisitStatus.READY, False)
    clock.advance(timedelta(hours=9))
    with pytest.raises(NotNow):  # who may not admit at all hears that first
        await unit_of_work.run(lifecycle.admit, arrival.clinic.front_desk, told.id)


async def test_a_kind_of_visit_that_needs_no_licence_asks_nobody(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(booking.add_visit_type, SYSTEM, arrival.clinic.visit_type)
    told = await attest(unit_of_work, arrival, "US-NV")
    assert told.licensed_there is None
    ready = await unit_of_work.run(gates.make_ready, arrival.rosa, told.id)
    assert ready.status is VisitStatus.READY


@asynccontextmanager
async def _doors(unit_of_work: UnitOfWork, arrival: Arrival) -> AsyncIterator[httpx.AsyncClient]:
    known = {"rosa": arrival.rosa, "ada": arrival.clinic.clinician_actor}
    async with client_of(unit_of_work, (*ways_in.OPERATIONS, *ways_in.PAGES), known) as client:
        yield client


async def test_over_the_api(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    api, rosa, ada = f"/v1/visits/{arrival.visit.id}", bearer("rosa"), bearer("ada")
    async with _doors(unit_of_work, arrival) as client:
        check = {"camera": "ok", "microphone": "ok", "speaker": "ok"}
        assert (await client.post(f"{api}/check", json=check, headers=rosa)).status_code == 200
        early = await client.post(f"{api}/ready", headers=rosa)
        assert (early.status_code, early.json()["type"]) == (422, "/problems/location-required")
        assert (await client.post(f"{api}/location", json={"jurisdiction": "US-ZZ"}, headers=rosa)).status_code == 422
        told = (await client.post(f"{api}/location", json={"jurisdiction": "us-nv"}, headers=rosa)).json()
        assert (told["location"], told["licensed_there"]) == ("US-NV", False)
        refused = await client.post(f"{api}/ready", headers=rosa)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/jurisdiction-mismatch")
        assert refused.json()["alternatives"]["clinicians"][0]["id"] == str(arrival.ben)
        seen = (await client.get(api, headers=ada)).json()
        assert (seen["status"], seen["location"], seen["licensed_there"]) == ("arrived", "US-NV", False)
        await client.post(f"{api}/location", json={"jurisdiction": "US-CA"}, headers=rosa)
        assert (await client.post(f"{api}/ready", headers=rosa)).json()["status"] == "ready"


async def test_the_page_asks_where_the_patient_is(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    rosa = bearer("rosa")
    async with _doors(unit_of_work, arrival) as client:
        asked = (await client.get("/visit?lang=en", headers=rosa)).text
        assert '<option value="US-CA" selected>California</option>' in asked
        assert '<optgroup label="United States">' in asked
        assert '<option value="DE">Germany</option>' in asked
        nowhere = await client.post("/visit/location", data={"jurisdiction": ""}, headers=rosa)
        assert nowhere.status_code == 422
        for place, stage, hidden in (("US-NV", "check", False), ("US-CA", "waiting", True)):
            told = await client.post("/visit/location", data={"jurisdiction": place}, headers=rosa)
            assert (told.status_code, told.headers["location"]) == (303, "/visit")
            shown = (await client.get("/visit?lang=en", headers=rosa)).text
            assert f'data-stage="{stage}"' in shown
            assert f'<option value="{place}" selected>' in shown
            assert ('role="alert" hidden>Your clinician is not licensed' in shown) is hidden

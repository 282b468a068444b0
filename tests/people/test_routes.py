"""The doors of people."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.db.unit import UnitOfWork
from telehealth.people import service
from telehealth.people.routes import OPERATIONS
from tests.kit.web import bearer, client_of

DESK = bearer("desk")
ANA = {"given": "Ana", "family": "Lima", "birth_date": "1961-04-12", "identifier": "urn:mrn|7"}


@pytest.fixture
async def client(unit_of_work: UnitOfWork) -> AsyncIterator[httpx.AsyncClient]:
    known = {
        role.value: Actor(UUID(int=number), role, SCOPES[role])
        for number, role in enumerate((Role.CLINICIAN, Role.ADMIN, Role.PATIENT), start=2)
    }
    desk = Actor(UUID(int=1), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK])
    async with client_of(unit_of_work, OPERATIONS, known | {"desk": desk}) as opened:
        yield opened


async def test_register_and_find(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/patients", json=ANA, headers=DESK)
    assert made.status_code == 201
    asked = {"name": "lima", "birth_date": "1961-04-12"}
    found = await client.post("/v1/patients/search", json=asked, headers=bearer("clinician"))
    assert found.json() == {"items": [made.json()]}
    again = await client.post("/v1/patients", json=ANA, headers=DESK)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/patient-known")


async def test_nothing_malformed_gets_in_or_comes_back(client: httpx.AsyncClient) -> None:
    malformed = [
        {"given": ""},
        {"given": " Ana"},
        {"family": "Li\nma"},
        {"birth_date": "12/04/1961"},
        {"birth_date": "2031-01-01"},
        {"identifier": "seven"},
        {"time_zone": "Mars/Olympus"},
        {"email": "a@b\r\nBcc: c@d"},
        {"phone": "call me"},
        {"more": "things"},
    ]
    for wrong in malformed:
        answer = await client.post("/v1/patients", json=ANA | wrong, headers=DESK)
        assert answer.status_code == 422, wrong
        assert "Lima" not in answer.text
        assert "Olympus" not in answer.text


async def test_only_the_front_desk_registers_and_no_guest_searches(client: httpx.AsyncClient) -> None:
    asked = {"name": "lima", "birth_date": "1961-04-12"}
    assert (await client.post("/v1/patients", json=ANA, headers=bearer("clinician"))).status_code == 403
    assert (await client.post("/v1/patients/search", json=asked, headers=bearer("admin"))).status_code == 403
    assert (await client.post("/v1/patients/search", json=asked, headers=bearer("patient"))).status_code == 403
    assert (await client.get("/v1/clinicians", headers=bearer("patient"))).status_code == 403
    assert (await client.get("/v1/clinicians", headers=DESK)).json() == {"items": [], "next": None}


async def test_licences_and_locations_come_back_as_set(client: httpx.AsyncClient, unit_of_work: UnitOfWork) -> None:
    made = (await client.post("/v1/patients", json=ANA, headers=DESK)).json()
    ada = await unit_of_work.run(service.add_clinician, SYSTEM, given="Ada", family="Berg", email="a@clinic.example")
    licences, locations = f"/v1/clinicians/{ada.id}/licences", f"/v1/patients/{made['id']}/locations"
    held = {"items": [{"jurisdiction": "US-CA", "first": "2025-01-01", "last": None}]}
    assert (await client.get(licences, headers=DESK)).json() == {"items": []}
    assert (await client.put(licences, json=held, headers=bearer("admin"))).json() == held
    assert (await client.get(licences, headers=bearer("clinician"))).json() == held
    told = {
        "items": [
            {"jurisdiction": "US-CA", "first": None, "last": None},
            {"jurisdiction": "DE", "first": "2026-03-05", "last": "2026-03-05"},
        ]
    }
    assert (await client.put(locations, json=told, headers=DESK)).json() == told
    assert (await client.get(locations, headers=bearer("clinician"))).json() == told
    assert (await client.put(licences, json=held, headers=DESK)).status_code == 403
    assert (await client.get(locations, headers=bearer("admin"))).status_code == 403
    assert (await client.put(locations, json=told, headers=bearer("patient"))).status_code == 403
    for wrong in ({"jurisdiction": "US-ZZ"}, {"jurisdiction": "DE", "first": "2026-03-05", "last": "2026-03-04"}):
        for path, who in ((licences, bearer("admin")), (locations, DESK)):
            answer = await client.put(path, json={"items": [wrong]}, headers=who)
            assert answer.status_code == 422
            assert "US-ZZ" not in answer.text
    unknown = f"/v1/patients/{UUID(int=9)}/locations"
    assert (await client.put(unknown, json=told, headers=DESK)).status_code == 404
    assert (await client.get(unknown, headers=DESK)).status_code == 404


async def test_who_acts_for_a_patient(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/patients", json=ANA, headers=DESK)).json()
    path = f"/v1/patients/{made['id']}/related-persons"
    body = {"given": "Rui", "family": "Lima", "relationship": "power_of_attorney", "may_book": True}
    added = await client.post(path, json=body, headers=DESK)
    assert added.status_code == 201
    son = added.json()
    assert (son["name"], son["may_join"], son["may_book"], son["ends_at"]) == ("Rui Lima", True, True, None)
    assert (await client.get(path, headers=bearer("clinician"))).json()["items"] == [son]
    assert (await client.post(path, json=body, headers=bearer("clinician"))).status_code == 403
    assert (await client.get(path, headers=bearer("patient"))).status_code == 403
    over = body | {"begins_at": "2026-03-02T10:00:00Z", "ends_at": "2026-03-02T10:00:00Z"}
    refused = await client.post(path, json=over, headers=DESK)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "unfit-authority")
    ended = await client.post(f"/v1/related-persons/{son['id']}/end", headers=DESK)
    assert ended.json()["ends_at"] is not None

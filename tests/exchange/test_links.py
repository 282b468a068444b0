"""SMART Scheduling Links: off until it is wanted; then valid, nameless, cacheable, and true."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from telehealth.access.rules import DataKind
from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from tests.exchange.conftest import Exchange, checked, faults
from tests.kit.clinic import Clinic, add_colleague, book, open_clinic

MANIFEST = "/scheduling-links/$bulk-publish"
FILES = {"Location": "locations", "Schedule": "schedules", "Slot": "slots"}
ANONYMOUS = {"Authorization": ""}
DAYS_OPEN = 20  # of four weeks


@pytest.fixture
async def clinic(exchange: Exchange) -> Clinic:
    exchange.links.on = True
    return await exchange.unit_of_work.run(open_clinic, SYSTEM)


async def read(exchange: Exchange, path: str, tag: str = "") -> httpx.Response:
    headers = ANONYMOUS | ({"If-None-Match": tag} if tag else {})
    return await exchange.client.get(path, headers=headers)


async def lines(exchange: Exchange, resource_type: str) -> list[dict[str, object]]:
    answer = await read(exchange, f"/scheduling-links/{FILES[resource_type]}.ndjson")
    assert answer.headers["content-type"] == "application/fhir+ndjson"
    for line in answer.text.splitlines():
        assert faults(line) == []
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_off_is_absent(exchange: Exchange) -> None:
    for path in (MANIFEST, *(f"/scheduling-links/{name}.ndjson" for name in FILES.values())):
        assert (await read(exchange, path)).status_code == 404


async def test_the_manifest_leads_to_files_without_names(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.unit_of_work.run(add_colleague, SYSTEM, clinic)
    manifest = (await read(exchange, MANIFEST)).json()
    assert manifest["request"].endswith(MANIFEST)
    assert manifest["transactionTime"] == "2026-03-02T09:00:00.000Z"
    assert [urlsplit(each["url"]).path for each in manifest["output"]] == [
        f"/scheduling-links/{name}.ndjson" for name in FILES.values()
    ]
    (location,), (schedule,) = await lines(exchange, "Location"), await lines(exchange, "Schedule")
    slots = await lines(exchange, "Slot")
    assert location["telecom"] == [{"system": "phone", "value": "+1 507 555 0100"}]
    assert schedule["actor"] == [{"reference": f"Location/{location['id']}"}]
    assert {str(each["schedule"]) for each in slots} == {str({"reference": f"Schedule/{schedule['id']}"})}
    assert len(slots) == DAYS_OPEN * 24
    link, capacity = slots[0]["extension"]  # type: ignore[misc]
    assert capacity["valueInteger"] == 2  # type: ignore[has-type]
    assert parse_qs(urlsplit(link["valueUrl"]).query) == {"from": ["links"], "slot": [slots[0]["id"]]}  # type: ignore[has-type]
    told = json.dumps([location, schedule, slots])
    for private in ("Lindqvist", "Okafor", "Moreno", str(clinic.clinician.id), str(clinic.patient.id)):
        assert private not in told


async def test_unchanged_is_not_sent_again(exchange: Exchange, clinic: Clinic, clock: FixedClock) -> None:
    path = "/scheduling-links/slots.ndjson"
    first = await read(exchange, path)
    assert first.headers["cache-control"] == "public, max-age=60"
    tag = first.headers["etag"]
    published = (await read(exchange, MANIFEST)).headers["etag"]
    await exchange.unit_of_work.run(book, SYSTEM, clinic)
    same = await read(exchange, path, tag)
    assert (same.status_code, same.content) == (304, b""), "a minute old at most"
    clock.advance(timedelta(minutes=2))
    changed = await read(exchange, path, tag)
    assert changed.status_code == 200
    assert len(changed.text.splitlines()) == len(first.text.splitlines()) - 1
    assert (await read(exchange, MANIFEST, published)).status_code == 200
    renewed = (await read(exchange, MANIFEST)).headers["etag"]
    clock.advance(timedelta(minutes=2))
    assert (await read(exchange, MANIFEST, f'W/"x", {renewed}')).status_code == 304, "looked at again, and the same"


async def test_only_named_visit_types(exchange: Exchange, clinic: Clinic) -> None:
    exchange.links.codes = frozenset({"another"})
    assert await lines(exchange, "Schedule") == await lines(exchange, "Slot") == []


async def test_what_is_published_can_be_booked(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS)
    slot = (await lines(exchange, "Slot"))[0]
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "appt-id", "valueUri": slot["id"]},
            {"name": "patient-id", "valueUri": f"Patient/{clinic.patient.id}"},
        ],
    }
    booked = checked(await exchange.client.post("/fhir/Appointment/$book", json=body))["entry"][0]["resource"]
    assert (booked["status"], booked["start"]) == ("booked", slot["start"])

"""Care pathways by API and by hand: nothing typed is lost, and of two who publish the second hears of the first."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.pathways import routes
from tests.kit import by_hand
from tests.kit.by_hand import House, open_by_hand

PAGE, API = "/admin/care-pathways/blood-pressure", "/v1/care-pathways/blood-pressure"
BODY = {
    "name": "Blood pressure",
    "visit_types": ["video"],
    "diagnoses": [{"system": "icd-10", "code": "I10"}],
    "steps": [
        {"kind": "questionnaire", "title": "Reading", "due_in": "1d", "repeat": "FREQ=DAILY;COUNT=14"},
        {"kind": "call", "due_in": "2w", "after": 1, "owner": "desk", "checklist": ["Cuff"]},
    ],
}
TYPED = {
    "version": "0",
    "name": "Blood pressure",
    "type.video": "on",
    "diagnoses": "ICD-10 I10",
    "kind_1": "questionnaire",
    "title_1": "Reading",
    "due_in_1": "1d",
    "repeat_1": "FREQ=DAILY;COUNT=14",
    "kind_2": "",
    "kind_3": "call",
    "due_in_3": "2w",
    "after_3": "1",
    "owner_3": "desk",
    "checklist_3": "Cuff\r\n\r\nPulse",
}


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *routes.OPERATIONS, *routes.PAGES))
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def put(client: httpx.AsyncClient, body: object, **headers: str) -> httpx.Response:
    return await client.put(API, json=body, headers=headers)


async def test_by_api(house: House) -> None:
    assert (await put(house.admin, BODY)).status_code == 428
    first = await put(house.admin, BODY, **{"If-None-Match": "*"})
    assert (first.status_code, first.headers["etag"], first.json()["version"]) == (200, '"1"', 1)
    assert first.json()["published_by"]
    late = await put(house.admin, BODY, **{"If-None-Match": "*"})
    assert (late.status_code, late.json()["type"]) == (412, "/problems/stale")
    broken = {**BODY, "steps": [*BODY["steps"], {"kind": "call", "after": 9}, {"kind": "custom"}]}
    unfit = await put(house.admin, broken, **{"If-Match": '"1"'})
    assert (unfit.status_code, unfit.json()["type"]) == (422, "/problems/unfit-pathway")
    assert unfit.json()["faults"] == [
        {"field": "after_3", "code": "earlier"},
        {"field": "title_4", "code": "required"},
    ]
    assert (await put(house.admin, {**BODY, "steps": [{"kind": "cosign"}]}, **{"If-Match": '"1"'})).status_code == 422
    assert (await put(house.admin, {**BODY, "name": "Other"}, **{"If-Match": '"1"'})).json()["version"] == 2
    assert [each["code"] for each in (await house.admin.get("/v1/care-pathways")).json()["items"]] == ["blood-pressure"]
    assert (await house.admin.get(API)).json()["name"] == "Other"
    assert [each["version"] for each in (await house.admin.get(f"{API}/versions")).json()["items"]] == [2, 1]
    assert (await house.admin.delete(API, headers={"If-Match": '"1"'})).status_code == 412
    assert (await house.admin.delete(API, headers={"If-Match": '"2"'})).status_code == 204
    assert (await house.admin.get(API)).status_code == 404
    assert (await house.clinician.get("/v1/care-pathways")).status_code == 403


async def test_by_hand(house: House) -> None:
    assert 'href="/admin/care-pathways"' in (await house.admin.get("/admin")).text
    wrong = await house.admin.post("/admin/care-pathways", data={"code": "Blood Pressure"})
    assert (wrong.status_code, 'value="Blood Pressure"' in wrong.text) == (422, True)
    opened = await house.admin.post("/admin/care-pathways", data={"code": "blood-pressure"})
    assert opened.headers["location"] == PAGE
    assert 'name="version" value="0"' in (await house.admin.get(PAGE)).text
    done = await house.admin.post(PAGE, data=TYPED)
    assert (done.status_code, done.headers.get("location")) == (303, f"{PAGE}?told=published")
    kept = (await house.admin.get(API)).json()
    assert [each["kind"] for each in kept["steps"]] == ["questionnaire", "call"]
    assert (kept["steps"][1]["after"], kept["steps"][1]["checklist"]) == (1, ["Cuff", "Pulse"])
    page = (await house.admin.get(done.headers["location"])).text
    assert re.search(r'name="repeat_1"[^>]* value="FREQ=DAILY;COUNT=14"', page)
    assert re.search(r'name="type.video" value="on" checked', page)
    assert 'id="kind_3"' in page  # one more
    assert "Blood pressure" in (await house.admin.get("/admin/care-pathways")).text
    gone = await house.admin.post(PAGE, data={"version": "1", "action": "retire"})
    assert gone.headers["location"] == "/admin/care-pathways?told=retired"
    assert (await house.admin.get("/admin/care-pathways/Not%20one")).status_code == 404


async def test_what_was_typed_stands_there_still_with_what_is_wrong(house: House) -> None:
    typed = {**TYPED, "name": " ", "diagnoses": "I10", "due_in_1": "soon", "after_3": "2", "kind_3": "dance"}
    wrong = await house.admin.post(PAGE, data=typed)
    assert wrong.status_code == 422
    for field in ("name", "diagnoses", "due_in_1", "kind_3"):
        assert re.search(rf'id="{field}" name="{field}" aria-invalid="true"', wrong.text), field
    for value in ("I10", "soon", "FREQ=DAILY;COUNT=14", "Cuff"):
        assert value in wrong.text
    late = await house.admin.post(PAGE, data={**TYPED, "after_3": "2"})
    assert (late.status_code, 'id="after_3" name="after_3" aria-invalid="true"' in late.text) == (422, True)
    assert (await house.admin.post(PAGE, data=TYPED)).status_code == 303
    other = await house.admin.post(PAGE, data={**TYPED, "name": "Mine"})
    assert (other.status_code, 'value="Mine"' in other.text, 'name="version" value="1"' in other.text) == (
        409,
        True,
        True,
    )
    assert (await house.admin.post(PAGE, data={**TYPED, "name": "Mine", "version": "1"})).status_code == 303

"""The FHIR facade: valid R4, searches that find what they say, refusals a FHIR client can read."""

import base64

import pytest

from telehealth.access.rules import DataKind
from telehealth.core.actors import Purpose
from telehealth.records.delivery.statuses import APPOINTMENT_STATUS, ENCOUNTER_STATUS
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.exchange.conftest import Exchange, checked, found
from tests.kit.web import bearer

ALL = (DataKind.APPOINTMENTS, DataKind.ENCOUNTERS, DataKind.DOCUMENTS, DataKind.TASKS, DataKind.ANSWERS)
MRN = "urn:example:mrn|17"
TYPES = ("Appointment", "Encounter", "DocumentReference")


async def test_each_type_is_found_and_read(exchange: Exchange) -> None:
    arranged = await exchange.signed(identifier=MRN)
    await exchange.permit(*ALL)
    for resource_type in TYPES:
        (only,) = found(await exchange.client.get(f"/fhir/{resource_type}"))
        answer = await exchange.client.get(f"/fhir/{resource_type}/{only}")
        resource = checked(answer)
        assert (resource["resourceType"], resource["id"]) == (resource_type, only)
        assert answer.headers["etag"] == f'W/"{resource["meta"]["versionId"]}"'
        assert MRN.partition("|")[2] in answer.text
        for private in ("Ada", "1980", "/join/"):  # neither name nor birth date nor a way in
            assert private not in answer.text
    encounter = checked(await exchange.client.get(f"/fhir/Encounter/{arranged.visit_id}"))
    assert (encounter["class"]["code"], encounter["status"]) == ("VR", "in-progress")
    assert encounter["period"] == {"start": "2026-03-02T09:00:00.000Z"}


async def test_a_document_carries_what_was_signed(exchange: Exchange) -> None:
    arranged = await exchange.signed("Better.\nÖlbad 5 µg, 血圧.")
    await exchange.permit(*ALL)
    bundle = checked(await exchange.client.get("/fhir/DocumentReference"))
    document = bundle["entry"][0]["resource"]
    attachment = document["content"][0]["attachment"]
    text = base64.b64decode(attachment["data"]).decode()
    assert text.endswith("\nBetter.\nÖlbad 5 µg, 血圧.\n")
    assert attachment["size"] == len(text.encode())
    assert document["context"]["encounter"] == [{"reference": f"Encounter/{arranged.visit_id}"}]


async def test_every_state_is_valid_r4(exchange: Exchange) -> None:
    await exchange.permit(*ALL)
    for status in VisitStatus:
        visit_id = (await exchange.visit(status)).visit_id
        appointment = checked(await exchange.client.get(f"/fhir/Appointment/{visit_id}"))
        assert appointment["status"] == APPOINTMENT_STATUS[status]
        answer = await exchange.client.get(f"/fhir/Encounter/{visit_id}")
        if status in ENCOUNTER_STATUS:
            assert checked(answer)["status"] == ENCOUNTER_STATUS[status]
        else:
            checked(answer, 404)


async def test_searches_narrow(exchange: Exchange) -> None:
    here = await exchange.signed(identifier=MRN)
    there = await exchange.visit(VisitStatus.BOOKED)
    await exchange.permit(*ALL)
    both, first, second = {str(here.visit_id), str(there.visit_id)}, [str(here.visit_id)], [str(there.visit_id)]

    async def ask(query: str) -> list[str]:
        return found(await exchange.client.get(f"/fhir/Appointment?{query}"))

    assert set(await ask("")) == both
    assert await ask(f"_id={here.visit_id}") == first
    assert await ask("_id=nobody") == []
    assert await ask("status=booked,arrived") == second
    assert await ask("status=nonsense") == []
    assert await ask(f"patient={here.patient_id}") == await ask(f"patient=Patient/{here.patient_id}") == first
    assert await ask(f"patient:identifier={MRN}") == first
    assert await ask("patient:identifier=urn:example:mrn|99") == []
    assert await ask(f"patient=Patient/{there.patient_id}&patient:identifier={MRN}") == []
    assert await ask("patient=Group/1") == []
    assert set(await ask("date=2026-03-02")) == set(await ask("date=ge2026-03-02&date=lt2026-03-03")) == both
    assert await ask("date=lt2026-03-02") == await ask("_lastUpdated=gt2026-03-02") == []
    assert found(await exchange.client.get("/fhir/Encounter?date=2026-03-02&status=in-progress")) == first
    assert len(found(await exchange.client.get("/fhir/DocumentReference?date=2026-03-02&status=current"))) == 1
    for nothing in ("status=superseded", "date=2025", f"patient={there.patient_id}"):
        assert found(await exchange.client.get(f"/fhir/DocumentReference?{nothing}")) == []


@pytest.mark.parametrize("resource_type", TYPES)
async def test_pages_follow_each_other_and_repeat_nothing(exchange: Exchange, resource_type: str) -> None:
    for _ in range(5):
        await exchange.signed()
    await exchange.permit(*ALL)
    seen: list[str] = []
    url: str | None = f"/fhir/{resource_type}?_count=2&status={'checked-in,in-progress,current'}"
    while url:
        answer = await exchange.client.get(url)
        seen += found(answer)
        links = {each["relation"]: each["url"] for each in answer.json()["link"]}
        url = links.get("next")
    assert len(seen) == len(set(seen)) == 5


async def test_a_cursor_is_good_for_its_own_list_only(exchange: Exchange) -> None:
    for _ in range(2):
        await exchange.signed()
    await exchange.permit(*ALL)
    answer = await exchange.client.get("/fhir/Appointment?_count=1")
    url = next(each["url"] for each in answer.json()["link"] if each["relation"] == "next")
    checked(await exchange.client.get(url.replace("Appointment", "Encounter")), 400)
    checked(await exchange.client.get("/fhir/Appointment?_cursor=forged"), 400)


async def test_unknown_parameters_are_reported_or_refused(exchange: Exchange) -> None:
    await exchange.permit(*ALL)
    lenient = checked(await exchange.client.get("/fhir/Appointment?slot=1&_count=5"))
    (told,) = lenient["entry"]
    assert told["search"]["mode"] == "outcome"
    assert told["resource"]["issue"][0]["location"] == ["http.slot"]
    assert lenient["link"][0]["url"].endswith("/fhir/Appointment?_count=5")
    strict = {"Prefer": "handling=strict"}
    checked(await exchange.client.get("/fhir/Appointment?slot=1", headers=strict), 400)
    checked(await exchange.client.get("/fhir/Appointment?status=booked", headers=strict))


async def test_what_cannot_be_understood_is_refused_without_repeating_it(exchange: Exchange) -> None:
    await exchange.permit(*ALL)
    for query in (
        "patient:missing=tr-ue",
        "date=tomorrow",
        "date=sa2026",
        "_count=0",
        "_format=xml",
        "status=a&status=b",
    ):
        answer = await exchange.client.get(f"/fhir/Appointment?{query}")
        assert checked(answer, 400)["resourceType"] == "OperationOutcome"
        for rejected in ("tr-ue", "tomorrow", "sa2026", "xml"):
            assert rejected not in answer.text


async def test_without_a_grant_nothing_but_a_trace(exchange: Exchange) -> None:
    arranged = await exchange.signed()
    for url in ("/fhir/Appointment", f"/fhir/Encounter/{arranged.visit_id}", "/fhir/DocumentReference"):
        outcome = checked(await exchange.client.get(url), 403)
        assert outcome["issue"][0]["code"] == "forbidden"
        assert outcome["issue"][0]["details"]["coding"] == [{"code": "no-grant"}]
    assert [outcome for _, _, _, outcome in await exchange.traces()] == ["no-grant"] * 3


async def test_a_grant_for_one_kind_and_one_patient_opens_that_alone(exchange: Exchange) -> None:
    mine, other = await exchange.signed(), await exchange.signed()
    await exchange.permit(DataKind.ENCOUNTERS, patients=frozenset({mine.patient_id}), purpose=Purpose.RESEARCH)
    assert found(await exchange.client.get("/fhir/Encounter")) == [str(mine.visit_id)]
    absent = await exchange.client.get(f"/fhir/Encounter/{other.visit_id}")
    assert checked(absent, 404) == checked(await exchange.client.get(f"/fhir/Encounter/{mine.patient_id}"), 404)
    checked(await exchange.client.get("/fhir/Appointment"), 403)
    checked(await exchange.client.get("/fhir/DocumentReference"), 403)
    assert (await exchange.traces())[0] == ("read", "visit", "HRESCH", "ok")


async def test_who_may_not_and_who_is_nobody(exchange: Exchange) -> None:
    checked(await exchange.client.get("/fhir/Appointment", headers=bearer("nobody")), 403)
    unsigned = await exchange.client.get("/fhir/Appointment", headers=bearer("wrong"))
    assert checked(unsigned, 401)["issue"][0]["code"] == "login"
    assert unsigned.headers["www-authenticate"].startswith("Bearer")


async def test_doors_that_are_not_there(exchange: Exchange) -> None:
    checked(await exchange.client.get("/fhir/Patient"), 404)
    refused = await exchange.client.post("/fhir/Appointment", json={})
    checked(refused, 405)
    assert "GET" in refused.headers["allow"]


async def test_the_capability_statement_is_public_and_true(exchange: Exchange) -> None:
    statement = checked(await exchange.client.get("/fhir/metadata", headers={"Authorization": ""}))
    assert statement["fhirVersion"] == "4.0.1"
    await exchange.permit(*ALL)
    described = statement["rest"][0]["resource"]
    assert [each["type"] for each in described] == [
        *(*TYPES, "Task", "QuestionnaireResponse"),
        *("Composition", "Questionnaire", "Schedule", "Slot"),
    ]
    values = {"token": "x", "date": "2026", "reference": "Patient/x"}
    for each in described:
        if "interaction" not in each:
            assert [operation["name"] for operation in each["operation"]] == ["document"]
            continue
        known = {parameter["name"]: values[parameter["type"]] for parameter in each["searchParam"]}
        strict = {"Prefer": "handling=strict"}
        checked(await exchange.client.get(f"/fhir/{each['type']}", params=known, headers=strict))

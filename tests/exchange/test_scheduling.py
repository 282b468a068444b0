"""Times over FHIR: what is found can be held and booked, by grant, once, and nobody else's calendar shows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from telehealth.access.rules import DataKind
from telehealth.core.actors import SYSTEM, Purpose
from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.exchange.choices import SlotName, read_slot_name
from telehealth.people import service as people
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM
from telehealth.scheduling.availability.rules import to_instant
from telehealth.scheduling.booking import service as booking
from tests.exchange.conftest import Exchange, checked, found
from tests.kit.clinic import BORN, TUESDAY_NINE, Clinic, add_colleague, book, open_clinic, register

TUESDAY = "start=ge2026-03-03&start=lt2026-03-04"


@pytest.fixture
async def clinic(exchange: Exchange) -> Clinic:
    return await exchange.unit_of_work.run(open_clinic, SYSTEM)


def parameters(**given: Any) -> dict[str, Any]:
    """`name_with_underscores=valueUri`, or a pair of the kind of value and the value, or a list of either."""
    listed = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    pairs = [
        (name, each if isinstance(each, tuple) else ("Uri", each)) for name, all_ in listed.items() for each in all_
    ]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "_count" if name == "count" else name.replace("_", "-"),
                kind if kind == "resource" else f"value{kind}": value,
            }
            for name, (kind, value) in pairs
        ],
    }


def at(clinic: Clinic, minutes: int = 0, *, anyone: bool = False) -> SlotName:
    return SlotName(
        visit_type_id=clinic.visit_type.id,
        start=TUESDAY_NINE + timedelta(minutes=minutes),
        clinician_id=None if anyone else clinic.clinician.id,
    )


def taking(clinic: Clinic, minutes: int = 0, **more: Any) -> dict[str, Any]:
    chosen = {"appt_id": f"Appointment/{at(clinic, minutes).written()}", "patient_id": f"Patient/{clinic.patient.id}"}
    return parameters(**chosen | more)


def only(answer: httpx.Response) -> dict[str, Any]:
    """The one resource of the Bundle."""
    (entry,) = [each for each in checked(answer)["entry"] if each["search"]["mode"] == "match"]
    resource: dict[str, Any] = entry["resource"]
    return resource


def reason(answer: httpx.Response, status: int) -> tuple[str, str]:
    """The issue's code, and ours."""
    first = checked(answer, status)["issue"][0]
    return first["code"], first["details"]["coding"][0]["code"]


async def invoke(exchange: Exchange, operation: str, body: dict[str, Any], key: str = "") -> httpx.Response:
    headers = {"Content-Type": "application/fhir+json"} | ({"Idempotency-Key": key} if key else {})
    return await exchange.client.post(f"/fhir/Appointment/${operation}", json=body, headers=headers)


@given(clinician=st.none() | st.uuids(), kind=st.uuids(), minute=st.integers(0, 4_000_000_000))
def test_a_slot_id_names_one_time(clinician: UUID | None, kind: UUID, minute: int) -> None:
    if clinician is not None and clinician.int == 0:
        return
    host = None if clinician is None else ClinicianId(clinician)
    name = SlotName(visit_type_id=VisitTypeId(kind), start=to_instant(minute), clinician_id=host)
    written = name.written()
    assert read_slot_name(written) == name
    assert len(written) <= 64
    assert written.isalnum()
    assert [read_slot_name(other) for other in (written.upper(), written[:-1], written + "a", written[:-1] + "9")] == [
        None
    ] * 4


@given(st.text(max_size=70))
def test_no_other_text_names_one(words: str) -> None:
    name = read_slot_name(words)
    assert name is None or name.written() == words


async def test_calendars_are_found_and_read(exchange: Exchange, clinic: Clinic) -> None:
    colleague = await exchange.unit_of_work.run(add_colleague, SYSTEM, clinic)
    mine, other = str(clinic.clinician.id), str(colleague.id)

    async def ask(query: str) -> list[str]:
        return found(await exchange.client.get(f"/fhir/Schedule?{query}"))

    assert await ask("") == await ask("active=true") == sorted([mine, other])
    assert await ask("active=false") == []
    assert await ask(f"_id={other}") == await ask(f"actor=Practitioner/{other}") == [other]
    assert await ask(f"actor:identifier={CLINICIAN_SYSTEM}|{mine}") == [mine]
    first = await exchange.client.get("/fhir/Schedule?_count=1")
    following = next(each["url"] for each in first.json()["link"] if each["relation"] == "next")
    assert found(first) + found(await exchange.client.get(following)) == sorted([mine, other])
    schedule = checked(await exchange.client.get(f"/fhir/Schedule/{mine}"))
    assert schedule["actor"][0]["display"] == clinic.clinician.name
    assert schedule["serviceType"][0]["coding"][0]["code"] == "video"
    assert schedule["planningHorizon"]["start"] == "2026-03-02T09:00:00.000Z"
    checked(await exchange.client.get(f"/fhir/Schedule/{clinic.patient.id}"), 404)


async def test_slots_are_free_or_busy_as_of_now(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.unit_of_work.run(book, SYSTEM, clinic)
    host = clinic.clinician.id

    async def ask(query: str) -> list[str]:
        return found(await exchange.client.get(f"/fhir/Slot?{TUESDAY}&_count=100&{query}"))

    everything, free, busy = await ask(f"schedule=Schedule/{host}"), await ask("status=free"), await ask("status=busy")
    assert len(everything) == 24
    assert busy == [at(clinic).written()]
    assert sorted([*free, *busy]) == sorted(everything)
    assert await ask("status=entered-in-error") == await ask(f"schedule={uuid4()}") == await ask("service-type=x") == []
    assert await ask("service-type=video&status=free,busy") == everything
    for minutes, status in ((0, "busy"), (20, "free")):
        written = at(clinic, minutes).written()
        slot = checked(await exchange.client.get(f"/fhir/Slot/{written}"))
        assert (slot["id"], slot["status"], slot["schedule"]) == (written, status, {"reference": f"Schedule/{host}"})
    for name in (
        at(clinic, 5),
        at(clinic, -20),
        at(clinic, anyone=True),
        replace(at(clinic), visit_type_id=VisitTypeId(uuid4())),
    ):
        checked(await exchange.client.get(f"/fhir/Slot/{name.written()}"), 404)
    checked(await exchange.client.get("/fhir/Slot/1"), 404)


async def test_pages_of_slots_follow_each_other(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.unit_of_work.run(add_colleague, SYSTEM, clinic)
    whole = found(await exchange.client.get(f"/fhir/Slot?{TUESDAY}&status=free&_count=100"))
    seen: list[str] = []
    url: str | None = f"/fhir/Slot?{TUESDAY}&status=free&_count=7"
    while url:
        answer = await exchange.client.get(url)
        seen += found(answer)
        url = {each["relation"]: each["url"] for each in answer.json()["link"]}.get("next")
    assert seen == whole
    assert len(whole) == 48


async def test_from_finding_to_booking(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS, patients=frozenset({clinic.patient.id}), purpose=Purpose.TREATMENT)
    patient = f"Patient/{clinic.patient.id}"
    asked = parameters(
        start=("DateTime", "2026-03-03"),
        end=("DateTime", "2026-03-03T17:00:00-06:00"),
        practitioner=f"Practitioner/{clinic.clinician.id}",
        visit_type=("String", "video"),
        patient_reference=patient,
        count=("Integer", 3),
    )
    answer = await invoke(exchange, "find", asked)
    first, second, third = found(answer)
    assert [first, second, third] == [at(clinic, minutes).written() for minutes in (0, 20, 40)]
    asked_in_words = {each["name"]: next(each[name] for name in each if name != "name") for each in asked["parameter"]}
    assert (await exchange.client.get("/fhir/Appointment/$find", params=asked_in_words)).json() == answer.json()
    proposed = checked(answer)["entry"][0]["resource"]
    assert (proposed["status"], proposed["slot"]) == ("proposed", [{"reference": f"Slot/{first}"}])
    holding = await invoke(exchange, "hold", parameters(appt_id=f"Appointment/{first}", patient_id=patient))
    pending = only(holding)
    assert (pending["status"], pending["start"]) == ("pending", proposed["start"])
    assert "Held until" in holding.text
    assert checked(await exchange.client.get(f"/fhir/Slot/{first}"))["status"] == "busy"
    booked = only(
        await invoke(exchange, "book", parameters(appt_id=f"Appointment/{pending['id']}", patient_id=patient))
    )
    assert (booked["status"], booked["start"]) == ("booked", proposed["start"])
    assert only(await exchange.client.get(f"/fhir/Appointment?_id={booked['id']}")) == booked
    assert {each[2] for each in await exchange.traces()} == {"TREAT"}
    traced = [each[:2] for each in await exchange.traces()]
    looked = ("read", "patient_calendar")
    assert traced[:4] == [looked, looked, ("create", "hold"), ("create", "visit")]
    for private in ("Rosa", "Moreno", "/join/"):
        assert private not in answer.text + holding.text + str(booked)


async def test_a_slot_and_a_patients_identifier_are_enough(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS)
    system, _, value = clinic.patient.identifier.partition("|")
    appointment = {
        "resourceType": "Appointment",
        "status": "proposed",
        "slot": [{"reference": f"http://localhost/fhir/Slot/{at(clinic).written()}"}],
        "participant": [{"actor": {"reference": f"Patient/{clinic.patient.id}"}, "status": "accepted"}],
    }
    held = await invoke(exchange, "hold", parameters(appt_resource=("resource", appointment)))
    assert only(held)["start"] == "2026-03-03T15:00:00.000Z"
    logical = ("Reference", {"identifier": {"system": system, "value": value}})
    booked = await invoke(exchange, "book", parameters(appt_resource=("resource", appointment), patient_id=logical))
    assert only(booked)["participant"][0]["actor"]["identifier"]["value"] == value


async def test_what_cannot_be_booked_says_why(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS)
    other = await exchange.unit_of_work.run(register, SYSTEM, "Luis")
    assert only(await invoke(exchange, "book", taking(clinic)))["status"] == "booked"
    taken = await invoke(exchange, "book", taking(clinic, patient_id=f"Patient/{other.id}"))
    assert reason(taken, 409) == ("conflict", "slot-taken")
    assert "2026-03-03T15:20:00Z" in checked(taken, 409)["issue"][1]["diagnostics"]
    colleague = await exchange.unit_of_work.run(add_colleague, SYSTEM, clinic)
    at_once = replace(at(clinic), clinician_id=colleague.id).written()
    assert reason(await invoke(exchange, "hold", taking(clinic, appt_id=at_once)), 409) == (
        "conflict",
        "patient-conflict",
    )
    assert reason(await invoke(exchange, "hold", taking(clinic, -60 * 48)), 422) == ("business-rule", "too-soon")
    assert reason(await invoke(exchange, "hold", taking(clinic, 5)), 409) == ("conflict", "not-available")
    assert reason(await invoke(exchange, "book", taking(clinic, appt_id=str(uuid4()))), 410) == (
        "deleted",
        "hold-expired",
    )
    for nothing in ("Appointment/1", "", f"https://elsewhere.example/fhir/Appointment/{at(clinic).written()}"):
        checked(await invoke(exchange, "book", taking(clinic, appt_id=nothing)), 404)
    await exchange.unit_of_work.run(booking.retire_visit_type, SYSTEM, clinic.visit_type.id)
    checked(await invoke(exchange, "book", taking(clinic, 40)), 404)


async def test_booking_says_how_likely_it_is_missed(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS, patients=frozenset({clinic.patient.id}), purpose=Purpose.TREATMENT)
    kind = replace(clinic.visit_type, overbook_limit=1, overbook_threshold=80)
    await exchange.unit_of_work.run(booking.add_visit_type, SYSTEM, kind)
    for wrong in (taking(clinic, no_show_risk=("Integer", 101)), taking(clinic, no_show_risk=("String", "90"))):
        checked(await invoke(exchange, "book", wrong), 422)
    risky = taking(clinic, no_show_risk=("Integer", 90))
    checked(await invoke(exchange, "hold", risky), 422)  # it goes with a time that is taken now
    assert only(await invoke(exchange, "book", risky))["status"] == "booked"
    other = await exchange.unit_of_work.run(register, SYSTEM, "Ines")
    over = await exchange.unit_of_work.run(book, clinic.front_desk, replace(clinic, patient=other))
    assert over.visit.overbooked


async def test_a_hold_past_its_time_books_nothing(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS)
    held = only(await invoke(exchange, "hold", taking(clinic)))["id"]

    async def pass_time(unit: Unit) -> None:
        await unit.session.execute(text("UPDATE occupancy SET expires_at = now() WHERE kind = 'hold'"))

    await exchange.unit_of_work.run(pass_time)
    assert reason(await invoke(exchange, "book", taking(clinic, appt_id=held)), 410) == ("deleted", "hold-expired")
    assert only(await invoke(exchange, "book", taking(clinic)))["status"] == "booked"


async def test_a_key_books_once(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS)
    for operation in ("hold", "book"):
        once = await invoke(exchange, operation, taking(clinic), key=f"{operation}-1")
        again = await invoke(exchange, operation, taking(clinic), key=f"{operation}-1")
        assert only(once) == only(again)
        other = await invoke(exchange, operation, taking(clinic, 20), key=f"{operation}-1")
        assert reason(other, 422)[1] == "idempotency-key-reused"


async def test_only_granted_patients(exchange: Exchange, clinic: Clinic) -> None:
    searching = parameters(start=("DateTime", "2026-03-03"), end=("DateTime", "2026-03-04"))
    for operation in ("hold", "book"):
        assert reason(await invoke(exchange, operation, taking(clinic)), 403) == ("forbidden", "no-grant")
    assert len(found(await invoke(exchange, "find", searching))) == 20, "times alone are no patient's data"
    other = await exchange.unit_of_work.run(register, SYSTEM, "Luis")
    await exchange.permit(DataKind.APPOINTMENTS, patients=frozenset({other.id}))
    mine = parameters(
        start=("DateTime", "2026-03-03"),
        end=("DateTime", "2026-03-04"),
        patient_reference=f"Patient/{clinic.patient.id}",
    )
    absent = [
        await invoke(exchange, "find", mine),
        await invoke(exchange, "book", taking(clinic)),
        await invoke(exchange, "book", taking(clinic, patient_id=f"Patient/{uuid4()}")),
        await invoke(exchange, "book", taking(clinic, patient_id="urn:example:mrn|99")),
    ]
    assert {each.text for each in absent} == {absent[0].text}
    assert reason(absent[0], 404) == ("not-found", "not-found")


async def test_what_would_not_be_heeded_is_refused(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS)
    start, end = ("DateTime", "2026-03-03"), ("DateTime", "2026-03-04")
    wrong: Iterator[tuple[str, dict[str, Any]]] = iter(
        (
            ("find", parameters(start=start)),
            ("find", parameters(start=end, end=("DateTime", "2026-03-01"))),
            ("find", parameters(start=("DateTime", "ge2026"), end=end)),
            ("find", parameters(start=start, end=end, specialty=("String", "zq7"))),
            ("find", parameters(start=start, end=end, count=("String", "zq7"))),
            ("find", parameters(start=start, end=end, patient_reference=["Patient/1", "Patient/2"])),
            ("book", taking(clinic, comment=("String", "zq7"))),
            ("book", taking(clinic, appt_id=[])),
            ("book", taking(clinic, patient_id=[])),
            ("book", {"resourceType": "Bundle"}),
        )
    )
    for operation, body in wrong:
        answer = await invoke(exchange, operation, body)
        assert reason(answer, 422) == ("invalid", "invalid-request")
        assert "zq7" not in answer.text


async def test_a_query_is_refused_like_a_search(exchange: Exchange, clinic: Clinic) -> None:
    for query in ("start=2026-03-03", "start=x&end=2026-03-04", "start=2026-03-03&end=2026-03-04&specialty=zq7"):
        answer = await exchange.client.get(f"/fhir/Appointment/$find?{query}")
        assert reason(answer, 400) == ("invalid", "invalid-request")
        assert "zq7" not in answer.text


async def test_another_identifier_of_the_patient_is_understood(exchange: Exchange, clinic: Clinic) -> None:
    await exchange.permit(DataKind.APPOINTMENTS)

    async def numbered(unit: Unit) -> None:
        await people.register_patient(
            unit, given="Ana", family="Ruiz", birth_date=BORN, identifier="urn:example:mrn|17"
        )

    await exchange.unit_of_work.run(numbered)
    booked = only(await invoke(exchange, "book", taking(clinic, patient_id="urn:example:mrn|17")))
    assert booked["participant"][0]["actor"]["identifier"] == {"system": "urn:example:mrn", "value": "17"}

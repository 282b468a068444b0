"""How a visit went, at a real record service: found by its identifier, changed or created, never guessed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import pytest
from starlette.requests import Request

from telehealth.records.delivery.findings import Copy, Seen
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import RecordService
from telehealth.records.delivery.profiles import AZURE, GENERIC, MILLENNIUM, Profile, ResourceType
from telehealth.records.delivery.rules import Accepted, Differs, Identifier, Unresolved, Unsure
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.fault_proxy import Fault, FaultProxy
from tests.kit.notes import SIGNED_AT, a_document, a_visit
from tests.kit.record_admin import Json
from tests.kit.record_service import RunningRecordService
from tests.records.delivery.conftest import MRN, Clients

OF_VISITS = pytest.mark.parametrize("resource_type", [ResourceType.ENCOUNTER, ResourceType.APPOINTMENT])
S = VisitStatus


def kept(server: RunningRecordService, resource_type: str, identifier: Identifier) -> list[Json]:
    query = {"identifier": f"{identifier.system}|{identifier.value}"}
    entries = server.administer("GET", resource_type, query=query).get("entry", [])
    assert isinstance(entries, list)
    return [each["resource"] for each in entries]


@dataclass(frozen=True, slots=True)
class Taker:
    service: RecordService
    add_patient: Callable[[Identifier], object]


@pytest.fixture(params=["memory", "fhir"])
async def taker(request: pytest.FixtureRequest, clients: Clients, server: RunningRecordService) -> Taker:
    if request.param == "memory":
        memory = MemoryRecordService()
        return Taker(memory, memory.patients.append)
    records = (await clients.open(profile=GENERIC)).records
    return Taker(records, lambda patient: server.add_patient(system=patient.system, value=patient.value))


@OF_VISITS
async def test_a_visit_is_written_once_and_kept_up(taker: Taker, resource_type: ResourceType) -> None:
    patient = Identifier(MRN, str(uuid4()))
    taker.add_patient(patient)
    visit = a_visit(patient, resource_type, S.IN_PROGRESS)
    first = await taker.service.write(visit)
    assert isinstance(first, Accepted)
    ended = replace(visit, status=S.ENDED, remote_id=first.remote_id)
    for _ in range(2):
        again = await taker.service.write(ended)
        assert (isinstance(again, Accepted), first.remote_id) == (True, getattr(again, "remote_id", None))
    assert await taker.service.look_at(ended) == Seen((Copy(ended.written_status, same=True),))


@OF_VISITS
async def test_a_visit_of_nobody_known_is_left_to_a_person(taker: Taker, resource_type: ResourceType) -> None:
    patient = Identifier(MRN, str(uuid4()))
    assert await taker.service.write(a_visit(patient, resource_type)) == Unresolved("Patient", 0)
    for _ in range(2):
        taker.add_patient(patient)
    assert await taker.service.write(a_visit(patient, resource_type)) == Unresolved("Patient", 2)


@OF_VISITS
async def test_what_is_another_patients_is_left_as_it_is(taker: Taker, resource_type: ResourceType) -> None:
    patient, other = (Identifier(MRN, str(uuid4())) for _ in range(2))
    for each in (patient, other):
        taker.add_patient(each)
    visit = a_visit(patient, resource_type)
    await taker.service.write(visit)
    assert isinstance(await taker.service.write(replace(visit, patient=other)), Differs)


async def test_an_encounter_tells_when_both_sides_were_in_the_call(
    clients: Clients, server: RunningRecordService, patient: Identifier
) -> None:
    records = (await clients.open(profile=GENERIC)).records
    start = SIGNED_AT - timedelta(minutes=27)
    begun = a_visit(patient, ResourceType.ENCOUNTER, S.IN_PROGRESS, in_media=(start, None))
    await records.write(begun)
    (there,) = kept(server, "Encounter", begun.visit)
    assert (there["status"], there["period"]) == ("in-progress", {"start": "2026-03-02T14:37:05Z"})
    await records.write(replace(begun, status=S.ENDED, in_media=(start, start + timedelta(minutes=15))))
    (there,) = kept(server, "Encounter", begun.visit)
    assert (there["status"], there["class"]) == (
        "finished",
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR", "display": "virtual"},
    )
    assert there["period"] == {"start": "2026-03-02T14:37:05Z", "end": "2026-03-02T14:52:05Z"}


@pytest.mark.parametrize(
    ("status", "told", "reason"),
    [
        (S.ENDED, "fulfilled", None),
        (S.PATIENT_NO_SHOW, "noshow", None),
        (S.CANCELLED, "cancelled", None),
        (S.PROVIDER_NO_SHOW, "cancelled", "prov"),
        (S.LEFT_UNSEEN, "cancelled", "other"),
    ],
)
async def test_an_appointment_tells_how_it_went(
    clients: Clients,
    server: RunningRecordService,
    patient: Identifier,
    *,
    status: VisitStatus,
    told: str,
    reason: str | None,
) -> None:
    visit = a_visit(patient, ResourceType.APPOINTMENT, status)
    assert isinstance(await (await clients.open(profile=GENERIC)).records.write(visit), Accepted)
    (there,) = kept(server, "Appointment", visit.visit)
    assert there["status"] == told
    why = there.get("cancelationReason")
    assert (why["coding"][0]["code"] if isinstance(why, dict) else None) == reason


@OF_VISITS
@pytest.mark.parametrize("profile", [GENERIC, AZURE], ids=lambda each: each.name)
@pytest.mark.parametrize("fault", [Fault.COMMIT_THEN_CUT, Fault.COMMIT_THEN_500])
async def test_a_create_whose_answer_got_lost_is_found_and_not_repeated(
    clients: Clients,
    server: RunningRecordService,
    proxy: FaultProxy,
    patient: Identifier,
    *,
    resource_type: ResourceType,
    profile: Profile,
    fault: Fault,
) -> None:
    visit = a_visit(patient, resource_type)
    left = iter([fault])
    creates = ("POST", f"/fhir/{resource_type}")
    proxy.plan = lambda request: next(left, None) if (request.method, request.url.path) == creates else None
    records = (await clients.open(proxy.url, profile=profile)).records
    assert isinstance(await records.write(visit), Unsure)
    assert isinstance(await records.write(visit), Accepted)
    assert len(kept(server, resource_type, visit.visit)) == 1


@OF_VISITS
async def test_a_change_of_somebody_else_in_between_is_kept(
    clients: Clients,
    server: RunningRecordService,
    proxy: FaultProxy,
    patient: Identifier,
    *,
    resource_type: ResourceType,
) -> None:
    visit = a_visit(patient, resource_type, S.IN_PROGRESS)
    records = (await clients.open(proxy.url, profile=GENERIC)).records
    first = await records.write(visit)
    assert isinstance(first, Accepted)
    puts = []

    def meddle(request: Request) -> None:
        puts.append(request.method == "PUT")
        if puts.count(True) == 1 and puts[-1]:
            path = f"{resource_type}/{first.remote_id}"
            server.administer("PUT", path, body=server.administer("GET", path) | {"language": "en"})

    proxy.plan = meddle
    assert isinstance(await records.write(replace(visit, status=S.ENDED, remote_id=first.remote_id)), Accepted)
    (there,) = kept(server, resource_type, visit.visit)
    assert (there["language"], puts.count(True)) == ("en", 2)
    assert there["status"] in {"finished", "fulfilled"}


async def test_where_appointments_are_made_by_others_only_the_one_that_is_there_is_changed(
    clients: Clients, server: RunningRecordService, patient: Identifier
) -> None:
    records = (await clients.open(profile=MILLENNIUM)).records
    visit = a_visit(patient, ResourceType.APPOINTMENT, S.PATIENT_NO_SHOW)
    assert await records.write(visit) == Unresolved("Appointment", 0)
    who = server.add_patient(system=MRN, value="somebody else")
    found = server.administer("GET", "Patient", query={"identifier": f"{patient.system}|{patient.value}"})
    entries = found["entry"]
    assert isinstance(entries, list)
    own = f"Patient/{entries[0]['resource']['id']}"

    def book(actor: str) -> None:
        part = {"actor": {"reference": actor}, "status": "accepted"}
        times = {"start": "2026-03-02T14:34:05Z", "end": "2026-03-02T14:54:05Z"}
        key = {"system": visit.visit.system, "value": visit.visit.value}
        server.add("Appointment", **key, status="booked", participant=[part], **times)

    book(own)
    assert isinstance(await records.write(visit), Accepted)
    assert [each["status"] for each in kept(server, "Appointment", visit.visit)] == ["noshow"]
    book(who)
    assert await records.write(visit) == Unresolved("Appointment", 2)


async def test_a_note_refers_to_the_encounter_that_we_wrote(
    clients: Clients, server: RunningRecordService, patient: Identifier
) -> None:
    records = (await clients.open(profile=GENERIC)).records
    visit = a_visit(patient, ResourceType.ENCOUNTER)
    written = await records.write(visit)
    assert isinstance(written, Accepted)
    document = replace(a_document(patient), visit=visit.visit, encounter_id=written.remote_id)
    assert isinstance(await records.deliver(document, search_first=False), Accepted)
    key = document.identifiers.version
    (there,) = server.documents(system=key.system, value=key.value)
    context = there["context"]
    assert isinstance(context, dict)
    assert context["encounter"] == [{"reference": f"Encounter/{written.remote_id}"}]


@OF_VISITS
async def test_what_was_taken_back_there_is_not_put_up_again(
    clients: Clients, server: RunningRecordService, patient: Identifier, resource_type: ResourceType
) -> None:
    records = (await clients.open(profile=GENERIC)).records
    visit = a_visit(patient, resource_type)
    written = await records.write(visit)
    assert isinstance(written, Accepted)
    path = f"{resource_type}/{written.remote_id}"
    server.administer("PUT", path, body=server.administer("GET", path) | {"status": "entered-in-error"})
    assert await records.write(visit) == Differs(written.remote_id)
    gone = replace(visit, status=S.ENTERED_IN_ERROR)
    assert isinstance(await records.write(gone), Accepted)

"""What a RecordService promises, asked of the fake and of the adapter before a real server."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import Missing, RecordService
from telehealth.records.delivery.rules import Accepted, Differs, Identifier, Unresolved
from telehealth.records.notes.amendments import Relation
from tests.kit.notes import a_document
from tests.kit.record_service import RunningRecordService
from tests.records.delivery.conftest import MRN, Clients


@dataclass(frozen=True, slots=True)
class Subject:
    service: RecordService
    add_patient: Callable[[Identifier], object]


@pytest.fixture(params=["memory", "fhir"])
async def subject(request: pytest.FixtureRequest, clients: Clients, server: RunningRecordService) -> Subject:
    if request.param == "memory":
        memory = MemoryRecordService()
        return Subject(memory, memory.patients.append)
    client = await clients.open()
    return Subject(client.records, lambda patient: server.add_patient(system=patient.system, value=patient.value))


@pytest.fixture
def somebody(subject: Subject) -> Identifier:
    patient = Identifier(MRN, str(uuid4()))
    subject.add_patient(patient)
    return patient


async def test_a_document_arrives_and_is_found(subject: Subject, somebody: Identifier) -> None:
    document = a_document(somebody)
    assert await subject.service.find(document) == Missing()
    delivered = await subject.service.deliver(document, search_first=False)
    assert isinstance(delivered, Accepted)
    assert await subject.service.find(document) == replace(delivered, status=200)


@pytest.mark.parametrize("search_first", [False, True])
async def test_a_repeated_delivery_adopts_the_first(subject: Subject, somebody: Identifier, search_first: bool) -> None:
    document = a_document(somebody)
    first = await subject.service.deliver(document, search_first=False)
    again = await subject.service.deliver(document, search_first=search_first)
    assert isinstance(first, Accepted)
    assert again == replace(first, status=200)


async def test_other_content_under_the_same_identifier_is_noticed(subject: Subject, somebody: Identifier) -> None:
    document = a_document(somebody)
    await subject.service.deliver(document, search_first=False)
    forged = a_document(somebody, note_id=document.note_id, text="Not what was signed\n")
    assert isinstance(await subject.service.deliver(forged, search_first=False), Differs)
    assert isinstance(await subject.service.find(forged), Differs)


async def test_the_same_identifier_on_another_patient_is_noticed(subject: Subject, somebody: Identifier) -> None:
    document = a_document(somebody)
    await subject.service.deliver(document, search_first=False)
    other = Identifier(MRN, str(uuid4()))
    subject.add_patient(other)
    assert isinstance(await subject.service.deliver(replace(document, patient=other), search_first=True), Differs)


async def test_versions_of_a_note_are_documents_of_their_own(subject: Subject, somebody: Identifier) -> None:
    first = a_document(somebody)
    second = replace(first, version=2)
    answers = [await subject.service.deliver(each, search_first=False) for each in (first, second)]
    assert len({answer.remote_id for answer in answers if isinstance(answer, Accepted)}) == 2


async def test_an_unknown_patient_is_left_to_a_person(subject: Subject) -> None:
    document = a_document(Identifier(MRN, str(uuid4())))
    assert await subject.service.deliver(document, search_first=False) == Unresolved("Patient", 0)


async def test_two_patients_with_one_identifier_are_left_to_a_person(subject: Subject, somebody: Identifier) -> None:
    subject.add_patient(somebody)
    document = a_document(somebody)
    assert await subject.service.deliver(document, search_first=False) == Unresolved("Patient", 2)


async def test_values_that_mean_something_in_a_search_are_just_values(subject: Subject) -> None:
    patient = Identifier(MRN, f"a,b|c$d\\e {uuid4()}")
    subject.add_patient(patient)
    assert isinstance(await subject.service.deliver(a_document(patient), search_first=False), Accepted)


async def test_a_replacement_and_a_retraction_take_back_what_was_there(subject: Subject, somebody: Identifier) -> None:
    first = a_document(somebody)
    there = await subject.service.deliver(first, search_first=False)
    assert isinstance(there, Accepted)
    corrected = replace(
        first,
        version=2,
        text="Corrected\n",
        relation=Relation.REPLACES,
        amended=there.remote_id,
        affected=(there.remote_id,),
    )
    now = await subject.service.deliver(corrected, search_first=False)
    assert isinstance(now, Accepted)
    assert now.remote_id != there.remote_id
    affected = (there.remote_id, now.remote_id)
    gone = replace(first, version=3, relation=Relation.RETRACTS, amended=now.remote_id, affected=affected)
    for _ in range(2):
        assert isinstance(await subject.service.deliver(gone, search_first=True), Accepted)
    assert isinstance(await subject.service.find(corrected), Differs)
    assert await subject.service.find(gone) == Missing()

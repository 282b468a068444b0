"""Each profile before a real server made as strict, or as forgetful, as the one the profile is for."""

from datetime import timedelta

import pytest

from telehealth.records.delivery.ports import Document, Missing
from telehealth.records.delivery.profiles import MILLENNIUM, PLAIN, PROFILES, US_CORE, Link, Profile
from telehealth.records.delivery.rules import Accepted, Identifier, Rejected, Unresolved, Unsure
from tests.kit.fault_proxy import Fault, FaultProxy, on_creates
from tests.kit.notes import a_document
from tests.kit.record_service import RunningRecordService
from tests.records.delivery.conftest import Clients

FORGOTTEN = frozenset({"identifier", "masterIdentifier", "relatesTo"})
CREATE = ("POST", "/fhir/DocumentReference")


def prepare(server: RunningRecordService, proxy: FaultProxy, profile: Profile, document: Document) -> None:
    """What the profile says of the server, made true."""
    if not profile.identifier_supported:
        proxy.dropped, proxy.stripped = FORGOTTEN, frozenset({"if-none-exist"})
    if profile.author is Link.LITERAL:
        server.add("Practitioner", system=document.author.system, value=document.author.value)
    if profile.encounter is Link.LITERAL:
        virtual = {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"}}
        visit = document.visit
        server.add("Encounter", system=visit.system, value=visit.value, status="finished", **virtual)


def of_patient(server: RunningRecordService, document: Document, patient: str) -> list[dict[str, object]]:
    entries = server.administer("GET", "DocumentReference", query={"patient": patient, "_count": "50"}).get("entry", [])
    assert isinstance(entries, list)
    return [each["resource"] for each in entries]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
async def test_a_document_arrives_once_and_is_found_after_a_cut(
    clients: Clients, server: RunningRecordService, proxy: FaultProxy, patient: Identifier, *, profile: Profile
) -> None:
    document = a_document(patient)
    prepare(server, proxy, profile, document)
    records = (await clients.open(proxy.url, profile=profile)).records
    assert await records.find(document) == Missing()
    proxy.plan = on_creates([Fault.COMMIT_THEN_CUT])
    assert await records.deliver(document, search_first=False) == Unsure()
    assert isinstance(await records.deliver(document, search_first=True), Accepted)
    assert [each[:2] for each in proxy.seen].count(CREATE) == 1


async def test_where_identifiers_are_dropped_the_words_tell_two_notes_apart(
    clients: Clients, server: RunningRecordService, proxy: FaultProxy, patient: Identifier
) -> None:
    first, second = a_document(patient), a_document(patient, text="Other words\n")
    for document in (first, second):
        prepare(server, proxy, MILLENNIUM, document)
    records = (await clients.open(proxy.url, profile=MILLENNIUM)).records
    answers = [await records.deliver(each, search_first=False) for each in (first, second, first, second)]
    assert all(isinstance(each, Accepted) for each in answers)
    assert [each[:2] for each in proxy.seen].count(CREATE) == 2


async def test_an_encounter_that_is_not_there_is_left_to_a_person(
    clients: Clients, server: RunningRecordService, patient: Identifier
) -> None:
    document = a_document(patient)
    server.add("Practitioner", system=document.author.system, value=document.author.value)
    records = (await clients.open(profile=MILLENNIUM)).records
    assert await records.deliver(document, search_first=False) == Unresolved("Encounter", 0)


async def test_a_content_type_that_is_refused_is_followed_by_the_next(
    clients: Clients, server: RunningRecordService, proxy: FaultProxy, patient: Identifier
) -> None:
    document = a_document(patient)
    proxy.plan = on_creates([Fault.REFUSED_TYPE])
    records = (await clients.open(proxy.url)).records
    assert isinstance(await records.deliver(document, search_first=False), Accepted)
    (kept,) = server.documents(system=document.identifiers.version.system, value=document.identifiers.version.value)
    content = kept["content"]
    assert isinstance(content, list)
    assert content[0]["attachment"]["contentType"] == PLAIN
    assert isinstance(await records.find(document), Accepted)


async def test_when_every_content_type_is_refused_it_is_a_rejection(
    clients: Clients, proxy: FaultProxy, patient: Identifier
) -> None:
    proxy.plan = on_creates([Fault.REFUSED_TYPE] * 9)
    records = (await clients.open(proxy.url)).records
    assert await records.deliver(a_document(patient), search_first=False) == Rejected(415)
    assert [each[:2] for each in proxy.seen].count(CREATE) == len(US_CORE.content_types)


def test_a_search_that_lags_is_waited_for() -> None:
    assert all(each.index_lag >= timedelta(seconds=1) for each in PROFILES.values())

"""What this project relies on from a record service (FHIR R4), asked of real ones through its own client.

`servers.py` says what each of them does otherwise, and why. One that runs elsewhere is asked by RECORD_BASE_URL.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from joserfc.jwk import ECKey

from telehealth.core.time import SystemClock
from telehealth.records.delivery.backend_services import BackendServices
from telehealth.records.delivery.documents import References, document_reference
from telehealth.records.delivery.fhir_amending import change, read_resource
from telehealth.records.delivery.fhir_client import FhirRecordService, open_record_service
from telehealth.records.delivery.fhir_creating import create
from telehealth.records.delivery.fhir_http import FHIR_JSON, FhirServer, Settled
from telehealth.records.delivery.findings import Copy, Seen
from telehealth.records.delivery.ports import Document, Missing
from telehealth.records.delivery.profiles import CreateMode, ResourceType
from telehealth.records.delivery.rules import (
    Accepted,
    Away,
    Duplicated,
    Identifier,
    Rejected,
    Unauthorized,
    Unresolved,
    Unsure,
)
from telehealth.records.notes.amendments import Relation
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.fault_proxy import Fault, on_creates
from tests.kit.notes import a_document, a_visit
from tests.kit.record_admin import Json
from tests.kit.signed import MRN
from tests.records.contract.lanes import Lane
from tests.records.contract.servers import Promise

DOCUMENT = "DocumentReference"
HOSTILE = "<script>alert(1)</script>\r\n\u202eLTR\u202c \U0001f469\u200d\u2695\ufe0f \U0001d518 \ufdfd \\|,$\n" * 2_000
OF_VISITS = pytest.mark.parametrize("resource_type", [ResourceType.ENCOUNTER, ResourceType.APPOINTMENT])
TIMES = 8


def kept(lane: Lane, document: Document) -> list[Json]:
    version = document.identifiers.version
    return lane.admin.carriers(DOCUMENT, system=version.system, value=version.value)


def lost(sent: object, there: object, path: str) -> Iterator[str]:
    """The elements of what was sent that are missing or otherwise there. What is there beside them is the server's."""
    if isinstance(sent, dict) and isinstance(there, dict):
        for name, value in sent.items():
            yield from lost(value, there.get(name), f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(there, list) and len(sent) == len(there):
        for each, other in zip(sent, there, strict=True):
            yield from lost(each, other, path)
    elif sent != there:
        yield path


async def arrived(records: FhirRecordService, document: Document) -> Accepted:
    answer = await records.deliver(document, search_first=False)
    assert isinstance(answer, Accepted), answer
    return answer


async def resource_of(http: FhirServer, document: Document) -> Json:
    """As our client would send it."""
    return document_reference(document, References(await http.the_one("Patient", document.patient)))


def replacing(document: Document, remote_id: str) -> Document:
    return replace(
        document, version=2, text="New\n", relation=Relation.REPLACES, amended=remote_id, affected=(remote_id,)
    )


# Sign-in


async def test_discovery_names_where_tokens_are_had(lane: Lane, credential: BackendServices | None) -> None:
    reply = lane.admin.ask("GET", ".well-known/smart-configuration")
    if lane.breaks(Promise.SIGN_IN):
        assert (reply.status_code, credential) == (404, None)
        return
    told = reply.json()
    assert told["token_endpoint"].startswith("http")
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]
    assert "ES384" in told["token_endpoint_auth_signing_alg_values_supported"]
    assert credential is not None
    token = await credential.token()
    assert await credential.token() == token
    assert await credential.token(refused=token) != token


def test_without_a_token_nothing_is_told(lane: Lane) -> None:
    reply = httpx.get(f"{lane.target.url}/Patient", trust_env=False)
    assert reply.status_code == (200 if lane.breaks(Promise.SIGN_IN) else 401)


async def test_another_key_opens_nothing(lane: Lane, somebody: Identifier) -> None:
    key = ECKey.generate_key("P-384", auto_kid=True).as_dict(private=True)
    async with open_record_service(replace(lane.target, private_key=json.dumps(key)), SystemClock()) as stranger:
        answer = await stranger.deliver(a_document(somebody), search_first=False)
    assert isinstance(answer, Away if lane.breaks(Promise.SIGN_IN) else Unauthorized), answer


# Patients


async def test_a_patient_is_the_one_who_carries_the_identifier(http: FhirServer, somebody: Identifier) -> None:
    reference = await http.the_one("Patient", somebody)
    assert (await read_resource(http, reference))["resourceType"] == "Patient"


@pytest.mark.parametrize("matches", [0, 2])
async def test_nobody_and_two_are_no_patient(lane: Lane, records: FhirRecordService, matches: int) -> None:
    patient = Identifier(MRN, str(uuid4()))
    for _ in range(matches):
        lane.admin.add_patient(system=patient.system, value=patient.value)
    document = a_document(patient)
    assert await records.deliver(document, search_first=False) == Unresolved("Patient", matches)


async def test_what_means_something_in_a_search_is_just_a_value(lane: Lane, records: FhirRecordService) -> None:
    for sign in (",", "$", "\\", "&", "+", "%", "é", "|"):
        patient = Identifier(MRN, f"a{sign}b {uuid4()}")
        lane.admin.add_patient(system=patient.system, value=patient.value)
        found = await records.find(a_document(patient))
        nobody = sign == "|" and lane.breaks(Promise.ESCAPES)
        assert found == (Unresolved("Patient", 0) if nobody else Missing()), sign


# Documents


async def test_a_document_is_created_once_and_found(
    lane: Lane, records: FhirRecordService, somebody: Identifier
) -> None:
    document = a_document(somebody)
    assert await records.find(document) == Missing()
    first = await arrived(records, document)
    assert await records.deliver(document, search_first=False) == replace(first, status=200)
    creates = [status for _, path, status in lane.proxy.answers if path.endswith(f"/{DOCUMENT}") and status != 200]
    assert (creates, len(kept(lane, document))) == ([201], 1)
    assert await records.find(document) == replace(first, status=200)
    assert await records.look(document) == Seen((Copy("current", same=True),))


async def test_several_who_carry_the_identifier_are_told_of(
    lane: Lane, records: FhirRecordService, http: FhirServer, somebody: Identifier
) -> None:
    document = a_document(somebody)
    for _ in range(2):
        lane.admin.administer("POST", DOCUMENT, body=await resource_of(http, document))
    lane.proxy.answers.clear()
    assert await records.deliver(document, search_first=False) == Duplicated(2)
    assert lane.proxy.answers[-1][2] == 412


async def test_at_the_same_moment_one_is_created(lane: Lane, http: FhirServer, somebody: Identifier) -> None:
    document = a_document(somebody)
    resource = await resource_of(http, document)
    creates = [create(http, resource, document.identifiers.version, CreateMode.CONDITIONAL) for _ in range(TIMES)]
    made = [reply.status for reply in await asyncio.gather(*creates)].count(201)
    assert len(kept(lane, document)) == made
    assert made <= (TIMES if lane.breaks(Promise.ONCE) else 1)


async def test_without_the_condition_there_are_two(lane: Lane, http: FhirServer, somebody: Identifier) -> None:
    """The sabotage: shows that what is created once above is so by the condition."""
    document = a_document(somebody)
    resource = await resource_of(http, document)
    for _ in range(2):
        await create(http, resource, document.identifiers.version, CreateMode.SEARCH)
    assert len(kept(lane, document)) == 2


@pytest.mark.parametrize("text", [HOSTILE, "x" * 450_000], ids=["hostile", "long"])
async def test_words_come_back_to_the_byte(records: FhirRecordService, somebody: Identifier, text: str) -> None:
    document = a_document(somebody, text=text)
    await arrived(records, document)
    assert await records.look(document) == Seen((Copy("current", same=True),))


async def test_what_is_sent_is_what_is_read(lane: Lane, records: FhirRecordService, somebody: Identifier) -> None:
    first = a_document(somebody)
    there = await arrived(records, first)
    amendment = await arrived(records, replacing(first, there.remote_id))
    lane.proxy.sent.clear()
    other = replace(first, version=3, relation=Relation.APPENDS, amended=amendment.remote_id)
    await arrived(records, other)
    for resource_type in (ResourceType.ENCOUNTER, ResourceType.APPOINTMENT):
        await records.write(a_visit(somebody, resource_type))
    assert [each["resourceType"] for each in lane.proxy.sent] == [DOCUMENT, "Provenance", "Encounter", "Appointment"]
    missing = [path for each in lane.proxy.sent for path in lost(each, read_back(lane, each), kind(each))]
    assert set(missing) == lane.server.loses


def kind(resource: Json) -> str:
    return str(resource["resourceType"])


def read_back(lane: Lane, sent: Json) -> Json:
    if kind(sent) == "Provenance":
        query = {"target": sent["target"][0]["reference"]}  # type: ignore[index]
        (found,) = lane.admin.found("Provenance", query)
        return found
    identifier: dict[str, str] = sent["identifier"][0]  # type: ignore[index]
    (there,) = lane.admin.carriers(kind(sent), system=identifier["system"], value=identifier["value"])
    return there


async def test_what_a_server_forgets_is_noticed(http: FhirServer, somebody: Identifier) -> None:
    """The sabotage: shows that the test above can fail."""
    resource = await resource_of(http, a_document(somebody))
    forgetful: Json = {name: value for name, value in resource.items() if name != "category"} | {"content": []}
    assert list(lost(resource, forgetful, DOCUMENT)) == ["DocumentReference.category", "DocumentReference.content"]


async def test_every_page_of_a_search_is_read_or_none(lane: Lane, http: FhirServer, somebody: Identifier) -> None:
    reference = await http.the_one("Patient", somebody)
    for _ in range(5):
        lane.admin.administer("POST", DOCUMENT, body=await resource_of(http, a_document(somebody)))
    query = {"patient": reference.partition("/")[2], "_count": "2"}
    if not lane.breaks(Promise.PAGES):
        assert len(await http.all_of(DOCUMENT, query)) == 5
        return
    with pytest.raises(Settled) as refused:
        await http.all_of(DOCUMENT, query)
    assert refused.value.answer == Away(200), "half of what is there is not taken for all"


# Changes


async def test_a_replacement_and_a_retraction_change_what_is_there(
    lane: Lane, records: FhirRecordService, somebody: Identifier
) -> None:
    first = a_document(somebody)
    there = await arrived(records, first)
    second = replacing(first, there.remote_id)
    now = await arrived(records, second)
    (old,), (new,) = kept(lane, first), kept(lane, second)
    target = {"reference": f"{DOCUMENT}/{there.remote_id}"}
    assert (old["status"], new["docStatus"], new["relatesTo"]) == (
        "superseded",
        "amended",
        [{"code": "replaces", "target": target}],
    )
    gone = replace(second, version=3, relation=Relation.RETRACTS, affected=(there.remote_id, now.remote_id))
    assert isinstance(await records.deliver(gone, search_first=False), Accepted)
    assert [each["status"] for each in kept(lane, first) + kept(lane, second)] == ["entered-in-error"] * 2


async def test_what_somebody_else_changed_meanwhile_is_not_undone(
    lane: Lane, records: FhirRecordService, http: FhirServer, somebody: Identifier
) -> None:
    document = a_document(somebody)
    reference = f"{DOCUMENT}/{(await arrived(records, document)).remote_id}"
    lane.proxy.answers.clear()

    def altered(resource: Json) -> Json:
        if "description" not in resource:  # read, and not yet put
            lane.admin.administer("PUT", reference, body=resource | {"description": "theirs"})
        return resource | {"status": "superseded"}

    assert isinstance(await change(http, reference, altered), Accepted)
    (there,) = kept(lane, document)
    assert (there["status"], there["description"]) == ("superseded", "theirs")
    assert [status for method, _, status in lane.proxy.answers if method == "PUT"] == [412, 200]


async def test_what_was_deleted_is_gone(lane: Lane, records: FhirRecordService, somebody: Identifier) -> None:
    document = a_document(somebody)
    there = await arrived(records, document)
    lane.admin.remove(f"{DOCUMENT}/{there.remote_id}")
    assert await records.look(replace(document, remote_id=there.remote_id)) == Seen()


# Visits


@OF_VISITS
async def test_a_visit_is_written_once_and_kept_up(
    lane: Lane, records: FhirRecordService, somebody: Identifier, resource_type: ResourceType
) -> None:
    visit = a_visit(somebody, resource_type, VisitStatus.IN_PROGRESS)
    first = await records.write(visit)
    assert isinstance(first, Accepted)
    ended = replace(visit, status=VisitStatus.ENDED, remote_id=first.remote_id)
    for _ in range(2):
        assert isinstance(await records.write(ended), Accepted)
    assert await records.look_at(ended) == Seen((Copy(ended.written_status, same=True),))
    (there,) = lane.admin.carriers(resource_type, system=visit.visit.system, value=visit.visit.value)
    assert (there["id"], there["status"]) == (first.remote_id, ended.written_status)


# What is refused


@pytest.mark.parametrize(
    ("damage", "promise"),
    [
        ({"content": None}, None),
        ({"nonsense": 1}, None),
        ({"date": "yesterday"}, None),
        ({"resourceType": "Patient"}, None),
        ({"status": "nonsense"}, Promise.CODES),
    ],
    ids=["required", "unknown", "instant", "another type", "code"],
)
async def test_bad_resources_are_refused_with_a_code(
    lane: Lane, http: FhirServer, somebody: Identifier, *, damage: Json, promise: Promise | None
) -> None:
    document = a_document(somebody)
    damaged = {name: value for name, value in (await resource_of(http, document) | damage).items() if value is not None}
    reply = await http.send("POST", DOCUMENT, headers={"content-type": FHIR_JSON}, content=json.dumps(damaged).encode())
    if promise is not None and lane.breaks(promise):
        assert reply.status == 201
        return
    answer = http.refusal(reply, unsure=True)
    assert isinstance(answer, Rejected)
    assert (answer.status in (400, 422), answer.codes != (), kept(lane, document)) == (True, True, [])


async def test_what_is_no_json_is_refused(http: FhirServer) -> None:
    reply = await http.send("POST", DOCUMENT, headers={"content-type": FHIR_JSON}, content=b'{"resourceType": "Docu')
    answer = http.refusal(reply, unsure=True)
    assert isinstance(answer, Rejected)
    assert answer.codes != ()


# When it breaks on the way


@pytest.mark.parametrize("fault", [Fault.COMMIT_THEN_CUT, Fault.COMMIT_THEN_500, Fault.COMMIT_THEN_TRUNCATE])
@pytest.mark.parametrize("ignored", [frozenset[str](), frozenset({"if-none-exist"})], ids=["kept", "ignored"])
async def test_what_broke_after_the_commit_is_there_once(
    lane: Lane, records: FhirRecordService, somebody: Identifier, *, fault: Fault, ignored: frozenset[str]
) -> None:
    lane.proxy.plan, lane.proxy.stripped = on_creates([fault]), ignored
    document = a_document(somebody)
    first = await records.deliver(document, search_first=False)
    assert isinstance(first, Unsure)
    assert isinstance(await records.deliver(document, search_first=True), Accepted)
    assert len(kept(lane, document)) == 1

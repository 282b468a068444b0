import base64
import hashlib
from dataclasses import replace

from telehealth.records.delivery.documents import Json, References, carries, document_reference, holds
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, Accepted, Identifier
from tests.kit.fault_proxy import FaultProxy
from tests.kit.notes import a_document
from tests.kit.record_service import RunningRecordService
from tests.records.delivery.conftest import Clients

PATIENT = Identifier("urn:example:mrn", "17")


def test_the_resource_has_the_fields_of_us_core() -> None:
    document = a_document(PATIENT)
    resource = document_reference(document, References("Patient/17"))
    assert resource["masterIdentifier"] == {
        "system": document.identifiers.version.system,
        "value": f"{document.note_id}-v1",
    }
    assert (resource["status"], resource["docStatus"]) == ("current", "final")
    assert resource["type"] == {"coding": [{"system": "http://loinc.org", "code": "11506-3"}], "text": "Progress note"}
    attachment = attachment_of(resource)
    data = base64.b64decode(str(attachment["data"]))
    assert data.decode() == document.text
    assert attachment["size"] == len(data)
    assert attachment["hash"] == base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


async def test_who_co_signed_is_its_authenticator_in_the_record(
    server: RunningRecordService, proxy: FaultProxy, patient: Identifier, clients: Clients
) -> None:
    assert "authenticator" not in document_reference(a_document(patient), References("Patient/17"))
    named = Identifier(CLINICIAN_SYSTEM, "4")
    cosigned = replace(a_document(patient), authenticator=named, authenticator_name="Edith Berg")
    client = await clients.open(proxy.url)
    assert isinstance(await client.records.deliver(cosigned, search_first=False), Accepted)
    (kept,) = server.documents(system=cosigned.identifiers.version.system, value=cosigned.identifiers.version.value)
    assert kept["authenticator"] == {
        "identifier": {"system": named.system, "value": "4"},
        "display": "Edith Berg",
    }


def test_a_clinic_without_a_name_is_left_out() -> None:
    document = replace(a_document(PATIENT), custodian="")
    assert "custodian" not in document_reference(document, References("Patient/17"))


def test_what_was_sent_is_recognised() -> None:
    document = a_document(PATIENT)
    resource = document_reference(document, References("Patient/17"))
    assert holds(resource, document, patient="Patient/17")
    assert carries(resource, document.identifiers.version)
    assert carries(resource, document.identifiers.note)
    assert not carries(resource, PATIENT)


def test_an_absolute_reference_to_the_same_patient_is_the_same() -> None:
    document = a_document(PATIENT)
    resource = document_reference(document, References("http://record.example/fhir/Patient/17"))
    assert holds(resource, document, patient="Patient/17")


def test_another_patient_content_or_status_is_not_ours() -> None:
    document = a_document(PATIENT)
    resource = document_reference(document, References("Patient/17"))
    assert not holds(resource, document, patient="Patient/117")
    assert not holds(resource | {"status": "entered-in-error"}, document, patient="Patient/17")
    assert not holds(resource, a_document(PATIENT, text="Other words\n"), patient="Patient/17")
    assert not holds(resource | {"content": []}, document, patient="Patient/17")


def test_content_kept_elsewhere_is_compared_by_its_hash() -> None:
    document = a_document(PATIENT)
    resource = document_reference(document, References("Patient/17"))
    attachment = {name: value for name, value in attachment_of(resource).items() if name != "data"}
    assert holds(resource | {"content": [{"attachment": attachment}]}, document, patient="Patient/17")


def attachment_of(resource: Json) -> Json:
    content = resource["content"]
    assert isinstance(content, list)
    attachment = content[0]["attachment"]
    assert isinstance(attachment, dict)
    return attachment

"""A note version as the FHIR R4 DocumentReference of US Core 9, "Writing Clinical Notes". Pure."""

import base64
import hashlib
from dataclasses import dataclass

from telehealth.records.delivery.ports import Document
from telehealth.records.delivery.profiles import PLAIN_UTF8, AmendMode
from telehealth.records.delivery.rules import Identifier
from telehealth.records.notes.amendments import DocumentStatus, doc_status
from telehealth.records.notes.rules import TITLES, instant

LOINC = "http://loinc.org"
PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference"
CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
CONTENT_TYPE = PLAIN_UTF8
DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT_TYPE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class References:
    """Literal references of the ones that were found, such as `Patient/17`.

    Without them author and encounter are logical references (FHIR R4, section 2.3.0.2): the record service links them
    to its own resources, and nothing of ours has to exist there first.
    """

    patient: str
    author: str | None = None
    encounter: str | None = None


def document_reference(
    document: Document,
    to: References,
    *,
    content_type: str = CONTENT_TYPE,
    amend: AmendMode = AmendMode.RELATES_TO,
) -> Json:
    """The resource to create; of an amendment with what it amends, where the record service keeps that."""
    identifiers = document.identifiers
    return {
        "resourceType": "DocumentReference",
        "meta": {"profile": [PROFILE]},
        "masterIdentifier": _identifier(identifiers.version),
        "identifier": [_identifier(identifiers.version), _identifier(identifiers.note)],
        "status": "current",
        "docStatus": doc_status(DocumentStatus.CURRENT, document.relation),
        "type": {"coding": [{"system": LOINC, "code": document.kind}], "text": TITLES[document.kind]},
        "category": [{"coding": [{"system": CATEGORY, "code": "clinical-note"}]}],
        "subject": {"reference": to.patient},
        "date": instant(document.signed_at),
        "author": [_linked(document.author, to.author) | {"display": document.author_name}],
        **_authenticator(document),
        "content": [{"attachment": _attachment(document, content_type)}],
        "context": {"encounter": [_linked(document.visit, to.encounter)], "period": _period(document)},
        **(_relates_to(document) if amend is AmendMode.RELATES_TO else {}),
        **({"custodian": {"display": document.custodian}} if document.custodian else {}),  # FHIR has no empty strings
    }


def _authenticator(document: Document) -> Json:
    if document.authenticator is None:
        return {}
    return {"authenticator": _linked(document.authenticator, None) | {"display": document.authenticator_name}}


def provenance(document: Document, remote_id: str) -> Json:
    """Who wrote the document, and from which it was made (FHIR R4, Provenance)."""
    made_from = [
        {"role": "revision", "what": {"reference": f"DocumentReference/{each}"}} for each in (document.amended,) if each
    ]
    return {
        "resourceType": "Provenance",
        "target": [{"reference": f"DocumentReference/{remote_id}"}],
        "recorded": instant(document.signed_at),
        "activity": {"coding": [{"system": DATA_OPERATION, "code": "UPDATE" if made_from else "CREATE"}]},
        "agent": [
            {
                "type": {"coding": [{"system": PARTICIPANT_TYPE, "code": "author"}]},
                "who": _linked(document.author, None) | {"display": document.author_name},
            }
        ],
        **({"entity": made_from} if made_from else {}),
    }


def _relates_to(document: Document) -> Json:
    if document.relation is None or document.amended is None:
        return {}
    target = {"reference": f"DocumentReference/{document.amended}"}
    return {"relatesTo": [{"code": document.relation, "target": target}]}


def holds(resource: Json, document: Document, *, patient: str) -> bool:
    """Whether a resource read back is this document: same patient, same bytes, still current.

    The content is compared by SHA-256 when it is inline, else by the attachment's SHA-1 (all that R4 offers). A server
    that keeps neither cannot be believed.
    """
    return resource.get("status") == "current" and says(resource, document, patient=patient)


def says(resource: Json, document: Document, *, patient: str) -> bool:
    """The same, however it stands by now."""
    return names(resource.get("subject"), patient) and any(
        _same(attachment, document) for attachment in _attachments(resource)
    )


def carries(resource: Json, identifier: Identifier) -> bool:
    """Whether a resource has the identifier. Asked of every search result: servers ignore what they do not know."""
    given = resource.get("identifier")
    return isinstance(given, list) and any(
        isinstance(each, dict) and each.get("system") == identifier.system and each.get("value") == identifier.value
        for each in given
    )


def names(reference: object, patient: str) -> bool:
    """A literal reference, relative or absolute: sekmet keeps ours as sent, other servers rewrite it."""
    literal = reference.get("reference") if isinstance(reference, dict) else None
    return isinstance(literal, str) and (literal == patient or literal.endswith(f"/{patient}"))


def _linked(identifier: Identifier, literal: str | None) -> Json:
    return {"reference": literal} if literal else {"identifier": _identifier(identifier)}


def _attachment(document: Document, content_type: str) -> Json:
    return {
        "contentType": content_type,
        "data": base64.b64encode(document.content).decode(),
        "size": len(document.content),
        "hash": _sha1(document.content),
        "title": TITLES[document.kind],
        "creation": instant(document.signed_at),
    }


def _attachments(resource: Json) -> list[Json]:
    content = resource.get("content")
    entries = content if isinstance(content, list) else []
    return [
        each["attachment"] for each in entries if isinstance(each, dict) and isinstance(each.get("attachment"), dict)
    ]


def _same(attachment: Json, document: Document) -> bool:
    data = attachment.get("data")
    if not isinstance(data, str):
        return attachment.get("hash") == _sha1(document.content)
    try:
        return hashlib.sha256(base64.b64decode(data)).hexdigest() == document.sha256
    except ValueError:
        return False


def _period(document: Document) -> Json:
    start: Json = {"start": instant(document.started_at)}
    return start if document.ended_at is None else start | {"end": instant(document.ended_at)}


def _identifier(identifier: Identifier) -> Json:
    return {"system": identifier.system, "value": identifier.value}


def _sha1(content: bytes) -> str:
    """FHIR R4 Attachment.hash is SHA-1 in base64: a checksum there, never a proof."""
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()

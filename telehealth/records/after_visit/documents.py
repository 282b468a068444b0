"""A released summary as a FHIR R4 DocumentReference (section 2.42) that holds its PDF."""

import base64
import hashlib
from typing import Any

from telehealth.people.rules import own_identifier
from telehealth.records.after_visit.rules import Release, Standing
from telehealth.records.delivery.documents import CATEGORY, LOINC
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, VISIT_SYSTEM, Identifier, document_identifiers
from telehealth.records.notes.rules import instant

Json = dict[str, Any]
# LOINC "Summary of episode note", as C-CDA R2.1 codes its summaries of an episode. "Patient summary Document", 60591-5,
# is by its definition written for other providers.
TYPE = {"system": LOINC, "code": "34133-9", "display": "Summary of episode note"}
STATUS = {Standing.CURRENT: "current", Standing.SUPERSEDED: "superseded", Standing.WITHDRAWN: "entered-in-error"}


def document_reference(release: Release, content: bytes) -> Json:
    """It was made from a signed version (`transforms`), which is named as its own DocumentReference is."""
    system, _, value = own_identifier(release.patient_id).partition("|")
    source = document_identifiers(release.note_id, release.note_version).version
    clinician = Identifier(CLINICIAN_SYSTEM, str(release.clinician_id))
    checksum = hashlib.sha1(content, usedforsecurity=False).digest()  # what R4 defines Attachment.hash to be
    attachment = {
        "contentType": "application/pdf",
        "language": release.language,
        "data": base64.b64encode(content).decode(),
        "size": len(content),
        "hash": base64.b64encode(checksum).decode(),
        "title": "After-visit summary",
        "creation": instant(release.released_at),
    }
    return {
        "resourceType": "DocumentReference",
        "id": str(release.id),
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{release.id}"},
        "status": STATUS[release.standing],
        "docStatus": "final",
        "type": {"coding": [TYPE], "text": "After-visit summary"},
        "category": [{"coding": [{"system": CATEGORY, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"type": "Patient", "identifier": {"system": system, "value": value}},
        "date": instant(release.released_at),
        "author": [_named("Practitioner", clinician) | {"display": release.author_name}],
        "relatesTo": [{"code": "transforms", "target": _named("DocumentReference", source)}],
        "content": [{"attachment": attachment}],
        "context": {"encounter": [_named("Encounter", Identifier(VISIT_SYSTEM, str(release.visit_id)))]},
    }


def _named(resource_type: str, identifier: Identifier) -> Json:
    """A logical reference (FHIR R4, section 2.3.0.2)."""
    return {"type": resource_type, "identifier": {"system": identifier.system, "value": identifier.value}}

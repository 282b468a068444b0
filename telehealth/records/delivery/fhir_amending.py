"""What is in the record already and stands otherwise now: superseded, or entered in error."""

import json
from http import HTTPStatus

from telehealth.records.delivery.documents import Json, provenance
from telehealth.records.delivery.fhir_http import FHIR_JSON, FhirServer, Settled, version_of
from telehealth.records.delivery.ports import Document
from telehealth.records.delivery.rules import Accepted, Away, Rejected, Unresolved, Unsure
from telehealth.records.notes.amendments import DocumentStatus
from telehealth.tasks.outbound import NoAnswer, NotJson, Reply

TRIES = 3  # somebody else changed it in between: read again, decide again
DONE = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})


async def change_status(server: FhirServer, remote_id: str, status: DocumentStatus) -> Accepted:
    """Change a document that is ours, over the version that was read (FHIR R4, section 3.1.0.5). Raises Settled.

    Done twice it is done once, so that after a doubtful try it is simply done again.
    """
    for _ in range(TRIES):
        resource = await read_document(server, remote_id)
        if resource.get("status") in (status, DocumentStatus.ENTERED_IN_ERROR):
            return Accepted(remote_id, version_of(resource), status=200)
        reply = await _put(server, remote_id, resource, status)
        if reply.status in DONE:
            etag = reply.headers.get("etag", "").removeprefix("W/").strip('"')
            return Accepted(remote_id, etag or None, status=200)
        if reply.status not in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT):
            raise Settled(server.refusal(reply, unsure=True))
    raise Settled(Unsure(HTTPStatus.PRECONDITION_FAILED))


async def leave_trace(server: FhirServer, document: Document, remote_id: str) -> None:
    """A Provenance, as well as may be: the document is in the record without it too."""
    body = json.dumps(provenance(document, remote_id)).encode()
    try:
        await server.send("POST", "Provenance", headers={"content-type": FHIR_JSON}, content=body)
    except (NoAnswer, Settled):
        return


async def read_document(server: FhirServer, remote_id: str) -> Json:
    """A document at its own address. Raises Settled: Unresolved when it is gone."""
    try:
        reply = await server.send("GET", f"DocumentReference/{remote_id}")
    except NoAnswer:
        raise Settled(Away()) from None
    if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise Settled(Unresolved("DocumentReference", 0))
    if reply.status != HTTPStatus.OK:
        raise Settled(server.refusal(reply, unsure=False))
    try:
        resource = reply.json()
    except NotJson:
        raise Settled(Away(reply.status)) from None
    if not isinstance(resource, dict) or resource.get("id") != remote_id:
        raise Settled(Away(reply.status))
    return resource


async def _put(server: FhirServer, remote_id: str, resource: Json, status: DocumentStatus) -> Reply:
    version = version_of(resource)
    if version is None:  # without it a change of somebody else would be undone
        raise Settled(Rejected(HTTPStatus.PRECONDITION_REQUIRED, ("no-version",)))
    changed = resource | {"status": status}
    if status is DocumentStatus.ENTERED_IN_ERROR:
        changed |= {"docStatus": status}
    headers = {"content-type": FHIR_JSON, "if-match": f'W/"{version}"'}
    try:
        return await server.send(
            "PUT", f"DocumentReference/{remote_id}", headers=headers, content=json.dumps(changed).encode()
        )
    except NoAnswer:
        raise Settled(Unsure()) from None

"""What is in the record already and stands otherwise now: superseded, or entered in error."""

import json
from collections.abc import Callable
from http import HTTPStatus

from telehealth.records.delivery.documents import Json, provenance
from telehealth.records.delivery.fhir_http import FHIR_JSON, FhirServer, Settled, version_of
from telehealth.records.delivery.ports import Document
from telehealth.records.delivery.rules import Accepted, Away, Rejected, Unresolved, Unsure
from telehealth.records.notes.amendments import DocumentStatus
from telehealth.tasks.outbound import NoAnswer, NotJson, Reply

TRIES = 3  # somebody else changed it in between: read again, decide again
Alter = Callable[[Json], Json | None]
DONE = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})


async def change_status(server: FhirServer, remote_id: str, status: DocumentStatus) -> Accepted:
    """A document that is ours stands otherwise from now on. Raises Settled."""

    def altered(resource: Json) -> Json | None:
        if resource.get("status") in (status, DocumentStatus.ENTERED_IN_ERROR):
            return None
        changed = resource | {"status": status}
        return changed | {"docStatus": status} if status is DocumentStatus.ENTERED_IN_ERROR else changed

    return await change(server, f"DocumentReference/{remote_id}", altered)


async def change(server: FhirServer, reference: str, alter: Alter, known: Json | None = None) -> Accepted:
    """Change a resource over the version that was read (FHIR R4, section 3.1.0.5), as `alter` says; None leaves it.
    `known` is how it was read already. Raises Settled.

    Done twice it is done once, so that after a doubtful try it is simply done again.
    """
    remote_id = reference.partition("/")[2]
    for _ in range(TRIES):
        resource, known = known or await read_resource(server, reference), None
        altered = alter(resource)
        if altered is None:
            return Accepted(remote_id, version_of(resource), status=200)
        reply = await _put(server, reference, altered)
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


async def read_resource(server: FhirServer, reference: str) -> Json:
    """A resource at its own address. Raises Settled: Unresolved when it is gone."""
    resource_type, _, remote_id = reference.partition("/")
    try:
        reply = await server.send("GET", reference)
    except NoAnswer:
        raise Settled(Away()) from None
    if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise Settled(Unresolved(resource_type, 0))
    if reply.status != HTTPStatus.OK:
        raise Settled(server.refusal(reply, unsure=False))
    try:
        resource = reply.json()
    except NotJson:
        raise Settled(Away(reply.status)) from None
    if not isinstance(resource, dict) or resource.get("id") != remote_id:
        raise Settled(Away(reply.status))
    return resource


async def _put(server: FhirServer, reference: str, resource: Json) -> Reply:
    version = version_of(resource)
    if version is None:  # without it a change of somebody else would be undone
        raise Settled(Rejected(HTTPStatus.PRECONDITION_REQUIRED, ("no-version",)))
    headers = {"content-type": FHIR_JSON, "if-match": f'W/"{version}"'}
    try:
        return await server.send("PUT", reference, headers=headers, content=json.dumps(resource).encode())
    except NoAnswer:
        raise Settled(Unsure()) from None

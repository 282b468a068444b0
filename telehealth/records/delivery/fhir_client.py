"""The record service as a FHIR R4 server: conditional create, search before repeating, content compared on 200.

How servers differ is the profile's; what each must keep is asked by tests/records/contract, of sekmet 0.1.1 and of
Medplum's router 5.2.13. Sekmet is lenient: it keeps references to resources it does not have, refuses with 400, never
with 422, and checks If-None-Exist outside the transaction that creates. HAPI (#3141) and Azure (#1382) have that race
too; hence one leased sender per document, and a search before each repeat.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from telehealth.core.time import Clock
from telehealth.records.delivery.backend_services import BackendServices, read_key
from telehealth.records.delivery.destinations import Target
from telehealth.records.delivery.documents import Json, References, carries, document_reference, holds, says
from telehealth.records.delivery.fhir_amending import change_status, leave_trace, read_resource
from telehealth.records.delivery.fhir_creating import create, located, polled
from telehealth.records.delivery.fhir_http import (
    FhirServer,
    Settled,
    id_of,
    version_of,
)
from telehealth.records.delivery.fhir_visits import VisitRecords
from telehealth.records.delivery.findings import Copy, Seen
from telehealth.records.delivery.ports import Document, Found, Missing, VisitState
from telehealth.records.delivery.profiles import CreateMode, DedupeQuery, Link, Profile
from telehealth.records.delivery.rules import (
    Accepted,
    Answer,
    Away,
    Differs,
    Duplicated,
    Rejected,
    Throttled,
    Unauthorized,
    Unresolved,
    Unsure,
)
from telehealth.records.notes.amendments import DocumentStatus, Relation
from telehealth.tasks.outbound import Reply, open_client


class FhirRecordService:
    """A RecordService over HTTP, as its profile says the server behaves."""

    def __init__(self, server: FhirServer, profile: Profile) -> None:
        self._server = server
        self._profile = profile
        self._visits = VisitRecords(server, profile)

    async def deliver(self, document: Document, *, search_first: bool) -> Answer:
        try:
            if document.relation is Relation.RETRACTS:
                return await self._changed(document, DocumentStatus.ENTERED_IN_ERROR)
            answer = await self._sent(document, search_first=search_first)
        except Settled as settled:
            return settled.answer
        if not isinstance(answer, Accepted):
            return answer
        try:
            if self._profile.needs_supersede_put:
                await self._changed(document, DocumentStatus.SUPERSEDED)
        except Settled as settled:
            return _created_already(settled.answer)
        if answer.status == HTTPStatus.CREATED and self._profile.provenance:
            await leave_trace(self._server, document, answer.remote_id)
        return answer

    async def _changed(self, document: Document, status: DocumentStatus) -> Answer:
        """Of a retraction what it takes back, of a replacement what it replaces: one after the other."""
        changed = Accepted("", None, status=200)
        for remote_id in document.affected:
            changed = await change_status(self._server, remote_id, status)
        return changed

    async def _sent(self, document: Document, *, search_first: bool) -> Answer:
        if len(document.content) > self._profile.max_bytes:
            return Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ("too-long",))
        references = await self._resolved(document)
        if search_first or self._profile.create_mode is CreateMode.SEARCH:
            found = await self._search(document, references.patient)
            if not isinstance(found, Missing):
                return found
        return await self._created(document, references)

    async def find(self, document: Document) -> Found:
        try:
            return await self._search(document, await self._server.the_one("Patient", document.patient))
        except Settled as settled:
            return settled.answer

    async def look(self, document: Document) -> Seen | Answer:
        try:
            patient = await self._server.the_one("Patient", document.patient)
            given = await self._ours(document, patient) or await self._at_its_address(document)
        except Settled as settled:
            return settled.answer
        return Seen(tuple(Copy(str(each.get("status")), self._same(each, document, patient)) for each in given))

    async def write(self, visit: VisitState) -> Answer:
        return await self._visits.write(visit)

    async def look_at(self, visit: VisitState) -> Seen | Answer:
        return await self._visits.look(visit)

    async def _at_its_address(self, document: Document) -> list[Json]:
        """An index that is being built anew finds nothing either: only 404 and 410 here say that it is gone."""
        if document.remote_id is None:
            raise Settled(Unresolved("DocumentReference", 0))
        try:
            return [await read_resource(self._server, f"DocumentReference/{document.remote_id}")]
        except Settled as settled:
            if isinstance(settled.answer, Unresolved):
                return []
            raise

    def _same(self, resource: Json, document: Document, patient: str) -> bool:
        """Still the words that were signed, of that patient, and still to be found by what finds it."""
        kept = self._profile.dedupe_query is not DedupeQuery.IDENTIFIER or carries(
            resource, document.identifiers.version
        )
        return kept and says(resource, document, patient=patient)

    async def _resolved(self, document: Document) -> References:
        author, linked = document.author, self._profile.author is Link.LITERAL
        return References(
            patient=await self._server.the_one("Patient", document.patient),
            author=await self._server.the_one("Practitioner", author) if linked else None,
            encounter=await self._encounter(document),
        )

    async def _encounter(self, document: Document) -> str | None:
        """The one that we wrote, or the one that has to be there; else the record service links it to its own."""
        if self._profile.encounter is Link.LITERAL:
            return await self._server.the_one("Encounter", document.visit)
        return f"Encounter/{document.encounter_id}" if document.encounter_id else None

    async def _search(self, document: Document, patient: str) -> Answer | Missing:
        match await self._candidates(document, patient):
            case []:
                return Missing()
            case [one] if holds(one, document, patient=patient):
                return Accepted(id_of(one), version_of(one), status=200)
            case [one]:
                return Differs(id_of(one))
            case several:
                return Duplicated(len(several))

    async def _candidates(self, document: Document, patient: str) -> list[Json]:
        """What carries our identifier; where identifiers are dropped, the patient's documents with these very words."""
        given = await self._ours(document, patient)
        if self._profile.dedupe_query is DedupeQuery.IDENTIFIER:
            return given
        return [each for each in given if holds(each, document, patient=patient)]

    async def _ours(self, document: Document, patient: str) -> list[Json]:
        if self._profile.dedupe_query is DedupeQuery.IDENTIFIER:
            return await self._server.carriers("GET", "DocumentReference", document.identifiers.version)
        given = await self._server.all_of("DocumentReference", {"patient": patient.partition("/")[2], "_count": "100"})
        return [each for each in given if says(each, document, patient=patient)]

    async def _created(self, document: Document, references: References) -> Answer:
        """One create. Another follows only what said that it did nothing: refused type, unknown patient."""
        types = list(self._profile.content_types)
        reply = await self._create(document, references, types.pop(0))
        while reply.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and types:
            reply = await self._create(document, references, types.pop(0))
        if reply.status in (404, 410):  # the patient was merged or removed since: look once more, never guess
            references = await self._resolved(document)
            reply = await self._create(document, references, self._profile.content_types[0])
        if reply.status == HTTPStatus.ACCEPTED:
            reply = await polled(self._server, reply)
        return await self._settled(reply, document, references.patient)

    async def _create(self, document: Document, references: References, content_type: str) -> Reply:
        resource = document_reference(document, references, content_type=content_type, amend=self._profile.amend_mode)
        return await create(self._server, resource, document.identifiers.version, self._profile.create_mode)

    async def _settled(self, reply: Reply, document: Document, patient: str) -> Answer:
        match reply.status:
            case 201:
                return located(reply, "DocumentReference")
            case 200 | 409:  # something carries our identifier already: is it what was signed?
                return await self._looked_up(document, patient, status=reply.status)
            case 404 | 410:
                return Unresolved("Patient", 0)
            case 412:
                return Duplicated(2)
            case _:
                return self._server.refusal(reply, unsure=True)

    async def _looked_up(self, document: Document, patient: str, *, status: int) -> Answer:
        try:
            found = await self._search(document, patient)
        except Settled:
            return Unsure(status)
        return Unsure(status) if isinstance(found, Missing) else found


@asynccontextmanager
async def open_record_service(target: Target, clock: Clock) -> AsyncIterator[FhirRecordService]:
    """The record service of a target. Raises ValueError for a key that cannot sign with ES384."""
    async with open_client() as outbound:
        credential = None
        if target.private_key is not None:
            key, scopes = read_key(target.private_key), target.scopes or target.profile.scopes
            credential = BackendServices(
                outbound, target.url, client_id=target.client_id, key=key, clock=clock, scopes=scopes
            )
        server = FhirServer(outbound, target.url, credential=credential, clock=clock)
        yield FhirRecordService(server, target.profile)


def _created_already(answer: Answer) -> Answer:
    """What failed came after the create: it is looked for before it is sent again."""
    match answer:
        case Away(status, wait):
            return Unsure(status, wait)
        case Throttled(wait):
            return Unsure(429, wait)
        case Unauthorized(status):
            return Unsure(status)
        case _:
            return answer

"""The record service as a FHIR R4 server: conditional create, search before repeating, content compared on 200.

Tried against sekmet 0.1.1, which is lenient: it keeps references to resources it does not have, refuses with 400 and
never 422, and checks If-None-Exist outside the transaction that creates. HAPI (#3141) and Azure (#1382) have that race
too; hence one leased sender per document, and a search before each repeat.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from telehealth.core.time import Clock
from telehealth.records.delivery.backend_services import BackendServices, TokenAway, TokenRefused, read_key
from telehealth.records.delivery.documents import Json, carries, document_reference, holds
from telehealth.records.delivery.ports import Document, Found, Missing
from telehealth.records.delivery.rules import (
    US_CORE,
    Accepted,
    Answer,
    Away,
    Differs,
    Duplicated,
    Forbidden,
    Identifier,
    Profile,
    Rejected,
    Throttled,
    Unauthorized,
    Unresolved,
    Unsure,
)
from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Outbound, Reply, open_client

FHIR_JSON = "application/fhir+json"
RESOURCE_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
LOCATION = re.compile(r"(?:^|/)DocumentReference/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?$")
ISSUE_CODE = re.compile(r"[a-z][a-z-]{0,30}")


class Settled(Exception):
    """A step on the way has already decided the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(type(answer).__name__)
        self.answer = answer


class FhirRecordService:
    """A RecordService over HTTP. Without `credential` requests carry no token."""

    def __init__(
        self,
        outbound: Outbound,
        base_url: str,
        *,
        credential: BackendServices | None,
        clock: Clock,
        profile: Profile = US_CORE,
    ) -> None:
        self._outbound = outbound
        self._base_url = base_url.rstrip("/")
        self._credential = credential
        self._clock = clock
        self._profile = profile

    async def deliver(self, document: Document, *, search_first: bool) -> Answer:
        if len(document.content) > self._profile.max_bytes:
            return Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ("too-long",))
        try:
            patient = await self._patient(document.patient)
            if search_first:
                found = await self._search(document, patient)
                if not isinstance(found, Missing):
                    return found
            reply = await self._create(document, patient)
            if reply.status in (404, 410):  # the patient was merged or removed since: look once more, never guess
                patient = await self._patient(document.patient)
                reply = await self._create(document, patient)
            return await self._created(reply, document, patient)
        except Settled as settled:
            return settled.answer

    async def find(self, document: Document) -> Found:
        try:
            return await self._search(document, await self._patient(document.patient))
        except Settled as settled:
            return settled.answer

    async def _patient(self, identifier: Identifier) -> str:
        """The literal reference of the one patient. POST _search: an identifier in an address ends up in logs."""
        patients = await self._matches("POST", "Patient", identifier)
        if len(patients) != 1:
            raise Settled(Unresolved("Patient", len(patients)))
        return f"Patient/{_id(patients[0])}"

    async def _search(self, document: Document, patient: str) -> Answer | Missing:
        found = await self._matches("GET", "DocumentReference", document.identifiers.version)
        match found:
            case []:
                return Missing()
            case [one] if holds(one, document, patient=patient):
                return Accepted(_id(one), _version(one), status=200)
            case [one]:
                return Differs(_id(one))
            case _:
                return Duplicated(len(found))

    async def _matches(self, method: str, resource_type: str, identifier: Identifier) -> list[Json]:
        parameters = {"identifier": f"{_escape(identifier.system)}|{_escape(identifier.value)}", "_count": "20"}
        if method == "POST":
            reply = await self._read("POST", f"{resource_type}/_search", form=parameters)
        else:
            reply = await self._read("GET", resource_type, query=parameters)
        return [
            resource
            for resource in _resources(reply)
            if resource.get("resourceType") == resource_type and carries(resource, identifier)
        ]

    async def _read(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """A request that changes nothing: whatever goes wrong, nothing was sent that could be there twice."""
        try:
            reply = await self._send(method, path, form=form, query=query)
        except NoAnswer:
            raise Settled(Away()) from None
        if reply.status != 200:
            raise Settled(self._refusal(reply, unsure=False))
        return reply

    async def _create(self, document: Document, patient: str) -> Reply:
        key = document.identifiers.version
        headers = {"content-type": FHIR_JSON, "prefer": "return=minimal"}
        if self._profile.conditional_create:
            headers["if-none-exist"] = f"identifier={key.system}|{key.value}"
        body = json.dumps(document_reference(document, patient=patient)).encode()
        try:
            return await self._send("POST", "DocumentReference", headers=headers, content=body)
        except NoAnswer:
            raise Settled(Unsure()) from None

    async def _created(self, reply: Reply, document: Document, patient: str) -> Answer:
        match reply.status:
            case 201:
                return _located(reply)
            case 200:  # something carries our identifier already: is it what was signed?
                return await self._looked_up(document, patient, status=200)
            case 409:
                return await self._looked_up(document, patient, status=409)
            case 404 | 410:
                return Unresolved("Patient", 0)
            case 412:
                return Duplicated(2)
            case _:
                return self._refusal(reply, unsure=True)

    async def _looked_up(self, document: Document, patient: str, *, status: int) -> Answer:
        try:
            found = await self._search(document, patient)
        except Settled:
            return Unsure(status)
        return Unsure(status) if isinstance(found, Missing) else found

    def _refusal(self, reply: Reply, *, unsure: bool) -> Answer:
        """`unsure`: the request could have changed something before it failed."""
        status, wait = reply.status, self._retry_after(reply)
        match status:
            case 401:
                return Unauthorized()
            case 403:
                return Forbidden()
            case 429:
                return Throttled(wait)
            case _ if status in (202, 408, 425) or status >= 500:
                return Unsure(status, wait) if unsure else Away(status, wait)
            case _ if status < 400:  # a redirect, which is not followed: the address in the settings is wrong
                return Away(status)
            case _:
                return Rejected(status, _issue_codes(reply))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request with a token; after 401 once more with a new one. Raises NoAnswer, and Settled if not sent."""
        refused: str | None = None
        for _ in range(2):
            token = await self._token(refused)
            sent = {"accept": FHIR_JSON, **(headers or {})} | ({"authorization": f"Bearer {token}"} if token else {})
            try:
                reply = await self._outbound.send(
                    method, f"{self._base_url}/{path}", headers=sent, content=content, form=form, query=query
                )
            except NotSent:
                raise Settled(Away()) from None
            if reply.status != 401 or token is None:
                break
            refused = token
        return reply

    async def _token(self, refused: str | None) -> str | None:
        if self._credential is None:
            return None
        try:
            return await self._credential.token(refused=refused)
        except TokenRefused as error:
            raise Settled(Unauthorized(error.status)) from None
        except TokenAway as error:
            raise Settled(Away(error.status)) from None

    def _retry_after(self, reply: Reply) -> timedelta | None:
        """RFC 9110, section 10.2.3: seconds or a date."""
        given = reply.headers.get("retry-after", "").strip()
        if given.isascii() and given.isdigit():
            return timedelta(seconds=min(int(given[:9]), 86_400))
        try:
            at = parsedate_to_datetime(given)
        except ValueError:
            return None
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(aware - self._clock.now(), timedelta()), timedelta(days=1))


@asynccontextmanager
async def open_record_service(
    base_url: str, *, client_id: str, private_key: str | None, clock: Clock
) -> AsyncIterator[FhirRecordService]:
    """The record service at a FHIR base address. `private_key` is an ES384 JWK; without one nobody signs in.

    Raises ValueError for a key that cannot sign with ES384.
    """
    async with open_client() as outbound:
        credential = None
        if private_key is not None:
            key = read_key(private_key)
            credential = BackendServices(outbound, base_url, client_id=client_id, key=key, clock=clock)
        yield FhirRecordService(outbound, base_url, credential=credential, clock=clock)


def _located(reply: Reply) -> Answer:
    """201 names the new resource in Location (FHIR R4, section 3.1.0.8); one that does not has to be searched for."""
    match = LOCATION.search(reply.headers.get("location", "").split("?")[0])
    if match is None:
        return Unsure(201)
    etag = reply.headers.get("etag", "").removeprefix("W/").strip('"')
    return Accepted(match[1], etag or match[2], status=201)


def _resources(reply: Reply) -> list[Json]:
    try:
        bundle = reply.json()
    except NotJson:
        raise Settled(Away(reply.status)) from None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Settled(Away(reply.status))
    entries = bundle.get("entry")
    listed = entries if isinstance(entries, list) else []  # an empty Bundle has no entry at all
    resources = [entry.get("resource") for entry in listed if isinstance(entry, dict)]
    return [each for each in resources if isinstance(each, dict)]


def _id(resource: Json) -> str:
    given = resource.get("id")
    if not isinstance(given, str) or RESOURCE_ID.fullmatch(given) is None:
        raise Settled(Away(200))
    return given


def _version(resource: Json) -> str | None:
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def _issue_codes(reply: Reply) -> tuple[str, ...]:
    """OperationOutcome.issue.code only: diagnostics repeat what was sent, which is health data."""
    try:
        outcome = reply.json()
    except NotJson:
        return ()
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    codes = [each.get("code") for each in issues if isinstance(each, dict)] if isinstance(issues, list) else []
    return tuple(code for code in codes if isinstance(code, str) and ISSUE_CODE.fullmatch(code))[:10]


def _escape(value: str) -> str:
    """FHIR R4, section 3.1.1.3.2: these separate the parts of a search value."""
    return re.sub(r"([\\$,|])", r"\\\1", value)

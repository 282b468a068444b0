"""Requests to a FHIR R4 server: the token, the two ways to fail, what an answer means, searches."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from telehealth.core.time import Clock
from telehealth.records.delivery.backend_services import BackendServices, TokenAway, TokenRefused
from telehealth.records.delivery.documents import Json, carries
from telehealth.records.delivery.rules import (
    Answer,
    Away,
    Forbidden,
    Identifier,
    Rejected,
    Throttled,
    Unauthorized,
    Unresolved,
    Unsure,
)
from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Outbound, Reply

FHIR_JSON = "application/fhir+json"
RESOURCE_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
ISSUE_CODE = re.compile(r"[a-z][a-z-]{0,30}")
MOST_PAGES = 20


class Settled(Exception):
    """A step on the way has already decided the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(type(answer).__name__)
        self.answer = answer


class FhirServer:
    """One server at a base address. Without `credential` requests carry no token."""

    def __init__(self, outbound: Outbound, base_url: str, *, credential: BackendServices | None, clock: Clock) -> None:
        self._outbound = outbound
        self._base_url = base_url.rstrip("/")
        self._credential = credential
        self._clock = clock

    async def carriers(self, method: str, resource_type: str, identifier: Identifier) -> list[Json]:
        """The resources of that type that carry the identifier. Raises Settled."""
        parameters = {"identifier": f"{escape(identifier.system)}|{escape(identifier.value)}", "_count": "20"}
        if method == "POST":
            reply = await self.read("POST", f"{resource_type}/_search", form=parameters)
        else:
            reply = await self.read("GET", resource_type, query=parameters)
        return [
            resource
            for resource in resources(reply)
            if resource.get("resourceType") == resource_type and carries(resource, identifier)
        ]

    async def the_one(self, resource_type: str, identifier: Identifier) -> str:
        """The literal reference of the one resource that carries it. Raises Settled.

        POST _search: an identifier in an address ends up in logs.
        """
        matches = await self.carriers("POST", resource_type, identifier)
        if len(matches) != 1:
            raise Settled(Unresolved(resource_type, len(matches)))
        return f"{resource_type}/{id_of(matches[0])}"

    async def read(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """A request that changes nothing: whatever goes wrong, nothing was sent that could be there twice."""
        try:
            reply = await self.send(method, path, form=form, query=query)
        except NoAnswer:
            raise Settled(Away()) from None
        if reply.status != 200:
            raise Settled(self.refusal(reply, unsure=False))
        return reply

    async def all_of(self, resource_type: str, query: Mapping[str, str]) -> list[Json]:
        """Every match of a search, page after page (FHIR R4, section 3.1.1.4.10). Raises Settled.

        Also when there are more (`Bundle.total`) and no page is left: half of them would be taken for all.
        """
        reply = await self.read("GET", resource_type, query=query)
        found = resources(reply)
        for _ in range(MOST_PAGES):
            following = self._next_page(reply)
            if following is None:
                total = _told(reply, "total")
                if isinstance(total, int) and total > len(found):
                    raise Settled(Away(reply.status))
                return found
            reply = await self.read("GET", following)
            found += resources(reply)
        raise Settled(Away(200))

    def _next_page(self, reply: Reply) -> str | None:
        """Its address under our base address, whatever host it names: a token goes to no other server."""
        links = _told(reply, "link")
        urls = [link.get("url") for link in links or () if isinstance(link, dict) and link.get("relation") == "next"]
        return self.under_base(urls[0]) if urls and isinstance(urls[0], str) else None

    def under_base(self, url: str) -> str:
        """What follows the base address. Raises Settled for an address that cannot be one of this server's."""
        given, base = urlsplit(url), urlsplit(self._base_url).path.rstrip("/")
        if given.path.startswith("/") and not f"{given.path}/".startswith(f"{base}/"):
            raise Settled(Away(200))
        path = given.path.removeprefix(base).lstrip("/")
        return f"{path}?{given.query}" if given.query else path

    def refusal(self, reply: Reply, *, unsure: bool) -> Answer:
        """`unsure`: the request could have changed something before it failed."""
        status, wait = reply.status, self.retry_after(reply)
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
                return Rejected(status, issue_codes(reply))

    async def send(
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

    def retry_after(self, reply: Reply) -> timedelta | None:
        return reply.retry_after(self._clock.now())


def _told(reply: Reply, element: str) -> Any:
    """An element of the Bundle that was read; None where there is none."""
    bundle = reply.json()
    return bundle.get(element) if isinstance(bundle, dict) else None


def resources(reply: Reply) -> list[Json]:
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


def id_of(resource: Json) -> str:
    given = resource.get("id")
    if not isinstance(given, str) or RESOURCE_ID.fullmatch(given) is None:
        raise Settled(Away(200))
    return given


def version_of(resource: Json) -> str | None:
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def issue_codes(reply: Reply) -> tuple[str, ...]:
    """OperationOutcome.issue.code only: diagnostics repeat what was sent, which is health data."""
    try:
        outcome = reply.json()
    except NotJson:
        return ()
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    codes = [each.get("code") for each in issues if isinstance(each, dict)] if isinstance(issues, list) else []
    return tuple(code for code in codes if isinstance(code, str) and ISSUE_CODE.fullmatch(code))[:10]


def escape(value: str) -> str:
    """FHIR R4, section 3.1.1.3.2: these separate the parts of a search value."""
    return re.sub(r"([\\$,|])", r"\\\1", value)

"""A record service as its administrator sees it: for arranging what a test needs there, and for counting afterwards."""

from collections.abc import Mapping
from typing import Protocol

import httpx

TRUST = httpx.create_ssl_context()  # read from the disk once, not for each request
Json = dict[str, object]


class Administered(Protocol):
    """A FHIR server at `base_url`, where whoever says `authorization` may do everything; None where nobody asks."""

    @property
    def base_url(self) -> str: ...

    @property
    def authorization(self) -> str | None: ...

    def add_patient(self, *, system: str, value: str) -> str:
        """The literal reference of a new patient who carries that identifier."""
        return self.add("Patient", system=system, value=value, name=[{"family": "Test"}])

    def add(self, resource_type: str, *, system: str, value: str, **elements: object) -> str:
        """The literal reference of a new resource that carries that identifier."""
        resource: Json = {"resourceType": resource_type, "identifier": [{"system": system, "value": value}]}
        return f"{resource_type}/{self.administer('POST', resource_type, body=resource | elements)['id']}"

    def carriers(self, resource_type: str, *, system: str, value: str) -> list[Json]:
        """Every resource of that type that carries the identifier."""
        return self.found(resource_type, {"identifier": f"{system}|{value}", "_count": "50"})

    def found(self, resource_type: str, query: Mapping[str, str]) -> list[Json]:
        """What a search finds, its first page."""
        entries = self.administer("GET", resource_type, query=query).get("entry", [])
        assert isinstance(entries, list)
        return [entry["resource"] for entry in entries]

    def remove(self, reference: str) -> None:
        """Delete a resource, as somebody at the record service may."""
        self.ask("DELETE", reference).raise_for_status()

    def administer(
        self, method: str, path: str, *, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> Json:
        reply = self.ask(method, path, body=body, query=query)
        reply.raise_for_status()
        value = reply.json()
        assert isinstance(value, dict)
        return value

    def ask(
        self, method: str, path: str, *, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One request, whatever is answered."""
        headers = {"content-type": "application/fhir+json"} if body is not None else {}
        if self.authorization is not None:
            headers["authorization"] = self.authorization
        address = f"{self.base_url}/{path}"
        return httpx.request(
            method, address, json=body, params=query, headers=headers, timeout=60, trust_env=False, verify=TRUST
        )

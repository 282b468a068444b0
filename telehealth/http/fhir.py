"""FHIR's face of HTTP: resources out, refusals as OperationOutcome (FHIR R4, sections 3.1.0.1.4 and 2.36)."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from json import dumps
from typing import Any

from starlette.responses import Response

from telehealth.core.errors import Kind, Refusal
from telehealth.http.problems import InvalidRequest, headers_of, status_of

MEDIA_TYPE = "application/fhir+json"
BASE_PATH = "/fhir"
Resource = Mapping[str, Any]

ISSUE_TYPES: Mapping[Kind, str] = {
    Kind.MALFORMED: "structure",
    Kind.INVALID: "invalid",
    Kind.TOO_LARGE: "too-long",
    Kind.UNIDENTIFIED: "login",
    Kind.FORBIDDEN: "forbidden",
    Kind.ABSENT: "not-found",
    Kind.CONFLICT: "conflict",
    Kind.STALE: "conflict",
    Kind.UNCONDITIONAL: "required",
    Kind.GONE: "deleted",
    Kind.BUSY: "throttled",
    Kind.AWAY: "transient",
}


def resource_response(resource: Resource, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = dumps(resource, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(content, status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def fhir_status(refusal: Refusal | type[Refusal], *, reading: bool = True) -> HTTPStatus:
    """As anywhere in the house, but a search that cannot be understood is a 400 (FHIR R4, section 3.1.1.0)."""
    return HTTPStatus.BAD_REQUEST if reading and refusal.kind is Kind.INVALID else status_of(refusal)


def outcome_response(refusal: Refusal, *, reading: bool = True) -> Response:
    """A refusal as FHIR clients read it; never repeats a rejected value."""
    outcome = {"resourceType": "OperationOutcome", "issue": list(_issues(refusal, reading=reading))}
    return resource_response(outcome, status=fhir_status(refusal, reading=reading), headers=headers_of(refusal))


def plain_outcome(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """What HTTP itself explains: no such door, not this method."""
    code = {404: "not-found", 405: "not-supported", 500: "exception"}.get(status, "processing")
    return resource_response(
        {"resourceType": "OperationOutcome", "issue": [issue(code, HTTPStatus(status).phrase)]},
        status=status,
        headers=headers,
    )


def issue(code: str, text: str, *, severity: str = "error") -> dict[str, Any]:
    """One OperationOutcome.issue; `code` is from the value set IssueType."""
    return {"severity": severity, "code": code, "details": {"text": text}}


def _issues(refusal: Refusal, *, reading: bool) -> Iterator[dict[str, Any]]:
    code = ISSUE_TYPES[refusal.kind]
    if refusal.kind is Kind.INVALID and not reading and not isinstance(refusal, InvalidRequest):
        code = "business-rule"
    named = issue(code, refusal.title)
    named["details"]["coding"] = [{"code": refusal.slug}]
    yield named | ({"diagnostics": refusal.detail} if refusal.detail else {})
    for fault in refusal.faults if isinstance(refusal, InvalidRequest) else ():
        place = {"location": [f"http.{fault.pointer.strip('/').partition('/')[0]}"]} if fault.pointer else {}
        yield issue("value", fault.detail) | place
    if isinstance(instead := refusal.extras.get("alternatives"), list) and instead:
        told = issue("informational", "Possible instead", severity="information")
        yield told | {"diagnostics": ", ".join(map(str, instead))}

"""Refusals become RFC 9457 problem documents; what HTTP itself refuses is declared here."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from telehealth.core.errors import Kind, Refusal
from telehealth.db.unit import request_id
from telehealth.http.schemas import Fault, Problem

STATUS: Mapping[Kind, HTTPStatus] = {
    Kind.MALFORMED: HTTPStatus.BAD_REQUEST,
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Kind.UNIDENTIFIED: HTTPStatus.UNAUTHORIZED,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.ABSENT: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.STALE: HTTPStatus.PRECONDITION_FAILED,
    Kind.UNCONDITIONAL: HTTPStatus.PRECONDITION_REQUIRED,
    Kind.GONE: HTTPStatus.GONE,
    Kind.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Kind.AWAY: HTTPStatus.SERVICE_UNAVAILABLE,
}
MEDIA_TYPE = "application/problem+json"


class MalformedBody(Refusal):
    kind, slug, title = Kind.MALFORMED, "malformed-body", "The body cannot be read"


class UnsupportedMediaType(Refusal):
    kind, slug, title = Kind.MALFORMED, "unsupported-media-type", "The body is of a type this door does not read"


class BodyTooLarge(Refusal):
    kind, slug, title = Kind.MALFORMED, "body-too-large", "The body is larger than this door takes"


class InvalidRequest(Refusal):
    kind, slug, title = Kind.INVALID, "invalid-request", "The request does not have the expected shape"

    def __init__(self, faults: Iterable[Fault] = (), detail: str = "") -> None:
        super().__init__(detail)
        self.faults = list(faults)


class CrossSite(Refusal):
    kind, slug, title = Kind.FORBIDDEN, "cross-site", "The request came from another site"


class KeyReused(Refusal):
    kind, slug, title = Kind.INVALID, "idempotency-key-reused", "This Idempotency-Key was used for another request"


STATUS_BY_SLUG = {
    UnsupportedMediaType.slug: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    BodyTooLarge.slug: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def status_of(refusal: Refusal | type[Refusal]) -> HTTPStatus:
    return STATUS_BY_SLUG.get(refusal.slug, STATUS[refusal.kind])


def type_of(slug: str) -> str:
    """The problem's type: a relative reference to the page that explains it (RFC 9457, section 3.1.1)."""
    return f"/problems/{slug}"


def describe(refusal: Refusal, request: Request) -> Problem:
    status = status_of(refusal)
    return Problem(
        type=type_of(refusal.slug),
        title=refusal.title,
        status=status,
        detail=refusal.detail or None,
        instance=request.url.path if status != HTTPStatus.NOT_FOUND else None,
        request_id=request_id.get() if status != HTTPStatus.NOT_FOUND else None,
        errors=(refusal.faults or None) if isinstance(refusal, InvalidRequest) else None,
        **refusal.extras,
    )


def problem_response(refusal: Refusal, request: Request) -> Response:
    return rendered(describe(refusal, request), headers_of(refusal))


def headers_of(refusal: Refusal) -> dict[str, str]:
    """What the refusal says in headers, whatever its body looks like."""
    headers = {"WWW-Authenticate": 'Bearer realm="telehealth"'} if refusal.kind is Kind.UNIDENTIFIED else {}
    if (after := refusal.extras.get("retry_after")) is not None:
        headers["Retry-After"] = str(after)
    return headers


def rendered(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, problem.status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def plain_problem(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """A problem that HTTP itself explains: 404, 405, 500 and their like."""
    phrase = HTTPStatus(status).phrase
    known = {404: "not-found", 500: "internal-error"}
    kind = type_of(known[status]) if status in known else "about:blank"
    title = "There is nothing here for you" if status == 404 else phrase
    identified = None if status == 404 else request_id.get()
    return rendered(Problem(type=kind, title=title, status=status, detail=detail, request_id=identified), headers)


def invalid(error: ValidationError, where: str) -> Refusal:
    """A pydantic refusal without the rejected values."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    if faults[0]["type"] == "json_invalid":
        return MalformedBody()
    return InvalidRequest(Fault(where=where, pointer=_pointer(each["loc"]), detail=each["msg"]) for each in faults)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)

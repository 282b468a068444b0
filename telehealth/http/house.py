"""The house's own doors: alive, ready, the API's description, what each problem means."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.db.unit import DatabaseFault, Unit
from telehealth.http.call import Call
from telehealth.http.operation import PUBLIC, Documented, operation
from telehealth.http.problems import status_of, type_of
from telehealth.http.schemas import Message


class NotReady(Refusal):
    """The database does not answer; try again shortly."""

    kind, slug, title = Kind.AWAY, "not-ready", "Not ready to serve"


@dataclass(frozen=True)
class Description:
    """The OpenAPI document of the whole house."""

    document: dict[str, Any]


class State(Message):
    """Health in one word."""

    status: str


class ProblemType(Message):
    """What a problem's type means."""

    type: str
    title: str
    status: int
    meaning: str


async def healthz(call: Call) -> State:  # noqa: ARG001 -- alive is all it says
    """The process is alive."""
    return State(status="alive")


async def readyz(call: Call) -> State:
    """The process can serve: the database answers."""
    try:
        await call.run(_touch)
    except (DatabaseFault, TimeoutError):
        raise NotReady from None
    return State(status="ready")


async def openapi_document(call: Call) -> Response:
    """This API, described in OpenAPI 3.1."""
    return JSONResponse(call.port(Description).document)


async def problem_type(call: Call, slug: str) -> ProblemType:  # noqa: ARG001 -- the same for everyone
    """What a problem's type means (RFC 9457, section 3.1.1)."""
    known = {each.slug: each for each in _refusals(Refusal)}
    if slug not in known:
        raise NotFound
    found = known[slug]
    meaning = (found.__doc__ or found.title).strip()
    return ProblemType(type=type_of(slug), title=found.title, status=status_of(found), meaning=meaning)


OPERATIONS = (
    operation("GET", "/healthz", healthz, needs=PUBLIC),
    operation("GET", "/readyz", readyz, needs=PUBLIC, errors=(NotReady,)),
    operation("GET", "/openapi.json", openapi_document, needs=PUBLIC, answers=(Documented(200),)),
    operation("GET", "/problems/{slug}", problem_type, needs=PUBLIC),
)


async def _touch(unit: Unit) -> None:
    await unit.session.execute(text("SELECT 1"))


def _refusals(parent: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in parent.__subclasses__():
        if hasattr(child, "slug"):
            yield child
        yield from _refusals(child)

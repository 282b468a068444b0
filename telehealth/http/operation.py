"""An HTTP operation as a value: routing, parsing, authority, audit, documentation and tests all read it."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, get_type_hints
from uuid import UUID

from pydantic import BaseModel

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import Refusal, Stale

Handler = Callable[..., Awaitable[Any]]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PARAMETER = re.compile(r"{(\w+)(?::(\w+))?}")


class Public(StrEnum):
    """A public door has to say so; there is no default."""

    PUBLIC = "public"


PUBLIC = Public.PUBLIC


class Face(StrEnum):
    """Who reads the answer: a program, a program that speaks FHIR, or a person."""

    API = "api"
    FHIR = "fhir"
    PAGE = "page"


@dataclass(frozen=True)
class Documented:
    """An answer that the handler's signature does not tell: its type, and its shape when that is JSON of ours."""

    status: int
    media_type: str = "application/json"
    shape: type[BaseModel] | None = None


class OperationError(TypeError):
    """An operation is declared wrongly. Raised at import, so the process does not start."""


@dataclass(frozen=True, eq=False)
class Operation:
    """`needs` is the scope a credential must have; `purpose` is what the data is used for (HL7 PurposeOfUse).

    `anywhere`: it changes something, and may all the same be asked for by a device that was left for another.
    `always` are headers of every answer, refusals included. `urgent` says of a body whether an integration's request
    waits for its others (`turns.py`). `stays` names what of a page's query is sent along when it is reread in another
    language.
    """

    method: str
    path: str
    handler: Handler
    needs: Scope | Public
    purpose: Purpose
    status: int
    errors: tuple[type[Refusal], ...]
    face: Face
    form: bool = False
    answers: tuple[Documented, ...] = ()
    keyed: bool = False
    anywhere: bool = False
    always: Mapping[str, str] = field(default_factory=dict)
    urgent: Callable[[Any], bool] | None = None
    stays: tuple[str, ...] = ()

    @cached_property
    def name(self) -> str:
        """`package.handler`: route name, operationId and audited action in one."""
        return f"{self.handler.__module__.split('.')[1]}.{self.handler.__name__}"

    @cached_property
    def summary(self) -> str:
        return (inspect.getdoc(self.handler) or self.handler.__name__.replace("_", " ")).split("\n")[0]

    @cached_property
    def hints(self) -> dict[str, Any]:
        return get_type_hints(self.handler)

    @cached_property
    def body(self) -> type[BaseModel] | None:
        return self.hints.get("body")

    @cached_property
    def query(self) -> type[BaseModel] | None:
        return self.hints.get("query")

    @cached_property
    def returns(self) -> type[BaseModel] | None:
        """The message of the answer; None when it is not JSON."""
        hint = self.hints.get("return")
        hint = next(iter(getattr(hint, "__args__", ())), hint) if getattr(hint, "__name__", "") == "Reply" else hint
        origin = getattr(hint, "__origin__", hint)
        return hint if inspect.isclass(origin) and issubclass(origin, BaseModel) else None

    @cached_property
    def path_parameters(self) -> dict[str, str]:
        """Name -> Starlette converter."""
        return {name: converter or "str" for name, converter in PARAMETER.findall(self.path)}

    @property
    def creates(self) -> bool:
        """Creating operations of the API take an Idempotency-Key, and whatever else says so; a page has its form."""
        return self.keyed or (self.method == "POST" and self.status == 201 and self.face is Face.API)

    @property
    def conditional(self) -> bool:
        """Takes the entity tag of what it changes in If-Match (RFC 9110, section 13.1.1)."""
        return Stale in self.errors

    @property
    def safe(self) -> bool:
        return self.method in SAFE_METHODS


def operation(  # noqa: PLR0913 -- a declaration, read by its keywords
    method: str,
    path: str,
    handler: Handler,
    *,
    needs: Scope | Public,
    purpose: Purpose = Purpose.OPERATIONS,
    status: int = 200,
    errors: tuple[type[Refusal], ...] = (),
    form: bool = False,
    answers: tuple[Documented, ...] = (),
    keyed: bool = False,
    anywhere: bool = False,
    always: Mapping[str, str] | None = None,
    urgent: Callable[[Any], bool] | None = None,
) -> Operation:
    """One way in for programs. `form=True` reads an HTML form instead of JSON, as OAuth does (RFC 6749, 3.2).

    `answers` documents what the handler answers beside its message. `keyed`: it takes an Idempotency-Key though it
    creates nothing, because doing it twice is not the same as once. `always` are headers of every answer. `urgent`: of
    such a body it does not wait for what else the same integration asks for.
    """
    of_api = Operation(method, path, handler, needs, purpose, status, errors, Face.API, form, answers, keyed, anywhere)
    return _checked(replace(of_api, always=always or {}, urgent=urgent))


def interaction(
    path: str,
    handler: Handler,
    *,
    needs: Scope | Public,
    purpose: Purpose = Purpose.OPERATIONS,
    errors: tuple[type[Refusal], ...] = (),
) -> Operation:
    """A FHIR interaction, or operation, that reads (FHIR R4, section 3.1.0): refuses with OperationOutcome."""
    return _checked(Operation("GET", path, handler, needs, purpose, 200, errors, Face.FHIR))


def invocation(
    path: str,
    handler: Handler,
    *,
    needs: Scope | Public,
    purpose: Purpose = Purpose.OPERATIONS,
    errors: tuple[type[Refusal], ...] = (),
    keyed: bool = False,
) -> Operation:
    """A FHIR operation (FHIR R4, section 3.2.0) that is invoked by POST; `keyed` when it takes an Idempotency-Key."""
    return _checked(Operation("POST", path, handler, needs, purpose, 200, errors, Face.FHIR, keyed=keyed))


def page(
    method: str,
    path: str,
    handler: Handler,
    *,
    needs: Scope | Public,
    purpose: Purpose = Purpose.OPERATIONS,
    errors: tuple[type[Refusal], ...] = (),
    keyed: bool = False,
    stays: tuple[str, ...] = (),
) -> Operation:
    """One way in for people: answers HTML, reads forms, refuses with a page.

    `keyed`: the same form sent twice (a double click, a reload) is done once. It has a field `press`, another for each
    time the page is shown; the answer leads on to another page, or shows the form again when nothing was done. What
    the handler has written stays written, also when it catches a refusal. `stays` names what of the query the page
    shows in another language too: never a secret, nor what was only just done.
    """
    of_page = Operation(method, path, handler, needs, purpose, 200, errors, Face.PAGE, form=True, keyed=keyed)
    return _checked(replace(of_page, stays=stays))


def _checked(op: Operation) -> Operation:
    if not isinstance(op.needs, Scope | Public):
        raise OperationError(f"{op.name}: say which scope it needs, or PUBLIC")
    for name in inspect.signature(op.handler).parameters:
        if name not in {"call", "body", "query", *op.path_parameters}:
            raise OperationError(f"{op.name}: nothing in the request is called {name}")
    for name, converter in op.path_parameters.items():
        if converter == "uuid" and op.hints.get(name) is not UUID:
            raise OperationError(f"{op.name}: {name} is a UUID in the path")
    if op.keyed and op.face is Face.PAGE and (op.body is None or "press" not in op.body.model_fields):
        raise OperationError(f"{op.name}: a form that is done once has a field press")
    if not set(op.stays) <= set(op.query.model_fields if op.query and op.safe else ()):
        raise OperationError(f"{op.name}: nothing of that name is in its query")
    return op

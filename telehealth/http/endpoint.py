"""The way of a request through an operation: who, may they, what do they say, do it, answer, and leave a trace."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from telehealth.core.actors import ANONYMOUS, BY_LINK, Actor
from telehealth.core.errors import Kind, Overloaded, Refusal
from telehealth.db.unit import DatabaseFault, Unit
from telehealth.http.body import FORM_TYPE, JSON_TYPES, media_type, read_bytes, read_form, read_json, read_query
from telehealth.http.call import Call, Kit, Reply
from telehealth.http.credentials import actors, choose, refuse_cross_site
from telehealth.http.fhir import MEDIA_TYPE as FHIR_TYPE
from telehealth.http.fhir import outcome_response
from telehealth.http.idempotency import Answer, check_key, claim, fingerprint, give_back, keep
from telehealth.http.operation import PUBLIC, Face, Operation
from telehealth.http.ports import Authenticator, Helpline
from telehealth.http.problems import UnsupportedMediaType, problem_response

JSON_TYPE = "application/json"
TRACED = frozenset({Kind.FORBIDDEN, Kind.ABSENT})
LOST = frozenset({Kind.UNIDENTIFIED, Kind.ABSENT, Kind.GONE})  # who reads that may have nobody left but the telephone


@dataclass(frozen=True)
class Endpoint:
    """The ASGI-facing half of one operation."""

    operation: Operation
    kit: Kit

    async def __call__(self, request: Request) -> Response:
        response = await self._answered(request)
        response.headers.update(self.operation.always)
        return response

    async def _answered(self, request: Request) -> Response:
        candidates: list[Actor] = []
        try:
            refuse_cross_site(request, self.operation)
            candidates = await actors(request, self.kit.ports.get(Authenticator))
            candidates = [choose(candidates, self.operation)]
            return await self._answer(request, candidates[0])
        except Refusal as refusal:
            if candidates and candidates[0].id is not None and refusal.kind in TRACED:
                refusal = await self._traced(request, candidates[0], refusal)
            return await self._refused(request, refusal)

    async def _traced(self, request: Request, actor: Actor, refusal: Refusal) -> Refusal:
        """The refusal, once it has its trace; Overloaded when that has to wait too long, as any request."""
        name, whose = self.operation.name, replace(actor, purpose=self.operation.purpose)
        try:
            async with self.kit.turns.of(actor):
                await self.kit.unit_of_work.run(_trace_refusal, whose, name, refusal.slug, _first_id(request))
        except Overloaded as overloaded:
            return overloaded
        return refusal

    async def _answer(self, request: Request, actor: Actor) -> Response:
        raw = await self._read(request)
        arguments = self._arguments(request, raw)
        async with self.kit.turns.of(actor, urgent=self._cannot_wait(arguments)):
            return await self._done(request, actor, raw, arguments)

    async def _done(self, request: Request, actor: Actor, raw: bytes, arguments: dict[str, Any]) -> Response:
        call = Call(request, actor, self.kit)
        printed = fingerprint(self.operation.name, request.url.path, raw)
        key = self._key(request, printed) if self.operation.creates else None
        if key is None or actor.id is None:
            return self._rendered(await self.operation.handler(call, **arguments))
        try:
            answer = await self.kit.unit_of_work.run(self._once, actor, call, (check_key(key), printed), arguments)
        except Refusal:
            for each in call.undone:
                await each()
            raise
        if isinstance(answer, Response):
            return answer
        if self.operation.face is Face.PAGE:
            return RedirectResponse(answer.content.decode(), answer.status)
        media_type = FHIR_TYPE if self.operation.face is Face.FHIR else JSON_TYPE
        return Response(answer.content, answer.status, media_type=media_type)

    def _cannot_wait(self, arguments: Mapping[str, Any]) -> bool:
        return self.operation.urgent is not None and self.operation.urgent(arguments["body"])

    def _key(self, request: Request, printed: bytes) -> str | None:
        """What names this request: a form is named by all that is in it."""
        return printed.hex() if self.operation.face is Face.PAGE else request.headers.get("idempotency-key")

    async def _once(
        self, unit: Unit, call: Call, keyed: tuple[str, bytes], arguments: dict[str, Any]
    ) -> Answer | Response:
        """What is kept of the answer; the answer itself when it is a form that is shown again."""
        key, printed = keyed
        call.undone.clear()  # of a try that was in somebody's way
        actor_id = unit.actor.id
        if actor_id is None:
            raise AssertionError("unreachable: the caller has checked")
        stored = await claim(unit, actor_id, key, printed)
        if stored is not None:
            return stored
        response = self._rendered(await self.operation.handler(replace(call, unit=unit), **arguments))
        going_to = response.headers.get("location", "").encode()
        if self.operation.face is Face.PAGE and not going_to:
            await give_back(unit, actor_id, key)
            return response
        answer = Answer(response.status_code, going_to or bytes(response.body))
        await keep(unit, actor_id, key, answer)
        return answer

    async def _read(self, request: Request) -> bytes:
        if self.operation.body is None:
            return b""
        kind = media_type(request)
        if (kind != FORM_TYPE) if self.operation.form else (kind not in JSON_TYPES):
            raise UnsupportedMediaType
        return await read_bytes(request)

    def _arguments(self, request: Request, raw: bytes) -> dict[str, Any]:
        operation = self.operation
        arguments: dict[str, Any] = {
            name: value for name, value in request.path_params.items() if name in operation.hints
        }
        if operation.query is not None:
            arguments["query"] = read_query(operation.query, request.query_params)
            given = {name: request.query_params.get(name) for name in operation.stays}
            request.state.stays = {name: value for name, value in given.items() if value}
        if operation.body is not None:
            read = read_form if operation.form else read_json
            arguments["body"] = read(operation.body, raw)
        return arguments

    def _rendered(self, answer: object) -> Response:
        match answer:
            case Response():
                return answer
            case None:
                return Response(status_code=204)
            case Reply(body, headers, status):
                response = self._json(body, status or self.operation.status)
                response.headers.update(headers)
                return response
            case _:
                return self._json(answer, self.operation.status)

    def _json(self, body: object, status: int) -> Response:
        if not isinstance(body, BaseModel):
            raise TypeError(f"{self.operation.name} answers with a {type(body).__name__}")
        return Response(_dump(body), status, media_type=JSON_TYPE)

    async def _refused(self, request: Request, refusal: Refusal) -> Response:
        match self.operation.face:
            case Face.PAGE:
                by_link, knows = self.operation.needs in BY_LINK, self.operation.needs is not PUBLIC
                helpline = await self._helpline(refusal) if by_link or not knows else None
                return self.kit.pages.refused(request, refusal, by_link=by_link, knows=knows, helpline=helpline)
            case Face.FHIR:
                return outcome_response(refusal, reading=self.operation.safe)
            case Face.API:
                return problem_response(refusal, request)
            case never:
                assert_never(never)

    async def _helpline(self, refusal: Refusal) -> Helpline | None:
        """Whom to call; without it the page says all the rest, as when nobody can be asked for the number."""
        if self.kit.helpline is None or refusal.kind not in LOST:
            return None
        try:
            return await self.kit.unit_of_work.run(self.kit.helpline, ANONYMOUS)
        except (Refusal, DatabaseFault):
            return None


def _dump(body: BaseModel) -> bytes:
    return TypeAdapter(type(body)).dump_json(body, by_alias=True)


async def _trace_refusal(unit: Unit, action: str, slug: str, entity_id: UUID | None) -> None:
    unit.audit(action, "operation", entity_id, outcome=slug)


def _first_id(request: Request) -> UUID | None:
    return next((value for value in request.path_params.values() if isinstance(value, UUID)), None)

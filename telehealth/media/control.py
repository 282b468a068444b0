"""The control door of the media node: HTTP for the web process alone, shaped like WHIP (RFC 9725).

PUT /sessions/{id} {type, sdp} -> 201 {type, sdp}; PATCH, a later offer of the same connection -> 200 {type, sdp};
POST {fragment}, an ICE restart without an offer -> 200; GET -> figures; DELETE -> 204; GET /healthz, GET /stats.
PUT /recordings/{id} {key, participants} -> 201, PATCH
{participants}, GET, DELETE -> what is recorded. PUT /captions/{id} {speakers} -> 201, PATCH {speakers}, GET -> what is
said (?after=number), DELETE -> 204. Each request spends one grant, whose kind says what it is for. Errors
are problem documents (RFC 9457).
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telehealth.core.errors import Kind, Refusal
from telehealth.core.grants import GrantKind, MediaGrant
from telehealth.media.captions import Captions
from telehealth.media.grants import GrantInvalid, GrantVerifier
from telehealth.media.mux import Mux
from telehealth.media.node import MediaNode
from telehealth.media.recordings import Recordings
from telehealth.media.rooms import Rooms
from telehealth.media.schemas import Answer, Offer, Record, Renewal, Restart, Speakers, Wire

Body = TypeVar("Body", bound=Wire)

LARGEST_BODY = 65_536
LARGEST_ROOM_BODY = 196_608
LONGEST_READ = 5.0

STATUS: Mapping[Kind, int] = {
    Kind.MALFORMED: 400,
    Kind.INVALID: 422,
    Kind.UNIDENTIFIED: 401,
    Kind.ABSENT: 404,
    Kind.CONFLICT: 409,
    Kind.BUSY: 503,
    Kind.AWAY: 503,
}
EXTRA_HEADERS: Mapping[Kind, Mapping[str, str]] = {
    Kind.UNIDENTIFIED: {"WWW-Authenticate": "Bearer"},
    Kind.BUSY: {"Retry-After": "5"},
}


class BodyMalformed(Refusal):
    kind: ClassVar[Kind] = Kind.MALFORMED
    slug, title = "body-malformed", "The body is not what this door takes, in JSON"


class Door:
    """What the routes stand on. Its sockets are opened when the application starts."""

    def __init__(self, verifier: GrantVerifier) -> None:
        self._verifier = verifier
        self.node: MediaNode
        self.rooms: Rooms
        self.recordings: Recordings
        self.captions: Captions

    async def session(self, request: Request) -> Response:
        grant = _spend(request, self._verifier)
        if grant.kind in (GrantKind.RECORD, GrantKind.CAPTION):
            raise GrantInvalid
        if grant.place is None:
            return await _check(request, grant, self.node)
        return await _call(request, grant, self.rooms)

    async def recording(self, request: Request) -> Response:
        grant = _spend(request, self._verifier)
        if grant.kind is not GrantKind.RECORD:
            raise GrantInvalid
        return await _record(request, grant, self.recordings)

    async def caption(self, request: Request) -> Response:
        grant = _spend(request, self._verifier)
        if grant.kind is not GrantKind.CAPTION:
            raise GrantInvalid
        return await _caption(request, grant, self.captions)

    async def healthz(self, _: Request) -> Response:
        return _reply(self.node.health())

    async def stats(self, _: Request) -> Response:
        return _reply(self.rooms.stats())


def control_app(
    verifier: GrantVerifier,
    open_mux: Callable[[], Mux],
    open_rooms: Callable[[Mux], Rooms] = Rooms,
    *,
    directory: Path | None = None,
    engine: str = "",
) -> Starlette:
    """The ASGI application. Opens the sockets when it starts, closes every session when it stops.

    `directory` is where recordings are kept, `engine` the address of a speech engine; none: there are none.
    """
    door = Door(verifier)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        mux = open_mux()
        door.node, door.rooms = MediaNode(mux), open_rooms(mux)
        door.recordings, door.captions = Recordings(door.rooms, directory), Captions(door.rooms, engine)
        yield
        door.captions.shut_down()
        await door.recordings.shut_down()
        await door.node.shut_down()
        await door.rooms.shut_down()  # and with them the sockets

    methods = ["PUT", "PATCH", "GET", "DELETE"]
    with_restart = [*methods, "POST"]
    return Starlette(
        routes=[
            Route("/sessions/{session:uuid}", door.session, methods=with_restart),
            Route("/recordings/{session:uuid}", door.recording, methods=methods),
            Route("/captions/{session:uuid}", door.caption, methods=methods),
            Route("/healthz", door.healthz),
            Route("/stats", door.stats),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )


async def _check(request: Request, grant: MediaGrant, node: MediaNode) -> Response:
    """A session of the pre-call check."""
    match request.method:
        case "PUT":
            return _reply(Answer(sdp=node.open(grant, (await _read(request, LARGEST_BODY, Offer)).sdp)), 201)
        case "PATCH" | "POST":
            raise HTTPException(405, headers={"Allow": "PUT, GET, HEAD, DELETE"})
        case "DELETE":
            await node.close(grant)
            return Response(status_code=204)
        case _:
            return _reply(node.view(grant))


async def _call(request: Request, grant: MediaGrant, rooms: Rooms) -> Response:
    """A session of a room."""
    match request.method:
        case "PUT":
            offer = await _read(request, LARGEST_ROOM_BODY, Offer)
            return _reply(Answer(sdp=rooms.open(grant, offer.sdp)), 201)
        case "PATCH":
            offer = await _read(request, LARGEST_ROOM_BODY, Offer)
            return _reply(Answer(sdp=rooms.renew(grant, offer.sdp)))
        case "POST":
            return _reply(rooms.restart(grant, (await _read(request, LARGEST_BODY, Restart)).fragment))
        case "DELETE":
            await rooms.close(grant)
            return Response(status_code=204)
        case _:
            return _reply(rooms.view(grant))


async def _record(request: Request, grant: MediaGrant, recordings: Recordings) -> Response:
    """A recording of a room."""
    match request.method:
        case "PUT":
            wanted = await _read(request, LARGEST_BODY, Record)
            key = base64.b64decode(wanted.key)
            return _reply(recordings.open(grant, key, allowed=wanted.participants), 201)
        case "PATCH":
            renewal = await _read(request, LARGEST_BODY, Renewal)
            return _reply(recordings.renew(grant, allowed=renewal.participants))
        case "DELETE":
            return _reply(await recordings.close(grant))
        case _:
            return _reply(recordings.view(grant))


async def _caption(request: Request, grant: MediaGrant, captions: Captions) -> Response:
    """Captions of a room."""
    match request.method:
        case "PUT":
            return _reply(captions.open(grant, (await _read(request, LARGEST_BODY, Speakers)).speakers), 201)
        case "PATCH":
            wanted = await _read(request, LARGEST_BODY, Speakers)
            return _reply(captions.renew(grant, wanted.speakers, _after(request)))
        case "DELETE":
            captions.close(grant)
            return Response(status_code=204)
        case _:
            return _reply(captions.view(grant, _after(request)))


def _after(request: Request) -> int | None:
    text = request.query_params.get("after")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BodyMalformed
    return int(text)


def _spend(request: Request, verifier: GrantVerifier) -> MediaGrant:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise GrantInvalid
    grant = verifier.spend(token.strip())
    if grant.session != request.path_params["session"]:
        raise GrantInvalid
    return grant


async def _read(request: Request, largest: int, kind: type[Body]) -> Body:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415)
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_READ):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise BodyMalformed from None
    try:
        return kind.model_validate_json(bytes(body), strict=True)
    except ValidationError:
        raise BodyMalformed from None


def _reply(message: Wire, status: int = 200) -> Response:
    return JSONResponse(message.model_dump(mode="json"), status, headers={"Cache-Control": "no-store"})


def _problem(status: int, slug: str, title: str, headers: Mapping[str, str] | None = None) -> Response:
    problem = {"type": f"/problems/{slug}", "title": title, "status": status}
    return JSONResponse(problem, status, headers=headers, media_type="application/problem+json")


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return _problem(STATUS[error.kind], error.slug, error.title, EXTRA_HEADERS.get(error.kind))


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    return _problem(status, status.phrase.lower().replace(" ", "-"), status.phrase, error.headers)


async def _failed(_: Request, __: Exception) -> Response:
    return _problem(500, "internal", "The media node failed")


HANDLERS: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    Refusal: _refused,
    HTTPException: _http_error,
    Exception: _failed,
}

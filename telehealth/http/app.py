"""The Starlette application, put together from operations, sockets and static files."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from telehealth.http.call import Kit
from telehealth.http.endpoint import Endpoint
from telehealth.http.fhir import BASE_PATH, plain_outcome
from telehealth.http.operation import Face, Operation
from telehealth.http.problems import plain_problem
from telehealth.http.security import Envelope
from telehealth.http.socket import SocketDoor

STATIC = Path(__file__).parent.parent / "web" / "static"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
PROBES = ("/healthz", "/readyz")


@dataclass(frozen=True)
class Resource:
    """All operations of one path behind one route, so that 405 names every allowed method (RFC 9110, 15.5.6)."""

    endpoints: dict[str, Endpoint]

    async def __call__(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" and "HEAD" not in self.endpoints else request.method
        return await self.endpoints[method](request)


class OwnHost:
    """Refuses requests for another host (DNS rebinding), but for questions after health: probes ask by address."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        self._app = app
        self._guarded = TrustedHostMiddleware(app, allowed_hosts=hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app if scope.get("path") in PROBES else self._guarded
        await app(scope, receive, send)


def build_app(kit: Kit, operations: Sequence[Operation], sockets: Iterable[SocketDoor]) -> ASGIApp:
    """Routes of every operation and socket, static files, problem documents for what no route answers."""
    paths = {operation.path for operation in operations if operation.face is Face.PAGE}
    routes: list[BaseRoute] = [
        *_resources(kit, operations),
        *(door.route(kit) for door in sockets),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    host = urlsplit(kit.public_url)
    hosts = [host.hostname or "", *(LOCAL_HOSTS if host.scheme == "http" else ())]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(OwnHost, hosts=hosts),
        ],
        exception_handlers={HTTPException: _unrouted(kit, paths), Exception: _failed(kit)},
    )
    return Envelope(app, secure=host.scheme == "https")  # outside Starlette's own error answer, which needs headers too


def _resources(kit: Kit, operations: Sequence[Operation]) -> list[BaseRoute]:
    by_path: dict[str, dict[str, Endpoint]] = defaultdict(dict)
    for operation in operations:
        if operation.method in by_path[operation.path]:
            raise ValueError(f"{operation.name}: {operation.method} {operation.path} is declared twice")
        by_path[operation.path][operation.method] = Endpoint(operation, kit)
    return [
        Route(path, Resource(endpoints).__call__, methods=list(endpoints), name=path)
        for path, endpoints in by_path.items()
    ]


def _unrouted(kit: Kit, page_paths: set[str]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if request.url.path.startswith(f"{BASE_PATH}/"):
            return plain_outcome(error.status_code, error.headers)
        if _wants_page(request) or request.url.path in page_paths:
            page = kit.pages.problem(request, error.status_code)
            page.headers.update(error.headers or {})  # Allow, with a 405
            return page
        return plain_problem(error.status_code, headers=error.headers)

    return answer


def _failed(kit: Kit) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:  # noqa: ARG001 -- Starlette logs the error itself
        if _wants_page(request):
            return kit.pages.problem(request, 500)
        return plain_problem(500, "Something went wrong here. Nothing was lost; the request id finds it in the log.")

    return answer


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")

"""A reverse proxy that misbehaves on purpose, in front of a real server: faults by plan, never a fake answer kept."""

import asyncio
import json
import random
import socket
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from urllib.parse import parse_qs

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HOP_BY_HOP = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})
PASSED_BACK = frozenset({"content-type", "etag", "location", "last-modified", "retry-after"})


class Fault(StrEnum):
    """What goes wrong with one request: with COMMIT after the server has done it, else before it sees it."""

    UNAUTHORIZED = "401"
    REFUSED_TYPE = "415"
    UNPROCESSABLE = "422"
    UNAVAILABLE = "503"
    THROTTLED = "429"
    THROTTLED_UNTIL = "429, until a date"
    STALLED = "say nothing"
    COMMIT_THEN_CUT = "commit, then cut the connection"
    COMMIT_THEN_500 = "commit, then 500"
    COMMIT_THEN_HANG = "commit, then say nothing"
    COMMIT_THEN_TRUNCATE = "commit, then half an answer"


class Moment(StrEnum):
    """How far a request is: it has come, the server has done it, the answer has been given."""

    CAME = "came"
    DONE = "done"
    ANSWERED = "answered"


AFTER = frozenset({Fault.COMMIT_THEN_CUT, Fault.COMMIT_THEN_500, Fault.COMMIT_THEN_HANG, Fault.COMMIT_THEN_TRUNCATE})
ALL_FOR_A_WHILE = tuple(each for each in Fault if each not in (Fault.UNPROCESSABLE, Fault.REFUSED_TYPE))
TRUST = httpx.create_ssl_context()  # read from the disk once, not for each request
EMPTY = b'{"resourceType":"Bundle","type":"searchset","total":0}'
Plan = Callable[[Request], Fault | None]
Watch = Callable[[Moment, Request], None]


def no_faults(_: Request) -> Fault | None:
    return None


def nobody_watches(_: Moment, __: Request) -> None:
    return


def on_creates(faults: Iterable[Fault | None]) -> Plan:
    """A script: the n-th POST of a DocumentReference gets the n-th fault, later ones none."""
    left = iter(faults)
    return lambda request: next(left, None) if _creates(request) else None


def at_random(seed: int, share: float, faults: Iterable[Fault]) -> Plan:
    """Creates fail in this share of cases, reproducibly for a seed and an order of requests."""
    dice, kinds = random.Random(seed), tuple(faults)
    return lambda request: dice.choice(kinds) if _creates(request) and dice.random() < share else None


def anywhere_at_random(seed: int, share: float, faults: Iterable[Fault]) -> Plan:
    """Any request fails in this share of cases: searches, tokens and discovery too."""
    dice, kinds = random.Random(seed), tuple(faults)
    return lambda _: dice.choice(kinds) if dice.random() < share else None


def _creates(request: Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/DocumentReference")


@dataclass(slots=True)
class FaultProxy:
    """Change `plan`, `stripped`, `dropped` and `upstream` between requests at will.

    `stripped` headers and `dropped` elements of resources never reach the server, as with servers that know neither.
    `watch` is told of each moment of a request.
    Searches under a path that ends in `emptied` find nothing, as while an index is built anew.
    `seen` holds method, path and fault, `answers` method, path and status of what the server said, `sent` the
    resources that were to be created or changed, `assertions` the `jti` of every client assertion that came
    (RFC 7523): to a server whose discovery names the proxy
    (`record_service(public=…)`) they all come here. A second time is refused.
    Whatever says nothing says so until the client leaves, for `stall` seconds at most.
    """

    upstream: str
    plan: Plan = no_faults
    watch: Watch = nobody_watches
    stripped: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    emptied: str | None = None
    seen: list[tuple[str, str, Fault | None]] = field(default_factory=list)
    answers: list[tuple[str, str, int]] = field(default_factory=list)
    assertions: list[str] = field(default_factory=list)
    sent: list[dict[str, object]] = field(default_factory=list)
    stall: float | None = None
    url: str = ""
    connections: Collection[object] = ()

    async def answer(self, request: Request) -> Response:
        fault = Fault.UNAUTHORIZED if await self._replays(request) else self.plan(request)
        self.seen.append((request.method, request.url.path, fault))
        await self._note(request)
        if fault is Fault.STALLED:
            await self._hang(request)
        if request.method == "GET" and self.emptied and request.url.path.endswith(self.emptied):
            return Response(EMPTY, media_type="application/fhir+json")
        if fault is not None and fault not in AFTER:
            return _refusal(fault)
        self.watch(Moment.CAME, request)
        reply = await self._forwarded(request)
        self.answers.append((request.method, request.url.path, reply.status_code))
        self.watch(Moment.DONE, request)
        match fault:
            case Fault.COMMIT_THEN_CUT:
                self._cut(request)
            case Fault.COMMIT_THEN_500:
                return Response(status_code=500)
            case Fault.COMMIT_THEN_HANG:
                await self._hang(request)
            case Fault.COMMIT_THEN_TRUNCATE:
                return _Half(
                    reply.content[: len(reply.content) // 2], reply.status_code, media_type="application/fhir+json"
                )
        headers = {name: value for name, value in reply.headers.items() if name in PASSED_BACK}
        told = BackgroundTask(self.watch, Moment.ANSWERED, request)
        return Response(reply.content, reply.status_code, headers=headers, background=told)

    async def _replays(self, request: Request) -> bool:
        if request.method != "POST" or not request.url.path.endswith("/token"):
            return False
        (assertion,) = parse_qs((await request.body()).decode())["client_assertion"]
        claims = assertion.split(".")[1]
        jti = str(json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"])
        self.assertions.append(jti)
        return self.assertions.count(jti) > 1

    async def _note(self, request: Request) -> None:
        if request.method in ("POST", "PUT") and request.headers.get("content-type") == "application/fhir+json":
            with suppress(ValueError):  # what is no JSON is for the server to refuse
                self.sent.append(json.loads(await request.body()))

    async def _hang(self, request: Request) -> None:
        await request.body()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.stall):
                await request.receive()  # the body is read, so the next message is the client's leaving
        self._cut(request)

    def _cut(self, request: Request) -> None:
        """Close the socket under the request. What is answered afterwards goes nowhere."""
        for connection in tuple(self.connections):
            transport = getattr(connection, "transport", None)
            if (
                isinstance(transport, asyncio.Transport)
                and transport.get_extra_info("peername") == request.scope["client"]
            ):
                transport.abort()

    async def _forwarded(self, request: Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP | self.stripped}
        address = f"{self.upstream}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        async with httpx.AsyncClient(timeout=30, trust_env=False, verify=TRUST) as client:
            return await client.request(request.method, address, content=await self._body(request), headers=headers)

    async def _body(self, request: Request) -> bytes:
        body = await request.body()
        if not self.dropped or not _creates(request):
            return body
        return json.dumps(
            {name: value for name, value in json.loads(body).items() if name not in self.dropped}
        ).encode()


class _Half(Response):
    """Promises more than it says."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        super().init_headers({**(headers or {}), "content-length": str(2 * len(self.body) + 1)})


def _refusal(fault: Fault) -> Response:
    if fault is Fault.UNPROCESSABLE:
        outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"business-rule",'
        return Response(outcome + b'"diagnostics":"CANARY free text"}]}', 422, media_type="application/fhir+json")
    if fault in (Fault.UNAUTHORIZED, Fault.REFUSED_TYPE):
        return Response(status_code=int(fault.value))
    wait = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)  # a server has a clock of its own
    headers = {"retry-after": wait if fault is Fault.THROTTLED_UNTIL else "0"}
    return Response(status_code=int(fault.value[:3]) if fault is not Fault.STALLED else 504, headers=headers)


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A running proxy on a free port of loopback; `upstream` and `url` are origins, without a path."""
    proxy = FaultProxy(upstream)
    listener = socket.create_server(("127.0.0.1", 0))
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", proxy.answer, methods=methods)])
    server = uvicorn.Server(
        uvicorn.Config(app, loop="asyncio", log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )
    proxy.connections = server.server_state.connections
    proxy.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()

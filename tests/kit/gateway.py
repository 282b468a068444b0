"""An SMS gateway on loopback, of both kinds, that can be told to refuse, delay or be busy."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.kit.loopback import on_loopback

SECRET, USER = "s3cret", "AC0123"
SILENCE = 30  # seconds


@dataclass
class Gateway:
    """`judge` answers status and body for a recipient; a key seen before is taken and not told again. With what is not
    taken goes `retry_after`. Of whom it `holds` it says nothing. `came` hears of each.
    """

    judge: Callable[[str], tuple[int, object]] = lambda _: (201, {"sid": "SM1"})
    retry_after: str = ""
    holds: Callable[[str], bool] = lambda _: False
    came: Callable[[str], None] = lambda _: None
    asked: int = 0
    received: list[tuple[str, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    url: str = ""

    async def plain(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return JSONResponse({}, status_code=401)
        told = json.loads(await request.body())
        self.came(told["to"])
        status, body = self.judge(told["to"])
        if self.holds(told["to"]):
            await asyncio.sleep(SILENCE)
        if status < 300 and request.headers["idempotency-key"] not in self.keys:
            self.keys.add(request.headers["idempotency-key"])
            self.received.append((told["to"], told["text"]))
        return self._answer(status, body)

    async def twilio(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Basic {base64.b64encode(f'{USER}:{SECRET}'.encode()).decode()}":
            return JSONResponse({"code": 20003}, status_code=401)
        told = dict(parse_qsl((await request.body()).decode()))
        self.came(told["To"])
        status, body = self.judge(told["To"])
        if status < 300:
            self.received.append((told["To"], told["Body"]))
        return self._answer(status, body)

    def _answer(self, status: int, body: object) -> Response:
        self.asked += 1
        headers = {"retry-after": self.retry_after} if self.retry_after and status >= 400 else {}
        return JSONResponse(body, status_code=status, headers=headers)


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    running = Gateway()
    doors = {"/texts": running.plain, "/Messages.json": running.twilio}
    async with on_loopback(*(Route(path, door, methods=["POST"]) for path, door in doors.items())) as running.url:
        yield running

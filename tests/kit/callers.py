"""The institution's caller on loopback: it takes what is signed, and can be told to refuse, delay or be busy."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telehealth.core.time import SystemClock
from telehealth.notifications.signature import signed_by_webhook

SECRET = "whsec_YSBrZXkgb2YgdGhpcnR5LXR3byBvY3RldHMsIG9yIHNv"


@dataclass
class Called:
    """What it was told, each id once; `status` is what it answers."""

    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: str = ""

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if not signed_by_webhook(request.headers, body, SECRET, SystemClock().now()):
            return Response(status_code=401)
        if self.status < 300:
            self.told.setdefault(request.headers["idempotency-key"], json.loads(body))
        return Response(status_code=self.status, headers=self.headers)


@asynccontextmanager
async def caller() -> AsyncIterator[Called]:
    running = Called()
    app = Starlette(routes=[Route("/calls", running.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()  # who asks before the server runs waits
        running.url = f"http://127.0.0.1:{door.getsockname()[1]}/calls"
        serving = asyncio.create_task(server.serve([door]))
        try:
            yield running
        finally:
            server.should_exit = True
            await serving

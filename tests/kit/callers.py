"""The institution's caller on loopback: it takes what is signed, and can be told to refuse, delay or be busy."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telehealth.core.time import SystemClock
from telehealth.notifications.signature import signed_by_webhook
from tests.kit.loopback import on_loopback

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
    async with on_loopback(Route("/calls", running.take, methods=["POST"])) as origin:
        running.url = f"{origin}/calls"
        yield running

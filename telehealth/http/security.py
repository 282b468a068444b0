"""What every answer carries and every request passes: headers, request id, one log line with ids only."""

import logging
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telehealth.db.unit import request_id

log = logging.getLogger("telehealth.access")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), speaker-selection=(self), geolocation=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
TRANSPORT_SECURITY = "max-age=63072000; includeSubDomains"


class Envelope:
    """Outermost ASGI layer. Logs method, route template, status, milliseconds and request id: never a path or query."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": TRANSPORT_SECURITY} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        identifier = secrets.token_hex(8)
        reset = request_id.set(identifier)
        started, status = time.perf_counter(), 0

        async def send_enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in (self._headers | {"Request-Id": identifier}).items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, send_enveloped)
        finally:
            request_id.reset(reset)
            _log(scope, status, (time.perf_counter() - started) * 1000, identifier)


def _log(scope: Scope, status: int, milliseconds: float, identifier: str) -> None:
    route = getattr(scope.get("route"), "path", "-")
    log.info("%s %s %d %.0fms %s", scope.get("method", "WS"), route, status, milliseconds, identifier)

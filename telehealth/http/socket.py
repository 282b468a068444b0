"""WebSockets: origin, hello within five seconds, size and rate limits, close codes with a meaning (RFC 6455)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from telehealth.core.errors import Kind, Refusal
from telehealth.http.body import parse_json
from telehealth.http.call import Kit
from telehealth.http.credentials import same_origin

MAX_CHARACTERS = 64 * 1024
HELLO_SECONDS = 5.0
RATE_PER_SECOND, BURST = 50.0, 200.0


class CloseCode(IntEnum):
    """4000 to 4999 are ours to give (RFC 6455, section 7.4.2): 4000 + the HTTP status that says the same."""

    MALFORMED = 4400
    UNIDENTIFIED = 4401
    FORBIDDEN = 4403
    ABSENT = 4404
    SLOW_HELLO = 4408
    CONFLICT = 4409
    GONE = 4410
    TOO_LARGE = 4413
    TOO_FAST = 4429
    AWAY = 4503


CODES = {
    Kind.MALFORMED: CloseCode.MALFORMED,
    Kind.INVALID: CloseCode.MALFORMED,
    Kind.TOO_LARGE: CloseCode.TOO_LARGE,
    Kind.UNIDENTIFIED: CloseCode.UNIDENTIFIED,
    Kind.FORBIDDEN: CloseCode.FORBIDDEN,
    Kind.ABSENT: CloseCode.ABSENT,
    Kind.CONFLICT: CloseCode.CONFLICT,
    Kind.STALE: CloseCode.CONFLICT,
    Kind.UNCONDITIONAL: CloseCode.MALFORMED,
    Kind.GONE: CloseCode.GONE,
    Kind.BUSY: CloseCode.TOO_FAST,
    Kind.AWAY: CloseCode.AWAY,
}


class Closed(Exception):
    """The conversation is over; `code` says why when it was we who ended it."""

    def __init__(self, code: CloseCode | None = None) -> None:
        super().__init__(code)
        self.code = code


class Socket:
    """JSON objects both ways, within limits."""

    def __init__(self, websocket: WebSocket, kit: Kit) -> None:
        self._websocket = websocket
        self.kit = kit
        self._allowance, self._measured = BURST, asyncio.get_running_loop().time()

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises Closed when either side ends, MalformedBody for what is not a JSON object."""
        try:
            text = await self._websocket.receive_text()
        except (WebSocketDisconnect, KeyError):
            raise Closed from None
        if len(text) > MAX_CHARACTERS:
            raise Closed(CloseCode.TOO_LARGE)
        self._spend()
        message = parse_json(text.encode())
        if not isinstance(message, dict):
            raise Closed(CloseCode.MALFORMED)
        return message

    async def hello(self) -> dict[str, Any]:
        """The first message, in time."""
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                return await self.receive()
        except TimeoutError:
            raise Closed(CloseCode.SLOW_HELLO) from None

    async def send(self, message: dict[str, Any]) -> None:
        """Raises Closed when the other side is gone."""
        try:
            await self._websocket.send_json(message)
        except (WebSocketDisconnect, RuntimeError):
            raise Closed from None

    def _spend(self) -> None:
        now = asyncio.get_running_loop().time()
        self._allowance = min(BURST, self._allowance + (now - self._measured) * RATE_PER_SECOND) - 1
        self._measured = now
        if self._allowance < 0:
            raise Closed(CloseCode.TOO_FAST)


Conversation = Callable[[Socket], Awaitable[None]]


@dataclass(frozen=True, eq=False)
class SocketDoor:
    """A WebSocket way in. Its credential is a one-time ticket in the hello message, never in the address."""

    path: str
    handler: Conversation

    @property
    def name(self) -> str:
        return f"{self.handler.__module__.split('.')[1]}.{self.handler.__name__}"

    def route(self, kit: Kit) -> WebSocketRoute:
        async def endpoint(websocket: WebSocket) -> None:
            await _converse(websocket, kit, self.handler)

        return WebSocketRoute(self.path, endpoint, name=self.name)


def socket(path: str, handler: Conversation) -> SocketDoor:
    return SocketDoor(path, handler)


async def _converse(websocket: WebSocket, kit: Kit, handler: Conversation) -> None:
    origin = websocket.headers.get("origin")
    if origin is not None and not same_origin(websocket, origin):
        await websocket.close(CloseCode.FORBIDDEN)  # before accept: the handshake itself is refused with 403
        return
    await websocket.accept()
    code: int = 1000
    reason = ""
    try:
        await handler(Socket(websocket, kit))
    except Closed as closed:
        code = closed.code or 1000
    except Refusal as refusal:
        code, reason = CODES[refusal.kind], refusal.slug
    if websocket.client_state is not WebSocketState.DISCONNECTED:
        await _close(websocket, code, reason)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    try:
        await websocket.close(code, reason)
    except (RuntimeError, WebSocketDisconnect):
        return  # the other side was faster

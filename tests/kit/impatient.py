"""Event streams for a client that waits for the end of an answer: its reader leaves after the first event."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHUNKS = 2  # `retry`, then the first version


class Impatient:
    """The application, whose event streams are left after their first event."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reading = _Reading(receive, send)
        await self._app(scope, reading.receive, reading.send)
        if reading.left.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Reading:
    """One request; a stream hears that its reader has gone as a server says it (ASGI, HTTP: Disconnect)."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._chunks: int | None = None
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        hearing, leaving = asyncio.ensure_future(self._hear()), asyncio.ensure_future(self.left.wait())
        try:
            await asyncio.wait({hearing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return hearing.result() if hearing.done() else {"type": "http.disconnect"}
        finally:
            hearing.cancel()
            leaving.cancel()

    async def _hear(self) -> Message:
        return await self._receive()

    async def send(self, message: Message) -> None:
        if self.left.is_set():
            return
        if message["type"] == "http.response.start":
            kind: bytes = dict(message["headers"]).get(b"content-type", b"")
            self._chunks = CHUNKS if kind.startswith(b"text/event-stream") else None
        await self._send(message)
        if message["type"] == "http.response.body" and self._chunks is not None:
            self._chunks -= 1
            if self._chunks <= 0:
                self.left.set()

"""A light reader of server-sent events, over a bare socket: hundreds of them fit beside the servers they read.

It does what a browser's EventSource does (HTML Standard, section 9.2): reads on, and when the stream breaks comes again
with `Last-Event-ID`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from tests.kit.patience import PATIENCE

RETRY_SECONDS = 1.0


@dataclass(eq=False)
class EventStream:
    """`origins` are the addresses it may come to: it goes to the next one when one is away, as behind a balancer.

    `heard` holds the versions in their order with the loop's time of each, in seconds.
    """

    origins: list[str]
    path: str
    headers: Mapping[str, str]
    on_change: Callable[["EventStream"], Awaitable[object]] | None = None
    heard: list[tuple[str, float]] = field(default_factory=list)
    connected: int = 0
    ended: int = 0
    _bell: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def after(self, count: int, *, within: float = PATIENCE) -> float:
        """When the event came that follows the first `count`."""
        async with asyncio.timeout(within), self._bell:
            await self._bell.wait_for(lambda: len(self.heard) > count)
        return self.heard[count][1]

    async def _follow(self) -> None:
        turn = 0
        while True:
            with suppress(OSError):
                await self._read(self.origins[turn % len(self.origins)])
            turn += 1
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, origin: str) -> None:
        address = urlsplit(origin)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(self._request(address.netloc))
            await self._hear(reader)
        finally:
            writer.close()

    def _request(self, host: str) -> bytes:
        last = {"Last-Event-ID": self.heard[-1][0]} if self.heard else {}
        lines = [f"{name}: {value}" for name, value in {"Host": host, **self.headers, **last}.items()]
        return "\r\n".join([f"GET {self.path} HTTP/1.1", *lines, "", ""]).encode()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        status = (await reader.readline()).split(b" ")
        if status[1:2] != [b"200"]:
            raise ConnectionError(f"{self.path} answers {status[1:2]}")
        self.connected += 1
        while line := await reader.readline():
            if line.startswith(b"event: end"):
                self.ended += 1
            if line.startswith(b"id: "):
                await self._note(line[4:].strip().decode(), loop.time())

    async def _note(self, version: str, at: float) -> None:
        async with self._bell:
            self.heard.append((version, at))
            self._bell.notify_all()
        if self.on_change is not None:
            await self.on_change(self)

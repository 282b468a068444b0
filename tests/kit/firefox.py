"""Debian's Firefox without a window, driven by WebDriver BiDi (W3C) over its own socket, with a made-up camera."""

import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.kit.media_process import free_port
from tests.kit.needs import program

PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "remote.active-protocols": 1,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",  # it asks nobody for anything
}
Handler = Callable[[Any], Awaitable[None]]


class _Route:
    """A request of the page, answered as Playwright's routes are."""

    def __init__(self, method: str, url: str, body: str, writer: asyncio.StreamWriter) -> None:
        self.request = SimpleNamespace(method=method, url=url, post_data=body)
        self._writer = writer

    async def fulfill(self, *, content_type: str, body: str, status: int = 200) -> None:
        data = body.encode()
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(data)}\r\n"
        self._writer.write(head.encode() + b"Connection: close\r\n\r\n" + data)
        await self._writer.drain()
        self._writer.close()


class FirefoxPage:
    """A tab with the part of Playwright's page that `room_pages.Person` uses."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, count(1)
        self._context = ""
        self._server: asyncio.Server | None = None
        self._handler: Handler | None = None

    async def open(self) -> None:
        await self._do("session.new", capabilities={})
        self._context = (await self._do("browsingContext.create", type="tab"))["context"]

    def on(self, event: str, listener: object) -> None:
        """A page's errors come with what was asked for."""

    async def route(self, _: str, handler: Handler) -> None:
        self._handler = handler

    async def goto(self, origin: str) -> None:
        """The page at that origin, which is a port of this process."""
        self._origin = origin
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        await self._do(
            "browsingContext.navigate", context=self._context, url=f"http://localhost:{port}/", wait="complete"
        )

    async def evaluate(self, script: str, argument: object = None) -> Any:
        """What that comes to, as JSON. AssertionError when it throws."""
        called = script if argument is None else f"({script})({json.dumps(argument)})"
        asked = f"(async () => JSON.stringify((await ({called})) ?? null))()"
        told = await self._do("script.evaluate", expression=asked, target={"context": self._context}, awaitPromise=True)
        assert told["type"] == "success", told
        return json.loads(told["result"]["value"])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        method, path, _ = head.split(" ", 2)
        assert self._handler is not None
        await self._handler(_Route(method, self._origin.rstrip("/") + path, body.decode(), writer))

    async def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        async with asyncio.timeout(60):
            while (told := json.loads(await self._socket.recv())).get("id") != number:
                pass
        assert told["type"] == "success", told
        found: dict[str, Any] = told["result"]
        return found


@asynccontextmanager
async def firefox() -> AsyncIterator[FirefoxPage]:
    """One tab of a browser of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="th-", ignore_cleanup_errors=True) as profile:
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
        (Path(profile) / "user.js").write_text("".join(lines))
        arguments = ("--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", str(port))
        process = await asyncio.create_subprocess_exec(
            program("firefox"),
            *arguments,
            env=os.environ | {"HOME": profile},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with await _until_it_answers(port) as socket:
                page = FirefoxPage(socket)
                await page.open()
                try:
                    yield page
                finally:
                    await page.close()
        finally:
            process.terminate()
            await process.wait()


async def _until_it_answers(port: int) -> ClientConnection:
    for _ in range(300):
        try:
            return await connect(f"ws://127.0.0.1:{port}/session", proxy=None, max_size=None)
        except OSError:
            await asyncio.sleep(0.2)
    raise RuntimeError("Firefox does not answer")

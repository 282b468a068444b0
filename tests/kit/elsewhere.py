"""A web server somewhere else, on loopback, that misbehaves as it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Headers = Mapping[str, str]
Serve = Callable[[asyncio.StreamWriter, Headers], Awaitable[None]]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Serve:
    """The same answer to everyone."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in named.items())]

    async def serve(writer: asyncio.StreamWriter, _: Headers) -> None:
        writer.write("\r\n".join((*lines, "", "")).encode() + body)

    return serve


def tagged(body: bytes, etag: str) -> Serve:
    """304 to who has it already."""

    async def serve(writer: asyncio.StreamWriter, asked: Headers) -> None:
        known = asked.get("if-none-match") == etag
        await answer(304 if known else 200, b"" if known else body, etag=etag)(writer, asked)

    return serve


def moved(location: str, status: int = 302) -> Serve:
    return answer(status, location=location)


def endless(total: int, *, declared: bool = False) -> Serve:
    """So many bytes; whether or not it says so first."""

    async def serve(writer: asyncio.StreamWriter, _: Headers) -> None:
        length = f"content-length: {total}\r\n" if declared else ""
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        for _each in range(total // 65536):
            writer.write(b"x" * 65536)
            await writer.drain()

    return serve


async def dripping(writer: asyncio.StreamWriter, _: Headers) -> None:
    """A byte now and then, for longer than anyone waits."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n")
    for _each in range(100):
        writer.write(b"B")
        await writer.drain()
        await asyncio.sleep(0.1)


async def cut_off(writer: asyncio.StreamWriter, _: Headers) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nBEGIN")


@dataclass
class Elsewhere:
    """`pages` by path; `asked` are the headers of each request, with its path as `:path`."""

    url: str
    pages: dict[str, Serve] = field(default_factory=dict)
    asked: list[Headers] = field(default_factory=list)

    def at(self, path: str) -> str:
        return self.url + path


@asynccontextmanager
async def somewhere(address: str = "127.0.0.1") -> AsyncIterator[Elsewhere]:
    there = Elsewhere("")

    talks: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks[writer] = asyncio.current_task()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split(" ")[1]
            pairs = (line.partition(": ") for line in head[1:] if line)
            asked = {name.lower(): value for name, _, value in pairs}
            there.asked.append({**asked, ":path": path})
            await there.pages.get(path, answer(404))(writer, asked)
            await writer.drain()
        writer.close()
        talks.pop(writer)

    server = await asyncio.start_server(talk, address, 0)
    there.url = f"http://{address}:{server.sockets[0].getsockname()[1]}"
    try:
        yield there
    finally:
        server.close()
        for writer in talks:
            writer.transport.abort()
        await asyncio.gather(*filter(None, talks.values()))

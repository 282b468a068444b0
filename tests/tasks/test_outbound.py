import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Outbound, open_client

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(serve: Serve) -> AsyncIterator[str]:
    """The address of a server that says exactly what `serve` writes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def saying(text: bytes) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return serve


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with open_client(deadline=60, max_bytes=1000) as client:
        yield client


async def test_a_slow_drip_ends_at_the_deadline() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n")
        for _byte in range(900):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.2)  # no deadline of one read is ever met

    async with open_client(deadline=0.5, max_bytes=1000) as hurried, talking(drip) as url:
        with pytest.raises(NoAnswer):
            await hurried.send("GET", url)


async def test_an_endless_answer_is_not_read(outbound: Outbound) -> None:
    async with talking(saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000)) as url:
        with pytest.raises(NoAnswer):
            await outbound.send("GET", url)


async def test_a_cut_connection_is_no_answer(outbound: Outbound) -> None:
    async with talking(saying(b"")) as url:
        with pytest.raises(NoAnswer):
            await outbound.send("POST", url, content=b"x")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "ftp://127.0.0.1/", "http://[/"])
async def test_what_cannot_be_reached_was_not_sent(outbound: Outbound, url: str) -> None:
    with pytest.raises(NotSent):
        await outbound.send("POST", url, content=b"x")


async def test_redirects_are_answers_and_not_followed(outbound: Outbound) -> None:
    answer = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n"
    async with talking(saying(answer)) as url:
        assert (await outbound.send("GET", url)).status == 307


async def test_what_is_not_json_says_so_without_showing_it(outbound: Outbound) -> None:
    async with talking(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nCANARY")) as url:
        reply = await outbound.send("GET", url)
    with pytest.raises(NotJson) as error:
        reply.json()
    assert "CANARY" not in str(error.value)

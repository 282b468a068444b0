"""Server-sent events: told when woken, told by the sweep when not, resumed by Last-Event-ID."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from starlette.requests import Request

from telehealth.core.actors import Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ports import Ports, Signals
from telehealth.db.unit import UnitOfWork
from telehealth.http import sse
from telehealth.http.call import Call, Kit
from telehealth.http.locales import Locales
from telehealth.http.pages import open_pages
from telehealth.http.ports import Authenticator
from telehealth.http.signals import Rings
from telehealth.http.sse import stream
from tests.kit.web import ORIGIN, KnownActors, SilentSignals

READER = Actor(UUID(int=3), Role.CLINICIAN)


class HandRung:
    """`Signals` rung by the test."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()

    async def publish(self, topics: tuple[str, ...]) -> None:
        del topics
        self.bell.set()

    @asynccontextmanager
    async def listen(self, topics: tuple[str, ...]) -> AsyncIterator[AsyncIterator[None]]:
        del topics
        yield Rings(self.bell)


class Counter:
    def __init__(self) -> None:
        self.value = 1
        self.asked = 0

    async def version(self) -> str:
        self.asked += 1
        return str(self.value)


async def events_of(
    unit_of_work: UnitOfWork,
    signals: Signals,
    counter: Counter,
    *,
    last: str | None = None,
    known: dict[str, Actor] | None = None,
) -> AsyncIterator[str]:
    headers = [(b"authorization", b"Bearer reader")]
    headers += [(b"last-event-id", last.encode())] if last else []
    request = Request({"type": "http", "headers": headers, "path": "/", "query_string": b""})
    authenticator = KnownActors({"reader": READER} if known is None else known)
    ports = Ports({Signals: signals, Authenticator: authenticator})
    kit = Kit(unit_of_work, ports, open_pages(Locales.load()), ORIGIN)
    answer = stream(Call(request, READER, kit), ("board",), counter.version)
    async for chunk in answer.body_iterator:
        text = bytes(chunk).decode() if not isinstance(chunk, str) else chunk
        if text.startswith("event: end"):
            yield "end"
        if text.startswith("id:"):
            yield text.split("\n")[0].removeprefix("id: ")


async def test_a_wake_up_is_told_without_a_sweep(unit_of_work: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "SWEEP_SECONDS", 86400.0)
    counter, signals = Counter(), HandRung()
    events = events_of(unit_of_work, signals, counter)
    assert await anext(events) == "1"
    counter.value = 2
    await signals.publish(("board",))
    assert await anext(events) == "2"


async def test_a_lost_wake_up_is_told_by_the_sweep(unit_of_work: UnitOfWork) -> None:
    counter = Counter()
    events = events_of(unit_of_work, HandRung(), counter)
    assert await anext(events) == "1"
    counter.value, asked = 2, counter.asked
    assert await anext(events) == "2"
    assert counter.asked == asked + 1  # it waits for the sweep and does not spin


async def test_a_client_resumes_where_it_was(unit_of_work: UnitOfWork) -> None:
    counter = Counter()
    assert await anext(events_of(unit_of_work, SilentSignals(), counter, last="0")) == "1"
    events = events_of(unit_of_work, SilentSignals(), counter, last="1")
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    counter.value = 2
    assert await waiting == "2"


async def test_a_stream_outlives_no_sign_out(unit_of_work: UnitOfWork) -> None:
    known = {"reader": READER}
    events = events_of(unit_of_work, SilentSignals(), Counter(), known=known)
    assert await anext(events) == "1"
    known.clear()
    assert await anext(events) == "end"
    assert await anext(events, "over") == "over"


class GoneSoon(Counter):
    async def version(self) -> str:
        if self.asked:
            raise NotFound
        return await super().version()


async def test_what_is_gone_ends_its_stream(unit_of_work: UnitOfWork) -> None:
    events = events_of(unit_of_work, SilentSignals(), GoneSoon())
    assert [event async for event in events] == ["1", "end"]

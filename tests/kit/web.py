"""A web application from any operations, on a real database, with actors known by a made-up bearer or session."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache

import httpx

from telehealth.core.actors import Actor
from telehealth.core.ports import Ports, Signals
from telehealth.db.unit import UnitOfWork
from telehealth.http.app import build_app
from telehealth.http.call import Kit
from telehealth.http.locales import Locales
from telehealth.http.operation import Operation
from telehealth.http.pages import Pages, open_pages
from telehealth.http.paging import CursorKey
from telehealth.http.ports import Authenticator
from telehealth.http.signals import Rings
from telehealth.http.socket import SocketDoor
from telehealth.http.turns import Turns
from telehealth.people import queries as people

ORIGIN = "http://localhost"


class KnownActors:
    """`Authenticator` over a fixed table: secret -> actor."""

    def __init__(self, known: Mapping[str, Actor]) -> None:
        self._known = known

    async def bearer(self, token: str) -> Actor | None:
        return self._known.get(token)

    async def session(self, secret: str) -> Actor | None:
        return self._known.get(secret)


class SilentSignals:
    """`Signals` that never wake anyone: the sweeps must do."""

    async def publish(self, topics: tuple[str, ...]) -> None:
        del topics

    @asynccontextmanager
    async def listen(self, topics: tuple[str, ...]) -> AsyncIterator[AsyncIterator[None]]:
        del topics
        yield Rings(asyncio.Event())


@asynccontextmanager
async def client_of(
    unit_of_work: UnitOfWork,
    operations: Sequence[Operation],
    known: Mapping[str, Actor],
    *,
    ports: Mapping[type, object] | None = None,
    sockets: Sequence[SocketDoor] = (),
    turns: Turns | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client inside the process; `headers={"Authorization": "Bearer <secret>"}` acts as that actor."""
    key = CursorKey("k" * 32)
    everything = {Authenticator: KnownActors(known), CursorKey: key, Signals: SilentSignals(), **(ports or {})}
    kit = Kit(unit_of_work, Ports(everything), pages(), ORIGIN, people.clinic, turns or Turns())
    transport = httpx.ASGITransport(build_app(kit, operations, sockets), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


@cache
def pages() -> Pages:
    """One for a test process: whoever opens others compiles every template again."""
    return open_pages(Locales.load())


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}

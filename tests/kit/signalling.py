"""A signalling client without a browser, and the visit as two web processes serve it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from telehealth.core.actors import Actor
from telehealth.http.credentials import GUEST_COOKIE, STAFF_COOKIE
from tests.kit.call_process import Behind, to_json
from tests.kit.meetings import Meeting
from tests.kit.patience import PATIENCE

HOST, GUEST, COMPANION = "host-secret", "guest-secret", "companion-secret"
Wire = dict[str, Any]


def listed(view: Wire) -> list[tuple[str, str]]:
    """Role and presence of the peers that a `welcome` or `state` tells of."""
    return [(peer["role"], peer["presence"]) for peer in view["peers"]]


def behind(database: str, valkey: str, meeting: Meeting, companion: Actor | None = None, **more: Any) -> Behind:
    known = {HOST: to_json(meeting.clinician), GUEST: to_json(meeting.patient)}
    if companion is not None:
        known[COMPANION] = to_json(companion)
    return Behind(database, valkey, known, **more)


def cookies(*, host: bool) -> dict[str, str]:
    return {STAFF_COOKIE: HOST} if host else {GUEST_COOKIE: GUEST}


async def ticket_from(process: Behind, meeting: Meeting, *, host: bool) -> str:
    path = f"/v1/visits/{meeting.visit_id}/{'host-tickets' if host else 'tickets'}"
    async with httpx.AsyncClient(
        base_url=process.origin, cookies=cookies(host=host), trust_env=False, timeout=PATIENCE
    ) as client:
        answer = await client.post(path, headers={"Origin": process.origin})
        answer.raise_for_status()
        return str(answer.json()["ticket"])


class Talker:
    """One socket. `hear` gives the next message of a type and forgets what came before it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._next = 1
        self.welcome: Wire = {}

    async def say(self, type_: str, **body: Any) -> int:
        number, self._next = self._next, self._next + 1
        await self.put({"type": type_, "id": number, **body})
        return number

    async def put(self, message: Wire) -> None:
        await self._socket.send(json.dumps(message))

    async def next(self) -> Wire:
        return dict(json.loads(await self._socket.recv()))

    async def hear(self, type_: str, *, within: float = PATIENCE) -> Wire:
        async with asyncio.timeout(within):
            while (message := await self.next())["type"] != type_:
                pass
            return message

    async def ended(self, *, within: float = PATIENCE) -> tuple[int, str, list[Wire]]:
        """Close code, reason, and what was heard before."""
        heard: list[Wire] = []
        with suppress(ConnectionClosed):
            async with asyncio.timeout(within):
                async for message in self._socket:
                    heard.append(json.loads(message))  # noqa: PERF401 - a comprehension loses all when it ends so
        return self._socket.close_code or 0, self._socket.close_reason or "", heard

    async def break_off(self) -> None:
        self._socket.transport.abort()


async def companion_ticket(process: Behind, meeting: Meeting) -> httpx.Response:
    session = {GUEST_COOKIE: COMPANION}
    async with httpx.AsyncClient(base_url=process.origin, cookies=session, trust_env=False, timeout=PATIENCE) as client:
        path = f"/v1/visits/{meeting.visit_id}/attendance/tickets"
        return await client.post(path, headers={"Origin": process.origin})


@asynccontextmanager
async def socket_to(process: Behind, *, origin: str | None = None) -> AsyncIterator[Talker]:
    url = f"ws://localhost:{process.port}/v1/signalling"
    mine = Origin(origin or process.origin)
    async with connect(url, origin=mine, proxy=None, open_timeout=PATIENCE, ping_interval=None) as socket:
        yield Talker(socket)


@asynccontextmanager
async def talking(
    process: Behind, meeting: Meeting, *, host: bool, resume: Wire | None = None
) -> AsyncIterator[Talker]:
    async with entering(process, await ticket_from(process, meeting, host=host), resume=resume) as talker:
        yield talker


@asynccontextmanager
async def entering(process: Behind, ticket: str, *, resume: Wire | None = None) -> AsyncIterator[Talker]:
    """Whoever has the ticket, in their seat."""
    async with socket_to(process) as talker:
        hello: Wire = {"type": "hello", "v": 1, "ticket": ticket} | ({"resume": resume} if resume else {})
        await talker.put(hello)
        talker.welcome = await talker.hear("welcome")
        yield talker

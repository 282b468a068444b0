"""How a participant's two connections come to each of the servers. The direct path needs no signalling."""

import asyncio
import itertools
import json
import secrets
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

import httpx

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from telehealth.video.media_grants import GrantSigner
from tests.bench.forwarding.descriptions import answer, offer
from tests.bench.forwarding.peer import Connection, read_remote

KINDS = ("audio", "video")
LARGEST_MESSAGE = 1 << 20


class Signalling(Protocol):
    """Rooms and people have numbers from 0."""

    async def send(self, connection: Connection, room: int, person: int) -> None:
        """Connects what a person sends by."""

    async def receive(self, connection: Connection, room: int, others: Sequence[int], person: int) -> None:
        """Connects what a person receives the others by; they send already."""


class Node:
    """Our media node, through its control door, with a grant for each request as the web process signs them."""

    def __init__(self, url: str, key: str) -> None:
        self._signer = GrantSigner(key)
        self._client = httpx.AsyncClient(base_url=url, timeout=20, trust_env=False)

    async def send(self, connection: Connection, room: int, person: int) -> None:
        await self._put(connection, offer(connection, KINDS, sends=True), (GrantKind.SEND, room, person))

    async def receive(self, connection: Connection, room: int, others: Sequence[int], person: int) -> None:
        sdp = offer(connection, KINDS * len(others), sends=False)
        await self._put(connection, sdp, (GrantKind.RECEIVE, room, person))

    async def _put(self, connection: Connection, sdp: str, what: tuple[GrantKind, int, int]) -> None:
        kind, room, person = what
        session = MediaSessionId(uuid4())
        place = Place(room=f"room-{room}", epoch=1)
        token = self._signer.sign(session, sub=f"p{room}-{person}", now=datetime.now(UTC), kind=kind, place=place)
        answered = await self._client.put(
            f"/sessions/{session}", json={"type": "offer", "sdp": sdp}, headers={"Authorization": f"Bearer {token}"}
        )
        answered.raise_for_status()
        await connection.connect(read_remote(answered.json()["sdp"], connection.host))


class Relay:
    """tests.bench.forwarding.relay."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=20, trust_env=False)

    async def send(self, connection: Connection, room: int, person: int) -> None:
        await self._post(connection, f"/send/{room}/{person}", offer(connection, KINDS, sends=True))

    async def receive(self, connection: Connection, room: int, others: Sequence[int], person: int) -> None:
        sdp = offer(connection, KINDS * len(others), sends=False)
        await self._post(connection, f"/receive/{room}/{person}", sdp)

    async def _post(self, connection: Connection, path: str, sdp: str) -> None:
        answered = await self._client.post(path, json={"sdp": sdp})
        answered.raise_for_status()
        await connection.connect(read_remote(answered.json()["sdp"], connection.host))


class Janus:
    """Janus's VideoRoom over its Unix socket: one datagram, one message. A participant has a session of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._reading: asyncio.Task[None] | None = None
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._rooms: dict[int, asyncio.Task[None]] = {}

    async def send(self, connection: Connection, room: int, person: int) -> None:
        if room not in self._rooms:
            self._rooms[room] = asyncio.create_task(self._create(room))
        await self._rooms[room]
        place = await self._attach()
        join = {"request": "joinandconfigure", "ptype": "publisher", "room": room + 1, "id": _feed(room, person)}
        jsep = {"type": "offer", "sdp": offer(connection, KINDS, sends=True)}
        joined = await self._ask(janus="message", body=join, jsep=jsep, **place)
        await connection.connect(read_remote(joined["jsep"]["sdp"], connection.host))

    async def receive(self, connection: Connection, room: int, others: Sequence[int], person: int) -> None:  # noqa: ARG002
        place = await self._attach()
        feeds = [{"feed": _feed(room, other)} for other in others]
        join = {"request": "join", "ptype": "subscriber", "room": room + 1, "streams": feeds}
        offered = (await self._ask(janus="message", body=join, **place))["jsep"]["sdp"]
        jsep = {"type": "answer", "sdp": answer(connection, offered)}
        await self._ask(janus="message", body={"request": "start"}, jsep=jsep, **place)
        await connection.connect(read_remote(offered, connection.host))

    async def _create(self, room: int) -> None:
        place = await self._attach()
        body = {"request": "create", "room": room + 1, "publishers": 10, "audiocodec": "opus", "videocodec": "vp8"}
        await self._ask(janus="message", body=body, **place)

    async def _attach(self) -> dict[str, int]:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._socket.setblocking(False)
            self._socket.connect(self._path)
            self._reading = asyncio.create_task(self._read(self._socket))
        session = (await self._ask(janus="create"))["data"]["id"]
        attached = await self._ask(janus="attach", session_id=session, plugin="janus.plugin.videoroom")
        return {"session_id": session, "handle_id": attached["data"]["id"]}

    async def _ask(self, **message: object) -> dict[str, Any]:
        """The reply, or the event that follows the acknowledgement. Raises RuntimeError when it is an error."""
        assert self._socket is not None
        name = f"{next(self._numbers)}-{secrets.token_hex(4)}"
        waiting = self._asked[name] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, json.dumps(message | {"transaction": name}).encode())
        async with asyncio.timeout(20):
            told: dict[str, Any] = await waiting
        if told["janus"] == "error" or "error" in told.get("plugindata", {}).get("data", {}):
            raise RuntimeError(json.dumps(told))
        return told

    async def _read(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(end, LARGEST_MESSAGE):
            told = json.loads(data)
            waiting = self._asked.get(told.get("transaction", ""))
            if waiting is not None and told["janus"] != "ack" and not waiting.done():
                waiting.set_result(told)


def _feed(room: int, person: int) -> int:
    return room * 100 + person + 1


def signalling(server: dict[str, str]) -> Signalling:
    """For what a player was told of the server."""
    match server:
        case {"kind": "node", "url": url, "key": key}:
            return Node(url, key)
        case {"kind": "janus", "path": path}:
            return Janus(path)
        case {"kind": "relay", "url": url}:
            return Relay(url)
        case _:
            raise ValueError(server)

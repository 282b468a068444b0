"""Rooms at the media node's control door, as the web process knocks there: one grant a request (media/control.py).

Nothing is remembered here. A connection's session is named after who has it where, so any web process names it alike.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from uuid import UUID, uuid5

from telehealth.core.grants import GrantKind, MediaSessionId
from telehealth.core.grants import Place as GrantedPlace
from telehealth.tasks.outbound import NoAnswer, NobodyThere, NotJson, NotSent, Outbound, Reply, open_client
from telehealth.video.language import Cut, Negotiate
from telehealth.video.media_grants import GrantSigner
from telehealth.video.placement import Node, Place, Reports
from telehealth.video.ports import Connection, ConnectionGone, MediaAway, MediaRooms, OfferRefused, Restarted

DEADLINE_SECONDS = 4.0  # within the five after which a browser asks again
LINE_SECONDS = 1.0  # a sweep comes again after as long
REPORT_SECONDS = 1.5  # within the silence after which a node counts as dead
LARGEST_ANSWER = 256 * 1024
NAMES = UUID("6f1b8f0e-6a37-5b0e-9d52-0d8a3c1f7e44")


class HttpMediaRooms:
    """`MediaRooms` over HTTP, for the nodes at these addresses. Without a signer there is no node to ask."""

    def __init__(self, urls: Sequence[str], signer: GrantSigner | None, client: Outbound | None = None) -> None:
        """`client`: that of a line which is held; without it every question has its own."""
        self._urls = [url.rstrip("/") for url in urls]
        self._signer, self._client = signer, client

    def line(self, connections: int) -> AbstractAsyncContextManager[MediaRooms]:
        return self._line(connections)

    @asynccontextmanager
    async def _line(self, connections: int) -> AsyncIterator[MediaRooms]:
        most = max(1, connections)
        async with open_client(deadline=LINE_SECONDS, max_bytes=LARGEST_ANSWER, connections=most) as client:
            yield HttpMediaRooms(self._urls, self._signer, client)

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[Outbound]:
        if self._client is not None:
            yield self._client
            return
        async with open_client(deadline=DEADLINE_SECONDS, max_bytes=LARGEST_ANSWER, connections=1) as client:
            yield client

    async def reports(self, now: datetime) -> Reports:
        if self._signer is None:
            return Reports()
        most = max(1, len(self._urls))
        async with open_client(deadline=REPORT_SECONDS, max_bytes=LARGEST_ANSWER, connections=most) as client:
            found = await asyncio.gather(*(_report(client, url, now) for url in self._urls))
        return Reports(
            nodes=[each for each in found if isinstance(each, Node)],
            deserted=[url for url, each in zip(self._urls, found, strict=True) if isinstance(each, NobodyThere)],
        )

    async def negotiate(self, place: Place, task: Negotiate, now: datetime) -> str:
        session = _session(place, task.session, task.offer.way)
        kind = _kind(task.offer.way)
        body = json.dumps({"type": "offer", "sdp": task.offer.sdp}).encode()
        async with open_client(deadline=DEADLINE_SECONDS, max_bytes=LARGEST_ANSWER, connections=1) as client:
            for method in ("PUT", "PATCH"):  # the first offer of this connection, or a later one
                headers = self._headers(place, session, str(task.participant), kind, now, vouched=task.vouched)
                reply = await _send(client, method, f"{place.url}/sessions/{session}", headers, body)
                if reply.status != 409:
                    break
        if reply.status in (400, 413, 422):
            raise OfferRefused
        if reply.status not in (200, 201):
            raise MediaAway
        return _sdp(reply)

    async def cut(self, place: Place, task: Cut, now: datetime) -> None:
        async with self._reached() as client:
            for way in task.ways:
                session = _session(place, task.session, way)
                headers = self._headers(place, session, str(task.participant), _kind(way), now)
                await _send(client, "DELETE", f"{place.url}/sessions/{session}", headers, b"")

    async def vouch(self, place: Place, connection: Connection, now: datetime) -> str:
        match (await self._about(place, connection, now, "GET")).json():
            case {"state": str(state)}:
                return state
        raise MediaAway

    async def restart(self, place: Place, connection: Connection, fragment: str, now: datetime) -> Restarted:
        reply = await self._about(place, connection, now, "POST", json.dumps({"fragment": fragment}).encode())
        match reply.json():
            case {"fragment": str(mine), "password": str(password), "candidates": list(candidates)}:
                return Restarted(mine, password, tuple(map(str, candidates)))
        raise MediaAway

    async def _about(  # noqa: PLR0917 -- a request
        self, place: Place, connection: Connection, now: datetime, method: str, body: bytes = b""
    ) -> Reply:
        session = _session(place, connection.session, connection.way)
        kind = _kind(connection.way)
        headers = self._headers(place, session, str(connection.participant), kind, now, vouched=True)
        async with self._reached() as client:
            reply = await _send(client, method, f"{place.url}/sessions/{session}", headers, body)
        if reply.status in (404, 409):
            raise ConnectionGone
        if reply.status != 200:
            raise MediaAway
        return reply

    def _headers(  # noqa: PLR0917 -- what a grant names
        self, place: Place, session: MediaSessionId, sub: str, kind: GrantKind, now: datetime, *, vouched: bool = False
    ) -> Mapping[str, str]:
        if self._signer is None:
            raise MediaAway
        granted = GrantedPlace(room=str(place.visit_id), epoch=place.epoch)
        grant = self._signer.sign(session, sub=sub, now=now, kind=kind, place=granted, vouched=vouched)
        return {"Authorization": f"Bearer {grant}", "Content-Type": "application/json"}


def _kind(way: str) -> GrantKind:
    return GrantKind.SEND if way.startswith("send") else GrantKind.RECEIVE


def _session(place: Place, seat: str, way: str) -> MediaSessionId:
    return MediaSessionId(uuid5(NAMES, f"{place.visit_id} {place.epoch} {seat} {way}"))


async def _send(  # noqa: PLR0917 -- a request
    client: Outbound, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Reply:
    try:
        return await client.send(method, url, headers=headers, content=body)
    except (NotSent, NoAnswer):
        raise MediaAway from None


async def _report(client: Outbound, url: str, now: datetime) -> Node | NobodyThere | None:
    try:
        reply = await client.send("GET", f"{url}/stats")
        match reply.json():
            case {"life": str(life), "load": float(load), "draining": bool(draining)} if reply.status == 200:
                return Node(name=f"{url} {life}", url=url, reported_at=now, load=load, draining=draining)
    except NobodyThere as error:
        return error
    except (NotSent, NoAnswer, NotJson):
        return None
    return None


def _sdp(reply: Reply) -> str:
    try:
        match reply.json():
            case {"type": "answer", "sdp": str(sdp)}:
                return sdp
    except NotJson:
        raise MediaAway from None
    raise MediaAway

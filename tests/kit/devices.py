"""Devices and observers: a house in this process that has them, and their ends of WHIP and WHEP, played by aiortc."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack, VideoStreamTrack

from telehealth.catalogue import read_catalogue
from telehealth.core.events import Event
from telehealth.core.ports import Ports
from telehealth.core.time import Clock, SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.tasks.work import Work
from telehealth.video.captioner_client import HttpCaptioners
from telehealth.video.memory import MemoryRooms
from telehealth.video.node_client import HttpMediaRooms
from telehealth.video.ports import Captioners, IceServers, MediaRooms, Recorders, RoomBus
from telehealth.video.recorder_client import HttpRecorders
from telehealth.video.routes import OPERATIONS
from tests.kit.guests import connected
from tests.kit.media_process import RunningNode
from tests.kit.meetings import Meeting
from tests.kit.nodes import RehearsedNodes
from tests.kit.patience import PATIENCE
from tests.kit.web import bearer, client_of

HOST, PATIENT = "host-secret", "patient-secret"
SDP = {"Content-Type": "application/sdp"}
TURN = IceServers(("turn:turn.example.org:3478?transport=udp",), "shared")


@dataclass
class DeviceHouse:
    """The video part of a house: its doors, its rooms, and what its worker has."""

    client: httpx.AsyncClient
    rooms: MemoryRooms
    nodes: RehearsedNodes | HttpMediaRooms
    work: Work
    meeting: Meeting

    @property
    def visit(self) -> str:
        return f"/v1/visits/{self.meeting.visit_id}"

    async def make(self, kind: str = "device", *, minutes: int = 30) -> Mapping[str, Any]:
        body = {"kind": kind, "name": "Otoscope", "minutes": minutes}
        answer = await self.client.post(f"{self.visit}/media-credentials", json=body, headers=bearer(HOST))
        assert answer.status_code == 201, answer.text
        found: Mapping[str, Any] = answer.json()
        return found

    @property
    def rehearsed(self) -> RehearsedNodes:
        assert isinstance(self.nodes, RehearsedNodes)
        return self.nodes

    async def revoke(self, made: Mapping[str, Any]) -> httpx.Response:
        path = f"{self.visit}/media-credentials/{made['participant']}/revoke"
        return await self.client.post(path, headers=bearer(HOST))

    async def offer(
        self, made: Mapping[str, Any], protocol: str = "whip", sdp: str = "v=0", **more: str
    ) -> httpx.Response:
        headers = {**bearer(made["token"]), **SDP, **more}
        return await self.client.post(f"{self.visit}/{protocol}", content=sdp, headers=headers)


@asynccontextmanager
async def device_house(
    database: str, meeting: Meeting, *, clock: Clock | None = None, node: RunningNode | None = None
) -> AsyncIterator[DeviceHouse]:
    """On that database; with media nodes that carry nothing unless there is a real one."""
    engine, rooms, clock = open_engine(database), MemoryRooms(), clock or SystemClock()
    nodes = RehearsedNodes() if node is None else HttpMediaRooms((node.url,), node.signer)
    vault = Vault({"test": b"k" * 32})
    unit_of_work = UnitOfWork(engine, clock, vault, read_catalogue().conflicts, _no_nudge)
    recorders = HttpRecorders(None, None, timedelta(days=1))
    captioners = HttpCaptioners(None, offered=False)
    ports: dict[type, object] = {
        RoomBus: rooms,
        MediaRooms: nodes,
        Recorders: recorders,
        Captioners: captioners,
        IceServers: TURN,
    }
    work = Work(unit_of_work, Ports(ports), clock)
    try:
        async with client_of(
            unit_of_work, OPERATIONS, {HOST: meeting.clinician, PATIENT: meeting.patient}, ports=ports
        ) as client:
            yield DeviceHouse(client, rooms, nodes, work, meeting)
    finally:
        await engine.dispose()


async def _no_nudge(_: Sequence[Event]) -> None:
    """Nobody listens."""


class Camera(VideoStreamTrack):
    """Pictures of one green after the other, as aiortc makes them; counted."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    async def recv(self) -> Any:
        self.sent += 1
        return await super().recv()


class HttpPeer:
    """A WHIP or WHEP client. `frames` counts what was decoded, by the stream it came in."""

    def __init__(self, client: httpx.AsyncClient, endpoint: str, token: str) -> None:
        self._client, self._endpoint, self._token = client, endpoint, token
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames: Counter[str] = Counter()
        self.location = ""
        self._consumers: set[asyncio.Task[None]] = set()
        self.peer.on("track", self._on_track)

    async def send(self) -> httpx.Response:
        """Publish a picture."""
        self.peer.addTransceiver(Camera(), direction="sendonly")
        return await self._exchange()

    async def receive(self, pictures: int = 1) -> httpx.Response:
        """Watch so many pictures."""
        for _ in range(pictures):
            self.peer.addTransceiver("video", direction="recvonly")
        return await self._exchange()

    async def _exchange(self) -> httpx.Response:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        headers = {**bearer(self._token), **SDP}
        answer = await self._client.post(self._endpoint, content=self.peer.localDescription.sdp, headers=headers)
        if answer.status_code == 201:
            self.location = answer.headers["location"]
            await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer.text, type="answer"))
            await connected(self.peer)
        return answer

    async def end(self) -> httpx.Response:
        return await self._client.delete(self.location, headers=bearer(self._token))

    async def sees(self, more: int = 10, *, within: float = PATIENCE) -> bool:
        """Whether so many more frames are decoded in time."""
        wanted = self.frames.total() + more
        for _ in range(int(within / 0.05)):
            if self.frames.total() >= wanted:
                return True
            await asyncio.sleep(0.05)
        return False

    def _on_track(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._consume(track))
        self._consumers.add(task)
        task.add_done_callback(self._consumers.discard)

    async def _consume(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                self.frames[track.id] += 1
        except MediaStreamError:
            return

    async def close(self) -> None:
        await self.peer.close()
        for task in self._consumers:
            task.cancel()


@asynccontextmanager
async def http_peer(client: httpx.AsyncClient, made: Mapping[str, Any]) -> AsyncIterator[HttpPeer]:
    """Whoever holds that credential."""
    path = "/v1/" + made["endpoint"].partition("/v1/")[2]
    peer = HttpPeer(client, path, made["token"])
    try:
        yield peer
    finally:
        await peer.close()

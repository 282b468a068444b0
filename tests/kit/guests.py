"""People in a room of the media node, played by aiortc: one connection up, one down, as a browser has them."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack

from telehealth.core.grants import GrantKind, MediaGrant, MediaSessionId, Place
from telehealth.media.mux import Mux
from telehealth.media.rooms import DEFAULT_ROOM_LIMITS, RoomLimits, Rooms
from telehealth.media.transport import DEFAULT_PATIENCE, Patience
from tests.kit.patience import PATIENCE

ROOM = Place(room="room", epoch=1)


def room_grant(kind: GrantKind, sub: str, *, place: Place = ROOM, session: MediaSessionId | None = None) -> MediaGrant:
    """A grant as the verifier hands it on."""
    return MediaGrant(
        session=session or MediaSessionId(uuid4()),
        kind=kind,
        sub=sub,
        jti=secrets.token_urlsafe(16),
        expires_at=datetime.now(UTC) + timedelta(seconds=60),
        place=place,
    )


@asynccontextmanager
async def open_rooms(
    *hosts: str, limits: RoomLimits = DEFAULT_ROOM_LIMITS, patience: Patience = DEFAULT_PATIENCE
) -> AsyncIterator[Rooms]:
    rooms = Rooms(Mux(hosts or ["127.0.0.1"]), limits=limits, patience=patience)
    try:
        yield rooms
    finally:
        await rooms.shut_down()


class Guest:
    """One participant. `frames` counts what was decoded, by (participant, kind) as the answer names them."""

    def __init__(self, name: str, rooms: Rooms, *, place: Place = ROOM) -> None:
        self.name, self.rooms, self.place = name, rooms, place
        self.up = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.down = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames: Counter[str] = Counter()
        self.up_grant = room_grant(GrantKind.SEND, name, place=place)
        self.down_grant = room_grant(GrantKind.RECEIVE, name, place=place)
        self._consumers: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self.down.on("track", self._on_track)

    async def send(self, *, audio: bool = True, video: bool = False, sound: MediaStreamTrack | None = None) -> str:
        """Connects its sending connection; the answer. `sound` in place of silence."""
        if audio:
            self.up.addTrack(sound or AudioStreamTrack())
        if video:
            self.up.addTrack(VideoStreamTrack())
        await self.up.setLocalDescription(await self.up.createOffer())
        answer = self.rooms.open(self.up_grant, self.up.localDescription.sdp)
        await self.up.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        await connected(self.up)
        return answer

    async def receive(self, *kinds: str) -> str:
        """Connects its receiving connection with a section for each kind; the answer."""
        for kind in kinds:
            self.down.addTransceiver(kind, direction="recvonly")
        await self.down.setLocalDescription(await self.down.createOffer())
        answer = self.rooms.open(self.down_grant, self.down.localDescription.sdp)
        await self.down.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        await connected(self.down)
        return answer

    async def sees(self, kind: str, more: int = 10, *, within: float = PATIENCE) -> bool:
        """Whether so many more frames of that kind are decoded in time."""
        wanted = self.frames[kind] + more
        try:
            async with asyncio.timeout(within):
                while self.frames[kind] < wanted:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _on_track(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._consume(track))
        self._consumers.add(task)
        task.add_done_callback(self._consumers.discard)

    async def _consume(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                self.frames[track.kind] += 1
                self._news.set()
        except MediaStreamError:
            return

    async def close(self) -> None:
        await asyncio.gather(self.up.close(), self.down.close())
        for task in self._consumers:
            task.cancel()


async def connected(peer: RTCPeerConnection) -> None:
    """Waits until that connection is up. AssertionError when it fails."""
    done = asyncio.Event()
    peer.on("connectionstatechange", done.set)
    async with asyncio.timeout(PATIENCE):
        while peer.connectionState != "connected":
            assert peer.connectionState not in ("failed", "closed")
            done.clear()
            await done.wait()


@asynccontextmanager
async def guests(rooms: Rooms, *names: str, place: Place = ROOM) -> AsyncIterator[list[Guest]]:
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            guest = Guest(name, rooms, place=place)
            stack.push_async_callback(guest.close)
            found.append(guest)
        yield found

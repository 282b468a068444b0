"""A call through a media node that is measured while something else happens to the node, and the node's own figures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from telehealth.core.grants import GrantKind, MediaGrant, Place
from tests.kit.guests import room_grant
from tests.kit.lone_peer import LonePeer, lone_peer
from tests.kit.media_process import RunningNode
from tests.kit.offers import audio

FRAME_SECONDS = 0.02
CHECK_EVERY = 200  # frames: a browser that falls silent is dropped after 30 s
OPUS, SSRC = 111, 1001


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds: resident memory in kB, threads, file descriptors."""

    memory: int
    threads: int
    descriptors: int


def footprint(pid: int) -> Footprint:
    """From proc(5)."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Footprint(int(told["VmRSS"].split()[0]), int(told["Threads"]), descriptors)


async def enter(door: httpx.AsyncClient, node: RunningNode, grant: MediaGrant, sdp: str) -> str:
    """The node's answer to that offer. AssertionError when it has none."""
    answer = await door.put(
        f"/sessions/{grant.session}",
        json={"type": "offer", "sdp": sdp},
        headers=node.bearer(grant.session, sub=grant.sub, kind=grant.kind, place=grant.place),
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sdp"])


@asynccontextmanager
async def joined(
    door: httpx.AsyncClient, node: RunningNode, *, room: str, direction: GrantKind, sections: tuple[list[str], ...] = ()
) -> AsyncIterator[LonePeer]:
    """One more connection to that room, up; ended at the end."""
    async with lone_peer(fragment=uuid4().hex[:8]) as peer:
        grant = room_grant(direction, peer.fragment, place=Place(room=room, epoch=1))
        usual = (audio("0", "sendonly" if direction is GrantKind.SEND else "recvonly"),)
        answer = await enter(door, node, grant, peer.offer(*(sections or usual)))
        try:
            assert await peer.accept(answer)
            yield peer
        finally:
            headers = node.bearer(grant.session, sub=grant.sub, kind=direction, place=grant.place)
            await door.delete(f"/sessions/{grant.session}", headers=headers)


class LiveCall:
    """One speaks fifty times a second, the other listens. What is heard was authenticated by the listener."""

    def __init__(self, speaker: LonePeer, listener: LonePeer) -> None:
        self.speaker, self.listener = speaker, listener
        self.sent = 0
        self.longest_gap = 0.0  # seconds in which nothing was heard

    @property
    def heard(self) -> int:
        return len(self.listener.rtp)

    async def go_on(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        due = heard_at = loop.time()
        heard = self.heard
        while True:
            if self.sent % CHECK_EVERY == 0:
                for peer in (self.speaker, self.listener):
                    peer.throw(peer.check_bytes(*peer.theirs))
            payload = b"%08d" % self.sent
            await self.speaker.send_rtp(payload, sequence=self.sent % 65_536, ssrc=SSRC, kind=OPUS)
            self.sent += 1
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))
            if self.heard > heard:
                heard, heard_at = self.heard, loop.time()
            self.longest_gap = max(self.longest_gap, loop.time() - heard_at)


@asynccontextmanager
async def live_call(door: httpx.AsyncClient, node: RunningNode) -> AsyncIterator[LiveCall]:
    """A call that goes on until the end, when all that is on its way has arrived."""
    async with AsyncExitStack() as stack:
        room = uuid4().hex
        speaker = await stack.enter_async_context(joined(door, node, room=room, direction=GrantKind.SEND))
        listener = await stack.enter_async_context(joined(door, node, room=room, direction=GrantKind.RECEIVE))
        call = LiveCall(speaker, listener)
        going_on = asyncio.create_task(call.go_on())
        try:
            assert await listener.hears(lambda: call.heard > 0)
            call.sent = call.heard  # the node's end of DTLS is up a little after ours
            yield call
        finally:
            going_on.cancel()
            with suppress(asyncio.CancelledError):
                await going_on
            await listener.hears(lambda: call.heard >= call.sent, within=10.0)

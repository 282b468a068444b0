"""What ends a call on aiortc as it ships, against calls that are forwarded: with the node's guard and without it."""

import asyncio
import os
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pytest
from pylibsrtp import Error as SrtpError

from telehealth.core.grants import GrantKind
from telehealth.media.mux import MOST_FORGED, Mux
from telehealth.media.rooms import Rooms
from tests.kit.flooder import attribute, client_hello, junk, request
from tests.kit.guests import room_grant
from tests.kit.live_call import joined
from tests.kit.lone_peer import LonePeer, lone_peer
from tests.kit.media_process import RunningNode, running_node
from tests.kit.offers import audio
from tests.kit.open_mux import open_mux, take_the_guard_away
from tests.kit.patience import PATIENCE, until
from tests.kit.webrtc import Stranger, stranger_at

SSRC = 1001
OPUS = 111
BOTH = pytest.mark.parametrize("guarded", [True, False], ids=["guard-on", "guard-off"])


@dataclass(kw_only=True)
class Call:
    """One who speaks, one who listens."""

    rooms: Rooms
    speaker: LonePeer
    listener: LonePeer
    stranger: Stranger
    sequence: int = 0

    async def passes(self, count: int = 5, *, within: float = PATIENCE) -> bool:
        """Whether all of so many packets arrive."""
        wanted = len(self.listener.rtp) + count
        for _ in range(count):
            self.sequence += 1
            await self.speaker.send_rtp(b"opus", sequence=self.sequence, ssrc=SSRC, kind=OPUS)
            await asyncio.sleep(0.005)
        return await self.listener.hears(lambda: len(self.listener.rtp) >= wanted, within=within)


@asynccontextmanager
async def call(*, guarded: bool = True) -> AsyncIterator[Call]:
    async with AsyncExitStack() as stack:
        mux = Mux(["127.0.0.1"])
        rooms = Rooms(mux)
        stack.push_async_callback(rooms.shut_down)
        speaker = await stack.enter_async_context(lone_peer(fragment="speaker"))
        listener = await stack.enter_async_context(lone_peer(fragment="listener"))
        stranger = stack.enter_context(stranger_at((mux.wires[0].host, mux.wires[0].port)))
        assert await speaker.accept(rooms.open(room_grant(GrantKind.SEND, "ann"), speaker.offer(audio("0"))))
        offer = listener.offer(audio("0", "recvonly"))
        assert await listener.accept(rooms.open(room_grant(GrantKind.RECEIVE, "bob"), offer))
        found = Call(rooms=rooms, speaker=speaker, listener=listener, stranger=stranger)
        while not await found.passes(1, within=0.2):  # the node's end of DTLS is up a little after ours
            pass
        assert await found.passes()
        if not guarded:  # not before, or one's handshake, sent again, would reach the other's
            take_the_guard_away(mux)
        yield found


@BOTH
async def test_an_empty_datagram_from_anyone(guarded: bool, escaped: list[str]) -> None:
    async with call(guarded=guarded) as live:
        live.stranger.send(b"")
        await asyncio.sleep(0.05)
        assert await live.passes(within=PATIENCE if guarded else 0.3) is guarded


@BOTH
async def test_a_strangers_client_hello_during_set_up(guarded: bool, escaped: list[str]) -> None:
    mux = Mux(["127.0.0.1"]) if guarded else open_mux(["127.0.0.1"])
    rooms = Rooms(mux)
    hello = client_hello()
    async with lone_peer(fragment="speaker") as speaker:
        with stranger_at((mux.wires[0].host, mux.wires[0].port)) as stranger:
            answer = rooms.open(room_grant(GrantKind.SEND, "ann"), speaker.offer(audio("0")))
            for _ in range(3):
                stranger.send(hello)
            await asyncio.sleep(0.02)
            try:
                async with asyncio.timeout(PATIENCE if guarded else 3):
                    assert await speaker.accept(answer) is guarded
            except TimeoutError:
                assert not guarded
    await rooms.shut_down()


@BOTH
async def test_malformed_stun_from_anyone(guarded: bool, escaped: list[str]) -> None:
    async with call(guarded=guarded) as live:
        for datagram in (request(attribute(0x0024, b"xx")), request(attribute(0x8028, b"x"))):
            live.stranger.send(datagram)
        if not guarded:
            await until(lambda: escaped)
        assert await live.passes()
        assert (escaped == []) is guarded
        assert live.stranger.heard() is None


def rtp(*, first: int = 0x80, body: bytes = b"", ssrc: int = SSRC, kind: int = OPUS) -> bytes:
    return struct.pack("!BBHLL", first, kind, 60_000, 1, ssrc) + body


# What libsrtp itself will not seal, because its header does not fit, cannot come from a participant either.
MALFORMED = {
    "element over the end": rtp(first=0x90, body=struct.pack("!HH", 0xBEDE, 1) + bytes([0x3F, 0, 0, 0])),
    "padding longer than the packet": rtp(first=0xA0, body=b"\xff"),
    "of an unknown type": rtp(kind=5, body=b"x"),
    "of an unknown source": rtp(ssrc=7, body=b"x"),
    "sender report cut": struct.pack("!BBHL", 0x80, 200, 1, SSRC),
    "feedback that counts more than it has": struct.pack("!BBHLL", 0x8F, 206, 4, 1, 0) + b"REMB" + bytes([9, 0, 0, 1]),
    "nack of nothing": struct.pack("!BBHLL", 0x81, 205, 2, 1, 2),
    "description without an end": struct.pack("!BBHL", 0x81, 202, 2, 1) + b"\x01\xffab",
    "length over the end": struct.pack("!BBHL", 0x80, 201, 900, 1),
}


@pytest.mark.parametrize("datagram", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_packet_of_a_participant(datagram: bytes, escaped: list[str]) -> None:
    async with call() as live:
        for peer in (live.speaker, live.listener):
            await peer.dtls._send_rtp(datagram)
        await asyncio.sleep(0.02)
        assert await live.passes()
        assert live.rooms.stats().endings == {}
    assert escaped == []


async def test_every_random_packet_of_a_participant(escaped: list[str]) -> None:
    """Sealed with the right keys, so that it reaches the parsers."""
    async with call() as live:
        sealed = 0
        for number in range(400):
            head = bytes([0x80 | number % 64, 200 + number % 8 if number % 2 else OPUS])
            body = os.urandom(6) + struct.pack("!L", SSRC) + os.urandom(number % 90)
            for peer in (live.speaker, live.listener):
                with suppress(SrtpError):  # it does not seal a header that does not fit
                    await peer.dtls._send_rtp(head + body)
                    sealed += 1
            if number % 20 == 0:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        assert sealed > 400
        assert live.rooms.stats().endings == {}
        assert await live.speaker.checks()
    assert escaped == []


async def test_forged_checks_cost_so_many_readings_a_second(escaped: list[str]) -> None:
    async with call() as live:
        fragment = live.speaker.theirs[0]
        forged = live.speaker.check_bytes(fragment, "x" * 32)
        loop = asyncio.get_running_loop()
        begun, drops = loop.time(), live.rooms.stats().drops
        while drops.get("over_budget", 0) < MOST_FORGED * 4:
            for _ in range(MOST_FORGED):
                live.stranger.send(forged)
            await asyncio.sleep(0.002)
            drops = live.rooms.stats().drops
        seconds = int(loop.time() - begun) + 1
        assert drops["stun_unauthenticated"] <= MOST_FORGED * (seconds + 1)  # the second may end in between
        assert await live.speaker.checks()
        assert await live.passes()
        assert live.stranger.heard() is None


@dataclass(kw_only=True)
class Outcome:
    """How a node fared in a flood: calls that came up, packets of each that arrived, and what the node wrote."""

    up: int
    arrived: list[int]
    drops: dict[str, int]
    log: str
    seconds: float

    def is_calm(self, least: int) -> bool:
        """6 of 6 calls came up and stayed, so many packets of each arrived, and nothing went unhandled."""
        stayed = self.up == CALLS and min(self.arrived) >= least
        return stayed and "Traceback" not in self.log and "xception" not in self.log


CALLS, PACKETS = 6, 100
FLOOD = ("3000", "600")  # a second, seconds


async def flooded(module: str, log: IO[str], *, within: float) -> Outcome:
    """Six calls are made while a stranger is at it, each in so many seconds, and speak for two."""
    begun = asyncio.get_running_loop().time()
    with running_node(module=module, log=log) as node:
        async with AsyncExitStack() as stack:
            door = await stack.enter_async_context(httpx.AsyncClient(base_url=node.url, timeout=PATIENCE))
            probe = await stack.enter_async_context(joined(door, node, room="probe", direction=GrantKind.SEND))
            async with stranger(*probe.to):
                rooms = (f"room{number}" for number in range(CALLS))
                pairs = await asyncio.gather(*(pair(stack, door, node, each, within=within) for each in rooms))
                up = [found for found in pairs if found is not None]
                for sequence in range(PACKETS):
                    for speaker, _ in up:
                        await speaker.send_rtp(b"o" * 80, sequence=sequence, ssrc=SSRC, kind=OPUS)
                    await asyncio.sleep(0.02)
                with suppress(AssertionError):  # what is missing then is lost
                    await until(lambda: all(len(listener.rtp) >= PACKETS for _, listener in up), within=5)
                arrived = [len(listener.rtp) for _, listener in up]
                drops = (await door.get("/stats")).json()["drops"]
    log.seek(0)
    seconds = asyncio.get_running_loop().time() - begun
    return Outcome(up=len(up), arrived=arrived, drops=drops, log=log.read(), seconds=seconds)


@asynccontextmanager
async def stranger(host: str, port: int) -> AsyncIterator[None]:
    """At it from before the body until after it."""
    flood = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.kit.flooder", host, str(port), *FLOOD)
    try:
        await asyncio.sleep(1.5)
        yield
        assert flood.returncode is None
    finally:
        with suppress(ProcessLookupError):
            flood.kill()
        await flood.wait()


async def pair(
    stack: AsyncExitStack, door: httpx.AsyncClient, node: RunningNode, room: str, *, within: float
) -> tuple[LonePeer, LonePeer] | None:
    """One who speaks and one who listens, in a room of theirs; None when they do not get through in time."""
    try:
        async with asyncio.timeout(within):
            speaker = await stack.enter_async_context(joined(door, node, room=room, direction=GrantKind.SEND))
            listener = await stack.enter_async_context(joined(door, node, room=room, direction=GrantKind.RECEIVE))
    except (TimeoutError, AssertionError, ConnectionError):
        return None
    return speaker, listener


FEW = pytest.param(PACKETS // 4, id="most-arrive")
ALL = pytest.param(PACKETS * 49 // 50, id="49-of-50-arrive", marks=pytest.mark.soak)  # on a machine of one's own


@pytest.mark.parametrize("least", [FEW, ALL])
async def test_six_calls_connect_and_stay_in_a_flood(tmp_path: Path, least: int) -> None:
    """3,000 datagrams a second of everything; at most one line a second is written of it."""
    with (tmp_path / "log").open("w+") as log:
        found = await flooded("telehealth.media", log, within=PATIENCE)
    assert found.is_calm(least), found
    assert sum(found.drops.values()) > 600
    assert set(found.drops) <= {
        "empty", "stranger", "unknown_protocol", "stun_malformed", "stun_unauthenticated"
    }  # fmt: skip
    assert 1 <= sum("dropped" in line for line in found.log.splitlines()) <= found.seconds + 1


async def test_the_same_flood_without_the_guard(tmp_path: Path) -> None:
    """Sabotage: of six calls none or one comes up and loses half, and hundreds of exceptions go unhandled."""
    with (tmp_path / "log").open("w+") as log:
        found = await flooded("tests.kit.open_node", log, within=5)
    assert not found.is_calm(PACKETS // 4)
    assert found.up < CALLS
    assert found.log.count("Traceback") > 100


def test_the_junk_is_of_every_kind() -> None:
    assert {thing[0] if thing else -1 for thing in junk()} >= {-1, 0x00, 0x16, 0x40, 0x80}

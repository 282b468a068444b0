"""What ends a call on aiortc as it ships, against a check, once with the guard and once without: each line must tell
the two apart.
"""

import asyncio
import gc
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from telehealth.core.grants import MediaGrant
from telehealth.media.drops import Drop
from telehealth.media.mux import Mux
from telehealth.media.node import MediaNode
from telehealth.media.transport import MOST_STREAMS
from tests.kit.open_mux import open_mux
from tests.kit.patience import PATIENCE, until
from tests.kit.webrtc import Caller, Stranger, address_in, calling, media_grant, sctp_with_two_inits, stranger_at

MuxOf = Callable[[list[str]], Mux]
BOTH = pytest.mark.parametrize(("mux_of", "guarded"), [(Mux, True), (open_mux, False)], ids=["guard-on", "guard-off"])


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A check that is up, a stranger who knows its address, and the node's view of it."""

    mux: Mux
    node: MediaNode
    grant: MediaGrant
    caller: Caller
    stranger: Stranger

    async def lives(self, within: float = PATIENCE) -> bool:
        return await self.caller.probe(within=within) > 0


@asynccontextmanager
async def scene(mux_of: MuxOf = Mux, *, audio: bool = False) -> AsyncIterator[Scene]:
    mux, grant = mux_of(["127.0.0.1"]), media_grant()
    node = MediaNode(mux)
    async with calling(audio=audio) as caller:
        try:
            answer = node.open(grant, await caller.offer())
            assert await caller.accept(answer)
            with stranger_at(address_in(answer)) as stranger:
                found = Scene(mux=mux, node=node, grant=grant, caller=caller, stranger=stranger)
                assert await found.lives()
                yield found
        finally:
            await node.shut_down()
            mux.close()


@BOTH
async def test_an_empty_datagram_from_anyone(mux_of: MuxOf, guarded: bool, escaped: list[str]) -> None:
    async with scene(mux_of) as call:
        call.stranger.send(b"")
        assert await call.lives(PATIENCE if guarded else 0.4) is guarded
        assert call.mux.drops[Drop.EMPTY] == guarded


def rtp_with_bad_extension() -> bytes:
    """Audio level (RFC 6464) of two bytes where one belongs, in well-formed RFC 8285 framing; id 2 in the answer."""
    header = struct.pack("!BBHLL", 0x90, 96, 1, 1, 0x1234)
    return header + struct.pack("!HH", 0xBEDE, 1) + bytes([2 << 4 | 1, 0, 0, 0]) + b"opus"


def rtcp_with_short_remb() -> bytes:
    """A REMB that counts five sources and holds none."""
    body = struct.pack("!LL", 1, 0) + b"REMB" + bytes([5, 0, 0, 1])
    return struct.pack("!BBH", 0x80 | 15, 206, len(body) // 4) + body


async def send_bad_rtp(caller: Caller) -> None:
    await caller.dtls._send_rtp(rtp_with_bad_extension())


async def send_bad_rtcp(caller: Caller) -> None:
    await caller.dtls._send_rtp(rtcp_with_short_remb())


async def send_bad_sctp(caller: Caller) -> None:
    await caller.dtls._send_data(sctp_with_two_inits())


@pytest.mark.parametrize("send", [send_bad_rtp, send_bad_rtcp, send_bad_sctp])
async def test_a_malformed_packet_of_the_peer(send: Callable[[Caller], Awaitable[None]], escaped: list[str]) -> None:
    async with scene(audio=True) as call:
        await send(call.caller)
        await asyncio.sleep(0.1)
        assert await call.lives()
    gc.collect()
    assert escaped == []


async def test_a_flood_of_everything_from_a_stranger(escaped: list[str]) -> None:
    async with scene() as call:
        for first in range(256):
            call.stranger.send(bytes([first]) + b"\xfe\xfd" + bytes(40))
            if first % 32 == 0:
                await asyncio.sleep(0)
        await until(lambda: sum(call.mux.drops.values()) == 256)
        assert await call.lives()
        assert sum(call.mux.drops.values()) == 256
        assert call.stranger.heard() is None
    gc.collect()
    assert escaped == []


async def test_more_streams_than_a_person_has(escaped: list[str]) -> None:
    async with scene(audio=True) as call:
        for ssrc in range(MOST_STREAMS * 2):
            await call.caller.dtls._send_rtp(struct.pack("!BBHLL", 0x80, 96, 1, 1, ssrc) + b"opus")
        await until(lambda: call.mux.drops[Drop.TOO_MANY_STREAMS] >= MOST_STREAMS)
        assert await call.lives()

"""What ends a call on aiortc as it ships, once with the guard and once without: each line must tell the two apart."""

import asyncio
import gc
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aioice import stun
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTP_PROFILES
from OpenSSL import SSL

from telehealth.core.grants import MediaGrant
from telehealth.media.echo import Protection
from telehealth.media.guard import protect
from telehealth.media.node import MediaNode
from tests.kit.webrtc import (
    Caller,
    Stranger,
    address_in,
    calling,
    media_grant,
    open_door,
    sctp_with_two_inits,
    stranger_at,
)

BOTH = pytest.mark.parametrize(
    ("protection", "guarded"), [(protect, True), (open_door, False)], ids=["guard-on", "guard-off"]
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A call that is up, a stranger who knows its address, and the node's view of it."""

    node: MediaNode
    grant: MediaGrant
    caller: Caller
    stranger: Stranger

    def drops(self, reason: str) -> int:
        return self.node.view(self.grant).drops.get(reason, 0)

    async def lives(self) -> bool:
        return await self.caller.probe(within=0.4) > 0


@asynccontextmanager
async def scene(protection: Protection, *, audio: bool = False) -> AsyncIterator[Scene]:
    node, grant = MediaNode("127.0.0.1", protection=protection), media_grant()
    async with calling(audio=audio) as caller:
        try:
            answer = await node.open(grant, await caller.offer())
            assert await caller.accept(answer)
            with stranger_at(address_in(answer)) as stranger:
                found = Scene(node=node, grant=grant, caller=caller, stranger=stranger)
                assert await found.lives()
                yield found
        finally:
            await node.shut_down()


@BOTH
async def test_an_empty_datagram_from_anyone(protection: Protection, guarded: bool, escaped: list[str]) -> None:
    async with scene(protection) as call:
        call.stranger.send(b"")
        await asyncio.sleep(0.05)
        assert await call.lives() is guarded
        assert call.drops("empty") == guarded


def client_hello() -> bytes:
    """The first flight of a DTLS client that is nobody in this call."""
    context = RTCCertificate.generateCertificate()._create_ssl_context(srtp_profiles=SRTP_PROFILES)
    connection = SSL.Connection(context)
    connection.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        connection.do_handshake()
    return connection.bio_read(1500)


@BOTH
async def test_a_strangers_client_hello_during_set_up(
    protection: Protection, guarded: bool, escaped: list[str]
) -> None:
    node, grant = MediaNode("127.0.0.1", protection=protection), media_grant()
    async with calling() as caller:
        answer = await node.open(grant, await caller.offer())
        with stranger_at(address_in(answer)) as stranger:
            flood = asyncio.create_task(repeat(stranger, client_hello()))
            assert await caller.accept(answer, within=2) is guarded
            flood.cancel()
        assert (node.view(grant).drops.get("stranger", 0) > 0) is guarded
        await node.shut_down()


async def repeat(stranger: Stranger, datagram: bytes) -> None:
    while True:
        stranger.send(datagram)
        await asyncio.sleep(0.005)


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


@BOTH
@pytest.mark.parametrize(
    "attack",
    [(send_bad_rtp, "rtp_malformed"), (send_bad_rtcp, "unhandled"), (send_bad_sctp, "sctp_malformed")],
    ids=["rtp-extension", "rtcp-remb", "sctp-two-inits"],
)
async def test_a_malformed_packet_of_the_peer(
    protection: Protection,
    guarded: bool,
    attack: tuple[Callable[[Caller], Awaitable[None]], str],
    escaped: list[str],
) -> None:
    send, reason = attack
    async with scene(protection, audio=True) as call:
        await send(call.caller)
        await asyncio.sleep(0.1)
        assert await call.lives() is guarded
        assert call.drops(reason) == guarded


def stun_request(*attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI12s", 1, len(body), stun.COOKIE, b"twelve bytes") + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


MALFORMED_STUN = [
    stun_request(attribute(0x0024, b"xx")),  # PRIORITY of two bytes
    stun_request(attribute(0x8028, b"x")),  # FINGERPRINT of one byte
    stun_request(attribute(0x8029, b"1234")),  # ICE-CONTROLLED of four bytes
]


@BOTH
async def test_malformed_stun_from_anyone(protection: Protection, guarded: bool, escaped: list[str]) -> None:
    async with scene(protection) as call:
        for datagram in MALFORMED_STUN:
            call.stranger.send(datagram)
        await asyncio.sleep(0.05)
        assert (len(escaped) == 0) is guarded
        assert call.drops("stun_malformed") == len(MALFORMED_STUN) * guarded
        assert await call.lives()


@BOTH
async def test_a_request_without_password_is_not_answered(
    protection: Protection, guarded: bool, escaped: list[str]
) -> None:
    async with scene(protection) as call:
        call.stranger.send(stun_request(attribute(0x0024, b"1234")))
        await asyncio.sleep(0.05)
        assert (call.stranger.heard() is None) is guarded
        assert call.drops("stun_unauthenticated") == guarded


async def test_a_flood_of_everything_from_a_stranger(escaped: list[str]) -> None:
    async with scene(protect) as call:
        for first in range(256):
            call.stranger.send(bytes([first]) + b"\xfe\xfd" + bytes(40))
            if first % 32 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        assert await call.lives()
        assert sum(call.node.view(call.grant).drops.values()) == 256
    gc.collect()
    assert escaped == []


async def test_more_streams_than_a_person_has(escaped: list[str]) -> None:
    async with scene(protect, audio=True) as call:
        for ssrc in range(100):
            await call.caller.dtls._send_rtp(struct.pack("!BBHLL", 0x80, 96, 1, 1, ssrc) + b"opus")
        for _ in range(40):
            await asyncio.sleep(0.05)
            if call.drops("too_many_streams") >= 96:
                break
        assert call.drops("too_many_streams") >= 96
        assert await call.lives()

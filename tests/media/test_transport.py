"""One connection through the one socket of a node, with a peer that makes its checks by hand."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from aiortc import RTCCertificate

from telehealth.media.drops import Drop
from telehealth.media.mux import Allowance, Mux
from telehealth.media.secure import Packet
from telehealth.media.transport import (
    DEFAULT_PATIENCE,
    MOST_PATHS,
    MOST_STREAMS,
    Ending,
    Patience,
    Transport,
)
from tests.kit.lone_peer import LonePeer, lone_peer
from tests.kit.patience import PATIENCE, until, until_it

HOSTS = ["127.0.0.1", "::1"]
CERTIFICATE = RTCCertificate.generateCertificate()


@dataclass
class Told:
    """A handler that keeps what it is told."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ending: Ending | None = None
    packets: list[bytes] = field(default_factory=list)
    control: list[bytes] = field(default_factory=list)
    channels: list[Any] = field(default_factory=list)

    def opened(self) -> None:
        self.ready.set()

    def closed(self, ending: Ending) -> None:
        self.ending = ending
        self.over.set()

    def rtp(self, packet: Packet, length: int, now: float) -> None:  # noqa: ARG002
        self.packets.append(bytes(packet.view[:length]))

    def rtcp(self, data: bytes) -> None:
        self.control.append(data)

    def channel(self, channel: Any) -> None:
        self.channels.append(channel)


@dataclass(kw_only=True)
class Scene:
    mux: Mux
    transport: Transport
    told: Told
    peer: LonePeer


@asynccontextmanager
async def socket_of_a_node() -> AsyncIterator[Mux]:
    mux = Mux(HOSTS)
    try:
        yield mux
    finally:
        mux.close()


@asynccontextmanager
async def connected(
    host: str = "127.0.0.1",
    *,
    patience: Patience = DEFAULT_PATIENCE,
    shared: Mux | None = None,
    fragment: str = "browser",
) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        mux = shared if shared is not None else await stack.enter_async_context(socket_of_a_node())
        peer = await stack.enter_async_context(lone_peer(host, fragment=fragment))
        told = Told()
        transport = Transport(mux, told, certificate=CERTIFICATE, remote=peer.remote, patience=patience)
        stack.push_async_callback(transport.close)
        transport.start()
        await peer.connect(transport, mux)
        async with asyncio.timeout(PATIENCE):
            await told.ready.wait()
        yield Scene(mux=mux, transport=transport, told=told, peer=peer)


async def arrives(call: Scene, payload: bytes, sequence: int) -> bool:
    """A packet of the peer comes out at the handler."""
    before = len(call.told.packets)
    await call.peer.send_rtp(payload, sequence=sequence)
    await until(lambda: len(call.told.packets) > before)
    return call.told.packets[-1].endswith(payload)


async def is_lost(call: Scene, payload: bytes, sequence: int) -> bool:
    """None comes out, for a while."""
    before = len(call.told.packets)
    await call.peer.send_rtp(payload, sequence=sequence)
    await asyncio.sleep(0.25)
    return len(call.told.packets) == before


def send(call: Scene, payload: bytes, sequence: int) -> bool:
    data = struct.pack("!BBHLL", 0x80, 96, sequence, 0, 0x99) + payload
    outbox = call.mux.outbox
    outbox.buffer[outbox.free : outbox.free + len(data)] = data
    return call.transport.send_rtp(len(data))


@pytest.mark.parametrize("host", HOSTS)
async def test_media_goes_both_ways(host: str) -> None:
    async with connected(host) as call:
        assert (call.transport.state, call.transport.suite) == ("connected", "SRTP_AEAD_AES_128_GCM")
        assert await arrives(call, b"opus", 1)
        assert send(call, b"back", 7)
        assert await call.peer.hears(lambda: call.peer.rtp)
        assert call.peer.rtp[0][12:] == b"back"
        await call.peer.send_rtcp(struct.pack("!BBHL", 0x80, 201, 1, 5))
        assert call.transport.send_rtcp(struct.pack("!BBHL", 0x80, 201, 1, 6))
        assert await call.peer.hears(lambda: call.peer.rtcp)
        assert call.peer.rtcp == [struct.pack("!BBHL", 0x80, 201, 1, 6)]
        assert call.told.control == [struct.pack("!BBHL", 0x80, 201, 1, 5)]
        assert call.mux.drops == {}


async def test_both_families_share_one_port() -> None:
    async with socket_of_a_node() as mux:
        assert [wire.host for wire in mux.wires] == HOSTS
        assert len({wire.port for wire in mux.wires}) == 1


async def test_a_check_tells_the_browser_its_address() -> None:
    async with connected() as call:
        assert call.peer.answers[-1].attributes["XOR-MAPPED-ADDRESS"] == call.peer.address


async def test_another_address_by_a_check_and_by_nothing_else() -> None:
    async with connected() as call:
        assert await arrives(call, b"here", 1)
        before = call.transport.path
        call.peer.move()
        assert await is_lost(call, b"moved, not checked", 2)
        await until(lambda: call.mux.drops == {Drop.STRANGER: 1})
        assert call.transport.path == before
        assert await call.peer.check(call.transport)
        assert call.transport.path is not None
        assert call.transport.path.address == call.peer.address
        assert call.transport.moves == 1
        assert await arrives(call, b"moved", 3)
        assert send(call, b"follows", 8)
        assert await call.peer.hears(lambda: call.peer.rtp)


async def test_a_check_that_does_not_nominate_changes_nothing_but_what_is_heard() -> None:
    async with connected() as call:
        before = call.transport.path
        call.peer.move()
        assert await call.peer.check(call.transport, nominate=False)
        assert call.transport.path == before
        assert await arrives(call, b"heard", 1)


async def test_an_ice_restart_keeps_the_association() -> None:
    async with connected() as call:
        old = call.transport.fragment, call.transport.pwd
        call.peer.fragment = "afresh"
        call.transport.restart("afresh")
        assert (call.transport.fragment, call.transport.pwd) != old
        assert await arrives(call, b"meanwhile", 1)
        call.peer.move()
        assert await call.peer.check(call.transport)
        assert await arrives(call, b"after", 2)
        assert call.told.ending is None
        count = len(call.peer.answers)
        call.peer.fragment = "browser"
        call.peer.throw(call.peer.check_bytes(*old))
        await until(lambda: call.mux.drops[Drop.STUN_UNAUTHENTICATED] == 1)
        await asyncio.sleep(0.05)
        assert len(call.peer.answers) == count


async def test_restarts_without_an_end_keep_what_works_and_the_last_two() -> None:
    async with connected() as call:
        works = call.transport.fragment, call.transport.pwd
        for turn in range(20):
            call.transport.restart(f"afresh{turn}")
        assert len(call.mux._fragments) == 3
        count = len(call.peer.answers)
        call.peer.throw(call.peer.check_bytes(*works))
        await until(lambda: len(call.peer.answers) > count)
    assert call.mux._fragments == {}


async def test_silence_ends_it() -> None:
    async with connected(patience=Patience(consent=0.3)) as call:
        async with asyncio.timeout(PATIENCE):
            await call.told.over.wait()
        assert call.told.ending is Ending.SILENCE
        assert call.transport.state == "closed"
        assert await is_lost(call, b"late", 1)
        assert not send(call, b"late", 1)


async def test_checks_keep_it_alive() -> None:
    assert await lasts(0.5) or await lasts(3) or await lasts(10)  # a busy machine may be late with a check


async def lasts(consent: float) -> bool:
    """Whether a connection that is checked outlives that many seconds of consent, twice."""
    loop = asyncio.get_running_loop()
    async with connected(patience=Patience(consent=consent)) as call:
        end = loop.time() + 2 * consent
        while loop.time() < end:
            if not await call.peer.check(call.transport, within=consent):
                return False
            await asyncio.sleep(consent / 8)
        return call.told.ending is None


async def test_a_browser_that_leaves() -> None:
    async with connected() as call:
        await call.peer.dtls.stop()
        async with asyncio.timeout(PATIENCE):
            await call.told.over.wait()
        assert call.told.ending is Ending.HUNG_UP
        assert all(wire.owners == {} for wire in call.mux.wires)


async def test_nobody_comes() -> None:
    async with socket_of_a_node() as mux, lone_peer() as peer:
        told = Told()
        transport = Transport(mux, told, certificate=CERTIFICATE, remote=peer.remote, patience=Patience(setup=0.1))
        transport.start()
        async with asyncio.timeout(PATIENCE):
            await told.over.wait()
        assert told.ending is Ending.NOBODY_CAME
        assert mux._fragments == {}


async def test_another_certificate_is_not_let_in() -> None:
    async with socket_of_a_node() as mux, lone_peer() as peer, lone_peer() as other:
        told = Told()
        transport = Transport(mux, told, certificate=CERTIFICATE, remote=other.remote)
        transport.start()
        await peer.connect(transport, mux)
        async with asyncio.timeout(PATIENCE):
            await told.over.wait()
        assert told.ending is Ending.NOT_SECURE
        assert not told.ready.is_set()


async def test_the_address_of_a_live_call_cannot_be_taken_with_other_credentials() -> None:
    async with connected() as call, lone_peer(fragment="insider") as insider:
        told = Told()
        theirs = Transport(call.mux, told, certificate=CERTIFICATE, remote=insider.remote)
        call.peer.throw(insider.check_bytes(theirs.fragment, theirs.pwd))  # from the victim's address
        assert await arrives(call, b"still here", 1)
        assert call.mux.drops == {Drop.ADDRESS_TAKEN: 1}
        await theirs.close()


async def test_the_address_of_a_silent_call_can() -> None:
    async with connected(patience=Patience(displace=0)) as call, lone_peer(fragment="next") as other:
        theirs = Transport(call.mux, Told(), certificate=CERTIFICATE, remote=other.remote)
        call.peer.throw(other.check_bytes(theirs.fragment, theirs.pwd))
        await until(lambda: theirs.path is not None)
        await theirs.close()


async def test_a_browser_that_roams_keeps_only_so_many_addresses() -> None:
    async with connected() as call:
        for _ in range(MOST_PATHS * 2):
            call.peer.move()
            assert await call.peer.check(call.transport)
        assert sum(len(wire.owners) for wire in call.mux.wires) == MOST_PATHS
        assert await arrives(call, b"at last", 1)


async def test_more_streams_than_a_browser_has() -> None:
    async with connected() as call:
        for ssrc in range(MOST_STREAMS * 2):
            await call.peer.send_rtp(b"x", ssrc=ssrc)
        await until(lambda: call.mux.drops == {Drop.TOO_MANY_STREAMS: MOST_STREAMS})
        assert len(call.told.packets) == MOST_STREAMS
        assert await is_lost(call, b"known", 2)
        await call.peer.send_rtp(b"known", sequence=2, ssrc=0)
        await until(lambda: len(call.told.packets) == MOST_STREAMS + 1)


async def test_a_replay_is_refused() -> None:
    async with connected() as call:
        sealed = call.peer.dtls._tx_srtp.protect(struct.pack("!BBHLL", 0x80, 96, 9, 0, 5) + b"once")
        for _ in range(3):
            call.peer.throw(sealed)
        await until(lambda: call.mux.drops == {Drop.SRTP_REFUSED: 2})
        assert len(call.told.packets) == 1


async def test_connections_leave_nothing(escaped: list[str]) -> None:
    async with socket_of_a_node() as mux:
        tasks = len(asyncio.all_tasks())
        for _ in range(5):
            async with connected(shared=mux) as call:
                assert await arrives(call, b"x", 1)
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        assert mux._fragments == {}
        assert all(wire.owners == {} for wire in mux.wires)
    assert escaped == []


async def test_a_browser_that_sends_without_end() -> None:
    async with connected() as call:
        call.transport._packets = Allowance(50)  # a busy machine does not make its thousands in a second
        sequences = count()

        async def sends_more() -> bool:
            for _ in range(200):
                await call.peer.send_rtp(b"x", sequence=next(sequences))
            return call.mux.drops[Drop.OVER_BUDGET] > 0

        await until_it(sends_more)

        async def goes_on() -> bool:
            return not await is_lost(call, b"again", next(sequences))

        await until_it(goes_on)  # in one of the next seconds
        assert call.told.packets[-1].endswith(b"again")

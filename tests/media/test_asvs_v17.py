"""OWASP ASVS 5.0, V17 WebRTC: TURN (17.1) and media (17.2), item by item. Signalling (17.3) is in tests/video."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from aioice import stun, turn
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from OpenSSL import SSL

from telehealth.core.grants import GrantKind
from telehealth.media.rooms import Rooms
from telehealth.media.transport import MOST_PACKETS, Ending
from telehealth.video.ports import IceServers
from telehealth.video.turn import ice_servers
from tests.kit.coturn import SECRET, running_coturn
from tests.kit.flooder import client_hello
from tests.kit.guests import open_rooms, room_grant
from tests.kit.live_call import joined, live_call
from tests.kit.lone_peer import LonePeer, lone_peer
from tests.kit.media_process import RunningNode, running_node
from tests.kit.offers import audio
from tests.kit.patience import PATIENCE, until
from tests.kit.webrtc import stranger_at

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "coturn.conf"
# One of each range of the IANA registries of special-purpose addresses (RFC 6890 and after), and of multicast.
SPECIAL = """
0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.31.0.1 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1
198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 ::1 ::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::a00:1 64:ff9b:1::1
100::1 2001::1 2001:db8::1 2002:a00:1:: fc00::1 fd12::1 fe80::1 ff02::1
"""
PUBLIC = "1.1.1.1 9.9.9.9 192.1.2.3 2606:4700:4700::1111 2a00:1450:4001::1"


def denied(address: str) -> bool:
    """By deploy/coturn.conf."""
    found: IPv4Address | IPv6Address = ip_address(address)
    ranges = re.findall(r"^denied-peer-ip=([^-\n]+)-(\S+)$", CONFIG.read_text(), re.MULTILINE)
    return any(
        first.version == last.version == found.version and int(first) <= int(found) <= int(last)
        for first, last in ((ip_address(each), ip_address(other)) for each, other in ranges)
    )


async def allocates(port: int, urls: tuple[str, ...]) -> turn.TurnClientUdpProtocol:
    """An allocation of the one participant. Raises TransactionFailed."""
    (server,) = ice_servers(IceServers(urls, SECRET), UUID(int=7), datetime.now(UTC))
    _, client = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: turn.TurnClientUdpProtocol(
            ("127.0.0.1", port),
            username=server.username,
            password=server.credential,
            lifetime=600,
            channel_refresh_time=500,
        ),
        remote_addr=("127.0.0.1", port),
    )
    try:
        await client.connect()
    except stun.TransactionFailed:
        client.transport.close()
        raise
    return client


@pytest.mark.relay
async def test_17_1_1_the_relay_reaches_no_special_address() -> None:
    assert [each for each in SPECIAL.split() if not denied(each)] == []
    assert [each for each in PUBLIC.split() if denied(each)] == []
    with running_coturn(CONFIG) as coturn:
        client = await allocates(coturn.port, coturn.urls)
        told = []
        for address in ("10.1.2.3", "127.0.0.1", "169.254.169.254"):
            request = stun.Message(message_method=stun.Method.CREATE_PERMISSION, message_class=stun.Class.REQUEST)
            request.attributes["XOR-PEER-ADDRESS"] = (address, 80)
            with pytest.raises(stun.TransactionFailed) as refused:
                await client.request_with_retry(request)
            told.append(refused.value.response.attributes["ERROR-CODE"][0])
        await client.delete()
    assert told == [403, 403, 403]


@pytest.mark.relay
async def test_17_1_2_one_participant_opens_so_many_ports_and_no_more() -> None:
    [quota] = map(int, re.findall(r"^user-quota=(\d+)$", CONFIG.read_text(), re.MULTILINE))
    with running_coturn(CONFIG) as coturn:
        held = [await allocates(coturn.port, coturn.urls) for _ in range(quota)]
        with pytest.raises(stun.TransactionFailed, match="486"):
            await allocates(coturn.port, coturn.urls)
        for client in held:
            await client.delete()
            client.transport.close()


@pytest.fixture
async def rooms() -> AsyncIterator[Rooms]:
    async with open_rooms() as opened:
        yield opened


def address(rooms: Rooms) -> tuple[str, int]:
    wire = rooms._mux.wires[0]
    return wire.host, wire.port


async def enter(
    rooms: Rooms, peer: LonePeer, direction: GrantKind = GrantKind.SEND, *, within: float = PATIENCE
) -> bool:
    """Whether the connection of that peer came up."""
    way = "sendonly" if direction is GrantKind.SEND else "recvonly"
    answer = rooms.open(room_grant(direction, peer.fragment), peer.offer(audio("0", way)))
    try:
        async with asyncio.timeout(within):
            return await peer.accept(answer)
    except TimeoutError:
        return False


class Pair:
    """One who speaks and one who listens."""

    def __init__(self, speaker: LonePeer, listener: LonePeer) -> None:
        self.speaker, self.listener, self.number = speaker, listener, 0

    async def passes(self, within: float = PATIENCE) -> bool:
        """Whether a packet of the speaker's arrives, of some that are sent until then."""
        before = len(self.listener.rtp)
        for _ in range(int(within / 0.05)):
            self.number += 1
            await self.speaker.send_rtp(b"true", sequence=self.number, ssrc=1001, kind=111)
            if await self.listener.hears(lambda: len(self.listener.rtp) > before, within=0.05):
                return True
        return False


@pytest.fixture
async def pair(rooms: Rooms) -> AsyncIterator[Pair]:
    async with lone_peer(fragment="speaker") as speaker, lone_peer(fragment="listener") as listener:
        assert await enter(rooms, speaker)
        assert await enter(rooms, listener, GrantKind.RECEIVE)
        made = Pair(speaker, listener)
        assert await made.passes()
        yield made


def test_17_2_1_the_key_of_the_certificate_is_made_at_each_start_and_kept_nowhere() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    begin = b"-----BEGIN " + b"(?:EC |RSA |ENCRYPTED )?PRIVATE KEY"
    held = [name for name in tracked if name and re.search(begin, (ROOT / name.decode()).read_bytes())]
    assert held == []


async def test_17_2_1_no_two_nodes_have_the_same_certificate() -> None:
    seen = []
    for _ in range(2):
        async with open_rooms() as rooms, lone_peer() as peer:
            answer = rooms.open(room_grant(GrantKind.SEND, "ann"), peer.offer(audio("0")))
            seen.append(re.findall(r"a=fingerprint:(sha-256 \S+)", answer)[0])
    assert seen[0] != seen[1]


class Weak(RTCCertificate):
    """Of a browser that can do nothing better."""

    ciphers = b""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(self.ciphers)
        return context


@pytest.mark.parametrize(
    ("ciphers", "agreed"),
    [
        ("ECDHE-ECDSA-NULL-SHA", False),
        ("AES128-SHA", False),
        ("DHE-RSA-AES128-SHA", False),
        ("ECDHE-RSA-AES128-GCM-SHA256", False),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", True),
    ],
)
async def test_17_2_2_no_weak_suite_is_agreed_on(rooms: Rooms, ciphers: str, agreed: bool) -> None:
    async with lone_peer() as peer:
        made = RTCCertificate.generateCertificate()
        weak = Weak(key=made._key, cert=made._cert)
        weak.ciphers = f"{ciphers}:@SECLEVEL=0".encode()
        peer.certificate = weak
        peer.dtls = type(peer.dtls)(peer, [weak])  # type: ignore[arg-type]
        assert await enter(rooms, peer, within=PATIENCE if agreed else 1) is agreed


async def test_17_2_2_what_is_agreed_on_is_strong(pair: Pair) -> None:
    connection = pair.speaker.dtls._ssl
    assert connection is not None
    assert connection.get_protocol_version() == 0xFEFD  # DTLS 1.2
    assert connection.get_cipher_name() in {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"}
    assert connection.get_selected_srtp_profile() in {b"SRTP_AEAD_AES_128_GCM", b"SRTP_AEAD_AES_256_GCM"}


async def test_17_2_3_what_is_not_authenticated_is_not_forwarded(rooms: Rooms, pair: Pair) -> None:
    forged = bytes.fromhex("806f7000000003c0000003e9") + b"forged" * 9  # of the speaker's SSRC
    before = len(pair.listener.rtp)
    with stranger_at(address(rooms)) as stranger:
        for _ in range(50):
            stranger.send(forged)
            pair.speaker.throw(forged)  # as if the speaker's own address had been forged
    await until(lambda: rooms.stats().drops == {"stranger": 50, "srtp_refused": 50})
    await asyncio.sleep(0.1)
    assert len(pair.listener.rtp) == before
    assert await pair.passes()
    assert all(b"forged" not in each for each in pair.listener.rtp)


async def test_17_2_4_malformed_srtp_stops_nothing(rooms: Rooms, pair: Pair, escaped: list[str]) -> None:
    for length in range(1, 60):
        pair.speaker.throw((b"\xbf\x6f" + b"\xff" * 80)[:length])
        pair.speaker.throw((b"\xbf\xc8" + b"\xff" * 80)[:length])
    await asyncio.sleep(0.05)
    assert await pair.passes()
    assert (rooms.stats().endings, escaped) == ({}, [])


@pytest.fixture
async def live_node() -> AsyncIterator[tuple[RunningNode, httpx.AsyncClient]]:
    with running_node() as node:
        async with httpx.AsyncClient(base_url=node.url, timeout=PATIENCE) as door:
            yield node, door


async def flood(peer: LonePeer, packets: int) -> None:
    """As fast as one can seal them, from somebody who may be there."""
    for number in range(packets):
        await peer.send_rtp(b"x" * 100, sequence=number % 65_536, ssrc=1001, kind=111)
        if number % 50 == 0:
            await asyncio.sleep(0)


async def test_17_2_5_a_flood_of_srtp_by_a_participant_harms_no_other_call(
    live_node: tuple[RunningNode, httpx.AsyncClient],
) -> None:
    node, door = live_node
    async with live_call(door, node) as call, joined(door, node, room="flood", direction=GrantKind.SEND) as peer:
        await flood(peer, 3 * MOST_PACKETS)
        heard = call.heard
        await until(lambda: call.heard > heard + 10)
        assert (await door.get("/stats")).json()["endings"] == {}


@pytest.mark.soak
async def test_17_2_5_a_flood_of_srtp_takes_nothing_from_another_call(
    live_node: tuple[RunningNode, httpx.AsyncClient],
) -> None:
    """On a machine of one's own, where the flood is one."""
    node, door = live_node
    async with live_call(door, node) as call, joined(door, node, room="flood", direction=GrantKind.SEND) as peer:
        await flood(peer, 8 * MOST_PACKETS)
        stats = (await door.get("/stats")).json()
    assert stats["drops"].get("over_budget", 0) > 0
    assert call.heard >= call.sent * 0.98, (call.sent, call.heard, stats)


async def test_17_2_6_a_clienthello_before_the_browsers_wins_no_race(rooms: Rooms, escaped: list[str]) -> None:
    """Before the browser's handshake and after it, it is a stranger's, who has shown no password."""
    async with lone_peer() as peer:
        answer = rooms.open(room_grant(GrantKind.SEND, "ann"), peer.offer(audio("0")))
        with stranger_at(address(rooms)) as stranger:
            for _ in range(20):
                stranger.send(client_hello())
            assert await peer.accept(answer)
            for _ in range(20):
                stranger.send(client_hello())
            await until(lambda: rooms.stats().drops == {"stranger": 40})
        assert await peer.checks()
    assert escaped == []


async def test_17_2_7_a_flood_fills_no_recording(live_node: tuple[RunningNode, httpx.AsyncClient]) -> None:
    """The node itself writes nothing down, so there is nothing that a flood could hold up or fill."""
    node, door = live_node

    def files() -> set[Path]:
        found = set()
        for each in Path(f"/proc/{node.process.pid}/fd").iterdir():
            with suppress(OSError):
                found.add(each.readlink())
        return {each for each in found if each.is_file()}

    before = files()
    async with joined(door, node, room="flood", direction=GrantKind.SEND) as peer:
        await flood(peer, MOST_PACKETS)
        assert files() == before


async def test_17_2_8_another_certificate_than_the_offers_ends_the_connection(rooms: Rooms) -> None:
    async with lone_peer() as peer:
        told = peer.offer(audio("0"))
        mine = re.findall(r"a=fingerprint:sha-256 (\S+)", told)[0]
        other = next(
            f.value for f in RTCCertificate.generateCertificate().getFingerprints() if f.algorithm == "sha-256"
        )
        answer = rooms.open(room_grant(GrantKind.SEND, "ann"), told.replace(mine, other))
        await peer.accept(answer)
        await until(lambda: rooms.stats().endings == {Ending.NOT_SECURE: 1})
        await until(lambda: rooms.stats().sessions == 0)

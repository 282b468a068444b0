"""An aiortc caller for the media node, grants to knock with, and an aiortc peer at an address of ours."""

import asyncio
import json
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import google_crc32c
from aioice import Candidate
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol
from aiortc import RTCConfiguration, RTCDtlsTransport, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from aiortc.rtcsctptransport import InitChunk
from joserfc.jwk import OKPKey

from telehealth.core.grants import GrantKind, MediaGrant, MediaSessionId
from tests.kit.patience import PATIENCE

Address = tuple[str, int]
RECEIVE_BUFFER = 262_144


def key_pair() -> tuple[str, str]:
    """A private and its public Ed25519 JWK, as JSON text."""
    key = OKPKey.generate_key("Ed25519")
    return json.dumps(key.as_dict(private=True)), json.dumps(key.as_dict(private=False))


def media_grant(session: MediaSessionId | None = None, *, sub: str = "p1") -> MediaGrant:
    """A grant as the verifier hands it on."""
    return MediaGrant(
        session=session or MediaSessionId(uuid4()),
        kind=GrantKind.PRECHECK,
        sub=sub,
        jti=secrets.token_urlsafe(16),
        expires_at=datetime.now(UTC) + timedelta(seconds=60),
    )


def open_door(peer: RTCPeerConnection, *, host: str) -> None:
    """Lets a peer that has its remote description offer that address alone, with aiortc behind it."""
    for dtls in _transports(peer):
        _bind(dtls, host=host)


def _transports(peer: RTCPeerConnection) -> set[RTCDtlsTransport]:
    """Every DTLS transport of that peer; one when all is bundled."""
    found = {transceiver.receiver.transport for transceiver in peer.getTransceivers()}
    return found | {peer.sctp.transport} if peer.sctp is not None else found


def _bind(dtls: RTCDtlsTransport, *, host: str) -> None:
    """Makes that transport gather exactly one candidate: a UDP port of `host`.

    aioice gathers all addresses of the machine but loopback, and has no parameter for it.
    """
    connection = dtls.transport.iceGatherer._connection

    async def gather(component: int, **_: object) -> list[Candidate]:
        transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: StunProtocol(connection), local_addr=(host, 0)
        )
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        address = transport.get_extra_info("sockname")
        made.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", address[0]),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=address[0],
            port=address[1],
            type="host",
        )
        connection._protocols.append(made)
        return [made.local_candidate]

    connection.get_component_candidates = gather  # type: ignore[assignment, method-assign]


def address_in(answer: str) -> Address:
    """Where the node listens, by its answer's candidate."""
    candidate = next(line for line in answer.splitlines() if line.startswith("a=candidate:")).split()
    return candidate[4], int(candidate[5])


class Caller:
    """A browser's part of the network check, played by aiortc."""

    def __init__(self, *, audio: bool = False) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("probe", ordered=False, maxRetransmits=0)
        self.echoes: list[bytes] = []
        self._open = asyncio.Event()
        self._echoed = asyncio.Event()
        self._number = 0
        self._heard = (0.0, 0.0)
        self.channel.on("open", self._open.set)
        self.channel.on("message", self._on_echo)
        if audio:
            self.peer.addTrack(AudioStreamTrack())

    @property
    def dtls(self) -> RTCDtlsTransport:
        sctp = self.peer.sctp
        assert sctp is not None
        return sctp.transport

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def accept(self, answer: str, *, within: float = PATIENCE) -> bool:
        """Whether the probe channel opened in that time."""
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        try:
            async with asyncio.timeout(within):
                await self._open.wait()
        except TimeoutError:
            return False
        return True

    async def probe(self, count: int = 5, *, within: float = PATIENCE) -> int:
        """How many of that many probes came back in time."""
        before, loop = len(self.echoes), asyncio.get_running_loop()
        for _ in range(count):
            heard, at = self._heard
            now = loop.time() * 1000
            self.channel.send(struct.pack("!Iddd", self._number, now, heard, now - at if heard else 0))
            self._number += 1
            await asyncio.sleep(0.02)
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while len(self.echoes) - before < count:
                    self._echoed.clear()
                    await self._echoed.wait()
        return len(self.echoes) - before

    def _on_echo(self, message: bytes) -> None:
        self.echoes.append(message)
        self._echoed.set()
        self._heard = (struct.unpack("!Idd", message)[2], asyncio.get_running_loop().time() * 1000)


@asynccontextmanager
async def calling(*, audio: bool = False) -> AsyncIterator[Caller]:
    caller = Caller(audio=audio)
    try:
        yield caller
    finally:
        await caller.peer.close()


class Stranger:
    """A UDP socket that has nothing to do with the call. A plain one: asyncio's does not send empty datagrams."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(address)

    def send(self, datagram: bytes) -> None:
        self._socket.send(datagram)

    def heard(self) -> bytes | None:
        """What came back, if anything did."""
        try:
            return self._socket.recv(2048)
        except BlockingIOError:
            return None

    def close(self) -> None:
        self._socket.close()


@contextmanager
def stranger_at(address: Address) -> Iterator[Stranger]:
    stranger = Stranger(address)
    try:
        yield stranger
    finally:
        stranger.close()


def sctp_with_two_inits() -> bytes:
    """Against RFC 9260, section 3.3.2: INIT is not bundled with anything."""
    chunk = InitChunk()
    chunk.initiate_tag, chunk.advertised_rwnd = 1, 1024
    chunk.outbound_streams = chunk.inbound_streams = 1
    chunk.initial_tsn = 1
    packet = struct.pack("!HHLL", 5000, 5000, 0, 0) + bytes(chunk) * 2
    return packet[:8] + struct.pack("<L", google_crc32c.value(packet)) + packet[12:]

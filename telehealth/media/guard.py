"""The guard between the network and aiortc, for every peer connection this project answers with.

aiortc 1.16 and aioice 0.13 believe what arrives: an empty datagram from anyone ends a call, a stranger's ClientHello
stops DTLS, one malformed header extension ends media. What does not pass here, they never see; each drop is counted.
Private names of both libraries that this leans on are pinned by tests/media/test_contract.py.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, cast

from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol
from aiortc import RTCDtlsTransport, RTCPeerConnection, RTCSctpTransport
from aiortc.rtp import RtpPacket

from telehealth.media.malformed import Malformed
from telehealth.media.parse import (
    Protocol,
    parse_dtls,
    parse_rtcp,
    parse_rtp,
    parse_sctp,
    parse_stun,
    protocol_of,
)

LARGEST_DATAGRAM = 2048
LONGEST_QUEUE = 512
MOST_SOURCES = 16
MOST_STREAMS = 4
RECEIVE_BUFFER = 262_144

Source = tuple[str, int]
RtpSink = Callable[[RtpPacket], Awaitable[None]]
ProtocolFactory = Callable[[Connection], StunProtocol]


class Drop(StrEnum):
    """Why a datagram, or what was sealed in it, went no further."""

    EMPTY = "empty"
    OVERSIZE = "oversize"
    UNKNOWN_PROTOCOL = "unknown_protocol"
    STRANGER = "stranger"
    STUN_MALFORMED = "stun_malformed"
    STUN_UNAUTHENTICATED = "stun_unauthenticated"
    DTLS_MALFORMED = "dtls_malformed"
    RTP_MALFORMED = "rtp_malformed"
    RTCP_MALFORMED = "rtcp_malformed"
    SCTP_MALFORMED = "sctp_malformed"
    TOO_MANY_SOURCES = "too_many_sources"
    TOO_MANY_STREAMS = "too_many_streams"
    QUEUE_FULL = "queue_full"
    OVER_BUDGET = "over_budget"
    ADDRESS_TAKEN = "address_taken"
    SRTP_REFUSED = "srtp_refused"
    NOT_READY = "not_ready"
    UNHANDLED = "unhandled"


class Guard:
    """Judges one peer connection's datagrams. `budget` is how many bytes of media and data it takes in all."""

    def __init__(self, *, budget: int = 16_000_000) -> None:
        self.drops: Counter[Drop] = Counter()
        self._left = budget
        self._sources: set[Source] = set()
        self._streams: set[int] = set()

    def judge(self, data: bytes, source: Source, protocol: StunProtocol) -> Drop | None:
        """Why this datagram must be dropped; None lets it pass."""
        if not data:
            return Drop.EMPTY
        if len(data) > LARGEST_DATAGRAM:
            return Drop.OVERSIZE
        kind = protocol_of(data[0])
        if kind is Protocol.UNKNOWN:
            return Drop.UNKNOWN_PROTOCOL
        if kind is Protocol.STUN:
            return self._judge_stun(data, source, protocol)
        if source not in self._sources:
            return Drop.STRANGER
        return self._judge_bulk(data, kind, protocol.receiver)

    def _judge_stun(self, data: bytes, source: Source, protocol: StunProtocol) -> Drop | None:
        try:
            message = parse_stun(data)
        except Malformed:
            return Drop.STUN_MALFORMED
        if not _authentic(message, protocol):
            return Drop.STUN_UNAUTHENTICATED  # no error answer either: a node that keeps still reflects nothing
        if source not in self._sources and len(self._sources) >= MOST_SOURCES:
            return Drop.TOO_MANY_SOURCES
        self._sources.add(source)
        return None

    def _judge_bulk(self, data: bytes, kind: Protocol, connection: Connection) -> Drop | None:
        self._left -= len(data)
        if self._left < 0:
            return Drop.OVER_BUDGET
        if connection._queue.qsize() >= LONGEST_QUEUE:  # noqa: SLF001 - unbounded in aioice
            return Drop.QUEUE_FULL
        if kind is Protocol.DTLS:
            try:
                parse_dtls(data)
            except Malformed:
                return Drop.DTLS_MALFORMED
        return None

    def takes_stream(self, ssrc: int) -> bool:
        """Whether RTP of that source may be looked at: aiortc keeps state for every SSRC it hears, for ever."""
        if ssrc not in self._streams and len(self._streams) >= MOST_STREAMS:
            self.drops[Drop.TOO_MANY_STREAMS] += 1
            return False
        self._streams.add(ssrc)
        return True

    async def deliver(self, handling: Awaitable[None]) -> None:
        """Awaits aiortc's handling of a message; what escapes from it is counted and does not end the connection."""
        try:
            await handling
        except ConnectionError:
            raise  # aiortc's own sign that the connection is over
        except Exception:  # noqa: BLE001 - assertions and struct.error guard aiortc's state machines
            self.drops[Drop.UNHANDLED] += 1


def _authentic(message: stun.Message, protocol: StunProtocol) -> bool:
    """Whether the sender showed a password of this session (RFC 8445, section 7.3; RFC 8489, section 9.1)."""
    connection = protocol.receiver
    match message.message_class:
        case stun.Class.REQUEST:
            to_us = str(message.attributes.get("USERNAME", "")).startswith(f"{connection.local_username}:")
            return (
                to_us
                and message.message_method is stun.Method.BINDING
                and message.check_message_integrity(connection.local_password.encode())
            )
        case stun.Class.RESPONSE | stun.Class.ERROR:
            return (
                message.transaction_id in protocol.transactions
                and connection.remote_password is not None
                and message.check_message_integrity(connection.remote_password.encode())
            )
        case stun.Class.INDICATION:
            return False


class GuardedProtocol(StunProtocol):
    """aioice's datagram protocol behind a guard."""

    def __init__(self, receiver: Connection, guard: Guard) -> None:
        super().__init__(receiver)
        self._guard = guard

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        drop = self._guard.judge(cast("bytes", data), (addr[0], addr[1]), self)
        if drop is not None:
            self._guard.drops[drop] += 1
            return
        try:
            super().datagram_received(data, addr)
        except Exception:  # noqa: BLE001 - aioice's handling of a message that was authentic and did parse
            self._guard.drops[Drop.UNHANDLED] += 1


def protect(peer: RTCPeerConnection, guard: Guard, *, host: str, rtp_sink: RtpSink | None = None) -> None:
    """Puts the guard around a peer that has its remote description and has not gathered yet.

    The peer will offer the address `host` alone. `rtp_sink` takes the RTP packets in place of aiortc's receivers.
    """
    for dtls in transports(peer):
        bind(dtls, host=host, protocol=lambda connection: GuardedProtocol(connection, guard))
        _guard_media(dtls, guard, rtp_sink)
    if peer.sctp is not None:
        _guard_data(peer.sctp, guard)


def transports(peer: RTCPeerConnection) -> set[RTCDtlsTransport]:
    """Every DTLS transport of that peer; one when all is bundled."""
    found = {transceiver.receiver.transport for transceiver in peer.getTransceivers()}
    return found | {peer.sctp.transport} if peer.sctp is not None else found


def bind(dtls: RTCDtlsTransport, *, host: str, protocol: ProtocolFactory) -> None:
    """Makes that transport gather exactly one candidate: a UDP port of `host`.

    aioice gathers all addresses of the machine but loopback, and has no parameter for it. A node has one address by
    configuration, loopback included, and no need of STUN or TURN servers of its own.
    """
    connection = dtls.transport.iceGatherer._connection  # noqa: SLF001

    async def gather(component: int, **_: object) -> list[Candidate]:
        transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: protocol(connection), local_addr=(host, 0)
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
        connection._protocols.append(made)  # noqa: SLF001
        return [made.local_candidate]

    connection.get_component_candidates = gather  # type: ignore[assignment, method-assign]


def _guard_media(dtls: RTCDtlsTransport, guard: Guard, sink: RtpSink | None) -> None:
    async def route(packet: RtpPacket, arrival_time_ms: int) -> None:
        receiver = dtls._rtp_router.route_rtp(packet)  # noqa: SLF001
        if receiver is not None:
            await receiver._handle_rtp_packet(packet, arrival_time_ms=arrival_time_ms)  # noqa: SLF001

    async def handle_rtp(data: bytes, arrival_time_ms: int) -> None:
        try:
            packet = parse_rtp(data, dtls._rtp_header_extensions_map)  # noqa: SLF001
        except Malformed:
            guard.drops[Drop.RTP_MALFORMED] += 1
            return
        if guard.takes_stream(packet.ssrc):
            await guard.deliver(sink(packet) if sink is not None else route(packet, arrival_time_ms))

    handle_rtcp_unguarded = dtls._handle_rtcp_data  # noqa: SLF001

    async def handle_rtcp(data: bytes) -> None:
        try:
            parse_rtcp(data)
        except Malformed:
            guard.drops[Drop.RTCP_MALFORMED] += 1
            return
        await guard.deliver(handle_rtcp_unguarded(data))

    dtls._handle_rtp_data = handle_rtp  # type: ignore[method-assign]  # noqa: SLF001
    dtls._handle_rtcp_data = handle_rtcp  # type: ignore[method-assign]  # noqa: SLF001


def _guard_data(sctp: RTCSctpTransport, guard: Guard) -> None:
    handle_unguarded = sctp._handle_data  # noqa: SLF001

    async def handle(data: bytes) -> None:
        try:
            parse_sctp(data)
        except Malformed:
            guard.drops[Drop.SCTP_MALFORMED] += 1
            return
        await guard.deliver(handle_unguarded(data))

    sctp._handle_data = handle  # type: ignore[method-assign]  # noqa: SLF001

"""One connection of a browser without the browser: ICE by hand, DTLS as the client, SRTP in place.

Its socket is read by `drain`: by the event loop while it connects, by whoever plays media after that.
"""

import asyncio
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, sdp
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM
from pylibsrtp import Policy, Session

from telehealth.media.secure import LARGEST_DATAGRAM, Packet, Srtp

BUFFER = 4 << 20
AGAIN = 0.1  # seconds until a check or a flight is sent again
PATIENCE = 20.0

CERTIFICATE = RTCCertificate.generateCertificate()
Media = Callable[[Packet, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The server's end, as its description tells."""

    address: tuple[str, int]
    fragment: str
    password: str
    fingerprints: Sequence[RTCDtlsFingerprint]


def read_remote(text: str, host: str) -> Remote:
    """What a description says of its transport; of its candidates the one at that address."""
    media = sdp.SessionDescription.parse(text).media[0]
    candidate = next(each for each in media.ice_candidates if each.ip == host and each.protocol.lower() == "udp")
    assert media.ice is not None
    assert media.dtls is not None
    return Remote(
        address=(candidate.ip, candidate.port),
        fragment=str(media.ice.usernameFragment),
        password=str(media.ice.password),
        fingerprints=media.dtls.fingerprints,
    )


class Connection:
    """`controlling`: whether it made the offer (RFC 8445, section 6.1.1). `media` is given RTP and RTCP, sealed."""

    role = "controlling"

    def __init__(self, host: str, packet: Packet, *, port: int = 0, controlling: bool = True) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        self.socket.bind((host, port))
        self.host, self.port = self.socket.getsockname()
        self.fragment, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self.fingerprints = CERTIFICATE.getFingerprints()
        self.media: Media = lambda _packet, _length: None
        self.transport_number = 0
        self.srtp: Srtp | None = None
        self._packet, self._controlling = packet, controlling
        self._remote: Remote | None = None
        self._flights: asyncio.Queue[bytes] = asyncio.Queue()
        self._dtls = RTCDtlsTransport(self, [CERTIFICATE])  # type: ignore[arg-type]
        self._dtls._srtp_profiles = [SRTP_AEAD_AES_128_GCM]
        self._answered = asyncio.Event()

    # Coming up

    async def connect(self, remote: Remote) -> None:
        """Raises TimeoutError or ConnectionError."""
        self._remote = remote
        loop = asyncio.get_running_loop()
        loop.add_reader(self.socket.fileno(), self.drain)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._until_answered()
                again = asyncio.create_task(self._repeat_flights())
                self._dtls._set_role("client")
                await self._dtls.start(RTCDtlsParameters(fingerprints=list(remote.fingerprints)))
                again.cancel()
        finally:
            loop.remove_reader(self.socket.fileno())
        if self._dtls.state != "connected":
            raise ConnectionError
        self.srtp = Srtp(self._dtls)
        self.socket.connect(remote.address)

    def restart(self, fragment: str, password: str) -> None:
        """An ICE restart: the server's new credentials for the fragment that is ours by now."""
        assert self._remote is not None
        self._remote = replace(self._remote, fragment=fragment, password=password)

    async def close(self, *, silently: bool = False) -> None:
        """Tells the server, or does not, as one whose battery is empty."""
        if silently:
            self._remote = None
        await self._dtls.stop()
        self.socket.close()

    def connect_plainly(self, address: tuple[str, int] | None, key: bytes) -> None:
        """To another connection of this benchmark, with a key that both know: the direct path."""
        kinds = Policy.SSRC_ANY_INBOUND, Policy.SSRC_ANY_OUTBOUND
        profile = SRTP_AEAD_AES_128_GCM.libsrtp_profile
        rx, tx = (Session(Policy(key=key, ssrc_type=kind, srtp_profile=profile)) for kind in kinds)
        self.srtp = Srtp(cast("RTCDtlsTransport", SimpleNamespace(_rx_srtp=rx, _tx_srtp=tx)))
        if address is not None:
            self.socket.connect(address)

    async def _until_answered(self) -> None:
        while not self._answered.is_set():
            self.check()
            try:
                async with asyncio.timeout(AGAIN):
                    await self._answered.wait()
            except TimeoutError:
                continue

    async def _repeat_flights(self) -> None:
        """Lost flights are for their sender to repeat, and aiortc has no timer for it (RFC 6347, section 4.2.4)."""
        while True:
            await asyncio.sleep(2 * AGAIN)
            ssl = cast("Any", self._dtls._ssl)
            if ssl is not None and ssl.DTLSv1_handle_timeout():
                await self._dtls._write_ssl()

    async def _recv(self) -> bytes:
        return await self._flights.get()

    async def _send(self, data: bytes) -> None:
        self._throw(data)

    # Datagrams

    def drain(self) -> None:
        """Takes all that has arrived."""
        receive, packet = self.socket.recv_into, self._packet
        data = packet.buffer
        while True:
            try:
                length = receive(data, LARGEST_DATAGRAM)
            except OSError:
                return
            if not length:
                continue
            if data[0] >= 128:
                self.media(packet, length)
            elif data[0] >= 20:
                self._flights.put_nowait(bytes(packet.view[:length]))
            else:
                self._hear(bytes(packet.view[:length]))

    def check(self) -> None:
        """Sends a connectivity check, which is also what consents to go on (RFC 7675)."""
        remote = self._remote
        if remote is None:
            return
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes = {"USERNAME": f"{remote.fragment}:{self.fragment}", "PRIORITY": 1_845_501_695}
        if self._controlling:
            message.attributes |= {"ICE-CONTROLLING": 7, "USE-CANDIDATE": None}
        else:
            message.attributes["ICE-CONTROLLED"] = 7
        message.add_message_integrity(remote.password.encode())
        message.add_fingerprint()
        self._throw(bytes(message))

    def _hear(self, data: bytes) -> None:
        kind = data[0] << 8 | data[1]
        if kind == 0x0101:
            self._answered.set()
        elif kind == 0x0001 and self._remote is not None:
            request = stun.parse_message(data)
            if not request.check_message_integrity(self.password.encode()):
                return
            reply = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id)
            reply.attributes["XOR-MAPPED-ADDRESS"] = self._remote.address
            reply.add_message_integrity(self.password.encode())
            reply.add_fingerprint()
            self._throw(bytes(reply))

    def _throw(self, data: bytes) -> None:
        if self._remote is not None:
            try:
                self.socket.sendto(data, self._remote.address)
            except BlockingIOError:
                return

    def send_rtcp(self, packet: Packet, data: bytes) -> None:
        """Seals that in the packet's memory and sends it."""
        assert self.srtp is not None
        packet.view[: len(data)] = data
        sealed = self.srtp.seal_rtcp(packet, len(data))
        try:
            self.socket.send(packet.view[:sealed])
        except OSError:
            return

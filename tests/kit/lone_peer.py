"""A browser's end of one connection without its SDP: a socket, checks by hand, DTLS as the client, SRTP."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, sdp

from telehealth.media.mux import Mux
from telehealth.media.transport import Remote, Transport
from tests.kit.offers import FINGERPRINT, offer
from tests.kit.patience import PATIENCE

FRAGMENT = "browser"
CHECKS = 60  # one each second: a datagram may be lost, on a busy machine even on loopback


class LonePeer:
    """Sends from one address at a time; `move` takes another."""

    role = "controlling"

    def __init__(self, host: str = "127.0.0.1", *, fragment: str = FRAGMENT) -> None:
        self.fragment = fragment
        self.host = host
        self.certificate = RTCCertificate.generateCertificate()
        self.dtls = RTCDtlsTransport(self, [self.certificate])  # type: ignore[arg-type]
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.answers: list[stun.Message] = []
        self._handshake: asyncio.Queue[bytes] = asyncio.Queue()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.to: tuple[str, int] = ("", 0)
        self.theirs = ("", "")
        self.socket = self._open()

    def _open(self) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind((self.host, 0))
        self._loop.add_reader(made.fileno(), self._readable, made)
        return made

    @property
    def remote(self) -> Remote:
        """What this peer's offer would say."""
        return Remote(fragment=self.fragment, fingerprints=tuple(self.certificate.getFingerprints()))

    @property
    def address(self) -> tuple[str, int]:
        host, port, *_ = self.socket.getsockname()
        return host, port

    def move(self) -> None:
        """Another address from now on, as after a change of network. Nobody is told."""
        self._shut()
        self.socket = self._open()

    def _shut(self) -> None:
        self._loop.remove_reader(self.socket.fileno())
        self.socket.close()

    async def close(self) -> None:
        await self.dtls.stop()
        self._shut()

    def _readable(self, from_socket: socket.socket) -> None:
        while True:
            try:
                data = from_socket.recv(2048)
            except OSError:
                return
            if data[0] <= 3:
                self.answers.append(stun.parse_message(data))
            elif data[0] <= 63:
                self._handshake.put_nowait(data)
            elif self.dtls._rx_srtp is not None:
                control = 192 <= data[1] <= 223
                session = self.dtls._rx_srtp
                if control:
                    self.rtcp.append(session.unprotect_rtcp(data))
                else:
                    self.rtp.append(session.unprotect(data))
            self._news.set()

    async def _recv(self) -> bytes:
        return await self._handshake.get()

    async def _send(self, data: bytes) -> None:
        self.throw(data)

    def throw(self, data: bytes) -> None:
        """A datagram to the node, as it is."""
        self.socket.sendto(data, self.to)

    def check_bytes(self, fragment: str, password: str, *, nominate: bool = True, **more: object) -> bytes:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes = {"USERNAME": f"{fragment}:{self.fragment}", "PRIORITY": 1, "ICE-CONTROLLING": 7}
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.attributes |= {name.replace("_", "-"): value for name, value in more.items()}
        message.add_message_integrity(password.encode())
        return bytes(message)

    async def check(self, transport: Transport, *, nominate: bool = True, within: float = PATIENCE) -> bool:
        """Whether a check with the transport's present credentials was answered with success."""
        self.knows(transport.fragment, transport.pwd)
        return await self.checks(nominate=nominate, within=within)

    def knows(self, fragment: str, password: str) -> None:
        """The node's credentials, as its answer has them."""
        self.theirs = fragment, password

    async def checks(self, *, nominate: bool = True, within: float = PATIENCE) -> bool:
        """Whether a check with the credentials it knows was answered with success."""
        before = len(self.answers)
        self.throw(self.check_bytes(*self.theirs, nominate=nominate))
        if not await self.hears(lambda: len(self.answers) > before, within=within):
            return False
        return self.answers[-1].message_class is stun.Class.RESPONSE

    async def hears(self, condition: object, *, within: float = PATIENCE) -> bool:
        """Whether that callable becomes true in time."""
        assert callable(condition)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        return bool(condition())

    async def connect(self, transport: Transport, mux: Mux) -> None:
        """Checks and DTLS; `transport` has been started."""
        wire = next(wire for wire in mux.wires if (":" in wire.host) == (":" in self.host))
        self.to = (wire.host, wire.port)
        assert await self.check(transport)
        assert await self.secures(transport.fingerprints)

    async def secures(self, fingerprints: Sequence[RTCDtlsFingerprint]) -> bool:
        """Whether the node's end of DTLS is the one with that certificate."""
        self.dtls._set_role("client")
        await self.dtls.start(RTCDtlsParameters(fingerprints=list(fingerprints)))
        return self.dtls.state == "connected"

    def offer(self, *sections: list[str]) -> str:
        """An offer of its own, with those sections of tests.kit.offers."""
        mine = next(each.value for each in self.certificate.getFingerprints() if each.algorithm == "sha-256")
        return offer(*sections).replace(FINGERPRINT, mine).replace("a=ice-ufrag:abcd", f"a=ice-ufrag:{self.fragment}")

    async def accept(self, answer: str) -> bool:
        """Connects to the node by its answer; whether that worked."""
        media = sdp.SessionDescription.parse(answer).media[0]
        candidate = next(each for each in media.ice_candidates if (":" in each.ip) == (":" in self.host))
        assert media.ice is not None
        assert media.dtls is not None
        self.to = (candidate.ip, candidate.port)
        self.knows(str(media.ice.usernameFragment), str(media.ice.password))
        for _ in range(CHECKS):
            if await self.checks(within=1.0):
                return await self.secures(media.dtls.fingerprints)
        return False

    async def send_rtp(self, payload: bytes, *, sequence: int = 1, ssrc: int = 0x1234, kind: int = 96) -> None:
        await self.dtls._send_rtp(struct.pack("!BBHLL", 0x80, kind, sequence, sequence * 960, ssrc) + payload)

    async def send_rtcp(self, data: bytes) -> None:
        await self.dtls._send_rtp(data)


@asynccontextmanager
async def lone_peer(host: str = "127.0.0.1", *, fragment: str = FRAGMENT) -> AsyncIterator[LonePeer]:
    peer = LonePeer(host, fragment=fragment)
    try:
        yield peer
    finally:
        await peer.close()

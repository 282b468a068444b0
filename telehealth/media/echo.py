"""The peer of the pre-call network check: answers a browser's offer, echoes probes, measures audio, decodes nothing."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCDataChannel, RTCPeerConnection
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket

from telehealth.media.guard import Guard, RtpSink, protect, transports
from telehealth.media.malformed import Malformed
from telehealth.media.offer import read_offer
from telehealth.media.probes import LABEL, Probes

MOST_BUFFERED = 65_536
LONGEST_CLOSE = 5.0
logger = logging.getLogger(__name__)

OPUS_CLOCK_RATE = 48_000  # RFC 7587, section 4.1


class Protection(Protocol):
    """`guard.protect`, or what a test puts in its place to show that the guard is needed."""

    def __call__(
        self, peer: RTCPeerConnection, guard: Guard, *, host: str, rtp_sink: RtpSink | None = None
    ) -> None: ...


class EchoPeer:
    """One browser's counterpart at address `host`. `ended` is called when the connection failed or was closed."""

    def __init__(self, *, host: str, ended: Callable[[], None], protection: Protection = protect) -> None:
        self.probes = Probes()
        self.guard = Guard()
        self.audio: StreamStatistics | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ssrc: int | None = None
        self.connected = asyncio.Event()
        self._host = host
        self._ended = ended
        self._protection = protection
        self._channel: RTCDataChannel | None = None
        # An empty list of servers: aiortc's default would contact a public STUN server.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.BALANCED))
        self._peer.on("datachannel", self._on_channel)
        self._peer.on("connectionstatechange", self._on_state)

    @property
    def state(self) -> str:
        """new, connecting, connected, failed or closed (RTCPeerConnectionState)."""
        return str(self._peer.connectionState)

    async def answer(self, sdp: str) -> str:
        """The answer to that offer. Raises Malformed, and OSError when `host` is no address of this machine."""
        offer = read_offer(sdp)
        try:
            await self._peer.setRemoteDescription(offer)
            for dtls in transports(self._peer):
                dtls._set_role("server")  # noqa: SLF001 - as client a browser would choose the slow SRTP suite
            self._protection(self._peer, self.guard, host=self._host, rtp_sink=self._on_rtp)
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - what the two libraries find to say about an offer that did parse
            logger.warning("offer cannot be answered: %s", type(error).__name__)
            raise Malformed("sdp: cannot be answered") from None
        return str(self._peer.localDescription.sdp)

    async def close(self) -> None:
        """Closes the peer once, in a task nobody cancels: cancelled waiter ends aiortc's closing for all."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._peer.close())
        await asyncio.wait([self._closing], timeout=LONGEST_CLOSE)

    def _on_state(self) -> None:
        if self.state == "connected":
            self.connected.set()
        elif self.state in ("failed", "closed"):
            self._ended()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != LABEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_probe)

    def _on_probe(self, message: bytes | str) -> None:
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > MOST_BUFFERED:
            return
        echo = self.probes.answer(message, asyncio.get_running_loop().time() * 1000)
        if echo is not None:
            channel.send(echo)

    async def _on_rtp(self, packet: RtpPacket) -> None:
        if self.audio is None:
            self.audio, self._ssrc = StreamStatistics(OPUS_CLOCK_RATE), packet.ssrc
        if packet.ssrc == self._ssrc:
            self.audio.add(packet)

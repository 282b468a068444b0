"""The node's end of a network check: a connection at the very port of calls that echoes probes, measures what arrives
and sends nobody's media anywhere.
"""

import asyncio
from time import monotonic
from typing import Any

from aiortc import RTCCertificate

from telehealth.core.probes import BANDWIDTH_LABEL, PROBE_LABEL
from telehealth.media.answer import Idle, Receive, Refuse, Reply
from telehealth.media.bandwidth import Bandwidth
from telehealth.media.drops import Drop
from telehealth.media.malformed import Malformed
from telehealth.media.mux import Allowance, Mux
from telehealth.media.probes import Probes
from telehealth.media.receiving import AUDIO_ROOM, Receiver
from telehealth.media.rtp import Extensions, RtpPacket
from telehealth.media.schemas import AudioView
from telehealth.media.sections import Offer, Section
from telehealth.media.secure import Packet
from telehealth.media.transport import Ending, Patience, Remote, Transport

MOST_BUFFERED = 65_536
OPUS_CLOCK_RATE = 48_000  # RFC 7587, section 4.1


class CheckTransport(Transport):
    """Takes no more than all checks together may cost: `allowance` is theirs, and what is over it is dropped unread."""

    def __init__(
        self,
        mux: Mux,
        handler: "EchoPeer",
        *,
        certificate: RTCCertificate,
        remote: Remote,
        patience: Patience,
        allowance: Allowance,
    ) -> None:
        super().__init__(mux, handler, certificate=certificate, remote=remote, patience=patience)
        self._allowance = allowance

    def dtls(self, data: bytes) -> Drop | None:
        return super().dtls(data) if self._allowance.take(monotonic()) else Drop.OVER_BUDGET

    def media(self, packet: Packet, length: int, now: float) -> Drop | None:
        return super().media(packet, length, now) if self._allowance.take(now) else Drop.OVER_BUDGET


class EchoPeer:
    """The handler of a check's connection."""

    def __init__(self, offer: Offer, *, turns: asyncio.Semaphore) -> None:
        self.probes = Probes()
        self._turns = turns
        self._labels: set[str] = set()
        self._bandwidth: Bandwidth | None = None
        self._audio: Receiver | None = None
        self._kinds = Extensions(offer.extensions).kinds
        self._packet = RtpPacket()

    def replies(self, offer: Offer) -> list[Reply]:
        """One data channel section, and at most one of sound. Raises Malformed."""
        kinds = [section.kind for section in offer.sections if section.live]
        if kinds.count("application") != 1:
            raise Malformed("sdp: sections")
        heard = next((section for section in offer.sections if section.kind == "audio" and section.live), None)
        return [self._reply(section, heard) for section in offer.sections]

    def _reply(self, section: Section, heard: Section | None) -> Reply:
        if section.kind == "application":
            return Idle()
        opus = tuple(codec for codec in section.codecs if codec.mime == "audio/opus")
        # Opus alone (RFC 7874, section 3: every browser has it), so that jitter has one clock.
        return Receive(codecs=opus) if section is heard and opus and section.sends else Refuse()

    @property
    def audio(self) -> AudioView | None:
        """None while no sound has come."""
        receiver = self._audio
        if receiver is None:
            return None
        block = receiver.block(monotonic())
        return AudioView(
            packets=receiver.received, lost=max(0, block.packets_lost), jitter_ms=block.jitter * 1000 / OPUS_CLOCK_RATE
        )

    # What the connection tells (transport.Handler)

    def opened(self) -> None: ...

    def closed(self, ending: Ending) -> None:  # noqa: ARG002 - a handler's shape
        if self._bandwidth is not None:
            self._bandwidth.stop()

    def rtp(self, packet: Packet, length: int, now: float) -> None:
        try:
            self._packet.load(bytes(packet.view[:length]), self._kinds)
        except Malformed:
            return
        if self._audio is None:
            self._audio = Receiver(
                self._packet.ssrc, clock_rate=OPUS_CLOCK_RATE, sender="", room=AUDIO_ROOM, asks=False
            )
        if self._packet.ssrc == self._audio.ssrc:
            self._packet = self._audio.accept(self._packet, now) or RtpPacket()

    def rtcp(self, data: bytes) -> None:
        """Reports are not needed here."""

    def channel(self, channel: Any) -> None:
        if channel.label in self._labels or channel.label not in (PROBE_LABEL, BANDWIDTH_LABEL):
            channel.close()
            return
        self._labels.add(channel.label)
        if channel.label == BANDWIDTH_LABEL:
            self._bandwidth = Bandwidth(channel, self._turns)
        else:
            channel.on("message", lambda message: self._on_probe(channel, message))

    def _on_probe(self, channel: Any, message: bytes | str) -> None:
        if channel.readyState != "open" or channel.bufferedAmount > MOST_BUFFERED:
            return
        echo = self.probes.answer(message, monotonic() * 1000)
        if echo is not None:
            channel.send(echo)

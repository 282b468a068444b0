"""What arrives: counted by its headers; one packet in eight is opened, for the time that it was sent."""

import random
import struct
import time
from dataclasses import dataclass, field

from aiortc.rtp import RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, pack_remb_fci

from telehealth.media.secure import Packet
from tests.bench.forwarding.descriptions import RTX
from tests.bench.forwarding.peer import Connection
from tests.bench.forwarding.streams import STAMP

OPENED = 8
ESTIMATE = 10_000_000  # bits a second: more than there is
OWN_SSRC = 1
_HEAD = struct.Struct("!xBHII")
LONGEST_NS = 30_000_000_000


@dataclass(slots=True)
class Arrivals:
    """Packets of media; `again`, retransmissions; `refused`, those that their keys did not open. Delays in ns."""

    packets: int = 0
    again: int = 0
    refused: int = 0
    delays: list[int] = field(default_factory=list)


class Listener:
    """One receiving connection: adds to `arrivals`, and tells the server what a browser tells."""

    def __init__(self, connection: Connection, arrivals: Arrivals) -> None:
        self.connection, self.arrivals = connection, arrivals
        self._heard: dict[int, int] = {}
        self._count = random.randrange(OPENED)
        self._packet = Packet()
        connection.media = self.take

    def take(self, packet: Packet, length: int) -> None:
        data = packet.buffer
        kind = data[1]
        if 192 <= kind <= 223:
            return
        now = time.monotonic_ns()
        _, number, _, ssrc = _HEAD.unpack_from(data)
        arrivals = self.arrivals
        if kind & 0x7F == RTX:
            arrivals.again += 1
            return
        arrivals.packets += 1
        before = self._heard.get(ssrc, number)
        self._heard[ssrc] = before + ((number - before + 0x8000 & 0xFFFF) - 0x8000)
        self._count += 1
        if self._count % OPENED == 0:
            self._open(packet, length, now)

    def _open(self, packet: Packet, length: int, now: int) -> None:
        srtp = self.connection.srtp
        opened = srtp.open_rtp(packet, length) if srtp is not None else -1
        if opened < STAMP.size:
            self.arrivals.refused += 1
            return
        delay = now - STAMP.unpack_from(packet.buffer, opened - STAMP.size)[0]
        if 0 < delay < LONGEST_NS:
            self.arrivals.delays.append(delay)

    def report(self) -> None:
        """A receiver report and an estimate of the way's capacity."""
        blocks = [
            RtcpReceiverInfo(
                ssrc=ssrc,
                fraction_lost=0,
                packets_lost=0,
                highest_sequence=highest & 0xFFFFFFFF,
                jitter=10,
                lsr=0,
                dlsr=0,
            )
            for ssrc, highest in self._heard.items()
        ]
        if not blocks:
            return
        estimate = RtcpPsfbPacket(fmt=15, ssrc=OWN_SSRC, media_ssrc=0, fci=pack_remb_fci(ESTIMATE, list(self._heard)))
        self.connection.send_rtcp(self._packet, bytes(RtcpRrPacket(ssrc=OWN_SSRC, reports=blocks)) + bytes(estimate))

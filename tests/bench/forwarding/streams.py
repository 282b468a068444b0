"""What is played: RTP as a browser sends it, each payload with the time it was sent at its end."""

import random
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpSenderInfo, RtcpSrPacket

from telehealth.media.secure import Packet
from tests.bench.forwarding.descriptions import AUDIO_LEVEL, MID, OPUS, SEND_TIME, SSRCS, TRANSPORT_CC, VP8
from tests.bench.forwarding.peer import Connection

PAYLOAD_AT = 28  # a header, and extensions of three words
STAMP = struct.Struct("!Q")
_NUMBERS = struct.Struct("!BHI")
_WORD, _SHORT = struct.Struct("!I"), struct.Struct("!H")
_LOUD = 0x80 | 30  # a voice, RFC 6464
REPORT_SECONDS = 1.0
KEYFRAME_ASKED = (1, 4)  # PLI, FIR
NTP_ERA = 2_208_988_800


@dataclass(frozen=True, slots=True)
class Sort:
    """A kind of stream. Frames a second, packets of a frame, octets of a payload."""

    kind: str
    frames: float
    packets: int
    octets: int
    clock_rate: int


AUDIO = Sort("audio", 50, 1, 100, 48_000)  # Opus of 40 kb/s
VIDEO_360P = Sort("video", 30, 2, 850, 90_000)  # 0.4 Mb/s
VIDEO_720P = Sort("video", 30, 6, 1050, 90_000)  # 1.5 Mb/s
PLANS = {"360p": (AUDIO, VIDEO_360P), "720p": (AUDIO, VIDEO_720P)}

Frames = Sequence[Sequence[bytes]]


class Stream:
    """One track. `recorded` are payloads of frames for a decoder, the first a keyframe; they carry no time."""

    def __init__(self, connection: Connection, sort: Sort, slab: Packet, *, recorded: Frames = ()) -> None:
        self.sort, self.connection = sort, connection
        self.sent = 0
        self._slab = slab
        self._ssrc = SSRCS[sort.kind]
        self._type = OPUS if sort.kind == "audio" else VP8
        self._number, self._timestamp = random.randrange(1 << 15), random.randrange(1 << 32)
        self._head = self._make_head()
        self._octets = 0
        self._report_at = 0.0
        self._key = True
        self._recorded: Iterator[Sequence[bytes]] | None = cycle(recorded) if recorded else None
        self._frame, self._keyframe = _made(sort, key=False), _made(sort, key=True)

    def _make_head(self) -> bytes:
        mid = b"0" if self.sort.kind == "audio" else b"1"
        words = struct.pack("!BBHIIHH", 0x90, self._type, 0, 0, self._ssrc, 0xBEDE, 3)
        inside = bytes((MID << 4,)) + mid + bytes((SEND_TIME << 4 | 2, 0, 0, 0, TRANSPORT_CC << 4 | 1, 0, 0))
        level = bytes((AUDIO_LEVEL << 4, _LOUD)) if self.sort.kind == "audio" else b""
        return words + (inside + level).ljust(12, b"\0")

    def ask_keyframe(self) -> None:
        self._key = True

    def play(self, now: float) -> None:
        """Sends a frame, and a sender report when one is due."""
        if now >= self._report_at:
            self._report(now)
        payloads = self._next()
        last = len(payloads) - 1
        for number, payload in enumerate(payloads):
            self._send(payload, 0x80 if number == last and self._type == VP8 else 0)
        self._timestamp = self._timestamp + round(self.sort.clock_rate / self.sort.frames) & 0xFFFFFFFF

    def _next(self) -> Sequence[bytes]:
        if self._recorded is not None:
            return next(self._recorded)
        key, self._key = self._key, False
        return self._keyframe if key else self._frame

    def _send(self, payload: bytes, marker: int) -> None:
        slab, connection = self._slab, self.connection
        buffer, end = slab.buffer, PAYLOAD_AT + len(payload)
        buffer[:PAYLOAD_AT] = self._head
        buffer[PAYLOAD_AT:end] = payload
        self._number = number = self._number + 1 & 0xFFFF
        _NUMBERS.pack_into(buffer, 1, marker | self._type, number, self._timestamp)
        connection.transport_number = numbered = connection.transport_number + 1 & 0xFFFF
        _SHORT.pack_into(buffer, 23, numbered)
        now = time.monotonic_ns()
        _WORD.pack_into(buffer, 18, (SEND_TIME << 4 | 2) << 24 | (now << 18) // 1_000_000_000 & 0xFFFFFF)
        if self._recorded is None:
            STAMP.pack_into(buffer, end - 8, now)
        assert connection.srtp is not None
        sealed = connection.srtp.seal_rtp(slab, end)
        try:
            connection.socket.send(slab.view[:sealed])
        except OSError:
            return
        self.sent += 1
        self._octets += len(payload)

    def _report(self, now: float) -> None:
        self._report_at = now + REPORT_SECONDS * random.uniform(0.8, 1.2)
        info = RtcpSenderInfo(
            ntp_timestamp=int((time.time() + NTP_ERA) * (1 << 32)),
            rtp_timestamp=self._timestamp,
            packet_count=self.sent,
            octet_count=self._octets,
        )
        self.connection.send_rtcp(self._slab, bytes(RtcpSrPacket(ssrc=self._ssrc, sender_info=info)))


def _made(sort: Sort, *, key: bool) -> tuple[bytes, ...]:
    """Payloads of one frame of noise. VP8: RFC 7741, sections 4.2 and 4.3; a keyframe names its size."""
    if sort.kind == "audio":
        return (random.randbytes(sort.octets),)
    head = bytes((0x10, 0x00, 0x00, 0x00, 0x9D, 0x01, 0x2A, 0x00, 0x05, 0xD0, 0x02)) if key else b"\x10\x01\x00\x00"
    first = head + random.randbytes(sort.octets - len(head))
    return (first, *(b"\x00" + random.randbytes(sort.octets - 1) for _ in range(sort.packets - 1)))


class Feedback:
    """Listens at a sending connection for those who ask for a keyframe."""

    def __init__(self, connection: Connection, streams: Sequence[Stream]) -> None:
        self._connection, self._streams = connection, streams
        connection.media = self.take

    def take(self, packet: Packet, length: int) -> None:
        srtp = self._connection.srtp
        if srtp is None or not 192 <= packet.buffer[1] <= 223:
            return
        opened = srtp.open_rtcp(packet, length)
        if opened < 0:
            return
        try:
            packets = RtcpPacket.parse(bytes(packet.view[:opened]))
        except ValueError:
            return
        if any(isinstance(each, RtcpPsfbPacket) and each.fmt in KEYFRAME_ASKED for each in packets):
            for stream in self._streams:
                stream.ask_keyframe()

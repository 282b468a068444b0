"""From packets to what a codec made: in order, whole, beginning with a keyframe.

    order = Order()
    order.take(packet, now)           the packets that are next, each with whether something before it is lost
    unpacker = Unpacker(codec)
    unpacker.take(packet, lost)       the frame that this packet ends, or None
    unpacker.begins_again             it waits for a keyframe: ask for one

Sources: Opus RFC 7587; VP8 RFC 7741, section 4.2; VP9 RFC 9628, section 4.2; H.264 RFC 6184, sections 5.6 to 5.8.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from telehealth.media.keyframes import Codec, begins_keyframe
from telehealth.media.malformed import Malformed
from telehealth.media.pictures import keyframe_size
from telehealth.media.rtp import RtpPacket

PATIENCE: Final = 0.5  # seconds that a missing packet is waited for: it is asked for from the sender meanwhile
MOST_HELD: Final = 512
LARGEST_FRAME: Final = 4 * 1024 * 1024
_WORD: Final = 0xFFFF
_START_CODE: Final = b"\x00\x00\x00\x01"


class Order:
    """Packets of one stream by their sequence numbers."""

    def __init__(self) -> None:
        self._next = -1
        self._held: dict[int, RtpPacket] = {}
        self._since = 0.0

    def take(self, packet: RtpPacket, now: float) -> Iterator[tuple[RtpPacket, bool]]:
        if self._next < 0:
            self._next = packet.sequence_number
        if (packet.sequence_number - self._next & _WORD) >= 0x8000:
            return  # too late: what comes after it has gone on
        if not self._held:
            self._since = now
        self._held[packet.sequence_number] = packet
        lost = False
        while self._held:
            found = self._held.pop(self._next, None)
            if found is None:
                if now - self._since < PATIENCE and len(self._held) < MOST_HELD:
                    return
                self._next = min(self._held, key=lambda number: number - self._next & _WORD)
                lost = True
                continue
            yield found, lost
            self._next = self._next + 1 & _WORD
            self._since, lost = now, False


@dataclass(frozen=True, slots=True)
class Frame:
    """As the codec made it. `timestamp` is the RTP timestamp without wrapping round, `key` a decoder can begin here."""

    timestamp: int
    key: bool
    data: bytes


class Unpacker:
    """Frames of one codec. A picture that is not whole is left out, and all that need it: up to the next keyframe."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.begins_again = codec is not Codec.OPUS
        self._strip = _STRIPPERS[codec]
        self._parts: list[bytes] = []
        self._size = 0
        self._timestamp = self._newest = -1

    def take(self, packet: RtpPacket, lost: bool) -> Frame | None:
        timestamp = self._unwrapped(packet.timestamp)
        if self.codec is Codec.OPUS:
            return Frame(timestamp, True, packet.data[packet.start : packet.end]) if packet.end > packet.start else None
        if lost or (self._parts and timestamp != self._timestamp):
            self.forget()
        if self.begins_again and not self._parts and not begins_keyframe(self.codec, packet):
            return None
        self._timestamp = timestamp
        self._add(packet)
        return self._whole() if packet.marker and self._parts else None

    def forget(self) -> None:
        """Nothing comes for a while: what is not whole never will be."""
        self._parts, self._size = [], 0
        self.begins_again = self.codec is not Codec.OPUS

    def _add(self, packet: RtpPacket) -> None:
        try:
            part = self._strip(packet.data[packet.start : packet.end])
        except (IndexError, Malformed):
            self.forget()
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > LARGEST_FRAME:
            self.forget()

    def _whole(self) -> Frame | None:
        data, timestamp = b"".join(self._parts), self._timestamp
        self._parts, self._size = [], 0
        key = keyframe_size(self.codec, data) is not None
        if not data or (self.begins_again and not key):
            return None
        self.begins_again = False
        return Frame(timestamp, key, data)

    def _unwrapped(self, timestamp: int) -> int:
        before = timestamp if self._newest < 0 else self._newest
        self._newest = before + ((timestamp - before + 0x80000000 & 0xFFFFFFFF) - 0x80000000)
        return self._newest


def _opus(payload: bytes) -> bytes:
    return payload


def _vp8(payload: bytes) -> bytes:
    at = 1
    if payload[0] & 0x80:
        extended = payload[1]
        at = 2
        if extended & 0x80:
            at += 2 if payload[at] & 0x80 else 1
        at += bool(extended & 0x40) + bool(extended & 0x30)
    return _rest(payload, at)


def _vp9(payload: bytes) -> bytes:
    first, at = payload[0], 1
    flexible = first & 0x10
    if first & 0x80:
        at += 2 if payload[at] & 0x80 else 1
    if first & 0x20:
        at += 1 if flexible else 2
    if flexible and first & 0x40:
        while payload[at] & 1:
            at += 1
        at += 1
    if first & 0x02:
        at = _past_structure(payload, at)
    return _rest(payload, at)


def _past_structure(payload: bytes, at: int) -> int:
    """Scalability structure (RFC 9628, section 4.2.1)."""
    head = payload[at]
    at += 1
    if head & 0x10:
        at += 4 * ((head >> 5) + 1)
    if head & 0x08:
        pictures = payload[at]
        at += 1
        for _ in range(pictures):
            at += 1 + (payload[at] >> 2 & 3)
    return at


def _h264(payload: bytes) -> bytes:
    kind = payload[0] & 0x1F
    if kind == 28:  # FU-A
        first = payload[1] & 0x80
        begin = _START_CODE + bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)) if first else b""
        return begin + payload[2:]
    if kind == 24:  # STAP-A
        return b"".join(_START_CODE + unit for unit in _aggregated(payload))
    if not 1 <= kind <= 23:
        raise Malformed("h264")
    return _START_CODE + payload


def _aggregated(payload: bytes) -> Iterator[bytes]:
    at = 1
    while at < len(payload):
        size = payload[at] << 8 | payload[at + 1]
        yield payload[at + 2 : at + 2 + size]
        at += 2 + size


def _rest(payload: bytes, at: int) -> bytes:
    if at >= len(payload):
        raise Malformed("payload descriptor")
    return payload[at:]


_STRIPPERS: Final[Mapping[Codec, Callable[[bytes], bytes]]] = {
    Codec.OPUS: _opus,
    Codec.VP8: _vp8,
    Codec.VP9: _vp9,
    Codec.H264: _h264,
}
RECORDABLE: Final = frozenset(_STRIPPERS)

"""Where a keyframe begins, and when to ask for one.

    begins_keyframe(codec, packet)        looks into the payload's first bytes; never raises
    requests = KeyframeRequests()
    requests.want()                       a subscriber needs one
    requests.due(now)                     True: send a picture loss indication now
    requests.came()                       one began

Sources: VP8 RFC 7741, section 4; VP9 RFC 9628, section 4.2; H.264 RFC 6184, section 5; AV1 "RTP Payload Format For AV1"
of the Alliance for Open Media, section 4.4 and appendix A (the dependency descriptor, which tells it of any codec).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from telehealth.media.rtp import RtpPacket

SHORTEST_INTERVAL: Final = 0.5  # seconds between two requests to one sender: a keyframe costs as much as many pictures

_SPS, _IDR, _STAP_A, _FU_A = 7, 5, 24, 28


class Codec(StrEnum):
    """Encodings that are passed through, by their names in SDP in lower case (RFC 4855)."""

    OPUS = "opus"
    VP8 = "vp8"
    VP9 = "vp9"
    H264 = "h264"
    AV1 = "av1"


def begins_keyframe(codec: Codec, packet: RtpPacket) -> bool:
    """Whether a decoder can begin with that packet. Of audio every packet can be the first."""
    if packet.descriptor and _described(packet.data, packet.descriptor):
        return True
    return packet.start < packet.end and _READERS[codec](packet.data, packet.start, packet.end)


def _described(data: bytes, descriptor: int) -> bool:
    """The first packet of a frame that brings a new template structure: only keyframes do."""
    start, length = descriptor >> 16, descriptor >> 8 & 0xFF
    return length > 3 and bool(data[start] & 0x80) and bool(data[start + 3] & 0x80)


def _opus(_data: bytes, _at: int, _end: int) -> bool:
    return True


def _vp8(data: bytes, at: int, end: int) -> bool:
    first = data[at]
    if first & 0x17 != 0x10:  # not the start of the first partition
        return False
    at += 1
    if first & 0x80:
        if at >= end:
            return False
        extended = data[at]
        at += 1
        if extended & 0x80:
            at += 2 if at < end and data[at] & 0x80 else 1
        at += bool(extended & 0x40) + bool(extended & 0x30)
    return at < end and not data[at] & 1


def _vp9(data: bytes, at: int, end: int) -> bool:
    first = data[at]
    if first & 0x48 != 0x08:  # predicted from other pictures, or not the start of a frame
        return False
    at += 1
    if first & 0x80:
        at += 2 if at < end and data[at] & 0x80 else 1
    return not first & 0x20 or (at < end and not data[at] & 0x0F)


def _h264(data: bytes, at: int, end: int) -> bool:
    kind = data[at] & 0x1F
    if kind == _FU_A:
        return at + 1 < end and bool(data[at + 1] & 0x80) and data[at + 1] & 0x1F in {_SPS, _IDR}
    if kind != _STAP_A:
        return kind in {_SPS, _IDR}
    at += 1
    while at + 2 < end:
        if data[at + 2] & 0x1F in {_SPS, _IDR}:
            return True
        at += 2 + (data[at] << 8 | data[at + 1])
    return False


def _av1(data: bytes, at: int, _end: int) -> bool:
    return data[at] & 0x88 == 0x08  # the first packet of a coded video sequence, and nothing continued


_READERS: Final[Mapping[Codec, Callable[[bytes, int, int], bool]]] = {
    Codec.OPUS: _opus,
    Codec.VP8: _vp8,
    Codec.VP9: _vp9,
    Codec.H264: _h264,
    Codec.AV1: _av1,
}


class Bell:
    """Rung when something may be wanted of a sender at once, so that nobody has to look whether it is."""

    __slots__ = ("rung",)

    def __init__(self) -> None:
        self.rung = False


class KeyframeRequests:
    """The requests to one sender for keyframes of one stream: one for many subscribers, repeated until one comes.

    `wanted`: one is, and has not begun. `asked` counts them. `bell` is the sender's.
    """

    __slots__ = ("_at", "asked", "bell", "wanted")

    def __init__(self) -> None:
        self.bell = Bell()
        self.wanted = False
        self._at = float("-inf")
        self.asked = 0

    def want(self) -> None:
        self.wanted = self.bell.rung = True

    def due(self, now: float) -> bool:
        """Whether to ask now. It counts as asked then."""
        if not self.wanted or now - self._at < SHORTEST_INTERVAL:
            return False
        self._at = now
        self.asked += 1
        return True

    def came(self) -> None:
        self.wanted = False

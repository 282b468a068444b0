"""What a whole encoded picture says of itself: whether it is a keyframe, and then how large. Nothing is decoded.

Sources: VP8 RFC 6386, section 9.1; VP9 bitstream specification, section 6.2; H.264 ITU-T H.264, sections 7.3.2.1 and
7.4.2.1.1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from telehealth.media.keyframes import Codec

_SPS, _PPS, _IDR = 7, 8, 5
_CHROMA_PROFILES = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}


@dataclass(frozen=True, slots=True)
class Size:
    width: int
    height: int


class _Bits:
    """Reads bits from the highest on. IndexError past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def golomb(self) -> int:
        """An unsigned Exp-Golomb code (ITU-T H.264, section 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise IndexError
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.golomb()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def keyframe_size(codec: Codec, picture: bytes) -> Size | None:
    """The size of a keyframe; None for any other picture, or what cannot be read."""
    try:
        match codec:
            case Codec.VP8:
                return _vp8(picture)
            case Codec.VP9:
                return _vp9(picture)
            case Codec.H264:
                return _h264(picture)
            case _:
                return None
    except IndexError:
        return None


def _vp8(picture: bytes) -> Size | None:
    if picture[0] & 1 or picture[3:6] != b"\x9d\x01\x2a":
        return None
    return _sized((picture[7] << 8 | picture[6]) & 0x3FFF, (picture[9] << 8 | picture[8]) & 0x3FFF)


def _vp9(picture: bytes) -> Size | None:
    bits = _Bits(picture)
    if bits.take(2) != 2:
        return None
    profile = bits.take(1) | bits.take(1) << 1
    if (profile == 3 and bits.take(1)) or bits.take(1) or bits.take(1):  # reserved; a frame shown again; not a key
        return None
    bits.take(2)
    if bits.take(24) != 0x498342:
        return None
    if profile >= 2:
        bits.take(1)
    if bits.take(3) != 7:  # every colour space but RGB
        bits.take(1)
        if profile & 1:
            bits.take(3)
    elif profile & 1:
        bits.take(1)
    return _sized(bits.take(16) + 1, bits.take(16) + 1)


def _h264(picture: bytes) -> Size | None:
    units = list(nal_units(picture))
    if not any(unit[0] & 0x1F == _IDR for unit in units):
        return None
    sps = next((unit for unit in units if unit[0] & 0x1F == _SPS), None)
    return None if sps is None else _sps_size(sps)


def nal_units(stream: bytes) -> Iterator[bytes]:
    """The units of a byte stream (ITU-T H.264, annex B), none of them empty."""
    return (unit for each in stream.split(b"\x00\x00\x01") if (unit := each.rstrip(b"\x00")))


def avc_configuration(picture: bytes) -> bytes | None:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1) of a keyframe; None without its sets."""
    units = list(nal_units(picture))
    sps = next((unit for unit in units if unit[0] & 0x1F == _SPS and len(unit) > 3), None)
    pps = next((unit for unit in units if unit[0] & 0x1F == _PPS), None)
    if sps is None or pps is None:
        return None
    sets = b"\xe1" + len(sps).to_bytes(2, "big") + sps + b"\x01" + len(pps).to_bytes(2, "big") + pps
    return bytes((1, sps[1], sps[2], sps[3], 0xFF)) + sets


def _sps_size(unit: bytes) -> Size | None:
    bits = _Bits(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    chroma = _chroma(bits) if profile in _CHROMA_PROFILES else 1
    bits.golomb()
    _skip_order_count(bits)
    bits.golomb()
    bits.take(1)
    width, rows, whole = 16 * (bits.golomb() + 1), bits.golomb() + 1, bits.take(1)
    height = 16 * rows * (2 - whole)
    if not whole:
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        across, down = (2 if chroma in {1, 2} else 1), (2 if chroma == 1 else 1) * (2 - whole)
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        width, height = width - across * (left + right), height - down * (top + bottom)
    return _sized(width, height)


def _chroma(bits: _Bits) -> int:
    """chroma_format_idc, and past all that belongs to it."""
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)
    bits.golomb()
    bits.golomb()
    bits.take(1)
    if bits.take(1):
        for number in range(8 if chroma != 3 else 12):
            if bits.take(1):
                _skip_scaling(bits, 16 if number < 6 else 64)
    return chroma


def _skip_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order_count(bits: _Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.golomb(), 255)):
            bits.signed()


def _sized(width: int, height: int) -> Size | None:
    return Size(width, height) if width > 0 and height > 0 else None

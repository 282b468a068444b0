"""One track of encoded frames as WebM or Matroska (RFC 9559; Opus in it: RFC 7845 and the WebM guidelines).

    writer = Writer(track)
    writer.header                           EBML header, segment, track
    writer.add(frame, milliseconds)         the cluster that is full before it, if one is
    writer.cut()                            the cluster so far, if there is one

A cluster is whole by itself, so whatever is cut off after one can be played.
"""

import struct
from dataclasses import dataclass
from typing import Final

from telehealth.media.keyframes import Codec
from telehealth.media.pictures import Size, avc_configuration, nal_units

CLUSTER_MILLISECONDS: Final = 1000
CLUSTER_OCTETS: Final = 512 * 1024
OPUS_RATE: Final = 48_000
_NAMES: Final = {
    Codec.OPUS: "A_OPUS",
    Codec.VP8: "V_VP8",
    Codec.VP9: "V_VP9",
    Codec.H264: "V_MPEG4/ISO/AVC",
}
_WEBM: Final = frozenset({Codec.OPUS, Codec.VP8, Codec.VP9})
_UNKNOWN_SIZE: Final = b"\x01" + b"\xff" * 7


@dataclass(frozen=True, slots=True)
class TrackForm:
    """What a track is: its codec, of a picture its size, and what the decoder has to know beforehand."""

    codec: Codec
    size: Size | None = None
    private: bytes = b""

    @property
    def suffix(self) -> str:
        return "webm" if self.codec in _WEBM else "mkv"


def form_of(codec: Codec, size: Size | None, first: bytes) -> TrackForm:
    """The form of a track that begins with that frame."""
    match codec:
        case Codec.OPUS:
            return TrackForm(codec, None, b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 312, OPUS_RATE, 0, 0))
        case Codec.H264:
            return TrackForm(codec, size, avc_configuration(first) or b"")
        case _:
            return TrackForm(codec, size)


class Writer:
    """Milliseconds count from the beginning of the file, and never go back."""

    def __init__(self, form: TrackForm) -> None:
        self.form = form
        self.header = _header(form)
        self._begin = 0
        self._blocks: list[bytes] = []
        self._octets = 0

    def add(self, data: bytes, milliseconds: int, *, key: bool) -> bytes:
        full = self._blocks and (milliseconds - self._begin >= CLUSTER_MILLISECONDS or self._octets >= CLUSTER_OCTETS)
        done = self.cut() if full else b""
        if not self._blocks:
            self._begin = milliseconds
        if self.form.codec is Codec.H264:
            data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in nal_units(data))
        head = b"\x81" + struct.pack(">hB", milliseconds - self._begin, 0x80 if key else 0)
        self._blocks.append(_element(0xA3, head + data))
        self._octets += len(data)
        return done

    def cut(self) -> bytes:
        if not self._blocks:
            return b""
        cluster = _element(0x1F43B675, _number(0xE7, self._begin) + b"".join(self._blocks))
        self._blocks, self._octets = [], 0
        return cluster


def _header(form: TrackForm) -> bytes:
    kind = b"webm" if form.codec in _WEBM else b"matroska"
    ebml = (
        _number(0x4286, 1)
        + _number(0x42F7, 1)
        + _number(0x42F2, 4)
        + _number(0x42F3, 8)
        + _element(0x4282, kind)
        + _number(0x4287, 4)
        + _number(0x4285, 2)
    )
    info = _number(0x2AD7B1, 1_000_000) + _element(0x4D80, b"telehealth") + _element(0x5741, b"telehealth")
    tracks = _element(0xAE, _track(form))
    segment = b"\x18\x53\x80\x67" + _UNKNOWN_SIZE
    return _element(0x1A45DFA3, ebml) + segment + _element(0x1549A966, info) + _element(0x1654AE6B, tracks)


def _track(form: TrackForm) -> bytes:
    entry = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x9C, 0) + _element(0x86, _NAMES[form.codec].encode())
    if form.private:
        entry += _element(0x63A2, form.private)
    if form.codec is Codec.OPUS:
        entry += _number(0x83, 2) + _number(0x56AA, 312 * 1_000_000_000 // OPUS_RATE) + _number(0x56BB, 80_000_000)
        return entry + _element(0xE1, _element(0xB5, struct.pack(">d", OPUS_RATE)) + _number(0x9F, 2))
    size = form.size or Size(1, 1)
    return entry + _number(0x83, 1) + _element(0xE0, _number(0xB0, size.width) + _number(0xBA, size.height))


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _element(identifier: int, body: bytes) -> bytes:
    """EBML: identifier, size in eight bytes, body (RFC 8794)."""
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (len(body) | 1 << 56).to_bytes(8, "big") + body

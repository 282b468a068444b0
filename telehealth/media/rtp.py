"""RTP packets as the media node reads and writes them (RFC 3550, header extensions RFC 8285, retransmission RFC 4588).

    packet = RtpPacket()                  reused: `load` allocates nothing but numbers
    packet.load(data, extensions.kinds)   every field, or Malformed
    read_names(data, extensions)          mid, rid and rrid, for a source that is not known yet
    unwrap(packet, ...)                   the packet that a retransmission carries
    layout = lay_out(...)                 the constant part of a header, made once for a stream

Nothing of the header of what came goes out again but marker, timestamp and the extensions in CARRIED: the header that
goes out is a constant with a few numbers put in. Padding ends here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from telehealth.media.malformed import Malformed

LARGEST_PACKET: Final = 1500
ROOM: Final = 2048  # bytes that a buffer must have for one packet that goes out, what SRTP adds included
MOST_CARRIED: Final = 8
LARGEST_CARRIED: Final = 255

HEADER: Final = Struct("!BBHII")
NUMBERS: Final = Struct("!BHI")  # marker and payload type, sequence number, timestamp: from the second byte of a header
STAMP: Final = Struct("!I")
_ONE_BYTE, _TWO_BYTE = 0xBEDE, 0x1000


class Extension(IntEnum):
    """Header extensions that the node knows. From AUDIO_LEVEL on they are carried through to subscribers."""

    MID = 1
    RID = 2
    REPAIRED_RID = 3
    ABS_SEND_TIME = 4
    TRANSPORT_CC = 5
    AUDIO_LEVEL = 6
    VIDEO_ORIENTATION = 7
    PLAYOUT_DELAY = 8
    CONTENT_TYPE = 9
    COLOR_SPACE = 10
    DEPENDENCY_DESCRIPTOR = 11


URIS: Final[Mapping[str, Extension]] = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": Extension.MID,
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": Extension.RID,
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": Extension.REPAIRED_RID,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": Extension.ABS_SEND_TIME,
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": Extension.TRANSPORT_CC,
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": Extension.AUDIO_LEVEL,
    "urn:3gpp:video-orientation": Extension.VIDEO_ORIENTATION,
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay": Extension.PLAYOUT_DELAY,
    "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type": Extension.CONTENT_TYPE,
    "http://www.webrtc.org/experiments/rtp-hdrext/color-space": Extension.COLOR_SPACE,
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension": (
        Extension.DEPENDENCY_DESCRIPTOR
    ),
}
_TRANSPORT_CC, _FIRST_CARRIED, _DESCRIPTOR = 5, 6, 11  # plain numbers: an enum's member is dear to look up per packet


class Extensions:
    """The identifiers that one session negotiated: `Extensions({Extension.MID: 4, ...})`.

    `kinds` has for each identifier (1 to 255) the extension it means, 0 for none.
    """

    __slots__ = ("identifiers", "kinds")

    def __init__(self, identifiers: Mapping[Extension, int]) -> None:
        table = bytearray(256)
        for extension, identifier in identifiers.items():
            table[identifier] = extension
        self.identifiers = dict(identifiers)
        self.kinds = bytes(table)


class RtpPacket:
    """One packet, read. The payload is `data[start:end]`, without padding.

    `number` is the sequence number extended to the stream's life (RFC 3550, appendix A.1), set by its receiver; -1
    before that. `marker` is 0x80 or 0. `transport_number` is that of transport-wide congestion control, -1 without.
    `carried` has for each extension to carry through `start << 16 | length << 8 | kind`; `signature` tells their
    lengths and kinds in one number, 0 for none. `stamp` is the abs-send-time it goes out with, set by who forwards it:
    what is sent again under the same number must be the same to the last bit, or AES-GCM gives away its key
    (RFC 7714, section 8.4). `descriptor` is where the AV1 dependency descriptor is, in that form.
    """

    __slots__ = (
        "carried",
        "data",
        "descriptor",
        "end",
        "marker",
        "number",
        "payload_type",
        "sequence_number",
        "signature",
        "ssrc",
        "stamp",
        "start",
        "timestamp",
        "transport_number",
    )

    data: bytes
    marker: int
    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    start: int
    end: int
    transport_number: int
    signature: int
    descriptor: int

    def __init__(self) -> None:
        self.number = -1
        self.stamp = 0
        self.carried: list[int] = []

    def load(self, data: bytes, kinds: bytes) -> None:
        """Reads a decrypted packet. After Malformed the fields hold no packet."""
        size = len(data)
        if not 12 <= size <= LARGEST_PACKET:
            raise Malformed("rtp")
        first, second, self.sequence_number, self.timestamp, self.ssrc = HEADER.unpack_from(data)
        if first >> 6 != 2:
            raise Malformed("rtp")
        self.data = data
        self.marker = second & 0x80
        self.payload_type = second & 0x7F
        self.transport_number = -1
        self.signature = self.descriptor = 0
        if self.carried:
            self.carried.clear()
        start = 12 + ((first & 15) << 2)
        if first & 0x10:
            start = self._load_extensions(start, kinds)
        if first & 0x20 and size:
            padding = data[size - 1]
            size = size - padding if padding else 0
        if start > size:
            raise Malformed("rtp")
        self.start = start
        self.end = size

    def _load_extensions(self, at: int, kinds: bytes) -> int:
        """Reads the extensions that begin there; returns where the payload begins."""
        data = self.data
        if len(data) < at + 4:
            raise Malformed("rtp")
        profile = data[at] << 8 | data[at + 1]
        end = at + 4 + ((data[at + 2] << 8 | data[at + 3]) << 2)
        if end > len(data):
            raise Malformed("rtp")
        if profile == _ONE_BYTE:
            self._scan(at + 4, end, kinds)
        elif profile & 0xFFF0 == _TWO_BYTE:
            for identifier, start, length in _two_byte(data, at + 4, end):
                self._take(kinds[identifier], start, length)
        return end

    def _scan(self, at: int, end: int, kinds: bytes) -> None:
        """The elements of the one-byte form, as `_one_byte` has them: written out, for every packet passes here."""
        data = self.data
        while at < end:
            head = data[at]
            if head < 16:
                if head:
                    return
                at += 1
                continue
            if head > 239:
                return
            length = (head & 15) + 1
            kind = kinds[head >> 4]
            if kind >= _TRANSPORT_CC:
                if at + length >= end:
                    raise Malformed("rtp")
                self._take(kind, at + 1, length)
            at += 1 + length
        if at > end:
            raise Malformed("rtp")

    def _take(self, kind: int, start: int, length: int) -> None:
        if kind == _TRANSPORT_CC:
            if length == 2:
                self.transport_number = self.data[start] << 8 | self.data[start + 1]
        elif kind >= _FIRST_CARRIED and length and len(self.carried) < MOST_CARRIED:
            place = start << 16 | length << 8 | kind
            self.carried.append(place)
            self.signature = self.signature << 16 | (place & 0xFFFF)
            if kind == _DESCRIPTOR:
                self.descriptor = place


def _one_byte(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Identifier, start and length of each element (RFC 8285, section 4.2)."""
    while at < end:
        head = data[at]
        identifier, length = head >> 4, (head & 15) + 1
        if head == 0:
            at += 1
            continue
        if identifier in {0, 15}:
            return
        if at + 1 + length > end:
            raise Malformed("rtp")
        yield identifier, at + 1, length
        at += 1 + length


def _two_byte(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The same of the two-byte form (RFC 8285, section 4.3); a length may be 0."""
    while at < end:
        identifier = data[at]
        if identifier == 0:
            at += 1
            continue
        if at + 2 > end or at + 2 + data[at + 1] > end:
            raise Malformed("rtp")
        yield identifier, at + 2, data[at + 1]
        at += 2 + data[at + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a packet says of where it belongs (RFC 8843, section 15; RFC 8852). Empty: not said."""

    mid: str = ""
    rid: str = ""
    repaired_rid: str = ""


def read_names(data: bytes, extensions: Extensions) -> Names:
    """The names in the header extensions of a packet that `load` has accepted. Malformed as `load`."""
    if len(data) < 12:
        raise Malformed("rtp")
    at = 12 + ((data[0] & 15) << 2)
    if not data[0] & 0x10 or len(data) < at + 4:
        return Names()
    profile = data[at] << 8 | data[at + 1]
    end = min(at + 4 + ((data[at + 2] << 8 | data[at + 3]) << 2), len(data))
    if profile != _ONE_BYTE and profile & 0xFFF0 != _TWO_BYTE:
        return Names()
    elements = _one_byte if profile == _ONE_BYTE else _two_byte
    said: dict[int, str] = {}
    for identifier, start, length in elements(data, at + 4, end):
        said[extensions.kinds[identifier]] = data[start : start + length].decode("ascii", "replace")
    return Names(
        mid=said.get(Extension.MID, ""),
        rid=said.get(Extension.RID, ""),
        repaired_rid=said.get(Extension.REPAIRED_RID, ""),
    )


def unwrap(packet: RtpPacket, *, ssrc: int, payload_type: int) -> bytes | None:
    """The packet that this retransmission carries (RFC 4588, section 4), as the stream `ssrc` had it.

    None: it carries none. A sender tries how much the way takes with retransmissions that are padding.
    """
    data, start, end = packet.data, packet.start, packet.end
    if end - start <= 2:
        return None
    header = bytearray(data[:start])
    header[0] &= 0xDF
    header[1] = packet.marker | payload_type
    header[2:4] = data[start : start + 2]
    header[8:12] = ssrc.to_bytes(4, "big")
    return bytes(header) + data[start + 2 : end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The constant part of a header that goes out.

    `head` is a whole header with zeros where numbers change. At `stamp_at` are four bytes for `stamp | abs-send-time`
    (0: not negotiated). `places` says where each carried extension's bytes go.
    """

    head: bytes
    length: int
    stamp_at: int
    stamp: int
    places: tuple[int, ...]


def lay_out(extensions: Extensions, *, ssrc: int, mid: str, carried: Sequence[int] = ()) -> Layout:
    """The header of a subscriber's stream for packets with those extensions to carry, as `RtpPacket.carried` has them.

    An extension that the subscriber did not negotiate gets the place -1.
    """
    known = extensions.identifiers
    elements: list[tuple[int, bytes]] = []
    if stamped := known.get(Extension.ABS_SEND_TIME, 0):
        elements.append((stamped, bytes(3)))
    if named := known.get(Extension.MID, 0):
        elements.append((named, mid.encode()))
    own = len(elements)
    wanted = [known.get(Extension(each & 0xFF), 0) for each in carried]
    if sum(each >> 8 & 0xFF for each in carried) > LARGEST_CARRIED:
        wanted = [0] * len(carried)
    elements += [(ident, bytes(each >> 8 & 0xFF)) for ident, each in zip(wanted, carried, strict=True) if ident]
    block, starts = _block(elements)
    free = iter(starts[own:])
    head = HEADER.pack(0x90 if elements else 0x80, 0, 0, 0, ssrc) + block
    stamp_at = starts[0] - 1 if stamped else 0
    return Layout(
        head=head,
        length=len(head),
        stamp_at=stamp_at,
        stamp=head[stamp_at] << 24 if stamped else 0,
        places=tuple(next(free) if ident else -1 for ident in wanted),
    )


def _block(elements: Sequence[tuple[int, bytes]]) -> tuple[bytes, list[int]]:
    """A header extension of those elements, and where in the packet the bytes of each begin."""
    if not elements:
        return b"", []
    long = any(ident > 14 or not 1 <= len(value) <= 16 for ident, value in elements)
    block, starts = bytearray(), []
    for ident, value in elements:
        block += bytes((ident, len(value))) if long else bytes((ident << 4 | len(value) - 1,))
        starts.append(16 + len(block))
        block += value
    block += bytes(-len(block) % 4)
    profile = _TWO_BYTE if long else _ONE_BYTE
    return profile.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big") + bytes(block), starts

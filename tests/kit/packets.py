"""RTP packets as a sender writes them (RFC 3550, RFC 8285), and as Hypothesis draws them."""

import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from telehealth.media.rtp import ROOM, Extension, Extensions, RtpPacket

Element = tuple[int, bytes]

UPLINK = Extensions(
    {
        Extension.MID: 4,
        Extension.RID: 10,
        Extension.REPAIRED_RID: 11,
        Extension.ABS_SEND_TIME: 2,
        Extension.TRANSPORT_CC: 3,
        Extension.AUDIO_LEVEL: 1,
        Extension.VIDEO_ORIENTATION: 13,
        Extension.DEPENDENCY_DESCRIPTOR: 12,
    }
)
DOWNLINK = Extensions(
    {
        Extension.MID: 9,
        Extension.ABS_SEND_TIME: 5,
        Extension.AUDIO_LEVEL: 7,
        Extension.VIDEO_ORIENTATION: 1,
        Extension.DEPENDENCY_DESCRIPTOR: 14,
    }
)


def rtp(
    payload: bytes = b"payload",
    *,
    sequence_number: int = 1,
    timestamp: int = 0,
    ssrc: int = 1,
    payload_type: int = 96,
    marker: bool = False,
    elements: Sequence[Element] | None = None,
    two_byte: bool = False,
    sources: Sequence[int] = (),
    padding: int = 0,
) -> bytes:
    first = 0x80 | (0x20 if padding else 0) | (0x10 if elements is not None else 0) | len(sources)
    written = struct.pack(
        "!BBHII", first, marker << 7 | payload_type, sequence_number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
    )
    written += b"".join(struct.pack("!I", each) for each in sources)
    if elements is not None:
        written += _block(elements, two_byte=two_byte)
    if padding:
        payload += bytes(padding - 1) + bytes((padding,))
    return written + payload


def _block(elements: Sequence[Element], *, two_byte: bool) -> bytes:
    block = b"".join(
        (bytes((ident, len(value))) if two_byte else bytes((ident << 4 | len(value) - 1,))) + value
        for ident, value in elements
    )
    block += bytes(-len(block) % 4)
    return struct.pack("!HH", 0x1000 if two_byte else 0xBEDE, len(block) // 4) + block


@st.composite
def packets(draw: st.DrawFn) -> dict[str, Any]:
    """The arguments of `rtp` for a packet that is in order."""
    two_byte = draw(st.booleans())
    ident = st.integers(1, 255 if two_byte else 14)
    value = st.binary(min_size=0 if two_byte else 1, max_size=30 if two_byte else 16)
    return {
        "payload": draw(st.binary(max_size=60)),
        "sequence_number": draw(st.integers(0, 0xFFFF)),
        "timestamp": draw(st.integers(0, 0xFFFFFFFF)),
        "ssrc": draw(st.integers(0, 0xFFFFFFFF)),
        "payload_type": draw(st.integers(0, 127)),
        "marker": draw(st.booleans()),
        "elements": draw(
            st.none() | st.lists(st.tuples(ident, value), max_size=5, unique_by=lambda each: each[0]),
        ),
        "two_byte": two_byte,
        "sources": draw(st.lists(st.integers(0, 0xFFFFFFFF), max_size=3)),
        "padding": draw(st.integers(0, 20)),
    }


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """A packet in order of which some bytes were changed, and perhaps its end lost."""
    data = bytearray(rtp(**draw(packets())))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


class Wire:
    """A slab and what was sent from it. Each packet is written elsewhere in it, as in a batch."""

    def __init__(self) -> None:
        self.buffer = bytearray(4 * ROOM)
        self.free = 0
        self.sent: list[bytes] = []

    def send(self, length: int) -> None:
        self.sent.append(bytes(self.buffer[self.free : self.free + length]))
        self.free = (self.free + ROOM) % len(self.buffer)

    def taken(self) -> list[RtpPacket]:
        """What was sent since the last call, read as the subscriber does."""
        found = []
        for data in self.sent:
            packet = RtpPacket()
            packet.load(data, DOWNLINK.kinds)
            found.append(packet)
        self.sent.clear()
        return found

"""RTP as the node reads and writes it, against the other implementation at hand: aiortc's."""

from contextlib import suppress
from typing import Any

import pytest
from aiortc import rtp as aiortc_rtp
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters
from hypothesis import assume, example, given
from hypothesis import strategies as st

from telehealth.media.malformed import Malformed
from telehealth.media.rtp import (
    LARGEST_PACKET,
    NUMBERS,
    STAMP,
    URIS,
    Extension,
    Extensions,
    Names,
    RtpPacket,
    lay_out,
    read_names,
    unwrap,
)
from tests.kit.packets import DOWNLINK, UPLINK, packets, rtp, torn


def loaded(data: bytes, extensions: Extensions = UPLINK) -> RtpPacket:
    packet = RtpPacket()
    packet.load(data, extensions.kinds)
    return packet


def aiortc_map(extensions: Extensions) -> aiortc_rtp.HeaderExtensionsMap:
    uris = {extension: uri for uri, extension in URIS.items()}
    found = aiortc_rtp.HeaderExtensionsMap()
    found.configure(
        RTCRtpReceiveParameters(
            headerExtensions=[
                RTCRtpHeaderExtensionParameters(id=ident, uri=uris[each])
                for each, ident in extensions.identifiers.items()
            ]
        )
    )
    return found


@given(packets())
def test_every_field_is_read(fields: dict[str, Any]) -> None:
    packet = loaded(rtp(**fields))
    assert (packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload_type, packet.marker) == (
        fields["sequence_number"],
        fields["timestamp"],
        fields["ssrc"],
        fields["payload_type"],
        0x80 if fields["marker"] else 0,
    )
    assert packet.data[packet.start : packet.end] == fields["payload"]
    elements = {UPLINK.kinds[ident]: value for ident, value in fields["elements"] or ()}
    carried = {each & 0xFF: packet.data[each >> 16 : (each >> 16) + (each >> 8 & 0xFF)] for each in packet.carried}
    assert carried == {kind: value for kind, value in elements.items() if kind >= Extension.AUDIO_LEVEL and value}
    numbered = elements.get(Extension.TRANSPORT_CC, b"")
    assert packet.transport_number == (int.from_bytes(numbered, "big") if len(numbered) == 2 else -1)


@given(packets())
def test_aiortc_reads_the_same(fields: dict[str, Any]) -> None:
    with suppress(ValueError, IndexError):  # it knows no length of 0, and raises what comes
        theirs = aiortc_rtp.RtpPacket.parse(rtp(**fields), aiortc_rtp.HeaderExtensionsMap())
        ours = loaded(rtp(**fields))
        assert ours.data[ours.start : ours.end] == theirs.payload
        assert (ours.sequence_number, ours.timestamp, ours.ssrc) == (
            theirs.sequence_number,
            theirs.timestamp,
            theirs.ssrc,
        )


@given(st.binary(max_size=80) | torn())
@example(b"")
@example(rtp(elements=[(1, b"\1")])[:14])
@example(rtp(padding=20)[:13])
@example(rtp(b"", padding=1)[:-1] + b"\0")
def test_only_malformed_leaves(data: bytes) -> None:
    packet = RtpPacket()
    with suppress(Malformed):
        packet.load(data, UPLINK.kinds)
        assert 12 <= packet.start <= packet.end <= len(data)
        read_names(data, UPLINK)
        unwrap(packet, ssrc=1, payload_type=2)
    with suppress(Malformed):
        read_names(data, UPLINK)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        rtp()[:11],
        b"\x40" + rtp()[1:],
        rtp(elements=[(1, b"\1")])[:16],
        rtp(b"", elements=[(1, b"\1\2\3\4\5")])[:20],
        rtp(bytes(LARGEST_PACKET)),
        b"\xa0" + rtp(b"\7")[1:],
        rtp(elements=[])[:12] + bytes.fromhex("bede0001") + bytes((0x3F, 0, 0, 0)),
        rtp(elements=[])[:12] + bytes.fromhex("10000001") + bytes((3, 9, 0, 0)),
    ],
    ids=[
        "empty",
        "short",
        "version",
        "no extension",
        "half an extension",
        "large",
        "padding",
        "element",
        "long element",
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        loaded(data)


def test_the_names_are_read_in_both_forms() -> None:
    elements = [(4, b"0"), (10, b"h"), (11, b"l")]
    for two_byte in (False, True):
        data = rtp(elements=elements, two_byte=two_byte)
        assert read_names(data, UPLINK) == Names(mid="0", rid="h", repaired_rid="l")
    assert read_names(rtp(), UPLINK) == Names()
    other = bytearray(rtp(elements=elements, two_byte=True))
    other[12] = 0x20
    assert read_names(bytes(other), UPLINK) == Names(), "a profile of its own (RFC 3550, section 5.3.1)"


@given(packets(), st.integers(0, 0xFFFF), st.integers(0, 127))
def test_a_retransmission_carries_the_packet_as_aiortc_wraps_it(
    fields: dict[str, Any], sequence_number: int, payload_type: int
) -> None:
    assume(fields["payload"])
    original = rtp(**fields | {"padding": 0})
    packet = loaded(original)
    number = fields["sequence_number"].to_bytes(2, "big")
    wrapped = rtp(
        **fields
        | {"payload": number + fields["payload"], "ssrc": 77, "sequence_number": sequence_number, "payload_type": 97}
    )
    found = unwrap(loaded(wrapped), ssrc=fields["ssrc"], payload_type=fields["payload_type"])
    assert found == original
    assert packet.data[packet.start :] == fields["payload"]


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\1"])
def test_a_retransmission_that_is_padding_carries_nothing(payload: bytes) -> None:
    assert unwrap(loaded(rtp(payload, padding=200)), ssrc=1, payload_type=96) is None


@given(packets(), st.text("abc0", min_size=1, max_size=16), st.integers(0, 0xFFFFFF))
def test_aiortc_reads_the_header_that_is_laid_out(fields: dict[str, Any], mid: str, stamp: int) -> None:
    packet = loaded(rtp(**fields))
    layout = lay_out(DOWNLINK, ssrc=42, mid=mid, carried=packet.carried)
    header = bytearray(layout.head)
    NUMBERS.pack_into(header, 1, 96, 7, 9)
    STAMP.pack_into(header, layout.stamp_at, layout.stamp | stamp)
    for place, each in zip(layout.places, packet.carried, strict=True):
        value = packet.data[each >> 16 : (each >> 16) + (each >> 8 & 0xFF)]
        assert (place < 0) == (each & 0xFF not in DOWNLINK.identifiers)
        if place >= 0:
            header[place : place + len(value)] = value
    again = loaded(bytes(header), DOWNLINK)
    assert (again.ssrc, again.payload_type, again.sequence_number, again.timestamp) == (42, 96, 7, 9)
    assert [(each & 0xFF, again.data[each >> 16 :][: each >> 8 & 0xFF]) for each in again.carried] == [
        (each & 0xFF, packet.data[each >> 16 :][: each >> 8 & 0xFF])
        for each in packet.carried
        if each & 0xFF in DOWNLINK.identifiers
    ]
    if not packet.carried:  # aiortc unpacks an audio level of any length as one byte
        theirs = aiortc_rtp.RtpPacket.parse(bytes(header), aiortc_map(DOWNLINK))
        assert (theirs.extensions.mid, theirs.extensions.abs_send_time) == (mid, stamp)


def test_a_header_without_extensions_is_the_plain_one() -> None:
    layout = lay_out(Extensions({}), ssrc=0x01020304, mid="0")
    assert layout.head == bytes.fromhex("8000000000000000") + b"\1\2\3\4"
    assert (layout.length, layout.stamp_at, layout.places) == (12, 0, ())


def test_what_would_make_a_header_too_long_is_not_carried() -> None:
    packet = loaded(rtp(elements=[(12, bytes(200)), (1, bytes(60))], two_byte=True))
    assert lay_out(DOWNLINK, ssrc=1, mid="0", carried=packet.carried).places == (-1, -1)

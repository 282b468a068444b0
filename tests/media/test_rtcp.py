"""RTCP as the node reads and writes it: what is written is read again, aiortc reads the same, all bytes survived."""

from contextlib import suppress
from typing import Any

import pytest
from aiortc import rtp as aiortc_rtp
from hypothesis import example, given
from hypothesis import strategies as st

from telehealth.media.malformed import Malformed
from telehealth.media.rtcp import (
    LARGEST_COMPOUND,
    MOST_BLOCKS,
    Bye,
    FullIntra,
    Nack,
    Packet,
    PictureLoss,
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    build,
    datagrams,
    parse,
)
from telehealth.media.transport_feedback import TransportFeedback

U8, U16, U24, U32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 24, 32))
BLOCKS = st.lists(
    st.builds(
        ReportBlock,
        ssrc=U32,
        fraction_lost=U8,
        packets_lost=st.integers(-(1 << 23), (1 << 23) - 1),
        highest_number=U32,
        jitter=U32,
        last_report=U32,
        delay=U32,
    ),
    max_size=MOST_BLOCKS,
).map(tuple)
REPORTS = st.builds(ReceiverReport, ssrc=U32, blocks=BLOCKS) | st.builds(
    SenderReport,
    ssrc=U32,
    ntp_timestamp=st.integers(0, (1 << 64) - 1),
    rtp_timestamp=U32,
    packet_count=U32,
    octet_count=U32,
    blocks=BLOCKS,
)
SSRCS = st.lists(U32, max_size=5).map(tuple)
LOST = st.builds(
    lambda first, steps: tuple((first + sum(steps[:each])) & 0xFFFF for each in range(len(steps) + 1)),
    U16,
    st.lists(st.integers(1, 40), max_size=30),
)
FEEDBACK = st.builds(
    TransportFeedback,
    sender=U32,
    media=U32,
    base_number=U16,
    reference_time=U24,
    feedback_number=U8,
    deltas=st.lists(
        st.tuples(st.none() | st.integers(-(1 << 15), (1 << 15) - 1) | U8, st.integers(1, 20)), min_size=1, max_size=12
    ).map(lambda runs: tuple(delta for delta, count in runs for _ in range(count))),
)
PACKETS: st.SearchStrategy[Packet] = st.one_of(
    REPORTS,
    st.builds(SourceDescription, ssrc=U32, cname=st.text("abc-1é", max_size=100)),
    st.builds(Bye, sources=SSRCS),
    st.builds(Nack, sender=U32, media=U32, lost=LOST),
    st.builds(PictureLoss, sender=U32, media=U32),
    st.builds(FullIntra, sender=U32, requests=st.lists(st.tuples(U32, U8), min_size=1, max_size=4).map(tuple)),
    st.builds(
        ReceiverEstimate,
        sender=U32,
        bitrate=st.builds(int.__lshift__, st.integers(0, (1 << 18) - 1), st.integers(0, 45)),
        sources=SSRCS,
    ),
    FEEDBACK,
)


@given(PACKETS)
def test_what_is_written_is_read_again(packet: Packet) -> None:
    assert parse(build([packet])) == (packet,)


@given(st.lists(st.builds(PictureLoss, sender=U32, media=U32) | REPORTS, min_size=1, max_size=2))
def test_a_compound_keeps_its_order(packets: list[Packet]) -> None:
    with suppress(Malformed):  # two reports of 31 blocks are longer than a datagram
        assert list(parse(build(packets))) == packets


@given(st.lists(PACKETS, max_size=20))
def test_many_packets_are_parted_into_datagrams(packets: list[Packet]) -> None:
    parted = list(datagrams(packets))
    assert b"".join(parted) == build(packets)
    assert all(len(each) <= LARGEST_COMPOUND or len(parse(each)) == 1 for each in parted)


@given(REPORTS | st.builds(Nack, sender=U32, media=U32, lost=LOST))
def test_aiortc_reads_the_same(packet: Packet) -> None:
    (theirs,) = aiortc_rtp.RtcpPacket.parse(build([packet]))
    match packet:
        case Nack():
            assert isinstance(theirs, aiortc_rtp.RtcpRtpfbPacket)
            assert tuple(each & 0xFFFF for each in theirs.lost) == packet.lost
        case SenderReport() | ReceiverReport():
            assert isinstance(theirs, aiortc_rtp.RtcpSrPacket | aiortc_rtp.RtcpRrPacket)
            assert [(each.ssrc, each.fraction_lost, each.packets_lost, each.dlsr) for each in theirs.reports] == [
                (each.ssrc, each.fraction_lost, each.packets_lost, each.delay) for each in packet.blocks
            ]


def test_aiortc_reads_the_estimate() -> None:
    (theirs,) = aiortc_rtp.RtcpPacket.parse(build([ReceiverEstimate(sender=1, bitrate=4_160_000, sources=(7, 8))]))
    assert isinstance(theirs, aiortc_rtp.RtcpPsfbPacket)
    assert aiortc_rtp.unpack_remb_fci(theirs.fci) == (4_160_000, [7, 8])


def test_an_estimate_is_written_with_18_bits_and_never_above_itself() -> None:
    (read,) = parse(build([ReceiverEstimate(sender=1, bitrate=1_234_567, sources=())]))
    assert isinstance(read, ReceiverEstimate)
    assert 0 <= 1_234_567 - read.bitrate < 1_234_567 / (1 << 17)


def test_feedback_is_as_the_draft_draws_it() -> None:
    feedback = TransportFeedback(
        sender=1, media=2, base_number=0x1234, reference_time=5, feedback_number=9, deltas=(4, None, -1, 256)
    )
    body = build([feedback])[12:]
    assert body == bytes.fromhex("1234 0004 00000509 d280 04 ffff 0100 00")


def test_many_lost_packets_take_few_words() -> None:
    assert len(build([Nack(sender=1, media=2, lost=tuple(range(65530, 65536)) + tuple(range(11)))])) == 16


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    data = bytearray(build([draw(PACKETS)]))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(U8)
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(st.binary(max_size=120) | torn())
@example(b"")
@example(bytes.fromhex("a0c80000"))
@example(bytes.fromhex("81ca0002 00000001 0105 0000"))
@example(bytes.fromhex("8fcd0005 00000001 00000002 0000ffff 00000000 3fff3fff"))
def test_only_malformed_leaves(data: bytes) -> None:
    with suppress(Malformed):
        parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(8),
        bytes.fromhex("80c90002 00000001"),
        bytes.fromhex("81c90001 00000001"),
        bytes.fromhex("80c80001 00000001"),
        bytes.fromhex("81ca0002 00000001 01090000"),
        bytes.fromhex("81cb0000 80cb0000"),
        bytes.fromhex("81cd0002 00000001 00000002"),
        bytes.fromhex("84ce0003 00000001 00000002 00000003"),
        bytes.fromhex("8fce0004 00000001 00000002 52454d42 02000000"),
        bytes.fromhex("8fcd0004 00000001 00000002 00000001 00000000"),
        bytes.fromhex("a0c90001 00000005"),
        build([Nack(sender=1, media=2, lost=tuple(range(0, 60000, 20)))]),
    ],
)
def test_what_does_not_hold_together_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


def test_unknown_types_and_padding_are_passed_over() -> None:
    unknown = bytes.fromhex("80cf0001 00000001") + bytes.fromhex("83ce0002 00000001 00000002")
    padded = bytes.fromhex("a1ce0003 00000001 00000002 00000004")
    assert parse(unknown + padded) == (PictureLoss(sender=1, media=2),)


def test_other_items_of_a_description_are_passed_over() -> None:
    items = bytes.fromhex("0203 616263 0101 7a 00000000")
    found: Any = parse(bytes.fromhex("81ca0004 00000009") + items)
    assert found == (SourceDescription(ssrc=9, cname="z"),)

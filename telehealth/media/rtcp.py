"""RTCP, read and written (RFC 3550, section 6; feedback RFC 4585, RFC 5104; drafts named below).

    parse(data) -> tuple[Packet, ...]     a compound or reduced-size packet (RFC 5506), decrypted; or Malformed
    build(packets) -> bytes               the same the other way
    datagrams(packets)                    the same in as many compounds as they need

A packet of a type that is not in `Packet` is passed over, as RFC 3550 (section 6.1) wants it. `media` is the SSRC that
a feedback message is about, `sender` the one that says it. Sequence numbers are of 16 bits.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final

from telehealth.media import transport_feedback
from telehealth.media.malformed import Malformed
from telehealth.media.transport_feedback import TransportFeedback

LARGEST_PACKET: Final = 1500
LARGEST_COMPOUND: Final = 1200
MOST_BLOCKS: Final = 31

_BLOCK, _SENDER_INFO = Struct("!IIIIII"), Struct("!IQIII")
_U32, _PAIR, _NACK, _FIR = Struct("!I"), Struct("!II"), Struct("!HH"), Struct("!IB3x")
_SR, _RR, _SDES, _BYE, _RTPFB, _PSFB = 200, 201, 202, 203, 205, 206
_CNAME = 1
_REMB = b"REMB"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """Reception of one source (RFC 3550, section 6.4.1). `fraction_lost` in 256ths, `jitter` in units of the clock.

    `last_report` is the middle 32 bits of the NTP time of the last sender report, `delay` since it in 65,536ths of a
    second; both 0 when there was none.
    """

    ssrc: int
    fraction_lost: int = 0
    packets_lost: int = 0
    highest_number: int = 0
    jitter: int = 0
    last_report: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderReport:
    """`ntp_timestamp` is of 64 bits, seconds in the upper half."""

    ssrc: int
    ntp_timestamp: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverReport:
    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDescription:
    """The canonical name of one source; other items are not kept."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nack:
    """Packets that did not come (RFC 4585, section 6.2.1), in the order they were sent."""

    sender: int
    media: int
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLoss:
    """A keyframe is asked for (RFC 4585, section 6.3.1)."""

    sender: int
    media: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FullIntra:
    """Keyframes are asked for (RFC 5104, section 4.3.1): of each source, with the number of that request."""

    sender: int
    requests: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverEstimate:
    """REMB (draft-alvestrand-rmcat-remb): what the receiver can take of those sources together, in bits per second."""

    sender: int
    bitrate: int
    sources: tuple[int, ...]


Packet = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Bye
    | Nack
    | PictureLoss
    | FullIntra
    | ReceiverEstimate
    | TransportFeedback
)


def parse(data: bytes) -> tuple[Packet, ...]:
    """Every packet of a compound that is known, in its order. Malformed when one of any type does not hold together."""
    if not 4 <= len(data) <= LARGEST_PACKET:
        raise Malformed("rtcp")
    found: list[Packet] = []
    at = 0
    while at < len(data):
        if len(data) < at + 4 or data[at] >> 6 != 2:
            raise Malformed("rtcp")
        end = at + 4 + ((data[at + 2] << 8 | data[at + 3]) << 2)
        if end > len(data):
            raise Malformed("rtcp")
        body = _without_padding(data, at, end)
        if reader := _READERS.get(data[at + 1]):
            found.extend(reader(data[at] & 31, body))
        at = end
    return tuple(found)


def build(packets: Iterable[Packet]) -> bytes:
    """The compound of those packets. Names and numbers are taken as they are: they must fit their fields."""
    return b"".join(map(_written, packets))


def datagrams(packets: Iterable[Packet]) -> Iterator[bytes]:
    """Compounds of those packets in their order, each of at most LARGEST_COMPOUND octets unless one is larger."""
    compound = b""
    for packet in packets:
        written = _written(packet)
        if compound and len(compound) + len(written) > LARGEST_COMPOUND:
            yield compound
            compound = b""
        compound += written
    if compound:
        yield compound


def _without_padding(data: bytes, at: int, end: int) -> bytes:
    if not data[at] & 0x20:
        return data[at + 4 : end]
    if end != len(data) or not 4 <= data[end - 1] <= end - at - 4 or data[end - 1] % 4:
        raise Malformed("rtcp")
    return data[at + 4 : end - data[end - 1]]


def _blocks(count: int, body: bytes, at: int) -> tuple[ReportBlock, ...]:
    if len(body) < at + count * _BLOCK.size:
        raise Malformed("rtcp")
    return tuple(map(_block, _BLOCK.iter_unpack(body[at : at + count * _BLOCK.size])))


def _block(fields: tuple[int, ...]) -> ReportBlock:
    ssrc, loss, highest, jitter, last, delay = fields
    lost = loss & 0xFFFFFF
    return ReportBlock(
        ssrc=ssrc,
        fraction_lost=loss >> 24,
        packets_lost=lost - (1 << 24) if lost & 0x800000 else lost,
        highest_number=highest,
        jitter=jitter,
        last_report=last,
        delay=delay,
    )


def _sender_report(count: int, body: bytes) -> Iterator[Packet]:
    if len(body) < _SENDER_INFO.size:
        raise Malformed("rtcp")
    ssrc, ntp, rtp, packets, octets = _SENDER_INFO.unpack_from(body)
    yield SenderReport(
        ssrc=ssrc,
        ntp_timestamp=ntp,
        rtp_timestamp=rtp,
        packet_count=packets,
        octet_count=octets,
        blocks=_blocks(count, body, _SENDER_INFO.size),
    )


def _receiver_report(count: int, body: bytes) -> Iterator[Packet]:
    if len(body) < 4:
        raise Malformed("rtcp")
    yield ReceiverReport(ssrc=_U32.unpack_from(body)[0], blocks=_blocks(count, body, 4))


def _source_description(count: int, body: bytes) -> Iterator[Packet]:
    at = 0
    for _ in range(count):
        if len(body) < at + 8:
            raise Malformed("rtcp")
        (ssrc,) = _U32.unpack_from(body, at)
        at += 4
        while at < len(body) and body[at]:
            end = at + 2 + body[at + 1] if at + 1 < len(body) else len(body) + 1
            if end > len(body):
                raise Malformed("rtcp")
            if body[at] == _CNAME:
                yield SourceDescription(ssrc=ssrc, cname=body[at + 2 : end].decode("utf-8", "replace"))
            at = end
        at = (at // 4 + 1) * 4  # one to four zeros end a chunk


def _bye(count: int, body: bytes) -> Iterator[Packet]:
    if len(body) < 4 * count:
        raise Malformed("rtcp")
    yield Bye(sources=tuple(each for (each,) in _U32.iter_unpack(body[: 4 * count])))


def _transport_layer(form: int, body: bytes) -> Iterator[Packet]:
    if len(body) < 8:
        raise Malformed("rtcp")
    sender, media = _PAIR.unpack_from(body)
    if form == 1:
        if len(body) == 8:
            raise Malformed("rtcp")
        yield Nack(sender=sender, media=media, lost=tuple(_lost(body[8:])))
    elif form == transport_feedback.FORMAT:
        yield transport_feedback.parse(sender, media, body[8:])


def _lost(entries: bytes) -> Iterator[int]:
    for number, mask in _NACK.iter_unpack(entries):
        yield number
        for bit in range(16):
            if mask >> bit & 1:
                yield number + bit + 1 & 0xFFFF


def _payload_specific(form: int, body: bytes) -> Iterator[Packet]:
    if len(body) < 8:
        raise Malformed("rtcp")
    sender, media = _PAIR.unpack_from(body)
    rest = body[8:]
    if form == 1:
        yield PictureLoss(sender=sender, media=media)
    elif form == 4:
        if not rest or len(rest) % _FIR.size:
            raise Malformed("rtcp")
        yield FullIntra(sender=sender, requests=tuple((ssrc, number) for ssrc, number in _FIR.iter_unpack(rest)))
    elif form == 15 and rest[:4] == _REMB:
        if len(rest) < 8 or len(rest) < 8 + 4 * rest[4]:
            raise Malformed("rtcp")
        mantissa = (rest[5] & 3) << 16 | rest[6] << 8 | rest[7]
        sources = tuple(each for (each,) in _U32.iter_unpack(rest[8 : 8 + 4 * rest[4]]))
        yield ReceiverEstimate(sender=sender, bitrate=mantissa << (rest[5] >> 2), sources=sources)


_READERS: Final[Mapping[int, Callable[[int, bytes], Iterator[Packet]]]] = {
    _SR: _sender_report,
    _RR: _receiver_report,
    _SDES: _source_description,
    _BYE: _bye,
    _RTPFB: _transport_layer,
    _PSFB: _payload_specific,
}


def _written(packet: Packet) -> bytes:  # noqa: PLR0911 - one case a type
    match packet:
        case SenderReport():
            info = _SENDER_INFO.pack(
                packet.ssrc, packet.ntp_timestamp, packet.rtp_timestamp, packet.packet_count, packet.octet_count
            )
            return _framed(_SR, len(packet.blocks), info + _written_blocks(packet.blocks))
        case ReceiverReport():
            return _framed(_RR, len(packet.blocks), _U32.pack(packet.ssrc) + _written_blocks(packet.blocks))
        case SourceDescription():
            name = packet.cname.encode()
            item = bytes((_CNAME, len(name))) + name
            return _framed(_SDES, 1, _U32.pack(packet.ssrc) + item + bytes(4 - len(item) % 4))
        case Bye():
            return _framed(_BYE, len(packet.sources), b"".join(map(_U32.pack, packet.sources)))
        case Nack():
            return _framed(_RTPFB, 1, _PAIR.pack(packet.sender, packet.media) + _written_lost(packet.lost))
        case TransportFeedback():
            head = _PAIR.pack(packet.sender, packet.media)
            return _framed(_RTPFB, transport_feedback.FORMAT, head + transport_feedback.build(packet))
        case _:
            return _written_payload_specific(packet)


def _written_payload_specific(packet: PictureLoss | FullIntra | ReceiverEstimate) -> bytes:
    match packet:
        case PictureLoss():
            return _framed(_PSFB, 1, _PAIR.pack(packet.sender, packet.media))
        case FullIntra():
            requests = b"".join(_FIR.pack(*each) for each in packet.requests)
            return _framed(_PSFB, 4, _PAIR.pack(packet.sender, 0) + requests)
        case ReceiverEstimate():
            exponent = max(0, packet.bitrate.bit_length() - 18)
            mantissa = packet.bitrate >> exponent
            rate = bytes((len(packet.sources), exponent << 2 | mantissa >> 16)) + (mantissa & 0xFFFF).to_bytes(2, "big")
            sources = b"".join(map(_U32.pack, packet.sources))
            return _framed(_PSFB, 15, _PAIR.pack(packet.sender, 0) + _REMB + rate + sources)


def _framed(kind: int, count: int, body: bytes) -> bytes:
    return bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2, "big") + body


def _written_blocks(blocks: Iterable[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            each.ssrc,
            each.fraction_lost << 24 | each.packets_lost & 0xFFFFFF,
            each.highest_number,
            each.jitter,
            each.last_report,
            each.delay,
        )
        for each in blocks
    )


def _written_lost(lost: Iterable[int]) -> bytes:
    """The fewest entries for numbers in their order: each has its first number and a mask of the 16 after it."""
    entries: list[list[int]] = []
    for number in lost:
        ahead = number - entries[-1][0] & 0xFFFF if entries else 0
        if 1 <= ahead <= 16:
            entries[-1][1] |= 1 << ahead - 1
        elif ahead or not entries:
            entries.append([number, 0])
    return b"".join(_NACK.pack(*each) for each in entries)

"""What a subscriber sees is one stream without a seam, and what it lacks it gets again or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.receiving import Receiver
from telehealth.media.rtcp import ReportBlock, SenderReport
from telehealth.media.rtp import Extension, Extensions, RtpPacket, unwrap
from telehealth.media.sending import (
    MOST_STRETCHES,
    OCTETS_A_LOOK,
    REPEATED_AT_ONCE,
    REPEATED_PER_SECOND,
    Outgoing,
    Retransmission,
    payload_types,
    stamp,
)
from tests.kit.packets import DOWNLINK, UPLINK, Wire, rtp

TYPES = payload_types({96: 100, 97: 101})
SSRC, AGAIN = 500, 501
ROOM = 64


@dataclass
class Source:
    """A sender's stream of 25 pictures a second, each of three packets."""

    ssrc: int
    first: int
    offset: int
    sender: str = "p1"
    receiver: Receiver = field(init=False)

    def __post_init__(self) -> None:
        self.receiver = Receiver(self.ssrc, clock_rate=90_000, sender=self.sender, room=ROOM)

    def at(self, place: int) -> float:
        return place // 3 / 25

    def take(self, place: int, now: float | None = None) -> RtpPacket | None:
        """The packet of that place as the receiver keeps it; None when it is refused."""
        packet = RtpPacket()
        packet.load(
            rtp(
                b"%d of %d" % (place, self.ssrc),
                sequence_number=self.first + place,
                timestamp=self.offset + place // 3 * 3600,
                ssrc=self.ssrc,
                marker=place % 3 == 2,
                elements=[(2, b"abc"), (1, b"\x30")] if place % 2 else None,
            ),
            UPLINK.kinds,
        )
        accepted = self.receiver.accept(packet, self.at(place) if now is None else now)
        return packet if accepted is not None else None


def outgoing(
    wire: Wire, *, again: bool = True, sequence_number: int = 65_500, extensions: Extensions = DOWNLINK
) -> Outgoing:
    return Outgoing(
        ssrc=SSRC,
        mid="3",
        extensions=extensions,
        slab=wire,
        send=wire.send,
        retransmission=Retransmission(ssrc=AGAIN, payload_types={100: 102}, sequence_number=65_535) if again else None,
        sequence_number=65_500,
        timestamp=0xFFFFFF00,
    )


def payload(packet: RtpPacket) -> bytes:
    return packet.data[packet.start : packet.end]


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Places in time, and what befalls each packet of the source in use; at some the stream changes or rests."""
    return [
        (place, draw(st.sampled_from(("come",) * 6 + ("lost", "twice", "late", "switch", "rest"))))
        for place in range(draw(st.integers(1, 120)))
    ]


@dataclass
class Life:
    """One subscriber through a life: each packet as it came and as it went out, and in which stretch."""

    wire: Wire
    stream: Outgoing
    sources: Sequence[Source]
    sent: list[tuple[int, RtpPacket, RtpPacket]] = field(default_factory=list)
    stretch: int = 0
    using: int = -1
    held: list[RtpPacket] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    at: float = 0.0

    def live(self, events: Sequence[tuple[int, str]]) -> None:
        for place, event in events:
            self.at = self.sources[0].at(place)
            if event != "lost":
                self.meet(event, [source.take(place) for source in self.sources])
            if event == "twice":
                assert [source.take(place) for source in self.sources] == [None] * len(self.sources)

    def meet(self, event: str, packets: Sequence[RtpPacket | None]) -> None:
        if event == "rest":
            self.using = -1
        elif event == "switch" or self.using < 0:
            self.using = (self.using + 1) % len(self.sources)
            self.stretch += 1
            packet = packets[self.using]
            assert packet is not None
            self.stream.begin(self.sources[self.using].receiver, packet, self.at, TYPES)
            self.write(packet)
            self.held.clear()
        elif (packet := packets[self.using]) is not None:
            self.held.append(packet)
            if event != "late":
                for each in reversed(self.held):
                    self.write(each)
                self.held.clear()

    def write(self, packet: RtpPacket) -> None:
        packet.stamp = stamp(self.at)
        self.stream.write(packet)
        self.raw += self.wire.sent
        self.sent += [(self.stretch, packet, out) for out in self.wire.taken()]


SOURCES = st.tuples(
    st.builds(Source, st.just(1), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)),
    st.builds(Source, st.just(2), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.sampled_from(("p1", "p2"))),
)


def lived(events: Sequence[tuple[int, str]], sources: Sequence[Source], *, again: bool = True) -> Life:
    wire = Wire()
    life = Life(wire, outgoing(wire, again=again), sources)
    life.live(events)
    return life


@given(lives(), SOURCES)
def test_numbers_go_on_without_a_seam(events: list[tuple[int, str]], sources: tuple[Source, Source]) -> None:
    life = lived(events, sources)
    assert len({out.sequence_number for _, _, out in life.sent}) == len(life.sent), "a number is used once"
    highest, stretch, apart = 65_499, 0, 0
    for at, packet, out in life.sent:
        if at != stretch:
            assert out.sequence_number == highest + 1 & 0xFFFF, "a stretch begins where the one before it ended"
            stretch, apart = at, out.sequence_number - packet.number & 0xFFFF
        assert out.sequence_number - packet.number & 0xFFFF == apart, "gaps are those of the source"
        ahead = out.sequence_number - highest & 0xFFFF
        highest += ahead if ahead < 0x8000 else 0
    assert highest & 0xFFFF == life.stream.highest & 0xFFFF


@given(lives(), SOURCES)
def test_time_goes_on_as_the_clock_does(events: list[tuple[int, str]], sources: tuple[Source, Source]) -> None:
    life = lived(events, sources)
    stretch, newest, latest = 0, 0xFFFFFF00, 0
    for at, packet, out in life.sent:
        now = place(packet)
        ahead = (out.timestamp - newest + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if at != stretch and stretch:
            assert 0 < ahead <= (now // 3 - latest // 3) * 3600 + 900, "forwards, and no further than time went"
        elif now >= latest:
            assert ahead == (now // 3 - latest // 3) * 3600 if stretch else ahead == 0
        stretch = at
        if now >= latest:
            newest, latest = out.timestamp, now


@given(lives(), SOURCES, st.booleans())
def test_each_packet_asked_for_is_sent_again_as_it_was_or_not_at_all(
    events: list[tuple[int, str]], sources: tuple[Source, Source], again: bool
) -> None:
    life = lived(events, sources, again=again)
    before = {out.sequence_number: (packet, out) for _, packet, out in life.sent}
    asked = [life.stream.highest - back & 0xFFFF for back in range(150)]
    lacking = life.stream.repeat(asked, 100.0)
    repeats = life.wire.taken()
    assert len(repeats) + len(lacking) == len(asked)
    if again:
        assert [each.sequence_number for each in repeats] == [65_535 + each & 0xFFFF for each in range(len(repeats))]
        assert {(each.ssrc, each.payload_type) for each in repeats} <= {(AGAIN, 102)}
        unwrapped = [unwrap(each, ssrc=SSRC, payload_type=100) for each in repeats]
        repeats = [loaded(each) for each in unwrapped if each is not None]
    assert [each.sequence_number for each in repeats] == [each for each in asked if each not in set(lacking)]
    for each in repeats:
        if each.sequence_number in before:
            _, out = before[each.sequence_number]
            assert (each.timestamp, each.marker, payload(each)) == (out.timestamp, out.marker, payload(out))
            assert each.signature == out.signature
    if life.stretch <= MOST_STRETCHES:
        kept = [number for number, (packet, _) in before.items() if place(packet) > events[-1][0] - ROOM]
        assert set(kept).isdisjoint(lacking)


@given(lives(), SOURCES, st.booleans())
def test_nothing_is_sealed_twice_that_differs(
    events: list[tuple[int, str]], sources: tuple[Source, Source], again: bool
) -> None:
    """AES-GCM must never seal two packets under one SSRC and number (RFC 7714, section 8.4)."""
    life = lived(events, sources, again=again)
    for now in (100.0, 200.0):
        life.stream.repeat([life.stream.highest - back & 0xFFFF for back in range(150)], now)
    sealed: dict[bytes, bytes] = {}
    for data in life.raw + life.wire.sent:
        assert sealed.setdefault(data[8:12] + data[2:4], data) == data


def place(packet: RtpPacket) -> int:
    return int(payload(packet).split()[0])


def loaded(data: bytes) -> RtpPacket:
    packet = RtpPacket()
    packet.load(data, DOWNLINK.kinds)
    return packet


def test_a_packet_is_written_for_the_subscriber() -> None:
    wire, source = Wire(), Source(1, 5, 1000)
    stream = outgoing(
        wire, extensions=Extensions({Extension.MID: 1, Extension.ABS_SEND_TIME: 2, Extension.AUDIO_LEVEL: 3})
    )
    packet = source.take(1)
    assert packet is not None
    stream.begin(source.receiver, packet, 0.0, TYPES)
    packet.stamp = stamp(1.5)
    stream.write(packet)
    header = bytes.fromhex("9064ffdc ffffff00 000001f4 bede0002 22060000 10333030")
    assert wire.sent == [header + b"1 of 1"]
    assert (stream.packets, stream.octets) == (1, 6)


def test_what_was_before_the_stretch_and_what_is_not_negotiated_is_not_sent() -> None:
    wire, source = Wire(), Source(1, 5, 0)
    stream = outgoing(wire)
    early, packet = source.take(0), source.take(1)
    assert early is not None
    assert packet is not None
    stream.begin(source.receiver, packet, 0.0, TYPES)
    stream.write(early)
    packet.payload_type = 98
    stream.write(packet)
    assert (wire.sent, stream.packets) == ([], 0)
    assert stream.repeat([stream.highest & 0xFFFF, 7], 0.0) == (stream.highest & 0xFFFF, 7)


def test_nobody_has_more_repeated_than_the_allowance() -> None:
    wire, source = Wire(), Source(1, 5, 0)
    stream = outgoing(wire, again=False)
    packet = RtpPacket()
    packet.load(rtp(bytes(1000), ssrc=1), UPLINK.kinds)
    source.receiver.accept(packet, 0.0)
    stream.begin(source.receiver, packet, 0.0, TYPES)
    stream.write(packet)
    stream.repeat([stream.highest & 0xFFFF] * 1000, 10.0)
    each = 1000 + OCTETS_A_LOOK
    assert stream.repeated == REPEATED_AT_ONCE // each + 1
    stream.repeat([stream.highest & 0xFFFF] * 1000, 10.1)
    assert stream.repeated == (REPEATED_AT_ONCE + REPEATED_PER_SECOND // 10) // each + 1


def test_on_a_narrow_way_less_is_repeated() -> None:
    wire, source = Wire(), Source(1, 5, 0)
    stream = outgoing(wire)
    packet = source.take(0)
    assert packet is not None
    stream.begin(source.receiver, packet, 0.0, TYPES)
    stream.write(packet)
    stream.repeat_rate = 0.0
    stream.repeat([stream.highest & 0xFFFF], 10.0)
    assert stream.repeated == 0
    stream.repeat_rate = 10_000.0
    stream.repeat([stream.highest & 0xFFFF], 20.0)
    assert stream.repeated == 1


def test_nobody_makes_the_node_look_without_end() -> None:
    wire, source = Wire(), Source(1, 5, 0)
    stream = outgoing(wire)
    packet = source.take(0)
    assert packet is not None
    stream.begin(source.receiver, packet, 0.0, TYPES)
    looked = sum(len(stream.repeat(range(30_000, 40_000), 10.0)) for _ in range(10))
    assert looked == -(-REPEATED_AT_ONCE // OCTETS_A_LOOK)


def sender_report(receiver: Receiver, ntp: float, rtp_timestamp: int) -> None:
    receiver.hear(
        SenderReport(
            ssrc=1, ntp_timestamp=int(ntp * (1 << 32)), rtp_timestamp=rtp_timestamp, packet_count=0, octet_count=0
        ),
        0.0,
    )


def test_the_clock_of_the_sender_counts_where_it_is_known() -> None:
    """Two layers whose packets of one picture come 200 ms apart: the timestamps are of when it was sampled."""
    for sender, ahead in (("p1", 3600), ("p2", 3600 + 18_000)):
        wire = Wire()
        stream = outgoing(wire)
        high, low = Source(1, 5, 1000), Source(2, 9, 70_000, sender)
        sender_report(high.receiver, 500.0, 1000)
        sender_report(low.receiver, 500.0, 70_000)
        begun = high.take(0, 10.0)
        changed = low.take(3, 10.24)
        assert begun is not None
        assert changed is not None
        stream.begin(high.receiver, begun, 10.0, TYPES)
        stream.write(begun)
        stream.begin(low.receiver, changed, 10.24, TYPES)
        stream.write(changed)
        first, second = wire.taken()
        assert second.timestamp - first.timestamp & 0xFFFFFFFF == ahead


def test_reports_carry_the_subscribers_timestamps_and_counts() -> None:
    wire, source = Wire(), Source(1, 5, 1000)
    stream = outgoing(wire)
    assert stream.report(0.0) is None
    packet = source.take(0)
    assert packet is not None
    stream.begin(source.receiver, packet, 0.0, TYPES)
    stream.write(packet)
    assert stream.report(0.0) is None
    sender_report(source.receiver, 1.5, 1090)
    report = stream.report(20.0)
    assert report == SenderReport(
        ssrc=SSRC, ntp_timestamp=3 << 31, rtp_timestamp=0xFFFFFF00 + 90, packet_count=1, octet_count=6
    )
    block = ReportBlock(ssrc=SSRC, fraction_lost=64, jitter=900, last_report=3 << 15, delay=0x8000)
    stream.hear(block, 20.75)
    assert (stream.quality.loss, stream.quality.jitter, stream.quality.rtt) == (0.25, 0.01, 0.25)


def test_what_was_lost_before_the_node_is_not_the_subscribers_loss() -> None:
    wire, source = Wire(), Source(1, 5, 1000)
    stream = outgoing(wire)
    for number in range(100):
        packet = source.take(number) if number % 4 else None  # a quarter never comes
        if packet is not None:
            if number == 1:
                stream.begin(source.receiver, packet, 0.0, TYPES)
            stream.write(packet)
    stream.hear(ReportBlock(ssrc=SSRC, fraction_lost=64), 1.0)
    assert stream.quality.loss is not None
    assert stream.quality.loss < 0.02
    for number in range(100, 200):
        packet = source.take(number)
        assert packet is not None
        stream.write(packet)
    stream.hear(ReportBlock(ssrc=SSRC, fraction_lost=64), 2.0)
    assert stream.quality.loss == 0.25
    stream.hear(ReportBlock(ssrc=SSRC, fraction_lost=255), 3.0)
    assert stream.quality.loss == 255 / 256

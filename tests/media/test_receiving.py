"""A stream that comes in through loss, disorder and repetition."""

from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.receiving import MOST_ASKED, MOST_MISSING, Receiver
from telehealth.media.rtcp import ReportBlock, SenderReport
from telehealth.media.rtp import RtpPacket
from tests.kit.packets import UPLINK, rtp

ROOM = 128


def receiver(**options: bool) -> Receiver:
    return Receiver(7, clock_rate=90_000, sender="p1", room=ROOM, **options)


def take(
    receiver: Receiver, sequence_number: int, now: float = 0.0, *, timestamp: int = 0, repaired: bool = False
) -> int:
    """The number it got; -1 when it was refused."""
    packet = RtpPacket()
    packet.load(rtp(sequence_number=sequence_number, timestamp=timestamp), UPLINK.kinds)
    return packet.number if receiver.accept(packet, now, repaired=repaired) is not None else -1


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[int, list[int]]:
    """Where a stream begins, and the places of its packets as they come: some never, some twice, some late."""
    first = draw(st.integers(0, 0xFFFF))
    places: list[int] = []
    for place in range(draw(st.integers(1, 80))):
        match draw(st.sampled_from(("come", "come", "come", "lost", "twice", "late"))):
            case "come":
                places.append(place)
            case "twice":
                places += [place, place]
            case "late":
                places.insert(max(1, len(places) - draw(st.integers(0, 10))) if places else 0, place)
    return first, places


@given(arrivals())
def test_each_packet_has_its_number_once(drawn: tuple[int, list[int]]) -> None:
    first, places = drawn
    stream = receiver()
    seen: dict[int, int] = {}
    for place in places:
        number = take(stream, first + place)
        if place in seen:
            assert number == -1
        else:
            seen[place] = number
    assert len({number - place for place, number in seen.items()}) <= 1, "numbers lie as far apart as the packets"
    for place, number in seen.items():
        kept = stream.find(number)
        if place > max(seen) - ROOM:
            assert kept is not None
            assert kept.sequence_number == first + place & 0xFFFF
    assert stream.duplicates == len(places) - len(seen)


@given(arrivals())
def test_exactly_what_is_missing_is_asked_for(drawn: tuple[int, list[int]]) -> None:
    first, places = drawn
    stream = receiver()
    for place in places:
        take(stream, first + place)
    asked = stream.due(1.0 / 8, 0.05)
    wanted = sorted(set(range(places[0], max(places))) - set(places)) if places else []
    assert list(asked) == [first + place & 0xFFFF for place in wanted]
    assert stream.due(0.125, 0.05) == ()
    for place in wanted:
        assert take(stream, first + place, repaired=True) != -1
    assert (stream.due(10.0, 0.05), stream.awaited, stream.broken) == ((), {}, False)


def test_what_does_not_come_is_given_up_and_the_picture_is_broken() -> None:
    stream = receiver()
    take(stream, 10)
    take(stream, 12)
    assert stream.due(0.001, 0.02) == (), "it may only be out of order"
    times = [each * 0.01 for each in range(1, 90) if stream.due(each * 0.01, 0.02)]
    assert len(times) == MOST_ASKED
    assert stream.due(2.0, 0.02) == ()
    assert (stream.awaited, stream.lost_for_good, stream.broken) == ({}, 1, True)
    slow = receiver()
    take(slow, 10)
    take(slow, 12)
    assert [bool(slow.due(each, 0.4)) for each in (0.01, 0.4, 0.6, 1.02, 1.2)] == [True, False, True, False, False]
    assert slow.broken


def test_a_keyframe_ends_the_wait_for_what_was_before_it() -> None:
    stream = receiver()
    take(stream, 1)
    take(stream, 3)
    number = take(stream, 5)
    stream.forget(number)
    assert stream.due(1.0, 0.0) == ()
    assert not stream.broken


def test_too_much_missing_is_not_asked_for() -> None:
    stream = receiver()
    take(stream, 0)
    take(stream, MOST_MISSING + 2)
    assert (stream.due(1.0, 0.0), stream.broken) == ((), True)
    assert stream.awaited == {}


def test_who_negotiated_no_acknowledgement_is_asked_nothing() -> None:
    stream = receiver(asks=False)
    take(stream, 1)
    take(stream, 3)
    assert stream.due(1.0, 0.0) == ()


def test_one_packet_from_far_away_changes_nothing_and_two_begin_anew() -> None:
    stream = receiver()
    number = take(stream, 100)
    assert take(stream, 30_000) == -1
    assert take(stream, 101) == number + 1
    assert take(stream, 40_000) == -1
    assert take(stream, 40_001) == number + 2
    assert take(stream, 40_002) == number + 3
    take(stream, 40_004)
    assert stream.due(1.0, 0.0) == (40_003,)


def test_what_comes_too_late_is_refused() -> None:
    stream = receiver()
    for place in range(300):
        take(stream, place)
    assert take(stream, 299 - ROOM) == -1
    assert take(stream, 300) != -1


@given(arrivals(), st.integers(0, 50))
def test_the_report_counts_what_did_not_come(drawn: tuple[int, list[int]], repaired: int) -> None:
    first, places = drawn
    stream = receiver()
    for place in places:
        take(stream, first + place)
    missing = sorted(set(range(places[0], max(places))) - set(places)) if places else []
    for place in missing[:repaired]:
        take(stream, first + place, repaired=True)
    before = sum(1 for place in set(places) if place < places[0]) if places else 0
    block = stream.block(1.0)
    assert block.packets_lost == len(missing) - before
    if places:
        assert block.highest_number & 0xFFFF == first + max(places) & 0xFFFF
        came = first + places[0]  # cycles are counted from what came first
        assert block.highest_number >> 16 == ((came & 0xFFFF) + first + max(places) - came >> 16)
    assert stream.block(2.0).fraction_lost == 0


def test_the_fraction_is_of_the_interval() -> None:
    stream = receiver()
    for place in range(10):
        take(stream, place)
    assert stream.block(1.0).fraction_lost == 0
    for place in range(10, 20):
        if place % 2:
            take(stream, place)
    assert stream.block(2.0).fraction_lost == 128


def test_jitter_is_that_of_the_standard() -> None:
    stream = receiver()
    take(stream, 1, 10.0, timestamp=0xFFFFFFFF - 2999)
    take(stream, 2, 10.1, timestamp=0)
    assert round(stream.jitter * 90_000) == round((0.1 * 90_000 - 3000) / 16)
    steady = receiver()
    for place in range(50):
        take(steady, place, place / 50, timestamp=place * 1800)
    assert steady.jitter < 1e-6


def test_the_delay_since_a_report_is_told() -> None:
    stream = receiver()
    take(stream, 1)
    assert stream.block(1.0) == ReportBlock(ssrc=7, highest_number=1, jitter=0)
    stream.hear(
        SenderReport(ssrc=7, ntp_timestamp=0x1111_2222_3333_4444, rtp_timestamp=9, packet_count=1, octet_count=1), 4.0
    )
    block = stream.block(4.5)
    assert (block.last_report, block.delay, stream.reference) == (0x2222_3333, 0x8000, (0x1111_2222_3333_4444, 9))


def test_the_ring_gives_back_what_it_takes() -> None:
    stream = receiver()
    packet: RtpPacket | None = RtpPacket()
    met: set[int] = set()
    for place in range(ROOM * 4):
        assert packet is not None
        packet.load(rtp(sequence_number=place), UPLINK.kinds)
        met.add(id(packet))
        packet = stream.accept(packet, 0.0)
    assert len(met) == ROOM + 1

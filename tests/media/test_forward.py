"""From a sender to its subscribers: who gets what, from which packet on."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.feedback import UNLIMITED
from telehealth.media.forward import Uplink
from telehealth.media.malformed import Malformed
from telehealth.media.rtcp import Nack, PictureLoss, ReceiverEstimate, ReceiverReport, SenderReport
from telehealth.media.rtp import RtpPacket
from telehealth.media.transport_feedback import TransportFeedback
from tests.kit.packets import UPLINK, rtp, torn
from tests.kit.simulcast import AGAIN, PARTS, PICTURE, RIDS, SOUND, TYPES, Sender, Watcher, tracks


def test_sound_goes_to_everyone_at_once() -> None:
    sender = Sender()
    watchers = [Watcher(sender.uplink.tracks["0"]) for _ in range(3)]
    for each in watchers[:2]:
        each.subscription.want(0, sender.now)
    for number in range(5):
        sender.say(number)
    for each in watchers[:2]:
        packets = each.wire.taken()
        assert [packet.sequence_number for packet in packets] == [0, 1, 2, 3, 4]
        assert {(packet.ssrc, packet.payload_type) for packet in packets} == {(500, 109)}
        assert [packet.data[packet.carried[0] >> 16] for packet in packets] == [0x30] * 5
    assert watchers[2].wire.sent == []


def test_a_picture_begins_with_a_keyframe_that_is_asked_for_once() -> None:
    sender = Sender()
    sender.show(3)
    watchers = [Watcher(sender.track) for _ in range(3)]
    for each in watchers:
        each.subscription.want(0, sender.now)
    sender.show(2)
    for each in watchers:
        assert each.seen()[:4] == ["h 3 key 0", "h 3 key 1", "h 3 key 2", "h 4 delta 0"]
    assert [source.requests.asked for source in sender.track.sources] == [1, 0]


def test_a_change_of_layer_is_at_a_keyframe_and_nothing_is_missing_before_it() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(30)
    assert watcher.seen()[-1] == "h 29 delta 2"
    watcher.subscription.want(1, sender.now)
    assert watcher.subscription.current is sender.track.sources[0]
    packets = [each for _, each in sender.draw()]
    for data in packets:
        sender.uplink.receive(data, sender.now)
    assert watcher.seen() == ["h 30 delta 0", "h 30 delta 1", "h 30 delta 2", "l 30 key 0", "l 30 key 1", "l 30 key 2"]
    sender.show()
    assert watcher.seen() == ["l 31 delta 0", "l 31 delta 1", "l 31 delta 2"]


def test_who_changes_their_mind_keeps_what_they_have() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(30)
    watcher.subscription.want(1, sender.now)
    watcher.subscription.want(0, sender.now)
    watcher.seen()
    sender.show(3)
    assert {each.split()[0] for each in watcher.seen()} == {"h"}


def test_who_wants_nothing_gets_nothing_and_comes_back_with_a_keyframe() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(30)
    watcher.subscription.want(None, sender.now)
    watcher.seen()
    last = watcher.outgoing.highest
    sender.show(30)
    assert watcher.seen() == []
    watcher.subscription.want(1, sender.now)
    sender.show()
    assert watcher.seen() == ["l 60 key 0", "l 60 key 1", "l 60 key 2"]
    assert watcher.outgoing.highest == last + 3


def test_a_layer_that_is_no_longer_sent_is_replaced_by_the_next_and_taken_up_again() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(30)
    sender.encodings[0].sends = False
    sender.show(30)
    assert watcher.seen()[-1].startswith("l 59")
    assert sender.track.best_wanted == 0, "so that the sender may send it"
    sender.encodings[0].sends = True
    sender.show(20)
    assert watcher.seen()[-1].startswith("h")


def test_a_sender_that_falls_silent_leaves_all_as_it_is() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(30)
    sender.now += 5
    sender.track.refresh(sender.now)
    assert watcher.subscription.current is sender.track.sources[0]
    watcher.seen()
    sender.show()
    assert watcher.seen()[0] == "h 30 delta 0"


def test_rates_are_those_measured() -> None:
    sender = Sender()
    assert sender.track.rates == (1_500_000, 200_000)
    sender.show(100)
    for rate in sender.track.rates:
        assert 25 * PARTS * 8 * 36 < rate < 25 * PARTS * 8 * 48


def test_what_is_repaired_goes_where_it_was_missing() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(30)
    watcher.seen()
    high = [data for place, data in sender.draw() if place == 0]
    sender.uplink.receive(high[0], sender.now)
    sender.uplink.receive(high[2], sender.now)
    receiver = sender.track.sources[0].receiver
    assert receiver is not None
    assert receiver.due(sender.now + 0.1, 0.1) == (int.from_bytes(high[1][2:4], "big"),)
    sender.uplink.receive(sender.encodings[0].again(high[1]), sender.now)
    packets = watcher.wire.taken()
    assert [packet.sequence_number - packets[0].sequence_number for packet in packets] == [0, 2, 1]
    assert packets[2].data[packets[2].start + 2 : packets[2].end] == b"h 30 delta 1"
    sender.uplink.receive(sender.encodings[0].again(high[1]), sender.now)
    assert watcher.wire.sent == []
    assert (receiver.repaired, sender.uplink.counts.repeated) == (1, 1)


def test_a_keyframe_whose_beginning_comes_late_is_sent_whole() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    sender.show(5)
    watcher.subscription.want(0, sender.now)
    drawn = [data for _, data in sender.draw()]
    for data in (*drawn[1:], drawn[0]):
        sender.uplink.receive(data, sender.now)
    assert sorted(watcher.seen()) == ["h 5 key 0", "h 5 key 1", "h 5 key 2"]


def test_retransmissions_that_bring_nothing_are_counted() -> None:
    sender = Sender()
    sender.show()
    padding = rtp(b"", ssrc=1010, payload_type=AGAIN, elements=[(4, b"1"), (11, b"h")], padding=100)
    sender.uplink.receive(padding, sender.now)
    assert (sender.uplink.counts.empty, sender.uplink.counts.unknown) == (1, 0)
    for strange in (
        rtp(b"abcd", ssrc=1010, payload_type=PICTURE),
        rtp(b"abcd", ssrc=10, payload_type=AGAIN),
        rtp(b"abcd", ssrc=1020, payload_type=AGAIN, elements=[(4, b"1"), (11, b"x")]),
    ):
        before = sender.uplink.counts.unknown
        sender.uplink.receive(strange, sender.now)
        assert sender.uplink.counts.unknown == before + 1


def test_a_source_without_names_is_found_by_its_type_when_there_is_one() -> None:
    uplink = Uplink(UPLINK, tracks=tracks(rids=()), ssrc=1)
    uplink.receive(rtp(b"\x10\x01", ssrc=9, payload_type=PICTURE), 0.0)
    assert uplink.source(9) is uplink.tracks["1"].sources[0]
    simulcast = Uplink(UPLINK, tracks=tracks(), ssrc=1)
    simulcast.receive(rtp(b"\x10\x01", ssrc=9, payload_type=PICTURE), 0.0)
    assert (simulcast.source(9), simulcast.counts.unknown) == (None, 1)
    simulcast.receive(rtp(b"x", ssrc=8, payload_type=77), 0.0)
    assert simulcast.counts.unknown == 2


def test_a_declared_source_needs_no_names() -> None:
    uplink = Uplink(UPLINK, tracks=tracks(), ssrc=1)
    uplink.declare(9, mid="1", rid="l")
    uplink.declare(10, mid="1", rid="x")
    uplink.declare(11, mid="8")
    uplink.declare(12, mid="1", rid="l", repairs=True)
    assert [uplink.source(ssrc) for ssrc in (9, 10, 11, 12)] == [uplink.tracks["1"].sources[1], None, None, None]
    uplink.receive(rtp(b"\x10\x01", ssrc=9, payload_type=PICTURE), 0.0)
    assert uplink.counts.unknown == 0


def test_a_new_source_of_the_same_encoding_begins_with_a_keyframe() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(30)
    last = watcher.outgoing.highest
    watcher.seen()
    sender.encodings[0].ssrc, sender.encodings[0].number = 77, 40_000
    sender.show()
    assert watcher.seen() == []
    sender.show(20)
    seen = watcher.seen()
    assert "key 0" in seen[0]
    assert watcher.outgoing.highest == last + len(seen)
    assert sender.uplink.source(10) is None


def test_a_stream_goes_over_to_another_sender_without_a_seam() -> None:
    one, other = Sender(), Sender(Uplink(UPLINK, tracks=tracks("p2"), ssrc=1))
    watcher = Watcher(one.track)
    watcher.subscription.want(0, one.now)
    one.show(30)
    other.show(30)
    before = watcher.wire.taken()[-1]
    watcher.subscription.follow(other.track, TYPES, other.now)
    one.show(1)
    other.show(1)
    packets = watcher.wire.taken()
    assert [packet.data[packet.start + 2 :] for packet in packets[2:4]] == [b"h 30 delta 2", b"h 30 key 0"]
    assert [packet.sequence_number - before.sequence_number for packet in packets] == [1, 2, 3, 4, 5, 6]
    assert packets[2].timestamp < packets[3].timestamp <= packets[2].timestamp + 3600
    assert one.track.subscriptions == []
    one.uplink.close()
    other.uplink.close()
    assert (watcher.subscription.current, one.uplink.tracks, other.uplink.tracks) == (None, {}, {})


def test_the_sender_is_told_what_is_missing_what_came_and_how_much_is_needed() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    high = [data for place, data in sender.draw() if place == 0]
    for data in (high[0], high[2]):
        sender.uplink.receive(data, sender.now)
    report, estimate, arrivals = sender.uplink.due(sender.now)
    assert isinstance(report, ReceiverReport)
    assert [(each.ssrc, each.packets_lost) for each in report.blocks] == [(10, 1)]
    assert estimate == ReceiverEstimate(sender=1, bitrate=UNLIMITED, sources=(10,))
    assert isinstance(arrivals, TransportFeedback)
    assert arrivals.media == 10, "one of its own: Chromium passes over feedback about another"
    (lost,) = sender.uplink.due(sender.now + 0.01)
    assert lost == Nack(sender=1, media=10, lost=(65_531,))
    sender.track.sources[0].requests.want()
    assert PictureLoss(sender=1, media=10) in sender.uplink.due(sender.now + 0.5)


def test_what_is_wanted_at_once_does_not_wait_for_the_next_look() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    high = [data for place, data in sender.draw() if place == 0]
    sender.uplink.receive(high[0], sender.now)
    now = sender.now + 0.5  # no keyframe is asked for sooner after another
    sender.uplink.due(now)
    assert sender.uplink.due(now + 0.01) == []
    watcher.subscription.needs_keyframe()
    assert sender.uplink.due(now + 0.02) == [PictureLoss(sender=1, media=10)]
    sender.track.sources[0].requests.came()
    sender.uplink.receive(high[2], now + 0.03)
    assert sender.uplink.due(now + 0.04) == [Nack(sender=1, media=10, lost=(65_531,))]
    assert sender.uplink.due(now + 0.05) == [], "it was asked for"


def test_the_limit_follows_what_subscribers_want() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(1, sender.now)

    def limits(pictures: int) -> list[int]:
        found = []
        for _ in range(pictures):
            sender.show()
            told = sender.uplink.due(sender.now)
            found += [each.bitrate for each in told if isinstance(each, ReceiverEstimate)]
        return found

    assert set(limits(25 * 60)) == {UNLIMITED}
    assert limits(25 * 20)[-1] == 360_000, "the low layer, and something to spare"
    watcher.subscription.want(0, sender.now)
    assert limits(1) == [UNLIMITED], "without delay"


def test_reports_of_the_sender_reach_the_receiver_of_their_source() -> None:
    sender = Sender()
    sender.show()
    reports = [
        SenderReport(ssrc=ssrc, ntp_timestamp=5, rtp_timestamp=6, packet_count=0, octet_count=0) for ssrc in (10, 99)
    ]
    sender.uplink.hear([*reports, PictureLoss(sender=1, media=10)], sender.now)
    high, low = (source.receiver for source in sender.track.sources)
    assert high is not None
    assert low is not None
    assert (high.reference, low.reference) == ((5, 6), None)


def test_a_removed_track_takes_nothing_more() -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(2)
    watcher.seen()
    track = sender.track
    sender.uplink.remove("1")
    assert watcher.subscription.current is None
    assert track.subscriptions == []
    for data in sender.encodings[0].draw(sender.now, key=True):
        sender.uplink.receive(data, sender.now)
    assert watcher.wire.sent == []
    assert sender.uplink.counts.unknown == PARTS


@given(st.lists(st.binary(max_size=60) | torn(), max_size=20))
def test_only_malformed_leaves_and_a_call_goes_on(datagrams: Sequence[bytes]) -> None:
    sender = Sender()
    watcher = Watcher(sender.track)
    watcher.subscription.want(0, sender.now)
    sender.show(2)
    for data in datagrams:
        with suppress(Malformed):
            sender.uplink.receive(data, sender.now)
    watcher.seen()
    sender.show(60)
    assert watcher.seen()[-1].startswith("h 61")


@pytest.mark.parametrize("again", [True, False])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(("want 0", "want 1", "want None", "high stops", "high goes on", "keyframe", "", "", "")),
            st.sets(st.integers(0, 2 * PARTS - 1), max_size=3),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_a_subscriber_can_decode_all_it_is_sent(again: bool, steps: Sequence[tuple[str, frozenset[int], bool]]) -> None:
    """Whatever is lost, repaired or wanted: changes begin with a keyframe, and numbers have no gap of our making."""
    sender = Sender()
    watcher = Watcher(sender.track, again=again)
    came: dict[int, RtpPacket] = {}
    for event, lost, repaired in steps:
        _befall(sender, watcher, event)
        _show(sender, lost, repaired=repaired)
        for packet in watcher.wire.taken():
            assert packet.sequence_number not in came
            came[packet.sequence_number] = packet
    _assert_decodable([came[number] for number in sorted(came)])
    missing = sorted(set(range(max(came, default=0))) - set(came))
    assert len(missing) <= sum(len(lost) for _, lost, _ in steps)
    lacking = watcher.outgoing.repeat(missing, sender.now)
    assert len(lacking) + len(watcher.wire.taken()) == len(missing)


def _show(sender: Sender, lost: frozenset[int], *, repaired: bool) -> None:
    drawn = sender.draw()
    for number, (_, data) in enumerate(drawn):
        if number not in lost:
            sender.uplink.receive(data, sender.now)
    for number in lost:
        if repaired and number < len(drawn):
            place, data = drawn[number]
            sender.uplink.receive(sender.encodings[place].again(data), sender.now)
    sender.track.refresh(sender.now)


def _assert_decodable(packets: Sequence[RtpPacket]) -> None:
    before = ""
    for packet in packets:
        rid, _, kind, part = packet.data[packet.start + 2 : packet.end].decode().split()
        assert rid in RIDS
        assert rid == before or (kind, part) == ("key", "0")
        before = rid


def _befall(sender: Sender, watcher: Watcher, event: str) -> None:
    match event.split():
        case ["want", layer]:
            watcher.subscription.want(None if layer == "None" else int(layer), sender.now)
        case ["high", *what]:
            sender.encodings[0].sends = what == ["goes", "on"]
        case ["keyframe"]:
            watcher.subscription.needs_keyframe()


def test_sound_is_never_asked_for_a_keyframe() -> None:
    sender = Sender()
    watcher = Watcher(sender.uplink.tracks["0"])
    watcher.subscription.want(0, sender.now)
    watcher.subscription.needs_keyframe()
    assert not sender.uplink.tracks["0"].sources[0].requests.wanted
    assert SOUND in sender.uplink.tracks["0"].formats

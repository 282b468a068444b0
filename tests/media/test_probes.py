import struct

from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.verdict import TABLE, Verdict, judge, round_trip
from telehealth.media.probes import Probes


def probe(number: int, *, sent: float = 5.0, heard: float = 0.0, held: float = 0.0) -> bytes:
    return struct.pack("!Iddd", number, sent, heard, held)


def test_an_echo_carries_the_number_and_both_clocks() -> None:
    echo = Probes().answer(probe(3, sent=12.5), 700.0)
    assert echo is not None
    assert struct.unpack("!Idd", echo) == (3, 12.5, 700.0)


def test_the_round_trip_leaves_out_what_the_browser_held() -> None:
    probes = Probes()
    probes.answer(probe(0), 1000.0)
    probes.answer(probe(1, heard=1000.0, held=40.0), 1060.0)
    probes.answer(probe(2, heard=1060.0, held=10.0), 1100.0)
    figures = probes.figures()
    assert (figures.rtt_ms, figures.jitter_ms, figures.verdict) == (25.0, 10.0, Verdict.GOOD)


def test_gaps_are_losses() -> None:
    probes = Probes()
    for number in (0, 1, 3, 9):
        probes.answer(probe(number), 1.0)
    figures = probes.figures()
    assert (figures.received, figures.lost, figures.loss) == (4, 6, 0.6)


def test_nothing_heard_is_no_verdict() -> None:
    assert Probes().figures().verdict is Verdict.NONE


@given(st.lists(st.one_of(st.binary(max_size=600), st.text(max_size=40)), max_size=20))
def test_any_message_is_answered_once_or_not(messages: list[bytes | str]) -> None:
    probes = Probes()
    answers = [probes.answer(message, 10_000.0) for message in messages]
    figures = probes.figures()
    assert figures.received == len([answer for answer in answers if answer is not None])
    assert 0 <= figures.loss <= 1
    assert figures.rtt_ms is None or 0 <= figures.rtt_ms <= 10_000


def test_a_repeated_number_is_not_echoed() -> None:
    probes = Probes()
    assert probes.answer(probe(0), 1.0) is not None
    assert probes.answer(probe(0), 2.0) is None


def test_each_bound_is_inside_its_verdict_and_a_hair_more_is_outside() -> None:
    for verdict, most in TABLE:
        assert judge(rtt_ms=most.rtt_ms, jitter_ms=most.jitter_ms, loss=most.loss) is verdict
        assert judge(rtt_ms=most.rtt_ms + 0.1, jitter_ms=0, loss=0) is not verdict
        assert judge(rtt_ms=0, jitter_ms=most.jitter_ms + 0.1, loss=0) is not verdict
        assert judge(rtt_ms=0, jitter_ms=0, loss=most.loss + 0.001) is not verdict


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=60))
def test_round_trips_stay_within_their_samples(samples: list[float]) -> None:
    rtt, jitter = round_trip(samples)
    assert rtt is not None
    assert min(samples) <= rtt <= max(samples)
    assert 0 <= jitter <= max(samples) - min(samples) + 1e-6

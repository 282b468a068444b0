"""Keyframes as encoders send them: the pictures of libvpx and x264 through aiortc, and the forms they do not use."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.keyframes import SHORTEST_INTERVAL, Codec, KeyframeRequests, begins_keyframe
from telehealth.media.rtp import Extension, Extensions, RtpPacket
from tests.kit.packets import UPLINK, rtp

VIDEO = [Codec.VP8, Codec.VP9, Codec.H264, Codec.AV1]


def begins(codec: Codec, payload: bytes, descriptor: bytes = b"") -> bool:
    packet = RtpPacket()
    packet.load(rtp(payload, elements=[(12, descriptor)] if descriptor else None), UPLINK.kinds)
    return begins_keyframe(codec, packet)


def pictures(count: int) -> Iterator[VideoFrame]:
    for number in range(count):
        frame = VideoFrame(width=640, height=480)
        for plane in frame.planes:
            plane.update(bytes((place * 31 + number * 7) & 0xFF for place in range(plane.buffer_size)))
        frame.pts, frame.time_base = number * 3000, Fraction(1, 90_000)
        yield frame


@pytest.mark.parametrize(("codec", "encoder"), [(Codec.VP8, Vp8Encoder), (Codec.H264, H264Encoder)])
def test_an_encoders_keyframes_are_found_once_each(codec: Codec, encoder: type[Vp8Encoder] | type[H264Encoder]) -> None:
    encoding = encoder()
    found = []
    for number, frame in enumerate(pictures(6)):
        payloads, _ = encoding.encode(frame, force_keyframe=number in {0, 4})
        found.append([begins(codec, each) for each in payloads])
    assert [any(each) for each in found] == [True, False, False, False, True, False]
    assert found[0][0]
    assert found[4][0]
    assert len(found[0]) > 2
    if codec is Codec.VP8:
        assert not any(found[0][1:])


@pytest.mark.parametrize(
    ("codec", "payload", "expected"),
    [
        (Codec.VP8, "10 00", True),
        (Codec.VP8, "10 01", False),
        (Codec.VP8, "00 00", False),
        (Codec.VP8, "11 00", False),
        (Codec.VP8, "90 80 81 23 00", True),
        (Codec.VP8, "90 80 01 01", False),
        (Codec.VP8, "90 e0 81 23 05 40 00", True),
        (Codec.VP8, "90 f0 01 05 40 01", False),
        (Codec.VP8, "90 80", False),
        (Codec.VP9, "8c 81 23 00", True),
        (Codec.VP9, "cc 81 23 00", False),
        (Codec.VP9, "84 81 23 00", False),
        (Codec.VP9, "ac 01 00 00", True),
        (Codec.VP9, "ac 01 02 00", False),
        (Codec.VP9, "ac 81", False),
        (Codec.H264, "67 42 e0", True),
        (Codec.H264, "65 88 84", True),
        (Codec.H264, "68 ce", False),
        (Codec.H264, "41 9a", False),
        (Codec.H264, "78 0002 09f0 0003 6742e0 0002 68ce", True),
        (Codec.H264, "78 0002 419a", False),
        (Codec.H264, "78 0002", False),
        (Codec.H264, "7c 85 88", True),
        (Codec.H264, "7c 05 88", False),
        (Codec.H264, "7c 81 88", False),
        (Codec.H264, "7c", False),
        (Codec.AV1, "18 0a 0b", True),
        (Codec.AV1, "98 0a 0b", False),
        (Codec.AV1, "10 0a 0b", False),
        (Codec.OPUS, "fc", True),
    ],
)
def test_each_form_is_read(codec: Codec, payload: str, expected: bool) -> None:
    assert begins(codec, bytes.fromhex(payload)) is expected


@pytest.mark.parametrize("codec", VIDEO)
def test_the_descriptor_tells_it_of_any_codec(codec: Codec) -> None:
    sealed = b"\xff" * 20
    assert not begins(codec, sealed)
    assert begins(codec, sealed, bytes.fromhex("80 0001 80 00"))
    assert not begins(codec, sealed, bytes.fromhex("80 0001"))
    assert not begins(codec, sealed, bytes.fromhex("00 0001 80 00"))
    assert not begins(codec, sealed, bytes.fromhex("80 0001 40 00"))


@given(st.sampled_from(VIDEO), st.binary(max_size=20), st.binary(max_size=6))
def test_any_payload_is_survived(codec: Codec, payload: bytes, descriptor: bytes) -> None:
    assert begins(codec, payload, descriptor) in {True, False}


def test_a_payload_without_bytes_begins_nothing() -> None:
    assert not any(begins(codec, b"") for codec in Codec)


@given(st.lists(st.tuples(st.floats(0, 0.4), st.sampled_from(("want", "due", "due", "came")))))
def test_one_request_serves_many_and_is_repeated_until_it_is_answered(steps: list[tuple[float, str]]) -> None:
    requests = KeyframeRequests()
    asked: list[float] = []
    now, wanted = 0.0, False
    for step, event in steps:
        now += step
        if event == "want":
            requests.want()
            wanted = True
        elif event == "came":
            requests.came()
            wanted = False
        else:
            due = requests.due(now)
            assert due == (wanted and (not asked or now - asked[-1] >= SHORTEST_INTERVAL))
            asked += [now] if due else []
    assert requests.asked == len(asked)


def test_the_descriptor_of_the_two_byte_form_is_found() -> None:
    packet = RtpPacket()
    packet.load(
        rtp(b"\xff", elements=[(40, bytes.fromhex("80000180") + bytes(30))], two_byte=True),
        Extensions({Extension.DEPENDENCY_DESCRIPTOR: 40}).kinds,
    )
    assert begins_keyframe(Codec.AV1, packet)

"""What encoders make, through packets, into a file that FFmpeg's libraries read: nothing is decoded on the way."""

import io
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Encoder
from av import AudioFrame, VideoFrame
from av.container import InputContainer
from av.subtitles.subtitle import SubtitleSet
from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.keyframes import Codec
from telehealth.media.matroska import Writer, form_of
from telehealth.media.pictures import Size, keyframe_size
from telehealth.media.rtp import RtpPacket
from telehealth.media.unpacking import RECORDABLE, Frame, Order, Unpacker
from tests.kit.packets import UPLINK, rtp

Payloads = list[tuple[list[bytes], int]]
WIDTH, HEIGHT = 324, 242  # no multiples of a macroblock
NOISE = bytes(at * 31 & 0xFF for at in range(2 * WIDTH * HEIGHT))


def pictures(count: int) -> Iterator[VideoFrame]:
    for number in range(count):
        frame = VideoFrame(width=WIDTH, height=HEIGHT)
        for plane in frame.planes:
            plane.update(NOISE[number : number + plane.buffer_size])
        frame.pts, frame.time_base = number * 3000, Fraction(1, 90_000)
        yield frame


def encoded(codec: Codec, count: int = 60) -> Payloads:
    """RTP payloads of each frame, with its timestamp."""
    if codec is Codec.VP9:
        return list(vp9(count))
    if codec is Codec.OPUS:
        return list(sound(count))
    encoder = Vp8Encoder() if codec is Codec.VP8 else H264Encoder()
    return [encoder.encode(frame, force_keyframe=not number % 20) for number, frame in enumerate(pictures(count))]


def vp9(count: int) -> Iterator[tuple[list[bytes], int]]:
    """Packed as Chromium does: fifteen bits of picture id, nothing flexible, a structure with each keyframe."""
    encoder = av.CodecContext.create("libvpx-vp9", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.options = (
        Fraction(1, 90_000),
        {"lag-in-frames": "0", "deadline": "realtime", "cpu-used": "8", "g": "20"},
    )
    for number, frame in enumerate(pictures(count)):
        for packet in encoder.encode(frame):
            data, payloads = bytes(packet), []
            for at in range(0, len(data), 1100):
                key = packet.is_keyframe
                first = 0x80 | (0 if key else 0x40) | (0x08 if at == 0 else 0) | (0x02 if key and at == 0 else 0)
                first |= 0x04 if at + 1100 >= len(data) else 0
                structure = b"\x18" + WIDTH.to_bytes(2, "big") + HEIGHT.to_bytes(2, "big") + b"\x01\x04\x01"
                head = bytes((first, 0x80, number)) + (structure if first & 0x02 else b"")
                payloads.append(head + data[at : at + 1100])
            yield payloads, number * 3000


def sound(count: int) -> Iterator[tuple[list[bytes], int]]:
    encoder = OpusEncoder()
    for number in range(count):
        frame = AudioFrame(format="s16", layout="stereo", samples=960)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48_000, number * 960, Fraction(1, 48_000)
        yield encoder.encode(frame)


def packets(frames: Payloads, *, first: int = 65_500) -> list[RtpPacket]:
    found: list[RtpPacket] = []
    for payloads, timestamp in frames:
        for number, payload in enumerate(payloads, 1):
            packet = RtpPacket()
            last, at = number == len(payloads), 2**32 - 9000 + timestamp
            sent = rtp(payload, marker=last, sequence_number=first + len(found), timestamp=at)
            packet.load(sent, UPLINK.kinds)
            found.append(packet)
    return found


def unpacked(codec: Codec, sent: Sequence[RtpPacket], *, step: float = 0.001) -> list[Frame]:
    order, unpacker = Order(), Unpacker(codec)
    return [
        frame
        for at, packet in enumerate(sent)
        for each, lost in order.take(packet, at * step)
        if (frame := unpacker.take(each, lost)) is not None
    ]


def written(codec: Codec, frames: Sequence[Frame], rate: int) -> bytes:
    first = frames[0]
    writer = Writer(form_of(codec, keyframe_size(codec, first.data), first.data))
    times = [(each.timestamp - first.timestamp) * 1000 // rate for each in frames]
    blocks = [writer.add(each.data, at, key=each.key) for each, at in zip(frames, times, strict=True)]
    return writer.header + b"".join(blocks) + writer.cut()


@pytest.mark.parametrize("codec", sorted(RECORDABLE))
def test_a_file_has_every_frame_at_its_time(codec: Codec) -> None:
    sent = packets(encoded(codec))
    shuffled = [
        each
        for at in range(0, len(sent), 8)
        for each in random.Random(at).sample(sent[at : at + 8], len(sent[at : at + 8]))
    ]
    frames = unpacked(codec, [sent[0], *shuffled, sent[3]])
    assert len(frames) == 60
    rate = 48_000 if codec is Codec.OPUS else 90_000
    with av.open(io.BytesIO(written(codec, frames, rate))) as file:
        assert isinstance(file, InputContainer)
        decoded = [each for each in file.decode(file.streams[0]) if not isinstance(each, SubtitleSet)]
        assert len(decoded) == 60
        step = Fraction(20 if codec is Codec.OPUS else 3000 * 1000 // 90_000, 1000)
        assert decoded[-1].time is not None
        assert abs(decoded[-1].time - float(59 * step)) < 0.03
        if isinstance(decoded[0], VideoFrame):
            assert (decoded[0].width, decoded[0].height) == (WIDTH, HEIGHT)
            assert (file.streams.video[0].width, file.streams.video[0].height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("codec", sorted(RECORDABLE - {Codec.OPUS}))
def test_after_a_loss_a_picture_begins_with_a_keyframe(codec: Codec) -> None:
    frames = encoded(codec)
    sent = packets(frames)
    gone = sum(len(payloads) for payloads, _ in frames[:5])  # the first packet of the sixth picture
    kept = unpacked(codec, [*sent[:gone], *sent[gone + 1 :]], step=0.1)
    assert len(kept) == 45
    assert kept[5].key
    assert kept[5].timestamp - kept[0].timestamp == 20 * 3000


@given(st.sampled_from(sorted(RECORDABLE)), st.lists(st.binary(max_size=40), max_size=8))
def test_what_is_no_codec_s_harms_nothing(codec: Codec, payloads: list[bytes]) -> None:
    unpacker = Unpacker(codec)
    for packet in packets([(payloads, 0)]) if payloads else []:
        unpacker.take(packet, False)


@given(st.sampled_from(sorted(RECORDABLE)), st.binary(max_size=80))
def test_a_picture_says_its_size_or_nothing(codec: Codec, data: bytes) -> None:
    found = keyframe_size(codec, data)
    assert found is None or (isinstance(found, Size) and found.width > 0)

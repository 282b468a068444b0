"""Encoded media for servers that decode: a moving picture and silence, by aiortc's own encoders."""

import random
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import av
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Encoder

from tests.bench.forwarding.streams import Sort

SIZES = {"360p": (640, 360), "720p": (1280, 720)}
LENGTH = 60  # frames; a clip is played again and again
BIT_RATES = {"360p": 400_000, "720p": 1_500_000}


@cache
def clip(sort: Sort, plan: str) -> Sequence[Sequence[bytes]]:
    """Payloads of frames."""
    return _sound(sort) if sort.kind == "audio" else _picture(sort, plan)


def _picture(sort: Sort, plan: str) -> list[list[bytes]]:
    width, height = SIZES[plan]
    encoder = Vp8Encoder()
    encoder.target_bitrate = BIT_RATES[plan]
    found = []
    for number in range(LENGTH):
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(_noisy(plane.line_size, plane.height, number))
        frame.pts, frame.time_base = round(number * 90_000 / sort.frames), Fraction(1, 90_000)
        found.append(encoder.encode(frame, force_keyframe=number == 0)[0])
    return found


def _noisy(width: int, height: int, number: int) -> bytes:
    """A pattern that moves, with the noise of a camera on it."""
    noise = random.Random(number).randbytes(width * 3)
    rows = []
    for y in range(height):
        at = (y * 977) % (width * 2)
        shift = number * 3 + y // 8
        rows.append(bytes(128 + ((x + shift) // 4 % 64) + (each & 7) for x, each in enumerate(noise[at : at + width])))
    return b"".join(rows)


def _sound(sort: Sort) -> list[list[bytes]]:
    encoder = OpusEncoder()
    found = []
    for number in range(LENGTH):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        frame.planes[0].update(bytes((number * 7 + each) % 256 for each in range(frame.planes[0].buffer_size)))
        frame.sample_rate, frame.pts, frame.time_base = 48_000, number * 960, Fraction(1, 48_000)
        found.append(encoder.encode(frame)[0])
    return [each for each in found if each]

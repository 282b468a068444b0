"""Somebody who beeps: a tone of one height for a while, then silence, again and again."""

import asyncio
from fractions import Fraction
from math import pi, sin

from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

RATE, SAMPLES = 48_000, 960
ON, OFF = 20, 30  # frames of 20 ms
LOUD = 9000


class Beeps(MediaStreamTrack):
    """As a microphone hears it: a frame each 20 ms. Without `sounds` it goes on in silence."""

    kind = "audio"

    def __init__(self, height: int) -> None:
        super().__init__()
        self.sounds = True
        self._height, self._frames = height, 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        await asyncio.sleep(max(0.0, self._began + self._frames * SAMPLES / RATE - now))
        first = self._frames * SAMPLES
        beeps = self.sounds and self._frames % (ON + OFF) < ON
        self._frames += 1
        samples = [round(LOUD * sin(2 * pi * self._height * each / RATE)) for each in range(first, first + SAMPLES)]
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(
            b"".join(each.to_bytes(2, "little", signed=True) for each in samples if beeps) or bytes(2 * SAMPLES)
        )
        frame.pts, frame.sample_rate, frame.time_base = first, RATE, Fraction(1, RATE)
        return frame

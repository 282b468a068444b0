"""From Opus to what speech engines take: 16 kHz, mono, 16 bits (little endian). Used by one thread at a time.

Hearing().hear(frames)             the sound of these frames; what is missing between them is silence
"""

from collections.abc import Iterable, Iterator
from typing import Final

import av
from av.audio.codeccontext import AudioCodecContext
from av.error import FFmpegError

from telehealth.media.unpacking import Frame

RATE: Final = 16_000
BYTES_A_SECOND: Final = 2 * RATE
LONGEST_SILENCE: Final = 1.0  # seconds: enough for an engine to see that a sentence is over
_OPUS_RATE: Final = 48_000  # RFC 7587, section 4.1


def silence(seconds: float) -> bytes:
    return bytes(2 * round(min(seconds, LONGEST_SILENCE) * RATE))


class Hearing:
    def __init__(self) -> None:
        decoder = av.CodecContext.create("libopus", "r")
        assert isinstance(decoder, AudioCodecContext)  # noqa: S101 - it is a codec of sound
        decoder.format, decoder.layout, decoder.sample_rate = av.AudioFormat("s16"), "stereo", _OPUS_RATE
        self._decoder = decoder
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        self._next: int | None = None

    def hear(self, frames: Iterable[Frame]) -> bytes:
        return b"".join(part for each in frames for part in self._sound(each))

    def _sound(self, frame: Frame) -> Iterator[bytes]:
        """What cannot be decoded is as if it had not come."""
        try:
            decoded = self._decoder.decode(av.Packet(frame.data))
        except FFmpegError:
            return
        if self._next is not None and frame.timestamp > self._next:
            yield silence((frame.timestamp - self._next) / _OPUS_RATE)
        self._next = frame.timestamp
        for each in decoded:
            self._next += each.samples
            each.pts = None
            for sound in self._resampler.resample(each):
                yield bytes(sound.planes[0])[: 2 * sound.samples]

"""The captions of one room at the media node: it taps the room's sound (tapping.py), and asks an engine what is said.

Nothing of it is kept: the last lines wait some seconds for the web process that renews it, in memory, and are gone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from telehealth.media.engine import EngineLine, Heard
from telehealth.media.hearing import BYTES_A_SECOND, Hearing
from telehealth.media.keyframes import Codec
from telehealth.media.publisher import Published
from telehealth.media.rtp import RtpPacket
from telehealth.media.schemas import Caption
from telehealth.media.seating import Key
from telehealth.media.tapping import Leave, Tap
from telehealth.media.unpacking import Frame, Unpacker

TOGETHER: Final = 5  # frames of 20 ms that are decoded in one go
MOST_FRAMES: Final = 100  # that decoding may be behind
FRAME_BYTES: Final = BYTES_A_SECOND // 50
LINES_KEPT: Final = 50
LINE_LIVES: Final = 8.0  # seconds


@dataclass(frozen=True, slots=True)
class _Said:
    caption: Caption
    at: float


class Lines:
    """What was heard last: sentences, and of each who speaks the one they are in."""

    def __init__(self, number: int) -> None:
        """Numbers begin above that one."""
        self.number = number
        self._whole: deque[_Said] = deque(maxlen=LINES_KEPT)
        self._begun: dict[str, _Said] = {}

    def add(self, participant: str, heard: Heard, at: float) -> None:
        before = self._begun.get(participant)
        if not heard.final and before is not None and before.caption.text == heard.text:
            return
        self.number += 1
        said = _Said(
            Caption(number=self.number, participant=participant, text=heard.text, final=heard.final),
            at,
        )
        if heard.final:
            self._begun.pop(participant, None)
            self._whole.append(said)
        else:
            self._begun[participant] = said

    def after(self, number: int, now: float) -> list[Caption]:
        """In their order; what is late is left out."""
        fresh = (each for each in (*self._whole, *self._begun.values()) if now - each.at < LINE_LIVES)
        found = (each.caption for each in fresh if each.caption.number > number)
        return sorted(found, key=lambda each: each.number)

    def forget(self) -> None:
        self._whole.clear()
        self._begun.clear()


class Voice(Tap):
    """One who speaks. Frames are decoded in a thread, one lot after the other, and their sound goes to the engine."""

    def __init__(self, key: Key, captioner: "Captioner") -> None:
        super().__init__(key, captioner.now)
        self._captioner = captioner
        self._unpacker = Unpacker(Codec.OPUS)
        self._hearing = Hearing()
        self._waiting: deque[Frame] = deque(maxlen=MOST_FRAMES)
        self._decoding: asyncio.Task[None] | None = None
        self.line: EngineLine | None = None

    def take(self, codec: Codec, packet: RtpPacket, lost: bool) -> None:
        frame = self._unpacker.take(packet, lost) if codec is Codec.OPUS else None
        if frame is None:
            return
        self._captioner.dropped += len(self._waiting) == MOST_FRAMES
        self._waiting.append(frame)
        if len(self._waiting) >= TOGETHER and self._decoding is None:
            self._decoding = asyncio.get_running_loop().create_task(self._decode())

    def left(self) -> None:
        """What it has not heard yet it never will."""
        self._waiting.clear()
        if self._decoding is not None:
            self._decoding.cancel()
            self._decoding = None
        if self.line is not None:
            self._captioner.dropped += self.line.dropped // FRAME_BYTES
            self.line.close()
            self.line = None
        self._hearing = Hearing()

    async def _decode(self) -> None:
        loop, hearing = asyncio.get_running_loop(), self._hearing
        try:
            while len(self._waiting) >= TOGETHER:
                frames = [self._waiting.popleft() for _ in range(TOGETHER)]
                sound = await loop.run_in_executor(self._captioner.thread, hearing.hear, frames)
                if self.line is None:
                    self.line = self._captioner.line(self.key.participant)
                self.line.feed(sound)
        finally:
            if self._hearing is hearing:
                self._decoding = None


class Captioner:
    """Every method runs in the node's loop. `speakers`: who may be heard, and in which language. `number`: above which
    lines are counted.
    """

    def __init__(
        self,
        url: str,
        *,
        speakers: Mapping[str, str],
        thread: Executor,
        now: Callable[[], float],
        number: int,
    ) -> None:
        self.now, self.thread, self.running = now, thread, False
        self.dropped = 0  # frames that came faster than they were decoded, or than the engine took them
        self._url, self._speakers, self._leave = url, dict(speakers), Leave(speakers, now)
        self._voices: dict[Key, Voice] = {}
        self.lines = Lines(number)

    def renew(self, speakers: Mapping[str, str]) -> None:
        self._speakers = dict(speakers)
        self._leave.renew(speakers)

    @property
    def forgotten(self) -> bool:
        return self._leave.is_forgotten

    @property
    def away(self) -> bool:
        """Somebody speaks, and the engine cannot be reached."""
        return any(each.line is not None and each.line.away for each in self._voices.values())

    def look(self, tracks: Mapping[Key, Published]) -> None:
        self.running = self._leave.covers(tracks)
        heard = {key: each for key, each in tracks.items() if each.track.is_audio} if self.running else {}
        for key in [key for key in self._voices if key not in heard]:
            self._voices.pop(key).end()
        for key, published in heard.items():
            if key not in self._voices:
                self._voices[key] = Voice(key, self)
            self._voices[key].follow(published)
        if not self.running:
            self.lines.forget()

    def line(self, participant: str) -> EngineLine:
        def hear(heard: Heard) -> None:
            self.lines.add(participant, heard, self.now())

        return EngineLine(self._url, self._speakers.get(participant, "en"), hear)

    def stop(self) -> None:
        self._leave.end()
        self.look({})

"""A recording at the media node: it taps a room (tapping.py), and writes sealed files. What is written is what was
sent, not decoded.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from telehealth.media.keyframes import Codec
from telehealth.media.matroska import OPUS_RATE, Writer, form_of
from telehealth.media.pictures import keyframe_size
from telehealth.media.publisher import Published
from telehealth.media.rtp import RtpPacket
from telehealth.media.schemas import RecordedTrack
from telehealth.media.sealing import SealedFile
from telehealth.media.seating import Key
from telehealth.media.tapping import Leave, Tap
from telehealth.media.unpacking import Frame, Unpacker

MOST_WAITING: Final = 32  # chunks that the disk may be behind
PICTURE_RATE: Final = 90_000


class Film:
    """One file: frames of one codec, from the first on. `write` seals and writes, elsewhere and in order."""

    def __init__(self, key: Key, codec: Codec, *, at: float, make: Callable[[UUID], SealedFile]) -> None:
        """`at`: seconds from the beginning of the recording to its first frame."""
        self.key, self.codec, self.at = key, codec, at
        self.reference: tuple[int, int] | None = None  # NTP time and timestamp of a sender report
        self.first = self.last = 0
        self.name = uuid4()
        self.seconds = 0.0
        self.file: SealedFile | None = None
        self._make = make
        self._writer: Writer | None = None

    def add(self, frame: Frame) -> bytes:
        """What is to be written now, if anything."""
        if self._writer is None:
            self.first = frame.timestamp
            self._writer = Writer(form_of(self.codec, keyframe_size(self.codec, frame.data), frame.data))
            begun = self._writer.header
        else:
            begun = b""
        self.last = max(self.last, frame.timestamp)
        self.seconds = (self.last - self.first) / self.rate
        return begun + self._writer.add(frame.data, round(self.seconds * 1000), key=frame.key)

    def rest(self) -> bytes:
        return self._writer.cut() if self._writer is not None else b""

    @property
    def rate(self) -> int:
        return OPUS_RATE if self.codec is Codec.OPUS else PICTURE_RATE

    def write(self, text: bytes, *, last: bool) -> None:
        """In the thread that writes. Raises OSError."""
        if self.file is None:
            self.file = self._make(self.name)
        if last:
            self.file.close(text)
        else:
            self.file.append(text)

    @property
    def sampled_at(self) -> float | None:
        """When its first frame was sampled, by its sender's clock: seconds (RFC 3550, section 6.4.1)."""
        if self.reference is None:
            return None
        ntp, timestamp = self.reference
        ahead = (self.first - timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        return ntp / (1 << 32) + ahead / self.rate

    def view(self, offset: float) -> RecordedTrack:
        return RecordedTrack(
            file=self.name,
            participant=self.key.participant,
            kind=self.key.kind,
            number=self.key.number,
            codec=self.codec.value,
            offset_ms=max(0, round(offset * 1000)),
            duration_ms=round(self.seconds * 1000),
            chunks=self.file.chunks if self.file is not None else 0,
            octets=self.file.octets if self.file is not None else 0,
            head=self.file.head if self.file is not None else "",
        )


class Reel(Tap):
    """What one participant sends of one kind, on its way into films: another codec begins another film."""

    def __init__(self, key: Key, recorder: "Recorder") -> None:
        super().__init__(key, recorder.now)
        self._recorder = recorder
        self._unpacker: Unpacker | None = None
        self.film: Film | None = None

    def left(self) -> None:
        """What is not whole is forgotten, and what is goes to the disk."""
        if self._unpacker is not None:
            self._unpacker.forget()
        if self.film is not None and (text := self.film.rest()):
            self._recorder.write(self.film, text, last=False)

    def finish(self) -> None:
        if self.film is not None:
            self._recorder.write(self.film, self.film.rest(), last=True)
            self.film = None

    def take(self, codec: Codec, packet: RtpPacket, lost: bool) -> None:
        if self._unpacker is None or self._unpacker.codec is not codec:
            self._unpacker = Unpacker(codec)
        frame = self._unpacker.take(packet, lost)
        if self._unpacker.begins_again and self.subscription is not None:
            self.subscription.needs_keyframe()
        if frame is not None:
            self._keep(codec, frame, self.now())

    def _keep(self, codec: Codec, frame: Frame, now: float) -> None:
        if self.film is None or self.film.codec is not codec:
            self.finish()
            self.film = self._recorder.begin(self.key, codec, now)
        if self.film.reference is None and (report := self.outgoing.report(now)) is not None:
            self.film.reference = (report.ntp_timestamp, report.rtp_timestamp)
        if text := self.film.add(frame):
            self._recorder.write(self.film, text, last=False)


class Recorder:
    """One recording of one room. Every method runs in the node's loop; a thread of its own seals and writes."""

    def __init__(self, directory: Path, key: bytes, *, allowed: Collection[str], now: Callable[[], float]) -> None:
        self.now, self._leave = now, Leave(allowed, now)
        self.failed = False
        self.running = False
        self.films: list[Film] = []
        self._make = partial(SealedFile, directory, key=key)
        self._began = now()
        self._reels: dict[Key, Reel] = {}
        self._writing = ThreadPoolExecutor(1, "recorder")
        self._waiting: deque[Future[None]] = deque()

    def renew(self, allowed: Collection[str]) -> None:
        self._leave.renew(allowed)

    @property
    def forgotten(self) -> bool:
        return self._leave.is_forgotten

    def look(self, tracks: Mapping[Key, Published]) -> None:
        self.running = self._leave.covers(tracks) and not self.failed
        shown = tracks if self.running else {}
        for key in [key for key in self._reels if key not in shown]:
            self._reels[key].leave()
        for key, published in shown.items():
            if key not in self._reels:
                self._reels[key] = Reel(key, self)
            self._reels[key].follow(published)

    def begin(self, key: Key, codec: Codec, now: float) -> Film:
        film = Film(key, codec, at=now - self._began, make=self._make)
        self.films.append(film)
        return film

    def write(self, film: Film, text: bytes, *, last: bool) -> None:
        while self._waiting and self._waiting[0].done():
            self.failed |= self._waiting.popleft().exception() is not None
        if len(self._waiting) >= MOST_WAITING:
            self.failed = True  # the disk does not keep up
        if last or not self.failed:
            self._waiting.append(self._writing.submit(film.write, text, last=last))

    def stop(self) -> None:
        """Nothing more is taken; the ends of the files are on their way to the disk."""
        self._leave.end()
        self.running = False
        for reel in self._reels.values():
            reel.end()
            reel.finish()
        self._reels.clear()

    def settle(self) -> None:
        """After `stop`: waits for the disk, so not in the loop."""
        self._writing.shutdown(wait=True)

    def views(self) -> list[RecordedTrack]:
        """Each file with its place in time: within one sender by their own clock, which sound and picture share."""
        return [film.view(self._offset(film)) for film in self.films if film.file is not None]

    def _offset(self, film: Film) -> float:
        beside = [
            each for each in self.films if each.key.participant == film.key.participant and each.sampled_at is not None
        ]
        if film.sampled_at is None or not beside:
            return film.at
        anchor = min(beside, key=lambda each: each.at)
        return anchor.at + film.sampled_at - (anchor.sampled_at or film.sampled_at)

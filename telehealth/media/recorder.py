"""A recording at the media node: a subscriber of a room that everybody sees, and that writes sealed files.

It may take what those send whom its web process names, who have agreed; and only while that is said again and again. A
recorder that nobody renews writes nothing more within LEASE seconds. One sender in the room who is not named is enough:
then nothing is written at all. What is written is what was sent, not decoded.
"""

import secrets
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from telehealth.media.keyframes import Codec
from telehealth.media.matroska import OPUS_RATE, Writer, form_of
from telehealth.media.pictures import keyframe_size
from telehealth.media.publisher import Published
from telehealth.media.rtp import ROOM, Extensions, RtpPacket
from telehealth.media.schemas import RecordedTrack
from telehealth.media.sealing import SealedFile
from telehealth.media.seating import Key
from telehealth.media.sending import Outgoing, payload_types
from telehealth.media.tracks import Subscription
from telehealth.media.unpacking import RECORDABLE, Frame, Order, Unpacker

LEASE: Final = 1.5  # seconds
FORGOTTEN_AFTER: Final = 10.0  # seconds without a renewal, after which it is over
MOST_WAITING: Final = 32  # chunks that the disk may be behind
PICTURE_RATE: Final = 90_000
CODECS: Final = sorted(RECORDABLE)  # a codec's place in it is its payload type here
_PLAIN: Final = Extensions({})


class _Desk:
    """Where an outgoing stream writes its packet: `sending.Slab`."""

    def __init__(self) -> None:
        self.buffer, self.free = bytearray(ROOM), 0


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


class Tap:
    """What one participant sends of one kind, on its way into films: another codec begins another film."""

    def __init__(self, key: Key, recorder: "Recorder") -> None:
        self._key, self._recorder, self._desk = key, recorder, _Desk()
        self._outgoing = Outgoing(
            ssrc=1, mid="", extensions=_PLAIN, slab=self._desk, send=self._take, timestamp=secrets.randbits(31)
        )
        self._subscription: Subscription | None = None
        self._order = Order()
        self._unpacker: Unpacker | None = None
        self.film: Film | None = None

    def follow(self, published: Published) -> None:
        shown, now = self._subscription, self._recorder.now()
        if shown is not None and shown.track is published.track:
            return
        types = payload_types(
            {each: CODECS.index(codec) for each, codec in published.track.codecs.items() if codec in RECORDABLE}
        )
        if shown is None:
            self._subscription = Subscription(published.track, self._outgoing, types)
            self._subscription.want(0, now)
        else:
            shown.follow(published.track, types, now)

    def leave(self) -> None:
        """Nothing comes any more; what is not whole is forgotten, and what is goes to the disk."""
        if self._subscription is None:
            return
        self._subscription.close()
        self._subscription = None
        self._order = Order()
        if self._unpacker is not None:
            self._unpacker.forget()
        if self.film is not None and (text := self.film.rest()):
            self._recorder.write(self.film, text, last=False)

    def finish(self) -> None:
        if self.film is not None:
            self._recorder.write(self.film, self.film.rest(), last=True)
            self.film = None

    def _take(self, length: int) -> None:
        packet, now = RtpPacket(), self._recorder.now()
        packet.load(bytes(self._desk.buffer[:length]), _PLAIN.kinds)
        for each, lost in self._order.take(packet, now):
            frame = self._unpack(each, lost)
            if frame is not None:
                self._keep(frame, now)

    def _unpack(self, packet: RtpPacket, lost: bool) -> Frame | None:
        codec = CODECS[packet.payload_type]
        if self._unpacker is None or self._unpacker.codec is not codec:
            self._unpacker = Unpacker(codec)
        frame = self._unpacker.take(packet, lost)
        if self._unpacker.begins_again and self._subscription is not None:
            self._subscription.needs_keyframe()
        return frame

    def _keep(self, frame: Frame, now: float) -> None:
        codec = self._unpacker.codec if self._unpacker is not None else Codec.OPUS
        if self.film is None or self.film.codec is not codec:
            self.finish()
            self.film = self._recorder.begin(self._key, codec, now)
        if self.film.reference is None and (report := self._outgoing.report(now)) is not None:
            self.film.reference = (report.ntp_timestamp, report.rtp_timestamp)
        if text := self.film.add(frame):
            self._recorder.write(self.film, text, last=False)


class Recorder:
    """One recording of one room. Every method runs in the node's loop; a thread of its own seals and writes."""

    def __init__(self, directory: Path, key: bytes, *, allowed: Collection[str], now: Callable[[], float]) -> None:
        self.now, self.allowed = now, frozenset(allowed)
        self.failed = False
        self.running = False
        self.films: list[Film] = []
        self._directory, self._key = directory, key
        self._began = now()
        self._until = self._began + LEASE
        self._taps: dict[Key, Tap] = {}
        self._writing = ThreadPoolExecutor(1, "recorder")
        self._waiting: deque[Future[None]] = deque()

    def renew(self, allowed: Collection[str]) -> None:
        self.allowed = frozenset(allowed)
        self._until = self.now() + LEASE

    @property
    def forgotten(self) -> bool:
        return self.now() > self._until + FORGOTTEN_AFTER

    def look(self, tracks: Mapping[Key, Published]) -> None:
        """What the room shows now; some ten times a second."""
        everyone = {key.participant for key in tracks} <= self.allowed
        self.running = everyone and self.now() < self._until and not self.failed
        shown = tracks if self.running else {}
        for key in [key for key in self._taps if key not in shown]:
            self._taps[key].leave()
        for key, published in shown.items():
            if key not in self._taps:
                self._taps[key] = Tap(key, self)
            self._taps[key].follow(published)

    def begin(self, key: Key, codec: Codec, now: float) -> Film:
        film = Film(key, codec, at=now - self._began, make=self._make)
        self.films.append(film)
        return film

    def _make(self, name: UUID) -> SealedFile:
        return SealedFile(self._directory, name, self._key)

    def write(self, film: Film, text: bytes, *, last: bool) -> None:
        while self._waiting and self._waiting[0].done():
            self.failed |= self._waiting.popleft().exception() is not None
        if len(self._waiting) >= MOST_WAITING:
            self.failed = True  # the disk does not keep up
        if last or not self.failed:
            self._waiting.append(self._writing.submit(film.write, text, last=last))

    def stop(self) -> None:
        """Nothing more is taken; the ends of the files are on their way to the disk."""
        self.allowed, self.running, self._until = frozenset(), False, float("-inf")
        for tap in self._taps.values():
            tap.leave()
            tap.finish()

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

"""Opens sealed files again (core/sealed.py): verified from the first chunk to the last, or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telehealth.core.sealed import LAST, SealedFileBroken, beginning, file_key, read_chunks
from telehealth.video.ports import Track


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one file; `fault` says what is wrong, in words, None: it is whole and as the media node wrote it."""

    track: Track
    fault: str | None


def path_of(directory: Path, recording: object, track: Track) -> Path:
    return directory / str(recording) / f"{track.file}.sealed"


def open_sealed(path: Path, track: Track, key: bytes) -> Iterator[bytes]:
    """What the file holds, chunk by chunk. Raises SealedFileBroken, perhaps only after the last of them."""
    link, cipher = beginning(track.file), AESGCM(file_key(key, track.file))
    head, ended = "", False
    try:
        with path.open("rb") as file:
            for mark, sealed in read_chunks(file, track.file):
                if ended:
                    raise SealedFileBroken(f"chunk {link.number} comes after the last one")
                try:
                    yield cipher.decrypt(link.nonce, sealed, link.associated(mark))
                except InvalidTag:
                    raise SealedFileBroken(f"chunk {link.number} is not what was written there") from None
                link, ended = link.then(mark, sealed), mark == LAST
                if link.number == track.chunks:
                    head = link.head.hex()
    except OSError:
        raise SealedFileBroken("it cannot be read") from None
    if not ended:
        raise SealedFileBroken(f"it ends after chunk {link.number - 1}, which is not the last: its tail is missing")
    if head != track.head:
        raise SealedFileBroken("it is not the file that was told of when it was written")


def examine(directory: Path, recording: object, track: Track, key: bytes) -> Finding:
    """Reads the file to its end."""
    try:
        for _ in open_sealed(path_of(directory, recording, track), track, key):
            pass
    except SealedFileBroken as fault:
        return Finding(track, str(fault))
    return Finding(track, None)


class _Reader:
    """Chunks as a file that is read once, from its beginning."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, size: int) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def export(path: Path, track: Track, key: bytes, target: Path) -> Path:
    """Writes what the file holds beside `target`, with the suffix of its form, its length and an index: where it goes.

    The encoded frames are those that were sent. Raises SealedFileBroken, before anything is written.
    """
    for _ in open_sealed(path, track, key):
        pass
    written = target.with_suffix(".mkv" if track.codec == "h264" else ".webm")
    form = "matroska" if track.codec == "h264" else "webm"
    with av.open(_Reader(open_sealed(path, track, key))) as held, av.open(str(written), "w", format=form) as file:
        assert isinstance(held, InputContainer)  # noqa: S101 - it is opened to be read
        stream = file.add_stream_from_template(held.streams[0])
        for packet in held.demux(held.streams[0]):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    return written

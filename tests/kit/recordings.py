"""Recordings of the media node, opened again: what is on the disk, and what it plays."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe
from uuid import UUID, uuid4

import av
from av.container import InputContainer
from av.subtitles.subtitle import SubtitleSet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telehealth.core.grants import GrantKind, MediaGrant, MediaSessionId, Place
from telehealth.core.sealed import beginning, file_key, read_chunks


def record_grant(recording: UUID, place: Place, session: MediaSessionId | None = None) -> MediaGrant:
    return MediaGrant(
        session=session or MediaSessionId(uuid4()),
        kind=GrantKind.RECORD,
        sub=str(recording),
        jti=token_urlsafe(16),
        expires_at=datetime.now(UTC) + timedelta(seconds=60),
        place=place,
    )


def opened(path: Path, key: bytes) -> bytes:
    """What a sealed file holds, by nothing but the form that core/sealed.py tells."""
    name = UUID(path.stem)
    link, cipher, found = beginning(name), AESGCM(file_key(key, name)), b""
    with path.open("rb") as file:
        for mark, sealed in read_chunks(file, name):
            found += cipher.decrypt(link.nonce, sealed, link.associated(mark))
            link = link.then(mark, sealed)
    return found


def played(data: bytes) -> tuple[int, float]:
    """How many frames can be decoded, and how many seconds lie between the first and the last."""
    with av.open(io.BytesIO(data)) as file:
        assert isinstance(file, InputContainer)
        frames = [each for each in file.decode(file.streams[0]) if not isinstance(each, SubtitleSet)]
    times = [each.time or 0.0 for each in frames]
    return len(times), times[-1] - times[0]

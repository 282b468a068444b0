"""A file as one sealed object: the form of core/sealed.py, written and read whole."""

import io
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telehealth.core.sealed import LAST, MORE, SealedFileBroken, beginning, file_key, framed, preamble, read_chunks

CHUNK = 1024 * 1024


def sealed_object(content: bytes, name: UUID, key: bytes) -> bytes:
    """What to keep under that name. The name is never used again: it makes the key of this very content."""
    link, cipher, written = beginning(name), AESGCM(file_key(key, name)), [preamble(name)]
    for start in range(0, max(len(content), 1), CHUNK):
        mark = MORE if start + CHUNK < len(content) else LAST
        chunk = cipher.encrypt(link.nonce, content[start : start + CHUNK], link.associated(mark))
        written.append(framed(mark, chunk))
        link = link.then(mark, chunk)
    return b"".join(written)


def opened_object(sealed: bytes, name: UUID, key: bytes) -> bytes:
    """What was sealed under that name, whole. Raises SealedFileBroken."""
    link, cipher, content, ended = beginning(name), AESGCM(file_key(key, name)), bytearray(), False
    for mark, chunk in read_chunks(io.BytesIO(sealed), name):
        if ended:
            raise SealedFileBroken(f"chunk {link.number} comes after the last one")
        try:
            content += cipher.decrypt(link.nonce, chunk, link.associated(mark))
        except InvalidTag:
            raise SealedFileBroken(f"chunk {link.number} is not what was written there") from None
        link, ended = link.then(mark, chunk), mark == LAST
    if not ended:
        raise SealedFileBroken("its tail is missing")
    return bytes(content)

"""The form of a sealed file: chunks under AES-256-GCM, each bound to its file, its number and all that came before.

    file  = MAGIC, the file's name (16 bytes), chunk, chunk, ...
    chunk = length of what is sealed (4 bytes, big-endian), LAST or MORE (1 byte), what is sealed (ciphertext and tag)

Every file has a key of its own, so a chunk's number is its nonce (NIST SP 800-38D, section 8.2.1). What is associated
with a chunk is the hash of the chain up to it, so nothing can be changed, left out, repeated or moved. The last chunk
says that it is the last: a tail that is cut off is missed. The head of the chain can be kept elsewhere.

The writing twin is telehealth/media/sealing.py, the reading twin telehealth/video/opening.py; files that are sealed and
opened whole, in telehealth/records/attachments/sealing.py, have this form too.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

MAGIC = b"THSEALED1\n"
MORE, LAST = b"\x00", b"\x01"
LARGEST_CHUNK = 8 * 1024 * 1024
KEY_BYTES = 32
_HEAD_BYTES = len(MAGIC) + 16


class SealedFileBroken(Exception):
    """Not such a file, or not whole. The text says what is wrong and at which chunk; nothing of what it holds."""


def file_key(key: bytes, name: UUID) -> bytes:
    """The key of one file, from that of all files that belong together (RFC 5869, section 2.3, one block)."""
    return hmac.digest(key, b"telehealth sealed file" + name.bytes + b"\x01", "sha256")


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: so many chunks before it, and the hash of them all (SHA-256)."""

    number: int
    head: bytes

    @property
    def nonce(self) -> bytes:
        return self.number.to_bytes(12, "big")

    def associated(self, mark: bytes) -> bytes:
        return self.head + self.number.to_bytes(8, "big") + mark

    def then(self, mark: bytes, sealed: bytes) -> "Link":
        """The place after that chunk."""
        return Link(self.number + 1, hashlib.sha256(self.associated(mark) + sealed).digest())


def beginning(name: UUID) -> Link:
    return Link(0, hashlib.sha256(MAGIC + name.bytes).digest())


def preamble(name: UUID) -> bytes:
    """What a file begins with."""
    return MAGIC + name.bytes


def framed(mark: bytes, sealed: bytes) -> bytes:
    """A chunk as it stands in the file."""
    return len(sealed).to_bytes(4, "big") + mark + sealed


def read_chunks(file: BinaryIO, name: UUID) -> Iterator[tuple[bytes, bytes]]:
    """(mark, sealed) of each chunk in the file of that name. Raises SealedFileBroken."""
    if file.read(_HEAD_BYTES) != preamble(name):
        raise SealedFileBroken("it is not the file of this name")
    number = 0
    while head := file.read(5):
        length, mark = int.from_bytes(head[:4], "big"), head[4:]
        sealed = file.read(length) if length <= LARGEST_CHUNK else b""
        if mark not in {MORE, LAST} or len(sealed) != length or not sealed:
            raise SealedFileBroken(f"chunk {number} is cut off or misshapen")
        yield mark, sealed
        number += 1

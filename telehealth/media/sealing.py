"""Writes sealed files (core/sealed.py), chunk by chunk: nothing is on the disk that is not sealed."""

import os
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from telehealth.core.sealed import LAST, MORE, beginning, file_key, framed, preamble


class SealedFile:
    """A new file in that directory, named after `name`. Every method writes, and may raise OSError."""

    def __init__(self, directory: Path, name: UUID, key: bytes) -> None:
        self.name, self.octets = name, 0
        self._link = beginning(name)
        self._cipher = AESGCM(file_key(key, name))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / f"{name}.sealed", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._file.write(preamble(name))

    @property
    def chunks(self) -> int:
        return self._link.number

    @property
    def head(self) -> str:
        """Of the chain so far, in hexadecimal."""
        return self._link.head.hex()

    def append(self, text: bytes) -> None:
        self._write(MORE, text)

    def close(self, text: bytes) -> None:
        """With that as the last chunk, which may be empty."""
        self._write(LAST, text)
        os.fsync(self._file.fileno())
        self._file.close()

    def _write(self, mark: bytes, text: bytes) -> None:
        sealed = self._cipher.encrypt(self._link.nonce, text, self._link.associated(mark))
        self._file.write(framed(mark, sealed))
        self._link = self._link.then(mark, sealed)
        self.octets += len(text)

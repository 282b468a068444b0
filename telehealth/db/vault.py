"""Free text is sealed in the application: AES-256-GCM (NIST SP 800-38D), a key ring, bound to its row."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class SealBroken(Exception):
    """The bytes were not sealed for this table, column and row, or by a key that is not in the ring."""


class Vault:
    """Sealed form: length of the key name (1 byte), key name, nonce (12 bytes), ciphertext and tag."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """The first key seals, every key opens."""
        if not keys:
            raise ValueError("the key ring is empty")
        self._ring = {name: AESGCM(key) for name, key in keys.items()}
        self._current = next(iter(keys))

    def seal(self, place: tuple[str, str, UUID], text: str) -> bytes:
        """Seal text for one place: (table, column, row id)."""
        return self.seal_octets(place, text.encode())

    def open(self, place: tuple[str, str, UUID], sealed: bytes) -> str:
        """The text sealed for that place. Raises SealBroken."""
        return self.open_octets(place, sealed).decode()

    def seal_octets(self, place: tuple[str, str, UUID], content: bytes) -> bytes:
        """Seal what is not text for one place likewise."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        name = self._current.encode()
        sealed = self._ring[self._current].encrypt(nonce, content, _associated(place))
        return bytes([len(name)]) + name + nonce + sealed

    def open_octets(self, place: tuple[str, str, UUID], sealed: bytes) -> bytes:
        """What was sealed for that place. Raises SealBroken."""
        end = 1 + sealed[0]
        key = self._ring.get(sealed[1:end].decode(errors="replace"))
        if key is None:
            raise SealBroken
        try:
            return key.decrypt(sealed[end : end + NONCE_BYTES], sealed[end + NONCE_BYTES :], _associated(place))
        except InvalidTag:
            raise SealBroken from None


def parse_key_ring(text: str) -> dict[str, bytes]:
    """`name:base64,name:base64` -> name to 32-byte key. Raises ValueError without showing a key."""
    ring: dict[str, bytes] = {}
    for entry in filter(None, text.split(",")):
        name, _, encoded = entry.partition(":")
        try:
            ring[name] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError("a data key is not base64") from None
        if len(ring[name]) != 32:
            raise ValueError("a data key is not 256 bits long")
    return ring


def _associated(place: tuple[str, str, UUID]) -> bytes:
    table, column, row = place
    return f"{table}\0{column}\0{row}".encode()

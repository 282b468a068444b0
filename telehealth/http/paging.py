"""Keyset cursors: opaque to the reader, signed so that nobody builds one."""

import base64
import binascii
import hashlib
import hmac

from telehealth.http.problems import InvalidRequest
from telehealth.http.schemas import Fault

TAG_BYTES = 12


class Cursors:
    """Cursors of one kind of list; a cursor of another list is refused."""

    def __init__(self, secret: str, listing: str) -> None:
        self._key = hashlib.sha256(f"cursor\0{listing}\0{secret}".encode()).digest()

    def write(self, position: str) -> str:
        raw = position.encode()
        return base64.urlsafe_b64encode(self._tag(raw) + raw).rstrip(b"=").decode()

    def read(self, cursor: str) -> str:
        """The position in a cursor. Raises InvalidRequest for one that was not written here."""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raise _unknown() from None
        tag, position = raw[:TAG_BYTES], raw[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(position)):
            raise _unknown()
        return position.decode()

    def _tag(self, raw: bytes) -> bytes:
        return hmac.digest(self._key, raw, "sha256")[:TAG_BYTES]


def _unknown() -> InvalidRequest:
    return InvalidRequest([Fault(where="query", pointer="/after", detail="not a cursor of this list")])

"""Keyset cursors: opaque to the reader, signed so that nobody builds one."""

import base64
import binascii
import hashlib
import hmac

from telehealth.http.problems import InvalidRequest
from telehealth.http.schemas import Fault

TAG_BYTES = 12
NOT_A_CURSOR = Fault(where="query", pointer="/after", detail="not a cursor of this list")


class CursorKey(str):
    """The secret that signs cursors and offers, so that nobody builds one."""

    __slots__ = ()


class Cursors:
    """Cursors of one kind of list; a cursor of another list is refused with `fault`."""

    def __init__(self, secret: str, listing: str, *, fault: Fault = NOT_A_CURSOR) -> None:
        self._fault = fault
        self._key = hashlib.sha256(f"cursor\0{listing}\0{secret}".encode()).digest()

    def write(self, position: str) -> str:
        raw = position.encode()
        return base64.urlsafe_b64encode(self._tag(raw) + raw).rstrip(b"=").decode()

    def read(self, cursor: str) -> str:
        """The position in a cursor. Raises InvalidRequest for one that was not written here."""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raise InvalidRequest([self._fault]) from None
        tag, position = raw[:TAG_BYTES], raw[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(position)):
            raise InvalidRequest([self._fault])
        return position.decode()

    def _tag(self, raw: bytes) -> bytes:
        return hmac.digest(self._key, raw, "sha256")[:TAG_BYTES]

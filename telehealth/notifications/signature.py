"""Whether it was our gateway that brought something: as Twilio signs, or by Standard Webhooks, as we do. Pure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

TOLERANCE = timedelta(minutes=5)


def signed_by_twilio(url: str, fields: Iterable[tuple[str, str]], signature: str, token: str) -> bool:
    """X-Twilio-Signature: HMAC-SHA1 of the address and the form's fields in their order, by the account's auth token.

    Of a field that comes twice the values are sorted too, each once.
    """
    text = url + "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    expected = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest())
    return hmac.compare_digest(expected, signature.encode())


def signed_by_webhook(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Standard Webhooks 1.0: HMAC-SHA256 of webhook-id, webhook-timestamp and body, by a secret `whsec_` and base64.

    One signature of those in webhook-signature is enough; what is older or newer than five minutes counts no more.
    """
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if (
        not name
        or not (at.isascii() and at.isdigit())
        or abs(int(at[:12]) - now.timestamp()) > TOLERANCE.total_seconds()
    ):
        return False
    expected = _signed(name, at, body, secret)
    return any(hmac.compare_digest(expected, each.encode()) for each in headers.get("webhook-signature", "").split())


def webhook_headers(name: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """What says that it is we who bring it. `name` stays the same when it is brought again."""
    at = str(int(now.timestamp()))
    signature = _signed(name, at, body, secret).decode()
    return {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": signature}


def proof_of(key: str, message_id: UUID) -> str:
    """What only we can have told of that message, and only to the device that it went to."""
    derived = hashlib.sha256(f"shown\0{key}".encode()).digest()
    return base64.urlsafe_b64encode(hmac.new(derived, message_id.bytes, hashlib.sha256).digest()[:16]).decode()[:22]


def is_proof(key: str, message_id: UUID, proof: str) -> bool:
    return hmac.compare_digest(proof_of(key, message_id).encode(), proof.encode())


def _signed(name: str, at: str, body: bytes, secret: str) -> bytes:
    mac = hmac.new(_key(secret), f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    return b"v1," + base64.b64encode(mac)


def _key(secret: str) -> bytes:
    """The bytes of the secret; one that is not written as the standard says is taken as it is."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return secret.encode()

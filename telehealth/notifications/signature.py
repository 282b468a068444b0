"""Whether it was our gateway that brought a text: as Twilio signs, or by Standard Webhooks. Pure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

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
    mac = hmac.new(_key(secret), f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(mac)
    return any(hmac.compare_digest(expected, each.encode()) for each in headers.get("webhook-signature", "").split())


def _key(secret: str) -> bytes:
    """The bytes of the secret; one that is not written as the standard says is taken as it is."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return secret.encode()

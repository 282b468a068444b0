"""Notifications by the push service of each browser (RFC 8030), sealed for it alone, signed by our key (RFC 8292)."""

import json
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from telehealth.core.time import Clock
from telehealth.notifications.ports import Deferred, Device, Outcome, Push, Refused, Sent, Unreachable
from telehealth.notifications.sealing import Unsealable, octets, sealed_for
from telehealth.tasks.outbound import Courier, NoAnswer, NotAllowed, NotSent, Reply

ALGORITHM = "ES256"
TOKEN_LIFE = timedelta(hours=12)  # RFC 8292, section 2: a day at most; the rest is left for slow clocks
GONE = frozenset({404, 410})
BAD_DEVICE, NO_ANSWER = 400, 504  # what stands in for a status when there was none


class WebPusher:
    """A Pusher. `contact` is a mail address that a push service can complain to."""

    def __init__(self, courier: Courier, key: ECKey, *, contact: str, clock: Clock) -> None:
        self._courier = courier
        self._key = key
        self._contact = contact
        self._clock = clock
        self.key = _base64url(octets(_native(key)))

    def takes(self, endpoint: str) -> bool:
        return self._courier.may_post_to(endpoint)

    async def send(self, push: Push, device: Device) -> Outcome:
        try:
            content = sealed_for(device.p256dh, device.auth, push.words.encode())
            reply = await self._courier.send(
                "POST", device.endpoint, headers=self._headers(push, device), content=content
            )
        except (Unsealable, NotAllowed):
            return Unreachable(BAD_DEVICE)
        except (NotSent, NoAnswer):
            return Deferred(NO_ANSWER)
        return _judge(reply, self._clock.now())

    def _headers(self, push: Push, device: Device) -> dict[str, str]:
        return {
            "authorization": f"vapid t={self._token(device.endpoint)}, k={self.key}",
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(max(0, int(push.lasts.total_seconds()))),
            "urgency": push.urgency.value,
            "topic": push.topic,
        }

    def _token(self, endpoint: str) -> str:
        """For that push service alone, so that it can show it to no other."""
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((self._clock.now() + TOKEN_LIFE).timestamp()),
            "sub": f"mailto:{self._contact}",
        }
        return jwt.encode({"typ": "JWT", "alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])


def read_key(private_jwk: str) -> ECKey:
    """A private P-256 key from its JWK. Raises ValueError, which never shows the key."""
    try:
        key = ECKey.import_key(json.loads(private_jwk))
    except (ValueError, TypeError, KeyError, JoseError):
        raise ValueError("the key for notifications is not a JWK") from None
    if key.curve_name != "P-256" or not key.is_private:
        raise ValueError("the key for notifications is not a private P-256 key")
    return key


def _native(key: ECKey) -> EllipticCurvePrivateKey:
    native = key.private_key
    if not isinstance(native, EllipticCurvePrivateKey):
        raise TypeError("unreachable: read_key has looked")
    return native


def _judge(reply: Reply, now: datetime) -> Outcome:
    """A push service speaks of one device, or of this one message to it; others have push services of their own."""
    status = reply.status
    if 200 <= status < 300:
        return Sent()
    if status in GONE:
        return Unreachable(status)
    if status in (408, 425, 429) or status >= 500:
        return Deferred(status, reply.retry_after(now))
    return Refused(status)


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()

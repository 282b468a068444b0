"""A push service on loopback and the browsers behind it: it opens what it is sent, as each of them would."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_bytes, token_urlsafe
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telehealth.notifications.ports import Device
from tests.kit.loopback import on_loopback


@dataclass(frozen=True)
class Received:
    words: Any
    ttl: int
    urgency: str
    topic: str
    claims: dict[str, Any]


@dataclass
class Browser:
    """What one browser keeps for itself, and what has come for it. `status` is what its push service answers."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: token_bytes(16))
    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    @property
    def p256dh(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def device(self) -> Device:
        return Device(id=uuid4(), endpoint=self.endpoint, p256dh=self.p256dh, auth=self.auth)

    @property
    def subscription(self) -> dict[str, Any]:
        """As PushSubscription.toJSON says."""
        keys = {"p256dh": shown(self.p256dh), "auth": shown(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def open(self, content: bytes) -> bytes:
        """RFC 8188, section 2, with the keys of RFC 8291, section 3.4."""
        salt, length = content[:16], content[20]
        theirs, sealed = content[21 : 21 + length], content[21 + length :]
        secret = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        shared = HKDF(SHA256(), 32, self.auth, b"WebPush: info\0" + self.p256dh + theirs).derive(secret)
        content_key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(shared)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(shared)
        text = AESGCM(content_key).decrypt(nonce, sealed, None)
        assert text.endswith(b"\x02")
        return text[:-1]


@dataclass
class PushService:
    """Answers 401 to what is not signed for it (RFC 8292), 404 for browsers it does not know. `came` hears of each."""

    url: str = ""
    browsers: dict[str, Browser] = field(default_factory=dict)
    came: Callable[[Browser], None] = lambda _: None

    def browser(self) -> Browser:
        name = token_urlsafe(16)
        return self.browsers.setdefault(name, Browser(f"{self.url}/push/{name}"))

    async def take(self, request: Request) -> Response:
        browser = self.browsers.get(request.path_params["name"])
        if browser is None:
            return Response(status_code=404)
        self.came(browser)
        claims = self._claims(request.headers.get("authorization", ""))
        if claims.get("aud") != self.url or request.headers["content-encoding"] != "aes128gcm":
            return Response(status_code=401)
        words, headers = json.loads(browser.open(await request.body())), request.headers
        if browser.status < 300:
            told = Received(words, int(headers["ttl"]), headers["urgency"], headers["topic"], claims)
            browser.received.append(told)
        return Response(status_code=browser.status, headers=browser.headers)

    @staticmethod
    def _claims(authorization: str) -> dict[str, Any]:
        scheme, _, rest = authorization.partition(" ")
        given = dict(each.strip().partition("=")[::2] for each in rest.split(","))
        if scheme != "vapid":
            return {}
        point = urlsafe_b64decode(given["k"] + "==")
        numbers = {"x": shown(point[1:33]), "y": shown(point[33:])}
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", **numbers})
        return dict(jwt.decode(given["t"], key, algorithms=["ES256"]).claims)


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    running = PushService()
    async with on_loopback(Route("/push/{name}", running.take, methods=["POST"])) as running.url:
        yield running


def shown(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()

"""SMART App Launch 2.2, Backend Services: an access token for a signed assertion (RFC 7523), kept until it runs out."""

import asyncio
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from telehealth.core.time import Clock
from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Outbound, Reply

ALGORITHM = "ES384"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=4)  # Backend Services, section 3.3: at most five; one is left for a slow clock
RENEW_BEFORE = timedelta(seconds=60)  # or a quarter of a shorter life
REFUSED_FOR = timedelta(seconds=10)  # a whole batch has then heard of it
DISCOVERY_LIFE = timedelta(hours=1)


class TokenRefused(Exception):
    """The authorization server does not accept this client, its key or its scopes."""

    def __init__(self, status: int) -> None:
        super().__init__(f"token refused with {status}")
        self.status = status


class TokenAway(Exception):
    """No token for now: the authorization server or its discovery document did not answer properly."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"no token: {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    good_until: datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    url: str
    scopes: str
    good_until: datetime


class BackendServices:
    """One client at one record service. Concurrent callers share one request for a token, and its refusal."""

    def __init__(
        self,
        outbound: Outbound,
        base_url: str,
        *,
        client_id: str,
        key: ECKey,
        clock: Clock,
        scopes: str,
    ) -> None:
        """`scopes` are in the words of SMART version 2; a server that only knows version 1 is asked in its own."""
        self._outbound = outbound
        self._base_url = base_url.rstrip("/")
        self._client_id = client_id
        self._key = key
        self._clock = clock
        self._scopes = scopes
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._refused: tuple[TokenRefused, datetime] | None = None
        self._endpoint: Endpoint | None = None

    async def token(self, *, refused: str | None = None) -> str:
        """A token that is good for a while yet. `refused` is one the record service has just answered 401 to.

        Raises TokenRefused or TokenAway.
        """
        async with self._lock:
            kept, now = self._token, self._clock.now()
            if self._refused is not None and now < self._refused[1]:
                raise self._refused[0] from None
            if kept is not None and kept.value != refused and now < kept.good_until:
                return kept.value
            self._token = None
            try:
                self._token = await self._new_token()
            except TokenRefused as fault:
                self._refused = (fault, now + REFUSED_FOR)
                raise
            return self._token.value

    async def _new_token(self) -> Token:
        endpoint = await self._discovered()
        form = {
            "grant_type": "client_credentials",
            "scope": endpoint.scopes,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(endpoint.url),
        }
        asked_at = self._clock.now()
        reply = await self._send("POST", endpoint.url, form=form)
        if reply.status in (400, 401, 403):
            self._endpoint = None  # it may have moved: look again before the next try
            raise TokenRefused(reply.status)
        answer = _object(reply)
        value, seconds = answer.get("access_token"), answer.get("expires_in", 300)
        if not isinstance(value, str) or not isinstance(seconds, int):
            raise TokenAway(reply.status)
        life = timedelta(seconds=seconds)
        return Token(value, asked_at + life - min(RENEW_BEFORE, life / 4))

    def _assertion(self, audience: str) -> str:
        """A new `jti` every time: a repeated one is refused as a replay, also after a lost answer."""
        now = self._clock.now()
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFE).timestamp()),
            "jti": secrets.token_urlsafe(24),
        }
        header = {"alg": ALGORITHM, "typ": "JWT", "kid": self._key.kid or self._key.thumbprint()}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    async def _discovered(self) -> Endpoint:
        now = self._clock.now()
        if self._endpoint is None or now >= self._endpoint.good_until:
            reply = await self._send("GET", f"{self._base_url}/.well-known/smart-configuration")
            document = _object(reply)
            url, capabilities = document.get("token_endpoint"), document.get("capabilities")
            if not isinstance(url, str) or _weaker(url, self._base_url):
                raise TokenAway(reply.status)
            versions = capabilities if isinstance(capabilities, list) else []
            old = "permission-v1" in versions and "permission-v2" not in versions
            self._endpoint = Endpoint(url, in_version_1(self._scopes) if old else self._scopes, now + DISCOVERY_LIFE)
        return self._endpoint

    async def _send(self, method: str, url: str, *, form: dict[str, str] | None = None) -> Reply:
        try:
            return await self._outbound.send(method, url, form=form, headers={"accept": "application/json"})
        except (NotSent, NoAnswer):
            raise TokenAway(None) from None


def in_version_1(scopes: str) -> str:
    """`system/X.crus` of SMART 2 in the words of SMART 1: `system/X.read system/X.write`. Other words stay."""
    return " ".join(word for scope in scopes.split() for word in _in_version_1(scope))


def _in_version_1(scope: str) -> list[str]:
    resource, _, rights = scope.rpartition(".")
    if not resource.startswith("system/") or not rights or set(rights) - set("cruds"):
        return [scope]
    kinds = (("read", set("rs")), ("write", set("cud")))
    return [f"{resource}.{kind}" for kind, letters in kinds if letters & set(rights)]


def read_key(private_jwk: str) -> ECKey:
    """A private P-384 key from its JWK. Raises ValueError, which never shows the key."""
    try:
        key = ECKey.import_key(json.loads(private_jwk))
    except (ValueError, TypeError, KeyError, JoseError):
        raise ValueError("the key for the record service is not a JWK") from None
    if key.curve_name != "P-384" or not key.is_private:
        raise ValueError("the key for the record service is not a private P-384 key")
    return key


def _weaker(url: str, base_url: str) -> bool:
    """Whether a discovered address would take the assertion off TLS, or is no web address at all."""
    scheme = urlsplit(url).scheme
    return scheme not in ("http", "https") or (scheme == "http" and urlsplit(base_url).scheme == "https")


def _object(reply: Reply) -> dict[str, object]:
    if reply.status != 200:
        raise TokenAway(reply.status)
    try:
        value = reply.json()
    except NotJson:
        raise TokenAway(reply.status) from None
    if not isinstance(value, dict):
        raise TokenAway(reply.status)
    return value

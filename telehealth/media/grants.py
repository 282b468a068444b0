"""Checks the grants that the web process signs: right key, right type, right reader, in time, and never twice."""

import json
from datetime import datetime
from typing import ClassVar

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from telehealth.core.errors import Kind, Refusal
from telehealth.core.grants import ALGORITHM, LONGEST_LIFE, TOKEN_TYPE, MediaGrant
from telehealth.core.time import Clock

LONGEST_TOKEN = 2048
MOST_REMEMBERED = 20_000


class GrantInvalid(Refusal):
    """Missing, forged, expired, used before: one answer, so that it tells a forger nothing."""

    kind, slug, title = Kind.UNIDENTIFIED, "grant-invalid", "A fresh media grant is needed"


class GrantLedgerFull(Refusal):
    kind: ClassVar[Kind] = Kind.BUSY
    slug, title = "grants-full", "The media node takes no more work now"


class GrantVerifier:
    """Checks against one Ed25519 public key (a JWK as JSON text). Raises ValueError for any other key.

    Used grants are remembered until they expire. A full memory refuses: forgetting would allow a second use.
    """

    def __init__(self, public_jwk: str, clock: Clock) -> None:
        try:
            self._key = OKPKey.import_key(json.loads(public_jwk))
        except (JoseError, TypeError, KeyError, ValueError):
            raise ValueError("the grant key is not a JWK") from None
        if self._key.curve_name != "Ed25519" or self._key.is_private:
            raise ValueError("the grant key is not an Ed25519 public key")
        self._clock = clock
        self._used: dict[str, datetime] = {}
        self._tidy_at = clock.now()

    @property
    def remembered(self) -> int:
        """How many used grants: those of the last two minutes at the most."""
        return len(self._used)

    def spend(self, token: str) -> MediaGrant:
        """The grant in that token, which is thereby used up. Raises GrantInvalid or GrantLedgerFull."""
        grant = self._read(token)
        now = self._clock.now()
        if not now < grant.expires_at <= now + LONGEST_LIFE:
            raise GrantInvalid
        self._remember(grant, now)
        return grant

    def _read(self, token: str) -> MediaGrant:
        if len(token) > LONGEST_TOKEN:
            raise GrantInvalid
        try:
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            if decoded.header.get("typ") != TOKEN_TYPE:
                raise GrantInvalid
            return MediaGrant.from_claims(decoded.claims)
        except (JoseError, ValueError):
            raise GrantInvalid from None

    def _remember(self, grant: MediaGrant, now: datetime) -> None:
        if grant.jti in self._used:
            raise GrantInvalid
        if now >= self._tidy_at or len(self._used) >= MOST_REMEMBERED:
            self._used = {jti: until for jti, until in self._used.items() if until > now}
            self._tidy_at = now + LONGEST_LIFE
        if len(self._used) >= MOST_REMEMBERED:
            raise GrantLedgerFull
        self._used[grant.jti] = grant.expires_at

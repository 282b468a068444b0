"""Signs media grants with the web process's private key; the media node checks them with the public half."""

import json
import secrets
from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from telehealth.core.grants import ALGORITHM, LONGEST_LIFE, TOKEN_TYPE, GrantKind, MediaGrant, MediaSessionId, Place


class GrantSigner:
    """Holds the Ed25519 private key (a JWK as JSON text, TELEHEALTH_GRANT_PRIVATE_KEY).

    Raises ValueError for any other key.
    """

    def __init__(self, private_jwk: str) -> None:
        try:
            self._key = OKPKey.import_key(json.loads(private_jwk))
        except (JoseError, TypeError, KeyError, ValueError):
            raise ValueError("the grant key is not a JWK") from None
        if self._key.curve_name != "Ed25519" or not self._key.is_private:
            raise ValueError("the grant key is not an Ed25519 private key")

    def sign(
        self,
        session: MediaSessionId,
        *,
        sub: str,
        now: datetime,
        kind: GrantKind = GrantKind.PRECHECK,
        place: Place | None = None,
        vouched: bool = False,
        life: timedelta = LONGEST_LIFE,
    ) -> str:
        """A bearer credential for one request about that session. `sub` names the person and means nothing outside."""
        grant = MediaGrant(
            session=session,
            kind=kind,
            sub=sub,
            jti=secrets.token_urlsafe(16),
            expires_at=now + min(life, LONGEST_LIFE),
            place=place,
            vouched=vouched,
        )
        return jwt.encode({"alg": ALGORITHM, "typ": TOKEN_TYPE}, grant.claims(), self._key, algorithms=[ALGORITHM])

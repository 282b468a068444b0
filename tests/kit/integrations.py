"""A client of SMART Backend Services as a test has one: keys, and assertions that are right unless told otherwise."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def new_key(alg: str = "ES384", kid: str = "k1") -> ECKey | RSAKey:
    parameters: Any = {"kid": kid, "use": "sig", "alg": alg}
    return ECKey.generate_key("P-384", parameters) if alg == "ES384" else RSAKey.generate_key(2048, parameters)


def jwks_of(*keys: ECKey | RSAKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


@dataclass
class BackendClient:
    """`client_id` is filled in once the integration is registered."""

    audience: str
    alg: str = "ES384"
    key: ECKey | RSAKey = field(default_factory=new_key)
    client_id: str = ""

    def assertion(self, now: datetime, **changed: object) -> str:
        """Claims given as None are left out."""
        issued = int(now.timestamp())
        claims: dict[str, object] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "iat": issued,
            "exp": issued + 240,
            "jti": secrets.token_urlsafe(16),
        }
        claims = {name: value for name, value in (claims | changed).items() if value is not None}
        header = {"alg": self.alg, "typ": "JWT", "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[self.alg])

    def form(self, now: datetime, scope: str = "summaries.read", **changed: object) -> dict[str, str]:
        """A token request."""
        return {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(now, **changed),
        }

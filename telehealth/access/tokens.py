"""Tokens for integrations: SMART App Launch 2.2, Backend Services; client assertions as in RFC 7523, section 3."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from telehealth.access import queries, service
from telehealth.access.rules import ASSERTION_LIFE, CLOCK_SKEW, LONGEST_JTI, UnfitKeys
from telehealth.access.service import Issued, NotIssued
from telehealth.core.actors import ANONYMOUS, Actor, Role
from telehealth.core.ids import IntegrationId
from telehealth.db.unit import UnitOfWork

ALGORITHMS = ("ES384", "RS384")  # Backend Services, section 3.1: the two every server supports
GRANT_TYPE = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = 8192
MOST_KEYS = 10
SMALLEST_RSA, LARGEST_RSA = 2048, 8192
REGISTRY = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)

# Keys


def public_keys(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """The JWK Set to keep: public members only, each key with its `kid`. Raises UnfitKeys.

    A private key that was sent here is refused, not cut down: it has left its owner and is worth nothing any more.
    """
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_KEYS:
        raise UnfitKeys(f"give one to {MOST_KEYS} keys")
    kept = [_public_key(each) for each in keys]
    if len({each["kid"] for each in kept}) != len(kept):
        raise UnfitKeys("two keys have the same kid")
    return {"keys": kept}


def _public_key(given: Any) -> dict[str, Any]:
    match given:
        case {"kty": "EC", "crv": "P-384", "kid": str(kid)}:
            alg, key = "ES384", _import(ECKey, given)
        case {"kty": "RSA", "kid": str(kid)}:
            alg, key = "RS384", _import(RSAKey, given)
        case _:
            raise UnfitKeys("each key needs a kid, and is of type RSA, or EC on the curve P-384")
    if key.is_private:
        raise UnfitKeys("a private key was sent: make a new one, and send its public half")
    if not 0 < len(kid) <= LONGEST_JTI or given.get("use", "sig") != "sig" or given.get("alg", alg) != alg:
        raise UnfitKeys("a key is not meant for signing with ES384 or RS384")
    if isinstance(key, RSAKey) and not SMALLEST_RSA <= key.raw_value.key_size <= LARGEST_RSA:
        raise UnfitKeys(f"an RSA key has {SMALLEST_RSA} to {LARGEST_RSA} bits")
    members = ("crv", "x", "y") if isinstance(key, ECKey) else ("n", "e")
    return {"kty": given["kty"], "kid": kid, "alg": alg, "use": "sig"} | {name: given[name] for name in members}


def _import(kind: type[ECKey] | type[RSAKey], given: dict[str, Any]) -> ECKey | RSAKey:
    try:
        key = kind.import_key(given)
        _ = key.raw_value
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise UnfitKeys("a key cannot be read") from None
    return key


# Assertions


class AssertionRefused(Exception):
    """The text says what is wrong with an assertion, and holds nothing from it."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A client has proved who it is; `jti` is good once, until `ends_at`."""

    jti: str
    ends_at: datetime


def claimed_client(assertion: str) -> UUID | None:
    """Who the assertion says it is from, believed by nobody yet: it tells whose keys to check it with."""
    try:
        part = assertion[:LONGEST_ASSERTION].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part.encode() + b"=" * (-len(part) % 4)))
        return UUID(claims["iss"])
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, RecursionError, binascii.Error):
        return None


def check_assertion(
    assertion: str, jwks: Mapping[str, Any], *, client: UUID, audience: str, now: datetime
) -> Assertion:
    """The assertion, signed by one of the client's keys and meant for us now. Raises AssertionRefused."""
    claims = _signed_claims(assertion, jwks)
    if claims.get("iss") != str(client) or claims.get("sub") != str(client):
        raise AssertionRefused("iss and sub are the client id")
    named = claims.get("aud")
    if audience not in (named if isinstance(named, list) else [named]):
        raise AssertionRefused("aud is the address of this token endpoint")
    ends_at, jti = _instant(claims.get("exp")), claims.get("jti")
    if not now < ends_at <= now + ASSERTION_LIFE + CLOCK_SKEW:
        raise AssertionRefused("exp is ahead, by five minutes at most")
    if any(_instant(claims[name]) > now + CLOCK_SKEW for name in ("iat", "nbf") if name in claims):
        raise AssertionRefused("the assertion is from the future")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise AssertionRefused("a jti is needed")
    return Assertion(jti, ends_at)


def _signed_claims(assertion: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    if len(assertion) > LONGEST_ASSERTION:
        raise AssertionRefused("the assertion is too long")
    for key, algorithm in _candidates(assertion, jwks):
        try:
            decoded = jwt.decode(assertion, key, algorithms=[algorithm], registry=REGISTRY)
        except (JoseError, ValueError, RecursionError):
            continue
        if decoded.header.get("alg") == algorithm and str(decoded.header.get("typ", "JWT")).upper() == "JWT":
            return decoded.claims
    raise AssertionRefused("it is not signed by a registered key, named by kid, with ES384 or RS384")


def _candidates(assertion: str, jwks: Mapping[str, Any]) -> Iterator[tuple[ECKey | RSAKey, str]]:
    kid = _header(assertion).get("kid")
    for each in jwks.get("keys", ()):
        if each["kid"] == kid:
            yield _import(ECKey if each["kty"] == "EC" else RSAKey, each), each["alg"]


def _header(assertion: str) -> Mapping[str, Any]:
    part = assertion.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(part.encode() + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def _instant(number: object) -> datetime:
    """A NumericDate (RFC 7519, section 2)."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise AssertionRefused("exp, iat and nbf are seconds since 1970")
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        raise AssertionRefused("exp, iat and nbf are seconds since 1970") from None


# The endpoint


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a token request (RFC 6749, section 4.4.2; RFC 7521, section 4.2); None where absent."""

    grant_type: str | None
    scope: str | None
    client_assertion_type: str | None
    client_assertion: str | None
    client_id: str | None = None


async def answer(unit_of_work: UnitOfWork, asked: Asked, *, audience: str) -> Issued | NotIssued:
    """A token, or why not in the words of RFC 6749, section 5.2. `audience` is the address of the endpoint."""
    fault = _fault(asked)
    if fault is not None:
        return fault
    text = asked.client_assertion or ""
    client = claimed_client(text)
    if client is None or asked.client_id not in (None, str(client)):
        return await _refuse(unit_of_work, None, "the assertion names no client")
    jwks = await unit_of_work.run(queries.integration_keys, ANONYMOUS, client)
    if jwks is None:
        return await _refuse(unit_of_work, None, "the client is not known")
    try:
        proved = check_assertion(text, jwks, client=client, audience=audience, now=unit_of_work.clock.now())
    except AssertionRefused as refused:
        return await _refuse(unit_of_work, IntegrationId(client), str(refused))
    return await unit_of_work.run(
        service.issue_token,
        Actor(client, Role.INTEGRATION),
        integration_id=IntegrationId(client),
        jti=proved.jti,
        assertion_ends_at=proved.ends_at,
        scope=asked.scope or "",
    )


def _fault(asked: Asked) -> NotIssued | None:
    if asked.grant_type is None or asked.client_assertion is None:
        return NotIssued("invalid_request", "grant_type and client_assertion are needed")
    if asked.grant_type != GRANT_TYPE:
        return NotIssued("unsupported_grant_type", f"only {GRANT_TYPE}")
    if asked.client_assertion_type != ASSERTION_TYPE:
        return NotIssued("invalid_request", f"client_assertion_type is {ASSERTION_TYPE}")
    return None


async def _refuse(unit_of_work: UnitOfWork, client: IntegrationId | None, why: str) -> NotIssued:
    return await unit_of_work.run(service.refuse_token, ANONYMOUS, client, NotIssued("invalid_client", why))

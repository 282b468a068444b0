"""The keys of one installation, made once in the state directory, each file readable by its owner only."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes, token_urlsafe
from typing import Any

from joserfc.jwk import ECKey, OKPKey

from telehealth.cli.state import write_private


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Values in the form the settings of the same name take."""

    secret_key: str
    data_keys: str
    grant_private_key: str
    grant_public_key: str
    record_private_key: str
    push_private_key: str
    turn_secret: str
    record_jwks: str
    """The public half of the record key as a JWK Set (RFC 7517 section 5), to be registered at a record service."""


def open_keys(directory: Path) -> Keys:
    """Reads the keys; makes those that are not there yet."""
    grant = _once(directory / "grant-private.jwk", _new_grant_key)
    record = _once(directory / "record-private.jwk", _new_record_key)
    return Keys(
        secret_key=_once(directory / "secret-key", lambda: token_urlsafe(48)),
        data_keys=_once(directory / "data-keys", lambda: f"k1:{b64encode(token_bytes(32)).decode()}"),
        grant_private_key=grant,
        turn_secret=_once(directory / "turn-secret", lambda: token_urlsafe(32)),
        grant_public_key=_once(directory / "grant-public.jwk", lambda: json.dumps(_public(grant))),
        record_private_key=record,
        push_private_key=_once(directory / "push-private.jwk", _new_push_key),
        record_jwks=_once(directory / "record-jwks.json", lambda: json.dumps({"keys": [_public(record)]})),
    )


def _once(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_private(path, make())
    return path.read_text().strip()


def _new_grant_key() -> str:
    """Ed25519 (RFC 8037)."""
    key = OKPKey.generate_key("Ed25519", {"use": "sig"}, private=True, auto_kid=True)
    return json.dumps(key.as_dict(private=True))


def _new_record_key() -> str:
    """P-384 for ES384, which SMART Backend Services asks servers to take (SMART App Launch 2.2, asymmetric client)."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, private=True, auto_kid=True)
    return json.dumps(key.as_dict(private=True))


def _new_push_key() -> str:
    """P-256 for ES256, which push services know this house by (RFC 8292); browsers have to ask another key anew."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
    return json.dumps(key.as_dict(private=True))


def _public(private: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(private).items() if name != "d"}

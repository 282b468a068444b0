"""Keys and client assertions, without a database."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from telehealth.access.rules import UnfitKeys
from telehealth.access.tokens import AssertionRefused, check_assertion, claimed_client, public_keys
from tests.kit.integrations import BackendClient, jwks_of, new_key

AUDIENCE = "https://clinic.example/oauth/token"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
CLIENT = UUID(int=7)
RSA = new_key("RS384")
EC = new_key("ES384")


def client(alg: str = "ES384") -> BackendClient:
    return BackendClient(AUDIENCE, alg, EC if alg == "ES384" else RSA, str(CLIENT))


def check(assertion: str, jwks: dict[str, Any] | None = None) -> str:
    keys = public_keys(jwks or jwks_of(EC))
    return check_assertion(assertion, keys, client=CLIENT, audience=AUDIENCE, now=NOW).jti


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_both_algorithms_prove_a_client(alg: str) -> None:
    signer = client(alg)
    assert check(signer.assertion(NOW, jti="one"), jwks_of(signer.key)) == "one"
    assert claimed_client(signer.assertion(NOW)) == CLIENT


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "someone"},
        {"sub": str(UUID(int=8))},
        {"aud": "https://clinic.example"},
        {"aud": None},
        {"exp": None},
        {"exp": AT},
        {"exp": AT - 1},
        {"exp": AT + 311},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 10**400},
        {"iat": AT + 60},
        {"nbf": AT + 60},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 256},
        {"jti": 7},
    ],
)
def test_one_wrong_claim_is_enough(changed: dict[str, object]) -> None:
    with pytest.raises(AssertionRefused):
        check(client().assertion(NOW, **changed))


@pytest.mark.parametrize("changed", [{"aud": [AUDIENCE, "https://other.example"]}, {"iat": None}, {"exp": AT + 300}])
def test_what_the_standard_leaves_open_is_taken(changed: dict[str, object]) -> None:
    assert check(client().assertion(NOW, **changed))


def test_only_registered_keys_count() -> None:
    stranger = client()
    stranger.key = new_key("ES384", "k1")
    with pytest.raises(AssertionRefused):
        check(stranger.assertion(NOW))
    stranger.key = new_key("ES384", "k2")
    with pytest.raises(AssertionRefused):
        check(stranger.assertion(NOW))
    assert check(stranger.assertion(NOW), jwks_of(EC, stranger.key))


def test_an_algorithm_of_the_attackers_choice_is_none() -> None:
    claims = {"iss": str(CLIENT), "sub": str(CLIENT), "aud": AUDIENCE, "exp": AT + 60, "jti": "j"}
    unsigned = ".".join(_part(each) for each in ({"alg": "none", "kid": "k1"}, claims)) + "."
    public = OctKey.import_key(json.dumps(RSA.as_dict(private=False)))
    confused = jwt.encode({"alg": "HS384", "kid": "k1"}, claims, public, algorithms=["HS384"])
    weaker = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, _unbound(RSA), algorithms=["RS256"])
    for forged in (unsigned, confused, weaker):
        with pytest.raises(AssertionRefused):
            check(forged, jwks_of(RSA))


def _unbound(key: ECKey | RSAKey) -> RSAKey:
    members = {name: value for name, value in key.as_dict(private=True).items() if name not in ("alg", "use")}
    return RSAKey.import_key(members)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    claimed_client(text)
    with pytest.raises(AssertionRefused):
        check(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_breaks_the_reader(value: Any) -> None:
    for text in (f"{_part(value)}.{_part(value)}.x", f"{_part({'kid': 'k1', 'alg': value})}.{_part({'iss': value})}.x"):
        claimed_client(text)
        with pytest.raises(AssertionRefused):
            check(text)


def test_nesting_does_not_break_the_reader() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 5000).decode()
    assert claimed_client(f"e30.{deep}.x") is None
    with pytest.raises(AssertionRefused):
        check(f"{deep}.{deep}.x")


def test_public_halves_are_kept_and_nothing_else() -> None:
    given_key = EC.as_dict(private=False) | {"x5t": "abc", "note": "mine"}
    kept = public_keys({"keys": [given_key]})["keys"][0]
    assert set(kept) == {"kty", "kid", "alg", "use", "crv", "x", "y"}


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["k"],
        [EC.as_dict(private=True)],
        [EC.as_dict(private=False)] * 2,
        [EC.as_dict(private=False)] * 11,
        [{**EC.as_dict(private=False), "kid": ""}],
        [{**EC.as_dict(private=False), "kid": 7}],
        [{**EC.as_dict(private=False), "use": "enc"}],
        [{**EC.as_dict(private=False), "alg": "ES256"}],
        [{**EC.as_dict(private=False), "x": "AAAA"}],
        [{**EC.as_dict(private=False), "y": 7}],
        [{**RSA.as_dict(private=False), "n": "AQAB"}],
        [ECKey.generate_key("P-256", {"kid": "k"}).as_dict(private=False)],
        [OctKey.generate_key(256, {"kid": "k"}).as_dict()],
    ],
)
def test_other_keys_are_refused(keys: list[Any]) -> None:
    with pytest.raises(UnfitKeys):
        public_keys({"keys": keys})

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from telehealth.core.grants import GrantKind, MediaGrant, MediaSessionId, Place
from telehealth.core.time import FixedClock
from telehealth.media import grants
from telehealth.media.grants import GrantInvalid, GrantLedgerFull, GrantVerifier
from telehealth.video.media_grants import GrantSigner
from tests.kit.webrtc import key_pair

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SESSION = MediaSessionId(UUID(int=7))
PRIVATE, PUBLIC = key_pair()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def signer() -> GrantSigner:
    return GrantSigner(PRIVATE)


@pytest.fixture
def verifier(clock: FixedClock) -> GrantVerifier:
    return GrantVerifier(PUBLIC, clock)


def test_the_twins_agree(signer: GrantSigner, verifier: GrantVerifier) -> None:
    grant = verifier.spend(signer.sign(SESSION, sub="p1", now=NOW))
    assert (grant.session, grant.sub, grant.kind) == (SESSION, "p1", GrantKind.PRECHECK)
    assert grant.expires_at == NOW + timedelta(seconds=60)


def test_a_grant_is_spent_once(signer: GrantSigner, verifier: GrantVerifier) -> None:
    token = signer.sign(SESSION, sub="p1", now=NOW)
    verifier.spend(token)
    with pytest.raises(GrantInvalid):
        verifier.spend(token)


def test_a_grant_expires(signer: GrantSigner, verifier: GrantVerifier, clock: FixedClock) -> None:
    token = signer.sign(SESSION, sub="p1", now=NOW)
    clock.advance(timedelta(seconds=60))
    with pytest.raises(GrantInvalid):
        verifier.spend(token)


def test_a_grant_with_too_long_a_life_is_none(signer: GrantSigner, verifier: GrantVerifier) -> None:
    with pytest.raises(GrantInvalid):
        verifier.spend(signer.sign(SESSION, sub="p1", now=NOW + timedelta(seconds=1)))


def test_the_key_of_somebody_else(verifier: GrantVerifier) -> None:
    with pytest.raises(GrantInvalid):
        verifier.spend(GrantSigner(key_pair()[0]).sign(SESSION, sub="p1", now=NOW))


def claims(**changes: object) -> dict[str, object]:
    grant = MediaGrant(
        session=SESSION, kind=GrantKind.PRECHECK, sub="p1", jti=str(uuid4()), expires_at=NOW + timedelta(seconds=30)
    )
    return {**grant.claims(), **changes}


def signed(body: dict[str, object], *, typ: str = "media-grant+jwt") -> str:
    return jwt.encode(
        {"alg": "Ed25519", "typ": typ}, body, OKPKey.import_key(json.loads(PRIVATE)), algorithms=["Ed25519"]
    )


def test_the_form_by_hand_is_the_form(verifier: GrantVerifier) -> None:
    assert verifier.spend(signed(claims())).session == SESSION


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * 5000,
        signed(claims(), typ="JWT"),
        signed(claims(aud="somebody-else")),
        signed(claims(kind="everything")),
        signed(claims(sid="7")),
        signed(claims(sid=7)),
        signed(claims(sub="")),
        signed(claims(jti="j" * 500)),
        signed(claims(exp="soon")),
        signed(claims(exp=10**30)),
        jwt.encode({"alg": "HS256", "typ": "media-grant+jwt"}, claims(), OctKey.import_key(PUBLIC), ["HS256"]),
    ],
)
def test_what_is_no_grant(token: str, verifier: GrantVerifier) -> None:
    with pytest.raises(GrantInvalid):
        verifier.spend(token)


def test_a_full_memory_refuses_until_grants_expire(
    signer: GrantSigner, verifier: GrantVerifier, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "MOST_REMEMBERED", 2)
    for _ in range(2):
        verifier.spend(signer.sign(SESSION, sub="p1", now=NOW))
    with pytest.raises(GrantLedgerFull):
        verifier.spend(signer.sign(SESSION, sub="p1", now=NOW))
    clock.advance(timedelta(seconds=60))
    verifier.spend(signer.sign(SESSION, sub="p1", now=clock.now()))


def test_expired_grants_are_forgotten_long_before_memory_is_full(
    signer: GrantSigner, verifier: GrantVerifier, clock: FixedClock
) -> None:
    for _ in range(30):
        verifier.spend(signer.sign(SESSION, sub="p1", now=clock.now()))
        clock.advance(timedelta(seconds=20))
    assert 3 <= verifier.remembered <= 6


@pytest.mark.parametrize(
    "jwk",
    [PRIVATE, json.dumps(OKPKey.generate_key("X25519").as_dict(private=False)), "", "[]", "{}", '{"kty": "OKP"}'],
    ids=["private", "another curve", "nothing", "a list", "no key", "half a key"],  # the same in every process
)
def test_only_a_public_ed25519_key_verifies(jwk: str, clock: FixedClock) -> None:
    with pytest.raises(ValueError, match="the grant key is not"):
        GrantVerifier(jwk, clock)


def test_only_a_private_ed25519_key_signs() -> None:
    with pytest.raises(ValueError, match="Ed25519"):
        GrantSigner(PUBLIC)


PLACE = Place(room="r1", epoch=3)


def test_a_grant_for_a_room_names_it(signer: GrantSigner, verifier: GrantVerifier) -> None:
    grant = verifier.spend(signer.sign(SESSION, sub="p1", now=NOW, kind=GrantKind.SEND, place=PLACE))
    assert (grant.kind, grant.place) == (GrantKind.SEND, PLACE)


@pytest.mark.parametrize("kind", list(GrantKind))
def test_a_place_belongs_to_rooms_alone(kind: GrantKind, signer: GrantSigner) -> None:
    with pytest.raises(ValueError, match="room"):
        signer.sign(SESSION, sub="p1", now=NOW, kind=kind, place=PLACE if kind is GrantKind.PRECHECK else None)


@pytest.mark.parametrize(
    "changes",
    [
        {"room": "r1"},
        {"epoch": 3},
        {"room": "r1", "epoch": "3"},
        {"room": "r1", "epoch": -1},
        {"room": "r1", "epoch": 1 << 53},
        {"room": "", "epoch": 3},
        {"room": "r" * 129, "epoch": 3},
        {"room": "a room", "epoch": 3},
        {"room": 7, "epoch": 3},
        {"kind": "precheck", "room": "r1", "epoch": 3},
    ],
)
def test_what_is_no_grant_for_a_room(changes: dict[str, object], verifier: GrantVerifier) -> None:
    assert verifier.spend(signed(claims(kind="send", room="r1", epoch=3))).place == PLACE
    with pytest.raises(GrantInvalid):
        verifier.spend(signed({**claims(kind="send"), **changes}))

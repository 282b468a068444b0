"""Notifications: what is sealed only one browser opens, and the adapter against a push service on loopback."""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from telehealth.core.time import SystemClock
from telehealth.notifications.memory import MemoryPusher
from telehealth.notifications.ports import Deferred, Outcome, Push, Pusher, Refused, Sent, Unreachable, Urgency
from telehealth.notifications.sealing import LONGEST, Unsealable, sealed_for
from telehealth.notifications.web_push import WebPusher, read_key
from telehealth.tasks.outbound import open_courier
from tests.kit.pushes import Browser, PushService, push_service

HOUSE = ECKey.generate_key("P-256", private=True)
LOOPBACK = (ip_network("127.0.0.0/8"),)
PUSH = Push(
    id="0195bb2e-7c00-7000-8000-000000000001",
    words=json.dumps({"title": "Clínica", "body": "Su visita por vídeo: mañana"}),
    lasts=timedelta(minutes=10),
    urgency=Urgency.HIGH,
    topic="a-topic",
)
ANSWERS: dict[int, Outcome] = {
    201: Sent(),
    404: Unreachable(404),
    410: Unreachable(410),
    413: Refused(413),
    429: Deferred(429),
    503: Deferred(503),
}
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
    "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


@pytest.fixture
async def served() -> AsyncIterator[PushService]:
    async with push_service() as running:
        yield running


async def pushers(kind: str, browser: Browser) -> AsyncIterator[Pusher]:
    if kind == "memory":
        yield MemoryPusher(answer=lambda _: ANSWERS[browser.status])
        return
    async with open_courier(deadline=2, also=LOOPBACK) as courier:
        yield WebPusher(courier, HOUSE, contact="visits@clinic.example", clock=SystemClock())


def octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_of_the_standard() -> None:
    """RFC 8291, section 5 and appendix A."""
    browser = octets("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
    own = int.from_bytes(octets("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    sealed = sealed_for(
        browser,
        octets("BTBZMqHH6r4Tts7J_aSIgg"),
        b"When I grow up, I want to be a watermelon",
        key=ec.derive_private_key(own, ec.SECP256R1()),
        salt=octets("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert sealed == octets(SEALED)


@given(st.binary(max_size=LONGEST))
def test_the_browser_opens_what_is_sealed_for_it(text: bytes) -> None:
    browser = Browser("https://push.example/x")
    sealed = sealed_for(browser.p256dh, browser.auth, text)
    assert browser.open(sealed) == text
    assert len(sealed) <= 4096


@given(st.binary(max_size=70))
def test_keys_of_no_browser_are_refused(key: bytes) -> None:
    with pytest.raises(Unsealable):
        sealed_for(key, b"a" * 16, b"text")


def test_what_is_too_long_is_refused() -> None:
    browser = Browser("https://push.example/x")
    with pytest.raises(Unsealable):
        sealed_for(browser.p256dh, browser.auth, b"x" * (LONGEST + 1))


@pytest.mark.parametrize("kind", ["web", "memory"])
@pytest.mark.parametrize("status", sorted(ANSWERS))
async def test_contract(kind: str, served: PushService, status: int) -> None:
    browser = served.browser()
    browser.status = status
    async for pusher in pushers(kind, browser):
        assert await pusher.send(PUSH, browser.device) == ANSWERS[status]


async def test_what_arrives(served: PushService) -> None:
    browser = served.browser()
    async for pusher in pushers("web", browser):
        assert await pusher.send(PUSH, browser.device) == Sent()
        assert await pusher.send(PUSH, served.browser().device) == Sent()
    (told,) = browser.received
    assert told.words == json.loads(PUSH.words)
    assert (told.ttl, told.urgency, told.topic) == (600, "high", "a-topic")
    assert (told.claims["aud"], told.claims["sub"]) == (served.url, "mailto:visits@clinic.example")
    assert told.claims["exp"] - SystemClock().now().timestamp() < 24 * 3600


async def test_an_unknown_browser_and_nobody_there(served: PushService) -> None:
    browser = served.browser()
    served.browsers.clear()
    async for pusher in pushers("web", browser):
        assert await pusher.send(PUSH, browser.device) == Unreachable(404)
        away = replace(browser.device, endpoint="http://127.0.0.1:1/push")
        assert await pusher.send(PUSH, away) == Deferred(504)
        assert await pusher.send(PUSH, replace(browser.device, p256dh=b"x")) == Unreachable(400)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1:1/push",
        "https://localhost/push",
        "https://10.0.0.1/push",
        "https://[::1]/push",
        "https://169.254.169.254/latest",
        "http://93.184.216.34/push",
        "https://user@93.184.216.34/push",
        "ftp://93.184.216.34/push",
    ],
)
async def test_what_only_this_machine_reaches_is_not_posted_to(endpoint: str) -> None:
    async with open_courier(deadline=2) as courier:
        pusher = WebPusher(courier, HOUSE, contact="visits@clinic.example", clock=SystemClock())
        assert await pusher.send(PUSH, replace(Browser("").device, endpoint=endpoint)) == Unreachable(400)


def test_a_key_that_cannot_sign_is_refused() -> None:
    wrong = ECKey.generate_key("P-384", private=True).as_dict(private=True), HOUSE.as_dict(private=False), "secret", 7
    for each in wrong:
        with pytest.raises(ValueError, match="key for notifications") as refused:
            read_key(json.dumps(each))
        assert "secret" not in str(refused.value)
    assert read_key(json.dumps(HOUSE.as_dict(private=True))).curve_name == "P-256"

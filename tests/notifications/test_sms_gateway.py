"""The SMS adapters against a real HTTP server, and the fake against the same contract."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from telehealth.core.time import FixedClock
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.ports import (
    Away,
    Deferred,
    GatewayKind,
    OptedOut,
    Outcome,
    Refused,
    Sent,
    Text,
    Texter,
    Unreachable,
)
from telehealth.notifications.sms_gateway import UNTOLD, Account, SmsGateway
from telehealth.tasks.outbound import open_client
from tests.kit.gateway import SECRET, USER, Gateway, gateway

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEXT = Text(id="0195bb2e-7c00-7000-8000-000000000001", recipient="+34600123456", text="Clínica: mañana a las 9:00")
PATHS = {GatewayKind.PLAIN: "/texts", GatewayKind.TWILIO: "/Messages.json"}


@pytest.fixture
async def served() -> AsyncIterator[Gateway]:
    async with gateway() as running:
        yield running


async def texters(kind: str, served: Gateway, secret: str = SECRET, url: str | None = None) -> AsyncIterator[Texter]:
    if kind == "memory":
        answers: dict[int, Outcome] = {
            201: Sent(),
            400: Unreachable(21211),
            425: Deferred(425),
            429: Away("429", UNTOLD),
            503: Away("503"),
        }

        def answer(text: Text) -> Outcome:
            outcome = answers[served.judge(text.recipient)[0]]
            if outcome == Sent():
                served.received.append((text.recipient, text.text))
            return outcome

        yield MemoryTexter(answer=answer)
        return
    async with open_client(deadline=2) as outbound:
        spoken, account = GatewayKind(kind), Account(USER, secret)
        address = url or served.url + PATHS[spoken]
        sender, clock = "+15075550100", FixedClock(NOW)
        yield SmsGateway(outbound, address, kind=spoken, sender=sender, account=account, region="US", clock=clock)


@pytest.mark.parametrize("kind", ["plain", "twilio", "memory"])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, Sent()), (400, Unreachable(21211)), (425, Deferred(425)), (429, Away("429", UNTOLD)), (503, Away("503"))],
)
async def test_contract(kind: str, served: Gateway, status: int, outcome: Outcome) -> None:
    served.judge = lambda _: (status, {"code": 21211})
    async for texter in texters(kind, served):
        assert await texter.send(TEXT) == outcome
    assert served.received == ([(TEXT.recipient, TEXT.text)] if outcome == Sent() else [])


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (21610, OptedOut(21610)),
        ("opted_out", OptedOut(400)),
        ("bad_recipient", Unreachable(400)),
        (30007, Refused(30007)),
    ],
)
async def test_what_a_refusal_says_of_the_number(served: Gateway, code: int | str, outcome: Outcome) -> None:
    served.judge = lambda _: (400, {"code": code})
    async for texter in texters("plain", served):
        assert await texter.send(TEXT) == outcome


@pytest.mark.parametrize("kind", ["plain", "twilio"])
async def test_a_wrong_secret_is_nobodys_number(kind: str, served: Gateway) -> None:
    async for texter in texters(kind, served, secret="wrong"):
        assert await texter.send(TEXT) == Away("401")


async def test_a_wrong_address_is_nobodys_number_either(served: Gateway) -> None:
    async for texter in texters("plain", served, url=f"{served.url}/elsewhere"):
        assert await texter.send(TEXT) == Away("404")


@pytest.mark.parametrize("kind", ["plain", "twilio"])
@pytest.mark.parametrize(
    ("told", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 02 Mar 2026 09:02:00 GMT", timedelta(minutes=2)),
        ("Monday, 02-Mar-26 09:02:00 GMT", timedelta(minutes=2)),
        ("99999999", timedelta(days=1)),
    ],
)
async def test_how_long_it_asks_to_be_left_alone(kind: str, served: Gateway, told: str, wait: timedelta) -> None:
    served.retry_after = told
    for status in (429, 503):
        served.judge = lambda _, status=status: (status, {})  # type: ignore[misc]
        async for texter in texters(kind, served):
            assert await texter.send(TEXT) == Away(str(status), wait)


@pytest.mark.parametrize("told", ["soon", "-3", "0", "Mon, 02 Mar 2026 08:00:00 GMT", "Mon, 99 Mar 2026 09:02:00 GMT"])
async def test_what_is_no_time_ahead_is_not_believed(served: Gateway, told: str) -> None:
    served.judge, served.retry_after = lambda _: (429, {}), told
    async for texter in texters("plain", served):
        assert await texter.send(TEXT) == Away("429", UNTOLD)


async def test_nobody_there(served: Gateway) -> None:
    async for texter in texters("plain", served, url="http://127.0.0.1:1/texts"):
        assert isinstance(await texter.send(TEXT), Away)


async def test_the_same_message_again_is_told_once(served: Gateway) -> None:
    async for texter in texters("plain", served):
        assert [await texter.send(TEXT), await texter.send(TEXT)] == [Sent(), Sent()]
    assert len(served.received) == 1

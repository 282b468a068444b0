"""The caller's webhook against a real HTTP server, and the fake against the same contract."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from telehealth.core.time import SystemClock
from telehealth.notifications.caller import CallerWebhook
from telehealth.notifications.memory import MemoryCaller
from telehealth.notifications.ports import Away, Call, Caller, Deferred, Outcome, Refused, Sent, Unreachable
from telehealth.tasks.outbound import open_client
from tests.kit.callers import SECRET, Called, caller

CALL = Call(
    id="0195bb2e-7c00-7000-8000-000000000001",
    kind="moved",
    language="es-ES",
    number="+34600123456",
    words="Riverside. Su visita por vídeo ha cambiado: 3 de marzo.",
)
ANSWERS: dict[int, Outcome] = {
    202: Sent(),
    400: Refused(400),
    401: Away("401"),
    409: Deferred(409),
    410: Unreachable(410),
    422: Refused(422),
    429: Away("429", timedelta(seconds=5)),
    503: Away("503"),
}


@pytest.fixture
async def served() -> AsyncIterator[Called]:
    async with caller() as running:
        yield running


async def callers(kind: str, served: Called, *, secret: str = SECRET, url: str | None = None) -> AsyncIterator[Caller]:
    if kind == "memory":
        yield MemoryCaller(answer=lambda _: ANSWERS[served.status])
        return
    async with open_client(deadline=2) as outbound:
        yield CallerWebhook(outbound, url or served.url, secret=secret, clock=SystemClock())


@pytest.mark.parametrize("kind", ["webhook", "memory"])
@pytest.mark.parametrize("status", sorted(ANSWERS))
async def test_contract(kind: str, served: Called, status: int) -> None:
    served.status = status
    async for each in callers(kind, served):
        assert await each.send(CALL) == ANSWERS[status]


async def test_what_it_is_told_once(served: Called) -> None:
    async for each in callers("webhook", served):
        assert [await each.send(CALL), await each.send(CALL)] == [Sent(), Sent()]
        assert await each.send(replace(CALL, id="another")) == Sent()
    assert list(served.told) == [CALL.id, "another"]
    assert served.told[CALL.id] == {
        "id": CALL.id,
        "kind": "moved",
        "language": "es-ES",
        "to": "+34600123456",
        "words": CALL.words,
    }


async def test_how_long_it_asks_to_be_left_alone(served: Called) -> None:
    served.status, served.headers = 503, {"retry-after": "90"}
    async for each in callers("webhook", served):
        assert await each.send(CALL) == Away("503", timedelta(seconds=90))


async def test_what_is_signed_otherwise_is_not_taken(served: Called) -> None:
    async for each in callers("webhook", served, secret="another secret, as long as it"):
        assert await each.send(CALL) == Away("401")
    async for each in callers("webhook", served, url="http://127.0.0.1:1/calls"):
        assert isinstance(await each.send(CALL), Away)
    assert served.told == {}

"""OWASP ASVS 5.0, V17.3: signalling goes on in a flood and over malformed messages."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from telehealth.core.actors import Actor
from telehealth.db.unit import UnitOfWork
from telehealth.http.socket import BURST
from tests.kit.call_process import Behind, running_web
from tests.kit.company import companion_of
from tests.kit.meetings import Meeting
from tests.kit.signalling import Talker, behind, companion_ticket, entering, talking


@pytest.fixture
async def companion(unit_of_work: UnitOfWork, meeting: Meeting) -> Actor:
    return await companion_of(unit_of_work, meeting, let_in=True)


@pytest.fixture
async def webs(database: str, valkey: str, meeting: Meeting, companion: Actor) -> AsyncIterator[Sequence[Behind]]:
    with running_web(behind(database, valkey, meeting, companion)) as processes:
        yield processes


async def pass_on(host: Talker, patient: Talker, number: int) -> None:
    """What the host says the patient hears."""
    await host.say("candidate", generation=2, candidate={"candidate": f"{number}"})
    heard = await patient.hear("candidate")
    assert heard["candidate"]["candidate"] == f"{number}"


async def flood(web: Behind, meeting: Meeting) -> int:
    """The close code of a companion who asks as fast as the socket takes it, and reads all answers."""
    ticket = (await companion_ticket(web, meeting)).json()["ticket"]
    async with entering(web, ticket) as companion:
        reading = asyncio.create_task(companion.ended())
        with suppress(ConnectionClosed):
            for _ in range(int(BURST) * 20):
                await companion.put({"type": "ping"})
        return (await reading)[0]


async def test_17_3_1_a_flood_is_cut_off_and_the_others_go_on(webs: Sequence[Behind], meeting: Meeting) -> None:
    (web,) = webs
    async with talking(web, meeting, host=True) as host, talking(web, meeting, host=False) as patient:
        for number in range(3):
            flooding = asyncio.create_task(flood(web, meeting))
            passed = 0
            while not flooding.done() or passed < 3:
                await pass_on(host, patient, number * 1000 + passed)
                passed += 1
                await asyncio.sleep(0.03)
            assert await flooding == 4429
        await pass_on(host, patient, 9999)


MALFORMED: Sequence[dict[str, Any]] = (
    {},
    {"type": None},
    {"type": "candidate"},
    {"type": "candidate", "id": -1, "generation": 2, "candidate": {"candidate": "x"}},
    {"type": "chat", "id": 2**60, "text": "x"},
    {"type": "chat", "id": 1, "text": ["x"]},
    {"type": "description", "id": 1, "generation": "2", "description": {}},
)


async def test_17_3_2_malformed_messages_are_answered_and_stop_nothing(
    webs: Sequence[Behind], meeting: Meeting
) -> None:
    (web,) = webs
    async with talking(web, meeting, host=True) as host, talking(web, meeting, host=False) as patient:
        for number, message in enumerate(MALFORMED):
            await host.put(message)
            assert (await host.hear("error"))["code"] == "invalid-message"
            await pass_on(host, patient, number)

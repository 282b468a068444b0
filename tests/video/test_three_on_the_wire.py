"""Three people through real web processes: the waiting room, the node, chat, hold and the way out."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from telehealth.core.actors import SYSTEM, Actor
from telehealth.db.unit import UnitOfWork
from telehealth.http.credentials import GUEST_COOKIE
from telehealth.visits.lifecycle.parts import ParticipantState
from telehealth.visits.participants import queries as participants
from tests.kit.call_process import Behind, running_web
from tests.kit.company import companion_of
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.signalling import (
    COMPANION,
    Talker,
    behind,
    companion_ticket,
    entering,
    listed,
    socket_to,
    talking,
    ticket_from,
)


@pytest.fixture
async def companion(unit_of_work: UnitOfWork, meeting: Meeting) -> Actor:
    """An interpreter who waits."""
    return await companion_of(unit_of_work, meeting, let_in=False)


@pytest.fixture
async def webs(database: str, valkey: str, meeting: Meeting, companion: Actor) -> AsyncIterator[Sequence[Behind]]:
    one, other = (behind(database, valkey, meeting, companion) for _ in range(2))
    with running_web(one, other) as processes:
        yield processes


async def test_an_interpreter_comes_is_let_in_and_put_out(
    webs: Sequence[Behind], meeting: Meeting, companion: Actor, unit_of_work: UnitOfWork
) -> None:
    one, other = webs
    theirs = str(companion.id)
    async with talking(one, meeting, host=True) as host, talking(other, meeting, host=False) as patient:
        assert (await companion_ticket(one, meeting)).status_code == 409
        number = await host.say("admit", participant=theirs)
        assert (await host.hear("ack"))["id"] == number
        await patient.say("admit", participant=theirs)
        assert (await patient.hear("error"))["code"] == "host-only"

        ticket = (await companion_ticket(other, meeting)).json()["ticket"]
        async with entering(other, ticket) as interpreter:
            assert listed(interpreter.welcome) == [("clinician", "present"), ("patient", "present")]
            assert interpreter.welcome["you"]["kind"] == "interpreter"
            assert interpreter.welcome["mode"] == "p2p"
            assert interpreter.welcome["partner"] is None  # no node has reported yet
            await interpreter.say("candidate", generation=interpreter.welcome["generation"], candidate=None)
            assert (await interpreter.hear("error"))["code"] == "not-partner"
            await _over_the_node(host, patient, interpreter, unit_of_work)
            await _on_hold(host, patient, interpreter, theirs)
            await _everybody_reads(one, other, meeting)

            number = await host.say("deny", participant=theirs)
            while (await host.hear("ack"))["id"] != number:
                pass
            assert (await interpreter.ended())[:2] == (4404, "not-found")
        found = await unit_of_work.run(participants.ever_invited, SYSTEM, meeting.visit_id)
        assert [each.state for each in found if each.id == companion.id] == [ParticipantState.REMOVED]
        assert (await companion_ticket(one, meeting)).status_code == 404


async def _over_the_node(host: Talker, patient: Talker, interpreter: Talker, unit_of_work: UnitOfWork) -> None:
    await a_node_reports(unit_of_work)
    for talker in (host, patient, interpreter):
        while (state := await talker.hear("state"))["mode"] != "node":
            pass
        assert (state["epoch"], state["partner"]) == (1, None)
    number = await interpreter.say("offer", epoch=1, direction="send", connection=1, sdp="v=0")
    answer = await interpreter.hear("answer")
    participant = interpreter.welcome["you"]["participant"]
    assert (answer["id"], answer["sdp"][:-5]) == (number, f"http://rehearsed 1 {participant} send-1")
    await interpreter.say("offer", epoch=2, direction="send", connection=1, sdp="v=0")
    assert (await interpreter.hear("error"))["code"] == "stale-epoch"
    await interpreter.say("media_state", epoch=1, state="connected")
    await interpreter.hear("ack")


async def _on_hold(host: Talker, patient: Talker, interpreter: Talker, theirs: str) -> None:
    await host.say("hold", participant=theirs)
    assert (await interpreter.hear("state"))["peers"] == []
    await interpreter.say("chat", text="Hello?")
    assert (await interpreter.hear("error"))["code"] == "not-admitted"
    await patient.say("chat", text="Between us")
    assert (await host.hear("chat"))["text"] == "Between us"
    await host.say("admit", participant=theirs)
    while not (await interpreter.hear("state"))["peers"]:
        pass
    await host.say("chat", text="Welcome back")
    heard = [await talker.hear("chat") for talker in (patient, interpreter)]
    assert {each["text"] for each in heard} == {"Welcome back"}
    await host.hear("ack")


async def _everybody_reads(one: Behind, other: Behind, meeting: Meeting) -> None:
    """What each was there for, from either process."""
    async with httpx.AsyncClient(trust_env=False, cookies={GUEST_COOKIE: COMPANION}) as client:
        for web in (one, other):
            answer = await client.get(f"{web.origin}/v1/visits/{meeting.visit_id}/attendance/chat")
            assert [each["text"] for each in answer.json()["items"]] == ["Welcome back"]


async def test_a_ticket_is_nobody_elses(webs: Sequence[Behind], meeting: Meeting) -> None:
    """Forged, used, or for a part in another's name: each opens nothing."""
    used = await ticket_from(webs[0], meeting, host=False)
    async with entering(webs[0], used):
        for ticket in (used, used[:-1], "", "x" * 128):
            async with socket_to(webs[1]) as talker:
                await talker.put({"type": "hello", "v": 1, "ticket": ticket})
                assert (await talker.ended())[0] == 4401

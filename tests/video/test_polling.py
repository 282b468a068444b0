"""Long polling: the same conversation, one turn at a time, through any of two web processes."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.participants import service as participants
from tests.kit.call_process import Behind, running_web
from tests.kit.meetings import Meeting, status_becomes
from tests.kit.patience import PATIENCE
from tests.kit.signalling import Wire, behind, listed, talking, ticket_from

PATH = "/v1/signalling/poll"


@pytest.fixture
async def webs(database: str, valkey: str, meeting: Meeting) -> AsyncIterator[Sequence[Behind]]:
    with running_web(behind(database, valkey, meeting), behind(database, valkey, meeting)) as processes:
        yield processes


@pytest.fixture
async def web(database: str, valkey: str, meeting: Meeting) -> AsyncIterator[Sequence[Behind]]:
    with running_web(behind(database, valkey, meeting)) as processes:
        yield processes


class Poller:
    """A browser that polls, each turn at the next process. `hear` polls until a message of that type comes."""

    def __init__(self, clients: Sequence[httpx.AsyncClient], ticket: str) -> None:
        self._clients, self._turn, self._next = clients, 0, 1
        self.ticket, self.after, self.welcome = ticket, 0, dict[str, Any]()

    async def ask(self, body: Wire) -> httpx.Response:
        self._turn += 1
        return await self._clients[self._turn % len(self._clients)].post(PATH, json=body)

    async def hello(self, resume: Wire | None = None) -> Wire:
        hello: Wire = {"type": "hello", "v": 1, "ticket": self.ticket} | ({"resume": resume} if resume else {})
        answer = await self.ask({"ticket": self.ticket, "messages": [hello]})
        answer.raise_for_status()
        self.after = answer.json()["after"]
        self.welcome, *missed = answer.json()["messages"]
        assert self.welcome["type"] == "welcome"
        return {"missed": missed}

    async def poll(self, *messages: Wire) -> list[Wire]:
        answer = await self.ask({"ticket": self.ticket, "after": self.after, "messages": list(messages)})
        answer.raise_for_status()
        self.after = answer.json()["after"]
        return list(answer.json()["messages"])

    async def say(self, type_: str, **body: Any) -> list[Wire]:
        number, self._next = self._next, self._next + 1
        return await self.poll({"type": type_, "id": number, **body})

    async def hear(self, type_: str, first: list[Wire] | None = None) -> Wire:
        for _ in range(5):
            for message in first or await self.poll():
                if message["type"] == type_:
                    return message
            first = None
        raise AssertionError(f"no {type_}")


@asynccontextmanager
async def polling(
    webs: Sequence[Behind], meeting: Meeting, *, host: bool, resume: Wire | None = None
) -> AsyncIterator[Poller]:
    clients = [httpx.AsyncClient(base_url=each.origin, trust_env=False, timeout=PATIENCE) for each in webs]
    poller = Poller(clients, await ticket_from(webs[0], meeting, host=host))
    try:
        await poller.hello(resume)
        yield poller
    finally:
        for client in clients:
            await client.aclose()


def answers(heard: Sequence[Wire]) -> list[str]:
    """Without what was to be heard anyway."""
    return [each["type"] for each in heard if each["type"] != "state"]


async def test_one_by_socket_and_one_by_polling(
    webs: Sequence[Behind], meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    async with talking(webs[0], meeting, host=True) as host, polling(webs, meeting, host=False) as guest:
        generation = guest.welcome["generation"]
        assert listed(guest.welcome) == [("clinician", "present")]
        assert listed(await host.hear("state")) == [("patient", "present")]

        waits = asyncio.create_task(guest.hear("chat"))
        await asyncio.sleep(0.2)
        await host.say("chat", text="Can you hear me?")
        assert (await asyncio.wait_for(waits, PATIENCE))["text"] == "Can you hear me?"

        heard = await guest.say("chat", text="Yes")
        assert heard[0] == {"type": "ack", "id": 1}
        assert (await host.hear("chat"))["text"] == "Yes"

        await host.say("media_state", generation=generation, state="connected")
        await guest.say("media_state", generation=generation, state="connected")
        await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.IN_PROGRESS)

        again = await guest.poll({"type": "chat", "id": 1, "text": "Yes"}, {"type": "ping"}, {"type": "nonsense"})
        assert answers(again) == ["ack", "pong", "error"]
        assert answers(await guest.say("want", what="ice")) == ["ice", "ack"]

        await unit_of_work.run(visits.end, meeting.clinician, meeting.visit_id)
        assert (await guest.ask({"ticket": guest.ticket, "after": guest.after, "messages": []})).status_code == 410


async def test_an_answer_that_got_lost_is_asked_for_again(web: Sequence[Behind], meeting: Meeting) -> None:
    async with talking(web[0], meeting, host=True) as host, polling(web, meeting, host=False) as guest:
        await host.say("chat", text="one")
        before = guest.after
        assert (await guest.hear("chat"))["text"] == "one"
        guest.after = before
        assert (await guest.hear("chat"))["text"] == "one"


async def test_from_a_socket_to_polling_without_missing_anything(web: Sequence[Behind], meeting: Meeting) -> None:
    async with talking(web[0], meeting, host=True) as host:
        async with talking(web[0], meeting, host=False) as guest:
            seen, session = guest.welcome["seq"], guest.welcome["session"]
            await guest.break_off()
        await host.hear("state")
        await host.say("chat", text="Are you there?")
        await host.hear("ack")
        clients = [httpx.AsyncClient(base_url=each.origin, trust_env=False, timeout=PATIENCE) for each in web]
        poller = Poller(clients, await ticket_from(web[0], meeting, host=False))
        missed = (await poller.hello({"session": session, "last_seq": seen}))["missed"]
        assert poller.welcome["resumed"] is True
        assert [each["text"] for each in missed if each["type"] == "chat"] == ["Are you there?"]
        for client in clients:
            await client.aclose()


async def test_another_window_takes_the_seat_of_who_polls(web: Sequence[Behind], meeting: Meeting) -> None:
    async with polling(web, meeting, host=False) as first:
        waits = asyncio.create_task(first.hear("bye"))
        await asyncio.sleep(1)  # who does not wait yet is told 409
        async with polling(web, meeting, host=False):
            assert (await asyncio.wait_for(waits, PATIENCE))["reason"] == "replaced"
            gone = await first.ask({"ticket": first.ticket, "after": first.after, "messages": []})
            assert (gone.status_code, gone.json()["type"]) == (409, "/problems/seat-taken")


async def test_who_is_put_out_polls_no_more(web: Sequence[Behind], meeting: Meeting, unit_of_work: UnitOfWork) -> None:
    async with polling(web, meeting, host=False) as guest:
        assert meeting.patient.id is not None
        await unit_of_work.run(participants.revoke, SYSTEM, meeting.visit_id, meeting.patient.id)
        assert (await guest.ask({"ticket": guest.ticket, "after": guest.after, "messages": []})).status_code == 404


async def test_what_polls_nothing(web: Sequence[Behind], meeting: Meeting) -> None:
    async with polling(web, meeting, host=False) as guest, talking(web[0], meeting, host=True):
        used = await ticket_from(web[0], meeting, host=True)
        hello = {"type": "hello", "v": 1, "ticket": used}
        for body, status in (
            ({"ticket": guest.ticket, "messages": [{**hello, "ticket": guest.ticket}]}, 401),  # it is used up
            ({"ticket": used, "after": 0, "messages": []}, 401),  # it has opened nothing yet
            ({"ticket": str(uuid.uuid4()), "after": 0, "messages": []}, 401),
            ({"ticket": used, "messages": []}, 400),
            ({"ticket": used, "messages": [{**hello, "ticket": guest.ticket}]}, 400),
            ({"ticket": used, "messages": [hello, {"type": "ping"}]}, 400),
            ({"ticket": used, "messages": [{"type": "ping"}] * 21}, 422),
        ):
            assert (await guest.ask(body)).status_code == status, body


async def test_a_call_goes_on_when_what_was_measured_cannot_be_kept(
    web: Sequence[Behind], meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    async def change(unit: Unit, command: str) -> None:
        await unit.session.execute(text(f"ALTER TABLE call_minute {command}"))

    async with talking(web[0], meeting, host=True) as host, polling(web, meeting, host=False) as guest:
        await unit_of_work.run(change, SYSTEM, "ADD CONSTRAINT none_is_kept CHECK (false) NOT VALID")
        try:
            heard = await guest.say("stats", rtt_ms=48, loss=0.02, kbps=900, frozen_ms=0, relayed=False, jitter_ms=9)
            assert heard[0] == {"type": "ack", "id": 1}
            await host.say("chat", text="Can you hear me?")
            assert (await guest.hear("chat"))["text"] == "Can you hear me?"
        finally:
            await unit_of_work.run(change, SYSTEM, "DROP CONSTRAINT none_is_kept")

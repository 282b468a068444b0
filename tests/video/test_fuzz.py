"""Mutated messages to signalling, by WebSocket and by poll, from one who was let in, while two others are in a call.

By default some hundreds; `./deploy/test -m soak tests/video/test_fuzz.py -s` says a hundred thousand.
"""

import asyncio
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from telehealth.core.actors import Actor
from telehealth.db.unit import UnitOfWork
from telehealth.http.body import parse_json
from telehealth.http.problems import MalformedBody
from telehealth.http.socket import MAX_CHARACTERS
from tests.kit.call_process import Behind, running_web
from tests.kit.company import companion_of
from tests.kit.live_call import footprint
from tests.kit.meetings import Meeting
from tests.kit.mutations import torn, torn_value
from tests.kit.patience import PATIENCE
from tests.kit.signalling import Talker, Wire, behind, companion_ticket, talking

SEED = 20_262
HUNDRED_THOUSAND = pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])
TOGETHER = 20  # messages of one socket: as many as may be wrong
LAST = 1000  # the number of what a socket says last
MOST_GROWTH = 12_000  # kB, from a quarter of the way to its end
CLOSES = {1000, 4400, 4401, 4409, 4413, 4429}
TOO_LARGE = {1009, 1006}  # 1006: the close frame is lost where the house has closed before all had come
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def companion(unit_of_work: UnitOfWork, meeting: Meeting) -> Actor:
    return await companion_of(unit_of_work, meeting, let_in=True)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the web processes said."""
    return tmp_path / "log"


@pytest.fixture
async def webs(  # noqa: PLR0917 -- fixtures
    database: str, valkey: str, meeting: Meeting, companion: Actor, log: Path
) -> AsyncIterator[Sequence[Behind]]:
    with running_web(*(behind(database, valkey, meeting, companion, log=str(log)) for _ in range(2))) as processes:
        yield processes


def corpus(number: int, others: Sequence[str]) -> list[Wire]:
    """One of everything PROTOCOL.md lets a client say."""
    description = {"type": "offer", "sdp": "v=0\r\n"}
    candidate = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
    said: list[tuple[str, dict[str, Any]]] = [
        ("description", {"generation": 2, "description": description}),
        ("candidate", {"generation": 2, "candidate": candidate}),
        ("media_state", {"generation": 2, "state": "connected"}),
        ("media_state", {"epoch": 1, "state": "failed"}),
        ("offer", {"epoch": 1, "direction": "send", "connection": 1, "sdp": "v=0"}),
        ("stats", {"rtt_ms": 48, "loss": 0.02, "kbps": 900, "frozen_ms": 0, "relayed": False}),
        ("mute", {"kinds": ["video"]}),
        ("chat", {"text": "Good morning"}),
        ("renew", {"generation": 2}),
        ("admit", {"participant": NOBODY}),
        *((what, {"participant": other}) for what in ("hold", "deny", "admit") for other in others),
        ("want", {"what": "state"}),
        ("want", {"what": "ice"}),
        ("ping", {}),
    ]
    return [{"type": kind, **({} if kind == "ping" else {"id": number}), **body} for kind, body in said]


class Ranter:
    """The companion, out of their mind."""

    def __init__(self, web: Behind, meeting: Meeting, others: Sequence[str]) -> None:
        self.said, self.closed, self.told = 0, Counter[int](), Counter[int]()
        self.faults = Counter[str]()  # what was said with a status of 500 or more
        self.cut_off = Counter[int]()  # what was closed, of those that said too much at once
        self._web, self._meeting, self._others = web, meeting, others

    async def rant(self, messages: int) -> None:
        """Until so many have been said in all."""
        while self.said < messages:
            chance = random.Random(f"{SEED} {self.said}")
            await chance.choice([self._by_socket] * 8 + [self._by_poll, self._hello])(chance)

    async def _ticket(self) -> str:
        answer = await companion_ticket(self._web, self._meeting)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ticket"])

    async def _by_socket(self, chance: random.Random) -> None:
        hello = {"type": "hello", "v": 1, "ticket": await self._ticket()}
        made = [json.dumps(self._torn(number, chance)) for number in range(1, TOGETHER + 1)]
        odd = json.dumps(torn_value(json.loads(made[0]), chance))
        broken = chance.choice([odd, torn(odd.encode(), chance).decode("utf-8", "replace")])
        last = json.dumps({"type": "admit", "id": LAST, "participant": NOBODY})
        await self._converse([json.dumps(hello), *made, json.dumps({"type": "ping"}), broken, last])

    async def _hello(self, chance: random.Random) -> None:
        hello = {"type": "hello", "v": 1, "ticket": "x" * 43, "resume": {"session": "abc", "last_seq": 3}}
        await self._converse([json.dumps(torn_value(hello, chance)), '{"type":"ping"}'])

    async def _converse(self, texts: Sequence[str]) -> None:
        """Until the last of them is answered or the house has ended it."""
        url = f"ws://localhost:{self._web.port}/v1/signalling"
        too_large = any(len(text) > MAX_CHARACTERS for text in texts)
        async with connect(url, origin=self._web.origin, proxy=None) as socket:  # type: ignore[arg-type]
            listening = asyncio.create_task(_drain(socket))
            with suppress(ConnectionClosed):
                for text in texts:
                    await socket.send(text)
                    self.said += 1
            async with asyncio.timeout(PATIENCE):
                await listening
        (self.cut_off if too_large else self.closed)[socket.close_code or 0] += 1

    async def _by_poll(self, chance: random.Random) -> None:
        ticket = await self._ticket()
        async with httpx.AsyncClient(base_url=self._web.origin, trust_env=False, timeout=PATIENCE) as client:
            hello = {"type": "hello", "v": 1, "ticket": ticket}
            after = await self._poll(client, {"ticket": ticket, "messages": [hello]})
            for turn in range(3):
                said = [self._torn(number, chance) for number in range(turn * TOGETHER + 1, (turn + 1) * TOGETHER)]
                body = {"ticket": ticket, "after": after, "messages": [*said, {"type": "ping"}]}
                await self._poll(client, body)
                self.said += len(said)
            await self._poll(client, torn_value(body, chance), torn(json.dumps(body).encode(), chance))

    async def _poll(self, client: httpx.AsyncClient, *bodies: Wire | bytes) -> int:
        after = 0
        for body in bodies:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            told = await client.post(
                "/v1/signalling/poll", content=content, headers={"Content-Type": "application/json"}
            )
            self.told[told.status_code] += 1
            if told.status_code >= 500:
                self.faults[told.json()["type"].split("/")[-1]] += 1
            after = told.json().get("after", 0)
        return after

    def _torn(self, number: int, chance: random.Random) -> Wire:
        """Still JSON as the house reads it, or it would be the last thing that is heard."""
        said = chance.choice(corpus(number, self._others))
        if chance.random() < 0.2:
            return said
        while not _is_json(made := torn_value(said, chance)):
            pass
        return made


def _is_json(value: Wire) -> bool:
    try:
        parse_json(json.dumps(value).encode())
    except MalformedBody:
        return False
    return True


async def _drain(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        async for text in socket:
            if json.loads(text).get("id") == LAST:
                return


class Pair:
    """The host and the patient: each candidate that one says the other hears."""

    def __init__(self, host: Talker, patient: Talker) -> None:
        self.passed = 0
        self._ways = ((host, patient), (patient, host))

    async def go_on(self) -> None:
        """For ever. Both sockets are read all the time."""
        async with asyncio.TaskGroup() as both:
            for way in self._ways:
                both.create_task(self._one_way(*way))

    async def _one_way(self, speaker: Talker, hearer: Talker) -> None:
        for number in itertools.count():
            text = f"candidate:{number}"
            await speaker.say("candidate", generation=2, candidate={"candidate": text})
            async with asyncio.timeout(PATIENCE):
                while (heard := await hearer.next())["type"] != "candidate":
                    assert heard["type"] not in {"error", "bye"}, heard
            assert heard["candidate"]["candidate"] == text
            self.passed += 1
            await asyncio.sleep(0.05)


async def _while(going_on: asyncio.Task[None], ranting: Coroutine[Any, Any, None]) -> None:
    """A call that is disturbed ends the test at once, and says by what."""
    task = asyncio.create_task(ranting)
    await asyncio.wait({going_on, task}, return_when=asyncio.FIRST_COMPLETED)
    if going_on.done():
        task.cancel()
        await going_on
    await task


@pytest.mark.parametrize("messages", [400, HUNDRED_THOUSAND])
async def test_mutated_messages_harm_nobody(webs: Sequence[Behind], meeting: Meeting, messages: int, log: Path) -> None:
    one, other = webs
    async with talking(one, meeting, host=True) as host, talking(other, meeting, host=False) as patient:
        others = [str(talker.welcome["you"]["participant"]) for talker in (host, patient)]
        ranter, pair = Ranter(other, meeting, others), Pair(host, patient)
        going_on = asyncio.create_task(pair.go_on())
        await _while(going_on, ranter.rant(messages // 4))
        before = footprint(other.pid)
        passed = pair.passed
        await _while(going_on, ranter.rant(messages))
        after = footprint(other.pid)
        figures = {
            "said": ranter.said, "closed": dict(ranter.closed), "polls": dict(ranter.told), "passed": pair.passed,
            "faults": dict(ranter.faults),
            "cut_off": dict(ranter.cut_off), "before": asdict(before), "after": asdict(after),
        }  # fmt: skip
        sys.stdout.write(f"seed {SEED}: {figures}\n")
        going_on.cancel()
        with suppress(asyncio.CancelledError):
            await going_on
    told = await asyncio.to_thread(log.read_text)
    assert "Traceback" not in told, told[-4000:]
    assert pair.passed > passed > 0
    assert set(ranter.closed) <= CLOSES, figures
    assert set(ranter.cut_off) <= {*CLOSES, *TOO_LARGE}, figures
    assert set(ranter.told) <= {200, 400, 401, 404, 409, 413, 422, 429, 503}, figures
    assert set(ranter.faults) <= {"behind"}, figures  # an `after` of long ago: what followed it is no longer kept
    assert after.memory - before.memory < MOST_GROWTH, figures
    assert after.threads == before.threads, figures

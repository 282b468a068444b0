"""Worker, a child of it, beat and broker are killed while reminders go out: each arrives and is written down, none
twice at a gateway that knows our keys again, and elsewhere only where an answer was lost: no more than there are kills.

A kill loses the answers that came and were not written down yet. Messages go at a rate, as providers have them; without
one and with a backlog a kill may lose as many as a worker has on their way.

100 kills, 10,000 reminders: `python -m pytest tests/faults/test_reminders.py -m soak -n 0 -s`. `REMINDERS` and
`REMINDER_KILLS` in the environment make it shorter. Half are texts and half are mails, to a gateway and a mail server
on loopback.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from os import environ
from pathlib import Path

import pytest

from telehealth.core.time import SystemClock
from telehealth.notifications.rules import LEASE, Channel
from tests.faults.test_note_delivery import Victim, kill_a_child, supervise
from tests.kit.post_house import PostHouse, post_house
from tests.kit.processes import BEAT, WORKER, Process
from tests.kit.tell import tell

REMINDERS, KILLS = int(environ.get("REMINDERS", "10000")), int(environ.get("REMINDER_KILLS", "100"))
STATES = "SELECT channel, state, count(*) FROM message GROUP BY 1, 2"
TRIES = "SELECT phone, email, channel, attempt FROM message JOIN patient ON patient.id = recipient_id"
CHANNELS, RATES = (Channel.EMAIL, Channel.SMS), "email=10 sms=10"  # a second, as providers have them
A_WORKERS_START = 120.0  # seconds, on a machine that has other work too


@dataclass(frozen=True)
class Mortals:
    """The processes that are killed."""

    house: PostHouse
    worker: Process
    beat: Process

    def victims(self) -> Mapping[str, Victim]:
        """Worker and beat are brought back by whoever supervises them, a child by its worker."""
        several = (
            Victim("worker", self.worker.kill),
            Victim("worker's child", lambda: kill_a_child(self.worker)),
            Victim("beat", self.beat.kill),
            Victim("broker", self.house.valkey.kill, self.house.valkey.begin),
        )
        return {each.name: each for each in several}


@asynccontextmanager
async def open_house(log: Path) -> AsyncIterator[Mortals]:
    """Everything runs but worker and beat. Each patient has a visit tomorrow, of which they are to be told by text and
    by mail.
    """
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(post_house(TELEHEALTH_MESSAGE_RATES=RATES))
        worker, beat = Process(house.settings, WORKER, log), Process(house.settings, BEAT, log)
        stack.callback(worker.kill)
        stack.callback(beat.kill)
        invited, now = await house.invite(range(REMINDERS // 2)), SystemClock().now()
        await house.remind((each, channel, now) for each in invited for channel in CHANNELS)
        yield Mortals(house, worker, beat)


async def _kill_all(mortals: Mortals, config: pytest.Config) -> Counter[str]:
    """Evenly over all reminders, in turns."""
    house, victims, killed = mortals.house, mortals.victims(), Counter[str]()
    for number, name in zip(range(1, KILLS + 1), cycle(victims), strict=False):
        left = REMINDERS - REMINDERS * number // (KILLS + 1)
        if not await _come_to(house, left):
            break
        await asyncio.to_thread(victims[name].kill)
        killed[name] += 1
        await asyncio.to_thread(victims[name].begin)
        if number % 10 == 0:
            tell(config, f"{number} kills, {await asyncio.to_thread(house.left)} on their way")
    return killed


async def _come_to(house: PostHouse, left: int) -> bool:
    """Waits until no more than that are left; whether it came to that."""
    patience = LEASE.total_seconds() + A_WORKERS_START
    loop = asyncio.get_running_loop()
    seen, end = await asyncio.to_thread(house.left), loop.time() + patience
    while seen > left and loop.time() < end:
        await asyncio.sleep(0.05)
        now = await asyncio.to_thread(house.left)
        seen, end = now, loop.time() + patience if now < seen else end
    return seen <= left


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_each_reminder_arrives_whatever_is_killed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with open_house(tmp_path / "house.log") as mortals:
        house, office = mortals.house, mortals.house.office
        supervising = asyncio.create_task(supervise(mortals.worker, mortals.beat))
        try:
            killed = await _kill_all(mortals, request.config)
            assert await _come_to(house, 0), f"{house.left()} are left"
        finally:
            supervising.cancel()
            await supervising
        states, tries = house.ask(STATES), house.ask(TRIES)
    came = Counter({address: len(times) for address, times in office.came.items() if "@" not in address})
    mailed = Counter(str(mail["To"]) for mail in office.mails.received)
    kept = Counter(number for number, _ in office.texts.received)  # by a gateway that knows keys again
    again, twice = came.total() - len(came), mailed.total() - len(mailed)
    tell(request.config, f"{killed.total()} kills {dict(killed)}; {sorted(states)}")
    tell(
        request.config,
        f"texts: {len(came)} arrived, {again} were brought again, {kept.total() - len(kept)} passed on twice",
    )
    tell(request.config, f"mails: {len(mailed)} arrived, {twice} twice")
    assert killed.total() == KILLS
    assert sorted(states) == [(channel, "sent", REMINDERS // 2) for channel in sorted(CHANNELS)]
    assert (len(came), len(mailed)) == (REMINDERS // 2, REMINDERS // 2)
    assert set(kept.values()) == {1}
    for phone, email, channel, attempt in tries:  # what came twice was tried twice, because nobody knew that it came
        assert (came[str(phone)] if channel == "sms" else mailed[str(email)]) <= int(attempt)
    assert again + twice <= KILLS

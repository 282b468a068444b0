"""Wake-ups between processes, over a real Valkey that dies and over the database that stands in for it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from telehealth.http.notices import LONGEST, Notices, _lines
from telehealth.http.signals import ValkeySignals
from tests.kit.patience import PATIENCE
from tests.kit.valkey import Valkey, mortal_valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with mortal_valkey() as server:
        yield server


@asynccontextmanager
async def two_processes(valkey: Valkey, database: str) -> AsyncIterator[tuple[ValkeySignals, ValkeySignals]]:
    """What a process holds, twice: one tells, the other listens."""
    teller, listener = (ValkeySignals(valkey.url, Notices(database)) for _ in range(2))
    try:
        yield teller, listener
    finally:
        await teller.close()
        await listener.close()


async def heard(teller: ValkeySignals, listener: ValkeySignals, topic: str) -> None:
    """What is told every 200 ms is heard by whom it concerns; a change of the way would wake the stranger too."""
    async with AsyncExitStack() as stack:
        rings = await stack.enter_async_context(listener.listen((topic,)))
        strange = await stack.enter_async_context(listener.listen(("visit:0",)))
        async with asyncio.timeout(PATIENCE):
            told = False
            while not told:
                await teller.publish((topic,))
                told = await rang(rings, within=0.2) and not await rang(strange, within=0)


async def rang(rings: AsyncIterator[None], *, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            await anext(rings)
    except TimeoutError:
        return False
    return True


async def test_a_wake_up_reaches_the_other_process_without_valkey_too(valkey: Valkey, database: str) -> None:
    async with two_processes(valkey, database) as (teller, listener):
        await heard(teller, listener, "visit:1")
        valkey.kill()
        await heard(teller, listener, "visit:2")
        valkey.begin()
        await heard(teller, listener, "visit:3")


async def test_a_valkey_that_hangs_keeps_no_change_waiting(valkey: Valkey, database: str) -> None:
    async with two_processes(valkey, database) as (teller, listener):
        await heard(teller, listener, "visit:1")
        assert valkey.process is not None
        os.kill(valkey.process.pid, signal.SIGSTOP)
        try:
            await heard(teller, listener, "visit:2")  # noticed by asking, for nothing has broken
            async with asyncio.timeout(PATIENCE):  # or for as long as it hangs
                for _ in range(10):
                    await teller.publish(("visit:1",))
        finally:
            os.kill(valkey.process.pid, signal.SIGCONT)


async def test_a_process_hears_itself_without_anyone(database: str) -> None:
    alone = ValkeySignals("unix:///nowhere", Notices(database))
    async with alone.listen(("visit:1",)) as rings:
        await alone.publish(("visit:1",))
        async with asyncio.timeout(PATIENCE):
            await anext(rings)
    await alone.close()


def test_long_notices_are_told_in_parts() -> None:
    topics = [f"visit:{number:036}" for number in range(1000)]
    lines = _lines(("sender", *topics))
    assert all(len(line) <= LONGEST and line.startswith("sender ") for line in lines)
    assert [word for line in lines for word in line.split(" ")[1:]] == topics

"""Wake-ups between processes, over a real Valkey that dies and over the database that stands in for it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from telehealth.http.notices import LONGEST, Notices, _lines
from telehealth.http.signals import ValkeySignals
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


async def heard(teller: ValkeySignals, rings: AsyncIterator[None], *, within: float) -> None:
    """What is told every 200 ms is heard within so many seconds."""
    async with asyncio.timeout(within):
        while True:
            await teller.publish(("visit:1",))
            try:
                async with asyncio.timeout(0.2):
                    await anext(rings)
            except TimeoutError:
                continue
            return


async def test_a_wake_up_reaches_the_other_process_without_valkey_too(valkey: Valkey, database: str) -> None:
    async with AsyncExitStack() as stack:
        teller, listener = await stack.enter_async_context(two_processes(valkey, database))
        rings = await stack.enter_async_context(listener.listen(("visit:1",)))
        strange = await stack.enter_async_context(listener.listen(("visit:2",)))
        await heard(teller, rings, within=20)
        for change in (valkey.kill, valkey.begin):
            change()
            await settled(rings, strange)
            await heard(teller, rings, within=20)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await anext(strange)


async def settled(*every: AsyncIterator[None]) -> None:
    """Whoever loses a way or finds it again looks once; wait until that is over."""
    for rings in every:
        while True:
            try:
                async with asyncio.timeout(2.5):
                    await anext(rings)
            except TimeoutError:
                break


async def test_a_valkey_that_hangs_costs_a_change_a_quarter_of_a_second(valkey: Valkey, database: str) -> None:
    async with two_processes(valkey, database) as (teller, listener), listener.listen(("visit:1",)) as rings:
        await heard(teller, rings, within=20)
        assert valkey.process is not None
        os.kill(valkey.process.pid, signal.SIGSTOP)
        try:
            await heard(teller, rings, within=20)  # noticed by asking, for nothing has broken
            await settled(rings)
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for _ in range(10):
                await teller.publish(("visit:1",))
            assert loop.time() - begun < 2
        finally:
            os.kill(valkey.process.pid, signal.SIGCONT)


async def test_a_process_hears_itself_without_anyone(database: str) -> None:
    alone = ValkeySignals("unix:///nowhere", Notices(database))
    async with alone.listen(("visit:1",)) as rings:
        await alone.publish(("visit:1",))
        async with asyncio.timeout(0.1):
            await anext(rings)
    await alone.close()


def test_long_notices_are_told_in_parts() -> None:
    topics = [f"visit:{number:036}" for number in range(1000)]
    lines = _lines(("sender", *topics))
    assert all(len(line) <= LONGEST and line.startswith("sender ") for line in lines)
    assert [word for line in lines for word in line.split(" ")[1:]] == topics

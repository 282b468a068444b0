"""Waiting without a stop-watch: what has to come is waited for so long that only a fault runs out of it.

How fast something is, benchmarks say (tests/bench). On a busy machine everything takes several times as long.
"""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 60.0  # seconds; they cost nothing when all is well


async def until(condition: Callable[[], object], *, within: float = PATIENCE) -> None:
    """Waits until that is true. AssertionError when it never is."""
    await until_it(_now(condition), within=within)


async def until_it(condition: Callable[[], Awaitable[object]], *, within: float = PATIENCE) -> None:
    """The same of something that is asked for."""
    end = asyncio.get_running_loop().time() + within
    while not await condition():
        assert asyncio.get_running_loop().time() < end, "never"
        await asyncio.sleep(0.01)


def _now(condition: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def asked() -> object:
        return condition()

    return asked

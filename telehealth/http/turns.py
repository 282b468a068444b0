"""Turns of integrations: one that asks for much at once waits for itself, and the clinic does not wait for any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from telehealth.core.actors import Actor, Role
from telehealth.core.errors import Overloaded


class Turns:
    """Of one integration this process serves so many requests at once, and of those that cannot wait so many more; of
    all together `altogether`. The others wait without a connection of the database, of which a process has few.

    What cannot wait has a line of its own, and of the turns of all some that nothing else may take: nothing that can
    wait is before it, whoever asks for that.
    """

    def __init__(
        self, *, at_once: int = 2, urgent: int = 1, altogether: int = 3, longest: int = 100, patience: float = 10
    ) -> None:
        """`longest`: how many may be in one line. `patience`: seconds that one waits there."""
        self._at_once = {False: at_once, True: urgent}
        self._all = asyncio.Semaphore(altogether)
        self._leisurely = asyncio.Semaphore(altogether - urgent)
        self._longest, self._patience = longest, patience
        self._lines: dict[tuple[UUID | None, bool], _Line] = {}

    @asynccontextmanager
    async def of(self, actor: Actor, *, urgent: bool = False) -> AsyncIterator[None]:
        """A turn of an integration; nobody else needs one. Raises Overloaded when the line is too long or too slow."""
        if actor.role is not Role.INTEGRATION:
            yield
            return
        line = self._lines.setdefault((actor.id, urgent), _Line(self._at_once[urgent]))
        if line.length >= self._longest:
            raise Overloaded(retry_after=1)
        line.length += 1
        try:
            async with AsyncExitStack() as taken:
                await self._come(taken, [line.turns, *([] if urgent else [self._leisurely]), self._all])
                yield
        finally:
            line.length -= 1

    async def _come(self, taken: AsyncExitStack, turns: list[asyncio.Semaphore]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                for each in turns:
                    await taken.enter_async_context(each)
        except TimeoutError:
            raise Overloaded(retry_after=1) from None


class _Line:
    """Those who wait and those whose turn it is."""

    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.length = 0

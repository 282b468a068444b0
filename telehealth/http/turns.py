"""Turns of integrations: one that asks for much at once waits for itself, and the clinic does not wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from telehealth.core.actors import Actor, Role
from telehealth.core.errors import Overloaded


class Turns:
    """Of one integration this process serves so many requests at once, and of those that cannot wait so many more. The
    others wait without a connection of the database, of which a process has few.

    What cannot wait has a line of its own: nothing else that the integration asks for is before it.
    """

    def __init__(self, *, at_once: int = 2, urgent: int = 1, longest: int = 100, patience: float = 10) -> None:
        """`longest`: how many may be in one line. `patience`: seconds that one waits there."""
        self._at_once = {False: at_once, True: urgent}
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
            await line.come(self._patience)
            try:
                yield
            finally:
                line.turns.release()
        finally:
            line.length -= 1


class _Line:
    """Those who wait and those whose turn it is."""

    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.length = 0

    async def come(self, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                await self.turns.acquire()
        except TimeoutError:
            raise Overloaded(retry_after=1) from None

"""Wake-ups through the database (PostgreSQL, LISTEN and NOTIFY): the second way, used while the first is away."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import psycopg
from psycopg import AsyncConnection
from sqlalchemy.engine import make_url

CHANNEL = "telehealth_topics"
LONGEST = 7_000  # bytes of one notice; PostgreSQL takes less than 8000
CONNECT_SECONDS = 2


class Notices:
    """One connection to tell, opened when it is needed and closed by `rest`; one for each listener. Text is ASCII.

    Not through a pooler that shares connections between transactions: it hears nothing there.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._teller: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    async def tell(self, words: tuple[str, ...]) -> None:
        """Raises psycopg.Error."""
        async with self._turn:
            if self._teller is None or self._teller.broken:
                self._teller = await self._connect()
            for text in _lines(words):
                await self._teller.execute("SELECT pg_notify(%s, %s)", (CHANNEL, text))

    async def hear(self, *, opened: Callable[[], None], heard: Callable[[Sequence[str]], None]) -> None:
        """Says when it begins to hear, and then what, until the connection breaks. Raises psycopg.Error."""
        async with await self._connect() as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            opened()
            async with aclosing(connection.notifies()) as notices:
                async for notice in notices:
                    heard(notice.payload.split(" "))

    async def rest(self) -> None:
        async with self._turn:
            if self._teller is not None:
                await self._teller.close()
                self._teller = None

    async def _connect(self) -> AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="telehealth notices"
        )


def _lines(words: tuple[str, ...]) -> list[str]:
    """Each begins with the first word, who tells."""
    sender, *rest = words
    lines, line = [], sender
    for word in rest:
        if len(line) + len(word) + 1 > LONGEST:
            lines.append(line)
            line = sender
        line += f" {word}"
    return [*lines, line]

"""How much the way to a browser carries, each way, measured over a data channel (core/probes.py has the words)."""

import asyncio
from typing import Any

from telehealth.core.probes import END, GO, UP, Meter, say, send_bulk

AT_ONCE = 2  # measurements of a node: SCTP in Python costs a fifth of a core at full rate
LONGEST = 8.0


class Bandwidth:
    """One browser's measurement; the next one waits for its turn. Ends by itself."""

    def __init__(self, channel: Any, turns: asyncio.Semaphore) -> None:
        self._channel, self._turns = channel, turns
        self._meter = Meter()
        self._ended = asyncio.Event()
        self._task = asyncio.create_task(self._measure())
        channel.on("message", self._on_message)
        channel.on("close", self._task.cancel)

    def stop(self) -> None:
        self._task.cancel()

    def _on_message(self, message: bytes | str) -> None:
        if message == END:
            self._ended.set()
        elif isinstance(message, bytes):
            self._meter.take(len(message), asyncio.get_running_loop().time())

    async def _measure(self) -> None:
        async with self._turns:
            try:
                async with asyncio.timeout(LONGEST):
                    say(self._channel, GO)
                    await self._ended.wait()
                    say(self._channel, f"{UP} {self._meter.kbps}")
                    await send_bulk(self._channel)
            except TimeoutError:
                return

"""How much the way to a browser carries, each way, measured over a data channel (core/probes.py has the words)."""

import asyncio
from typing import Any

from telehealth.core.probes import BULK, BULK_SECONDS, END, GO, MOST_BULK_BUFFERED, MOST_BULK_RATE, UP, Meter

AT_ONCE = 2  # measurements of a node: SCTP in Python costs a fifth of a core at full rate
LONGEST = 8.0
TICK = 0.01


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
                    self._say(GO)
                    await self._ended.wait()
                    self._say(f"{UP} {self._meter.kbps}")
                    await self._send()
                    self._say(END)
            except TimeoutError:
                return

    def _say(self, word: str) -> None:
        if self._channel.readyState == "open":
            self._channel.send(word)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while (passed := loop.time() - began) < BULK_SECONDS and self._channel.readyState == "open":
            while sent < passed * MOST_BULK_RATE / 8 and self._channel.bufferedAmount < MOST_BULK_BUFFERED:
                self._channel.send(BULK)
                sent += len(BULK)
            await asyncio.sleep(TICK)

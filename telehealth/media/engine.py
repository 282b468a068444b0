"""A speech engine on the house's own network, spoken to as vosk-server is: one WebSocket for each who speaks.

We send {"config": {"sample_rate": 16000}} and then sound; it says {"partial": ...} while a sentence goes on, and
{"text": ...} when it is over. An engine that is away, slow or says nonsense harms nothing but its captions.
"""

import asyncio
import json
import logging
import unicodedata
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from telehealth.media.hearing import BYTES_A_SECOND, RATE, silence

logger = logging.getLogger(__name__)

LADDER: Final = (0.25, 0.5, 1.0, 2.0, 4.0)  # seconds between attempts
PATIENCE: Final = 3.0  # seconds it has to answer a handshake
PING_SECONDS: Final = 5.0
LONGEST_SILENT: Final = 10.0  # seconds it may say nothing at all while it is spoken to
LONGEST_WAIT: Final = 3.0  # seconds of sound that it may be behind; what is older is dropped
LARGEST_ANSWER: Final = 64 * 1024
LONGEST_TEXT: Final = 500
MOST_FAULTS: Final = 20
MOST_A_SECOND: Final = 50
QUIET_SECONDS: Final = 0.5  # without sound: it is told of silence, so that it ends the sentence
MOST_QUIET: Final = 4  # times
_DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    final: bool


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    partial: str | None = None
    text: str | None = None


def read_answer(message: str | bytes) -> Heard | None:
    """What it heard. Raises ValueError for what is no answer; None for one without words."""
    try:
        answer = _Answer.model_validate_json(message, strict=True)
    except ValidationError:
        raise ValueError("not an answer of a speech engine") from None
    words = _plain(answer.text if answer.text is not None else answer.partial or "")
    return Heard(words, final=answer.text is not None) if words else None


def _plain(text: str) -> str:
    """One line of words: no control characters, and nothing that turns the direction of what stands beside it."""
    kept = ("" if each in _DIRECTIONS else " " if unicodedata.category(each) in _BREAKS else each for each in text)
    return " ".join("".join(kept).split())[:LONGEST_TEXT]


_BREAKS: Final = frozenset(("Cc", "Cs", "Zl", "Zp", "Co", "Cn"))


class _Connect(connect):
    """What the engine is told goes where the setting says, and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class EngineLine:
    """Of one who speaks, until it is closed."""

    def __init__(self, url: str, language: str, hear: Callable[[Heard], None]) -> None:
        self.away = False
        self.dropped = 0  # seconds of sound, in bytes
        self._url, self._language, self._hear = url.replace("{language}", language), language, hear
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._attempt = 0
        self._unanswered: float | None = None  # since when
        self._task = asyncio.get_running_loop().create_task(self._run())

    def feed(self, sound: bytes) -> None:
        self._waiting.append(sound)
        self._size += len(sound)
        while self._size > LONGEST_WAIT * BYTES_A_SECOND:
            old = self._waiting.popleft()
            self._size -= len(old)
            self.dropped += len(old)
        self._news.set()

    def close(self) -> None:
        """At once: what waits is not said any more, and what it still answers is not heard."""
        self._waiting.clear()
        self._hear = _nobody
        self._task.cancel()

    async def closed(self) -> None:
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._hold()
            except (OSError, WebSocketException, ValueError) as fault:
                self._lost(fault)
            await asyncio.sleep(LADDER[min(self._attempt, len(LADDER) - 1)])
            self._attempt += 1

    def _lost(self, fault: Exception) -> None:
        if not self.away:
            logger.warning("the speech engine is away: %s", type(fault).__name__)
        self.away = True

    async def _hold(self) -> None:
        """One connection, to its end, which is an exception."""
        socket = await _Connect(
            self._url,
            proxy=None,
            compression=None,
            max_size=LARGEST_ANSWER,
            max_queue=16,
            open_timeout=PATIENCE,
            ping_interval=PING_SECONDS,
            ping_timeout=2 * PING_SECONDS,
            close_timeout=PATIENCE,
        )
        tasks = {asyncio.create_task(job) for job in (self._talk(socket), self._listen(socket))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            socket.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _talk(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"config": {"sample_rate": RATE, "language": self._language}}))
        quiet, self._unanswered = MOST_QUIET, None
        while True:
            sound = await self._next()
            quiet = 0 if sound else quiet + 1
            if quiet <= MOST_QUIET:
                await self._tell(socket, sound or silence(QUIET_SECONDS))

    async def _tell(self, socket: ClientConnection, sound: bytes) -> None:
        """Raises TimeoutError when it has not answered for long."""
        now = asyncio.get_running_loop().time()
        if self._unanswered is None:
            self._unanswered = now
        if now - self._unanswered > LONGEST_SILENT:
            raise TimeoutError
        await socket.send(sound)

    async def _next(self) -> bytes:
        """What comes next; nothing when nothing comes for a while."""
        self._news.clear()
        if not self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._news.wait()
        if not self._waiting:
            return b""
        sound = self._waiting.popleft()
        self._size -= len(sound)
        return sound

    async def _listen(self, socket: ClientConnection) -> None:
        """Raises ValueError when too much of what it says is nonsense, or it says too much."""
        faults, second, count = 0, 0, 0
        loop = asyncio.get_running_loop()
        async for message in socket:
            now = int(loop.time())
            second, count = now, count + 1 if now == second else 1
            try:
                heard = read_answer(message)
            except ValueError:
                faults, heard = faults + 1, None
            else:
                self.away, self._attempt, self._unanswered = False, 0, None
            if faults > MOST_FAULTS or count > MOST_A_SECOND:
                raise ValueError("the engine talks nonsense")
            if heard is not None:
                self._hear(heard)
        raise ConnectionError("the engine hung up")


def _nobody(_: Heard) -> None:
    """Whoever was told is not there any more."""

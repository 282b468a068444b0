"""A speech engine on loopback that knows three words: each is a beep of its own height, and is said once for each beep.

It speaks the protocol of vosk-server. What arrives at another rate than it was told is another word, or none.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import cos, pi

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.kit.media_process import free_port

WORDS = {500: "alpha", 1000: "bravo", 2000: "charlie"}
WINDOW = 0.02  # seconds that are listened to at once
LEAST = 4  # windows of one height that make a beep
LOUD = 500.0
Speech = Callable[[str, bool], str | bytes | None]


def height(samples: list[int], rate: int) -> int | None:
    """Which of the known heights this is, if it is one and hardly anything else (Goertzel, 1958)."""
    energy = sum(each * each for each in samples)
    if energy < LOUD * LOUD * len(samples):
        return None
    shares = {each: 2 * _power(samples, each, rate) / (energy * len(samples)) for each in WORDS}
    best = max(shares, key=lambda each: shares[each])
    return best if shares[best] > 0.5 else None


def _power(samples: list[int], wanted: int, rate: int) -> float:
    factor, before, last = 2 * cos(2 * pi * wanted / rate), 0.0, 0.0
    for each in samples:
        before, last = last, each + factor * last - before
    return before * before + last * last - factor * before * last


class Ear:
    """What one connection hears: words as they begin, and when they are over."""

    def __init__(self, rate: int) -> None:
        self._rate, self._rest = rate, b""
        self._height: int | None = None
        self._windows = 0

    def hear(self, sound: bytes) -> list[tuple[str, bool]]:
        self._rest += sound
        size, found = 2 * round(self._rate * WINDOW), list[tuple[str, bool]]()
        while len(self._rest) >= size:
            window, self._rest = self._rest[:size], self._rest[size:]
            samples = [int.from_bytes(window[at : at + 2], "little", signed=True) for at in range(0, size, 2)]
            found += self._window(height(samples, self._rate))
        return found

    def _window(self, now: int | None) -> list[tuple[str, bool]]:
        before, windows = self._height, self._windows
        self._height, self._windows = now, windows + 1 if now == before else 1
        if before is not None and now != before and windows >= LEAST:
            return [(WORDS[before], True)]
        return [(WORDS[now], False)] if now is not None and self._windows == LEAST else []


def plainly(words: str, final: bool) -> str:
    return json.dumps({"text": words} if final else {"partial": words})


@dataclass
class SpeechEngine:
    """`speech` is how it says what it heard; None: it does not. `said` is what it has said of whole words."""

    port: int
    speech: Speech = plainly
    answers_all: bool = True
    reads: bool = True
    paths: list[str] = field(default_factory=list)
    configs: list[object] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    octets: int = 0
    open: int = 0
    server: Server | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/{{language}}"

    async def start(self) -> None:
        self.server = await serve(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        self._over.set()
        if self.server is not None:
            self.server.close(close_connections=True)
            await self.server.wait_closed()

    async def _serve(self, socket: ServerConnection) -> None:
        self.paths.append(socket.request.path if socket.request is not None else "")
        self.open += 1
        try:
            await self._hold(socket)
        except ConnectionClosed:
            return
        finally:
            self.open -= 1

    async def _hold(self, socket: ServerConnection) -> None:
        config = json.loads(await socket.recv())["config"]
        self.configs.append(config)
        ear = Ear(config["sample_rate"])
        if not self.reads:
            await self._over.wait()
            socket.transport.abort()
        async for message in socket:
            assert isinstance(message, bytes)
            self.octets += len(message)
            heard = ear.hear(message)
            self.said += [words for words, final in heard if final]
            answers = [self.speech(*each) for each in heard]
            for answer in answers or ([self.speech("", False)] if self.answers_all else []):
                if answer is not None:
                    await socket.send(answer)


@asynccontextmanager
async def speech_engine(*, speech: Speech = plainly, reads: bool = True) -> AsyncIterator[SpeechEngine]:
    engine = SpeechEngine(free_port(), speech, reads=reads)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()

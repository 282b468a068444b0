"""The local speech engine, with a recogniser that hears beeps in place of Vosk."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import pi, sin
from pathlib import Path

import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from telehealth.cli.captions_engine import MOST_SPEAKERS, Engine, run
from telehealth.cli.commands import app
from telehealth.media.engine import EngineLine, Heard
from tests.kit.media_process import free_port
from tests.kit.patience import until
from tests.kit.speech_engine import Ear

RATE = 16_000


class Beeps:
    """As a Vosk recogniser answers, of the words of tests/kit/speech_engine.py."""

    def __init__(self, rate: float) -> None:
        self._ear, self._begun, self._whole = Ear(int(rate)), "", ""

    def AcceptWaveform(self, data: bytes) -> bool:  # noqa: N802
        for words, final in self._ear.hear(data):
            self._begun, self._whole = ("", words) if final else (words, "")
        return bool(self._whole)

    def Result(self) -> str:  # noqa: N802
        words, self._whole = self._whole, ""
        return json.dumps({"text": words})

    def PartialResult(self) -> str:  # noqa: N802
        return json.dumps({"partial": self._begun})

    def FinalResult(self) -> str:  # noqa: N802
        return json.dumps({"text": self._begun})


def beep(height: int) -> bytes:
    tone = (round(9000 * sin(2 * pi * height * each / RATE)) for each in range(RATE // 2))
    return b"".join(each.to_bytes(2, "little", signed=True) for each in tone) + bytes(RATE // 2)


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    port, ready = free_port(), asyncio.Event()
    task = asyncio.create_task(run(Engine(Beeps), "127.0.0.1", port, ready=ready.set))
    await ready.wait()
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_media_node_is_answered_in_its_own_words() -> None:
    heard: list[Heard] = []
    async with serving() as url:
        line = EngineLine(url, "en", heard.append)
        for _ in range(2):
            sound = beep(500)
            for at in range(0, len(sound), 3200):
                line.feed(sound[at : at + 3200])
        await until(lambda: [each.text for each in heard if each.final] == ["alpha", "alpha"])
        assert Heard("alpha", final=False) in heard
        line.close()
        await line.closed()


async def test_what_is_left_is_said_at_the_end() -> None:
    async with serving() as url, connect(url, proxy=None) as socket:
        await socket.send(json.dumps({"config": {"sample_rate": RATE}}))
        await socket.send(beep(1000)[: RATE // 2])
        assert json.loads(await socket.recv()) == {"partial": "bravo"}
        await socket.send('{"eof": 1}')
        assert json.loads(await socket.recv()) == {"text": "bravo"}


@pytest.mark.parametrize("first", ["{}", "[" * 50_000, '{"config": {"sample_rate": 1}}', b"\x00\xff", "NaN"])
async def test_what_does_not_begin_as_it_should_is_not_heard(first: str | bytes) -> None:
    async with serving() as url, connect(url, proxy=None) as socket:
        await socket.send(first)
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_more_than_it_is_meant_for_are_told_so() -> None:
    async with serving() as url:
        sockets = [await connect(url, proxy=None) for _ in range(MOST_SPEAKERS)]
        async with connect(url, proxy=None) as one_more:
            with pytest.raises(ConnectionClosed):
                await one_more.recv()
            assert one_more.close_code == 1013
        for each in sockets:
            await each.close()


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["captions-engine", "--model", str(tmp_path / "none")])
    assert told.exit_code == 1
    assert "vosk" in told.output.lower()

"""A speech engine of the house's own, for live captions: Vosk, which runs on the machine and asks nobody.

It speaks as vosk-server does: {"config": {"sample_rate": 16000}}, then sound of 16 bits; it says {"partial": ...} and
{"text": ...}, and after {"eof": 1} what is left. One recogniser for each connection, each in a thread of its own turn.
"""

import asyncio
import json
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from telehealth.cli.errors import CannotStart, told_in_words

MOST_SPEAKERS = 32
LARGEST_MESSAGE = 256 * 1024


class Recogniser(Protocol):
    """vosk.KaldiRecognizer, as far as it is used; the names are its own."""

    def AcceptWaveform(self, data: bytes) -> bool: ...  # noqa: N802

    def Result(self) -> str: ...  # noqa: N802

    def PartialResult(self) -> str: ...  # noqa: N802

    def FinalResult(self) -> str: ...  # noqa: N802


Recognisers = Callable[[float], Recogniser]
"""One for sound of that many samples a second."""


class Engine:
    def __init__(self, recognisers: Recognisers) -> None:
        self._recognisers = recognisers
        self._speakers = 0

    async def hear(self, socket: ServerConnection) -> None:
        """One connection, to its end. More than the machine is meant for are told to come back."""
        if self._speakers >= MOST_SPEAKERS:
            await socket.close(1013)
            return
        self._speakers += 1
        try:
            await self._converse(socket)
        except ConnectionClosed:
            return
        finally:
            self._speakers -= 1

    async def _converse(self, socket: ServerConnection) -> None:
        rate = _rate(await socket.recv())
        if rate is None:
            await socket.close(1003)
            return
        recogniser = await asyncio.to_thread(self._recognisers, rate)
        async for message in socket:
            if isinstance(message, str):
                await socket.send(await asyncio.to_thread(recogniser.FinalResult))
                return
            await socket.send(await asyncio.to_thread(_heard, recogniser, message))


def _heard(recogniser: Recogniser, sound: bytes) -> str:
    return recogniser.Result() if recogniser.AcceptWaveform(sound) else recogniser.PartialResult()


def _rate(message: str | bytes) -> float | None:
    try:
        match json.loads(message):
            case {"config": {"sample_rate": int(rate) | float(rate)}} if 8_000 <= rate <= 48_000:
                return float(rate)
    except (ValueError, RecursionError):
        return None
    return None


async def run(engine: Engine, host: str, port: int, *, ready: Callable[[], None] = lambda: None) -> None:
    """For ever."""
    async with serve(engine.hear, host, port, max_size=LARGEST_MESSAGE, compression=None) as server:
        ready()
        await server.serve_forever()


def vosk_recognisers(model: Path) -> Recognisers:
    """Of the model in that directory. Raises CannotStart."""
    if find_spec("vosk") is None:
        raise CannotStart("Vosk is not installed: pip install 'telehealth[captions]'.")
    if not model.is_dir():
        raise CannotStart(f"{model} is not a directory with a model of Vosk.")
    vosk: Any = import_module("vosk")
    vosk.SetLogLevel(-1)
    loaded = vosk.Model(str(model))
    return lambda rate: vosk.KaldiRecognizer(loaded, rate)


def captions_engine(
    *,
    model: Annotated[Path, typer.Option(help="Directory of a Vosk model, one language")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port it listens on")] = 2700,
    host: Annotated[str, typer.Option(help="Address it listens on")] = "127.0.0.1",
) -> None:
    """Serve a local speech engine for live captions, for TELEHEALTH_CAPTIONS_URL. Nothing of what it hears is kept."""
    with told_in_words():
        engine = Engine(vosk_recognisers(model))
        typer.echo(f"ws://{host}:{port}")
        try:
            asyncio.run(run(engine, host, port))
        except OSError as error:
            raise CannotStart(f"{host}:{port}: {error.strerror}.") from None

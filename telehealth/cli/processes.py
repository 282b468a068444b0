"""The supervisor: programs in sessions of their own, output prefixed, what dies is brought back, stopped in order."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from telehealth.cli.errors import CannotStart
from telehealth.cli.leftovers import RunFile, kill_group
from telehealth.cli.logs import Logs

QUICK = 10.0
"""Seconds; a life shorter than this is a quick death."""
DEATHS = 5
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
LINE_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    user: int | None = None
    group: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    """Seconds between the stop signal and SIGKILL."""
    foundation: bool = False
    """Others stand on it: stopped after them, the latest started first."""
    prepare: Callable[[], None] | None = None
    """Runs before each start, the starts after a death included."""


@dataclass(slots=True)
class _Life:
    program: Program
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Owns the children. `failed` gets the reason when one cannot be kept alive; `changed` is told of each birth."""

    def __init__(self, logs: Logs, run_file: RunFile, changed: Callable[[], None] = lambda: None) -> None:
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.hurry = asyncio.Event()
        self._logs = logs
        self._run_file = run_file
        self._changed = changed
        self._lives: dict[str, _Life] = {}

    def start(self, program: Program) -> None:
        """Returns at once; birth, output and deaths are the business of a task."""
        life = _Life(program)
        self._lives[program.name] = life
        life.task = asyncio.create_task(self._keep(life), name=program.name)

    def pids(self) -> dict[str, int]:
        return {
            name: life.process.pid
            for name, life in self._lives.items()
            if life.process is not None and life.process.returncode is None
        }

    async def run(self, program: Program) -> int:
        """Runs a program once, to its end. Returns its exit code; a negative one is the signal that ended it."""
        life = _Life(program)
        self._lives[program.name] = life
        life.task = asyncio.current_task()
        try:
            return await self._live(life)
        finally:
            await asyncio.shield(self._end_of(life))
            del self._lives[program.name]

    async def stop(self) -> None:
        """Stops everything, one after another: the processes in the order of the Procfile, then what they stood on."""
        lives = list(self._lives.values())
        upper = [life for life in lives if not life.program.foundation]
        lower = [life for life in reversed(lives) if life.program.foundation]
        for life in upper + lower:
            await self._stop(life)

    async def _keep(self, life: _Life) -> None:
        name, deaths = life.program.name, 0
        while not life.stopping.is_set():
            began = time.monotonic()
            try:
                code = await self._live(life)
            except (OSError, CannotStart) as error:
                return self._fail(f"{name} cannot be started: {error}")
            if life.stopping.is_set():
                return None
            deaths = deaths + 1 if time.monotonic() - began < QUICK else 1
            if deaths >= DEATHS:
                return self._fail(
                    f"{name} died {deaths} times, each within {QUICK:.0f} s; the last time it {_end(code)}"
                )
            pause = min(FIRST_PAUSE * 2 ** (deaths - 1), LONGEST_PAUSE)
            self._logs.say(f"{name} {_end(code)}; it is started again in {pause:.1f} s")
            await _either(life.stopping, pause)
        return None

    async def _live(self, life: _Life) -> int:
        program = life.program
        if program.prepare is not None:
            await asyncio.to_thread(program.prepare)
        life.process, pump = await self._spawn(program)
        self._run_file.record(program.name, life.process.pid, program.stop_signal)
        self._changed()
        if life.stopping.is_set():
            _signal(life.process, program.stop_signal)
        code = await life.process.wait()
        kill_group(life.process.pid)
        self._run_file.forget(program.name)
        await asyncio.wait({pump}, timeout=2)
        pump.cancel()
        return code

    async def _spawn(self, program: Program) -> tuple[asyncio.subprocess.Process, asyncio.Task[None]]:
        # A pipe of our own: some Pythons let `wait` wait for grandchildren that hold asyncio's pipe open.
        reading, writing = os.pipe()
        pump = asyncio.create_task(self._pump(program.name, reading))
        try:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                env=program.env,
                cwd=program.cwd,
                user=program.user,
                group=program.group,
                extra_groups=None if program.user is None else [],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(writing)
        return process, pump

    async def _pump(self, name: str, descriptor: int) -> None:
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
        )
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    line = b"(a line longer than a mebibyte is left out)\n"
                if not line:
                    return
                self._logs.line(name, line.decode(errors="replace").rstrip())
        finally:
            transport.close()

    async def _stop(self, life: _Life) -> None:
        life.stopping.set()
        if life.process is not None:
            _signal(life.process, life.program.stop_signal)
        if not await self._ended(life, life.program.grace) and life.process is not None:
            self._logs.say(f"{life.program.name} did not stop in time and is killed")
            kill_group(life.process.pid)
            await self._ended(life, 5)

    async def _ended(self, life: _Life, seconds: float) -> bool:
        if life.task is None:
            return True
        hurry = asyncio.create_task(self.hurry.wait())
        await asyncio.wait({life.task, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        return life.task.done()

    async def _end_of(self, life: _Life) -> None:
        if life.process is not None and life.process.returncode is None:
            kill_group(life.process.pid)
            await life.process.wait()

    def _fail(self, reason: str) -> None:
        if not self.failed.done():
            self.failed.set_result(reason)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _end(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


async def _either(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

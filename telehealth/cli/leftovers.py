"""What an `up` that was killed left behind: processes, recognised by number and time of birth, are stopped.

A process number alone proves nothing, the kernel hands it out again. Number, time of birth and boot together do.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from telehealth.cli.state import write_private

PROC = Path("/proc")
PATIENCE = 8.0
"""Seconds a leftover has to stop by itself; then it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One child of `up`: it leads its own session, so `pid` is its group as well."""

    name: str
    pid: int
    born: str
    stop_signal: int = signal.SIGTERM


class RunFile:
    """The children that live now, on disk, rewritten whole at each birth and death."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running: dict[str, Running] = {}

    def record(self, name: str, pid: int, stop_signal: int) -> None:
        self._running[name] = Running(name=name, pid=pid, born=born(pid) or "", stop_signal=stop_signal)
        self._write()

    def forget(self, name: str) -> None:
        if self._running.pop(name, None) is not None:
            self._write()

    def left(self) -> list[Running]:
        """The children an earlier `up` of this boot recorded; whether they still live is another question."""
        try:
            told = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return []
        return [Running(**each) for each in told["running"]] if told["boot"] == boot() else []

    def _write(self) -> None:
        told = {"boot": boot(), "running": [asdict(each) for each in self._running.values()]}
        write_private(self._path, json.dumps(told))


def boot() -> str:
    """The kernel's name for this boot; empty where there is none to read."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def born(pid: int) -> str | None:
    """When the process was born, in the system's own words; None when there is no such process or it is a zombie."""
    if (PROC / "self/stat").exists():
        fields = _stat(pid)
        return None if fields is None or fields[0] == "Z" else fields[19]
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return told.stdout.strip() or None


def stop_leftovers(left: Iterable[Running], say: Callable[[str], None]) -> None:
    """Databases last, like an orderly end. Only groups that are surely ours are touched."""
    ours = [each for each in left if _members(each)]
    for name in ("", "valkey", "postgres"):
        share = [each for each in ours if (each.name if each.name in {"valkey", "postgres"} else "") == name]
        for each in share:
            say(f"stopping {each.name} (process {each.pid}), left by an `up` that was killed")
            with suppress(ProcessLookupError):
                os.killpg(each.pid, each.stop_signal)
        if not wait_until(lambda share=share: not any(map(_members, share)), PATIENCE):  # type: ignore[misc]
            for each in share:
                kill_group(each.pid)
            wait_until(lambda share=share: not any(map(_members, share)), PATIENCE)  # type: ignore[misc]


def stop_at(directory: Path, program: str, stop_signal: signal.Signals) -> None:
    """Stops every `program` whose working directory is `directory`: the servers of a data directory."""
    for each in _pids_at(directory, program):
        with suppress(ProcessLookupError):
            os.kill(each, stop_signal)
    if not wait_until(lambda: not any(_pids_at(directory, program)), PATIENCE):
        for each in _pids_at(directory, program):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        wait_until(lambda: not any(_pids_at(directory, program)), PATIENCE)


def kill_group(pid: int) -> None:
    """Ends what is left of a child's session: the pool of a worker that was killed, say."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _members(leader: Running) -> list[int]:
    """Live processes of the session `leader` led. While one lives, the kernel gives the number to nobody else."""
    alive = born(leader.pid)
    if alive is not None:
        return [leader.pid] if alive == leader.born else []
    return [pid for pid, fields in _all_stats() if fields[3] == str(leader.pid) and fields[0] != "Z"]


def _pids_at(directory: Path, program: str) -> list[int]:
    found = []
    for pid, _ in _all_stats():
        with suppress(OSError):
            here = (PROC / str(pid) / "cwd").resolve() == directory.resolve()
            if here and (PROC / str(pid) / "comm").read_text().strip() == program:
                found.append(pid)
    return found


def _all_stats() -> Iterator[tuple[int, list[str]]]:
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None:
                yield int(entry.name), fields


def _stat(pid: int) -> list[str] | None:
    """The fields of proc(5) stat from the third (state) on: 0 state, 2 group, 3 session, 19 time of birth."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None

"""A media node while visits come and go, thirty at a time: it is afterwards as it was before.

    ./deploy/test -m soak tests/media/test_soak.py -s

Half an hour; `SOAK_MINUTES` in the environment says another time. The last line says what came, and what the node held.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from os import environ
from pathlib import Path
from statistics import linear_regression, median
from time import monotonic
from typing import Any

import httpx
import pytest

from tests.kit.live_call import footprint
from tests.kit.media_process import RunningNode, running_node
from tests.kit.patience import PATIENCE
from tests.kit.visitors import Wanted

SEED = 20_263
MINUTES = float(environ.get("SOAK_MINUTES", "30"))
VISITS = 30
LOOK_SECONDS = 5.0
QUIET_SECONDS = 70.0  # consent, setup and checks are over by then, and connections of the control door
TASKS_EACH = 2  # a connection's life and its DTLS
MOST_MORE = 4  # threads, tasks and descriptors, for requests and recordings that are under way just then
LOOKS_TOLD = 12  # each minute one is shown
MOST_MEMORY = 1.05
LONG_ENOUGH = 20  # minutes, for the middle of what goes up and down
FIGURES = ("memory", "own_memory", "threads", "descriptors", "tasks", "other_tasks", "sessions", "rooms")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(MINUTES * 60 + 600)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """At the node: kB of memory, resident and its own alone; what it counts itself."""

    at: float
    memory: int
    own_memory: int
    threads: int
    descriptors: int
    tasks: int
    sessions: int
    rooms: int

    @property
    def other_tasks(self) -> int:
        """Those that live connections do not explain."""
        return self.tasks - TASKS_EACH * self.sessions


@dataclass(frozen=True, slots=True)
class Watched:
    """The node from outside. Files that it records to, below `recordings`, do not count as its descriptors."""

    pid: int
    door: httpx.AsyncClient
    recordings: str

    async def look(self) -> Look:
        told = (await self.door.get("/stats")).json()
        held = footprint(self.pid)
        return Look(
            at=monotonic(),
            memory=held.memory,
            own_memory=self._own_memory(),
            threads=held.threads,
            descriptors=held.descriptors - self._recorded_to(),
            tasks=told["tasks"],
            sessions=told["sessions"],
            rooms=told["rooms"],
        )

    def _own_memory(self) -> int:
        rolled = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) for line in rolled.splitlines() if line.startswith("Private_"))

    def _recorded_to(self) -> int:
        found = 0
        for each in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found += str(each.readlink()).startswith(self.recordings)
        return found


async def test_it_holds_nothing_of_who_has_left(tmp_path: Path) -> None:
    log, recordings = tmp_path / "log", tmp_path / "recordings"
    with log.open("w") as told, running_node({"TELEHEALTH_RECORDINGS_DIR": str(recordings)}, log=told) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE, trust_env=False) as door:
            node = Watched(running.process.pid, door, str(recordings))
            before = await node.look()
            came, looks = await visited(running, node)
            await asyncio.sleep(QUIET_SECONDS)
            after = await node.look()
            stats, health = (await door.get("/stats")).json(), (await door.get("/healthz")).json()
    early, late = window(looks, 1 / 6, 1 / 3), window(looks, 5 / 6, 1)
    figures = {
        "minutes": MINUTES, "came": came, "before": asdict(before), "early": early, "late": late,
        "after": asdict(after), "growth": growth(looks, came["visits"]),
        "drops": stats["drops"], "endings": stats["endings"],
    }  # fmt: skip
    sys.stdout.write(f"seed {SEED}: {json.dumps(figures, indent=1)}\n")
    said = log.read_text()
    assert "Traceback" not in said, said
    assert "exception" not in said, said
    assert (came["failed"], came["deaf"]) == ({}, 0)
    assert (after.rooms, after.sessions, health["sessions"]) == (0, 0, 0)
    assert (after.tasks, after.descriptors) == (before.tasks, before.descriptors)
    if MINUTES >= LONG_ENOUGH:
        for name in ("threads", "other_tasks", "descriptors"):
            assert late[name] - early[name] <= MOST_MORE, name
        assert late["own_memory"] < early["own_memory"] * MOST_MEMORY


async def visited(running: RunningNode, node: Watched) -> tuple[dict[str, Any], Sequence[Look]]:
    """What the visitors say of themselves, and the node as it was looked at meanwhile."""
    wanted = Wanted(url=running.url, key=running.private, visits=VISITS, seconds=MINUTES * 60, seed=SEED)
    command = (sys.executable, "-m", "tests.kit.visitors")
    visitors = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    saying = asyncio.create_task(visitors.communicate(json.dumps(asdict(wanted)).encode() + b"\n"))
    looks: list[Look] = []
    end = monotonic() + wanted.seconds
    while monotonic() < end and not saying.done():
        await asyncio.sleep(LOOK_SECONDS)
        looks.append(await node.look())
        if len(looks) % LOOKS_TOLD == 0:
            sys.stdout.write(f"{looks[-1]}\n")
            sys.stdout.flush()
    said, _ = await asyncio.wait_for(saying, PATIENCE)
    assert visitors.returncode == 0
    return json.loads(said), looks


def window(looks: Sequence[Look], begin: float, end: float) -> dict[str, float]:
    """The middle of each figure in that part of the time."""
    part = looks[int(len(looks) * begin) : int(len(looks) * end)]
    return {name: median(getattr(each, name) for each in part) for name in FIGURES}


def growth(looks: Sequence[Look], visits: int) -> dict[str, float]:
    """Of memory of its own after the first sixth of the time: kB an hour, and octets for each visit that came."""
    part = looks[len(looks) // 6 :]
    slope, _ = linear_regression([each.at for each in part], [each.own_memory for each in part])
    return {
        "kB_an_hour": round(slope * 3600),
        "octets_a_visit": round(slope * 1024 * (looks[-1].at - looks[0].at) / visits),
        "most_kB": max(each.own_memory for each in looks),
    }

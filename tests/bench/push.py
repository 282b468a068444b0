"""How fast an open page hears of a change: `python -m tests.bench.push`.

Two real web processes, a real PostgreSQL, a real Valkey that is killed after half of the changes and comes back after
three quarters. Every patient has the stream of the visit open, every clinician and front desk that of the board;
whoever hears of a change rereads the page, as the page's script does. One change at a time: a patient goes into the
waiting room (`waiting -> board`: until the board of the clinician has heard, and until it has been read), a clinician
admits (`admit -> patient page`: likewise). Times begin when the command is sent.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import httpx
import typer

from tests.bench.figures import Report, Times
from tests.kit.database import serving
from tests.kit.event_stream import EventStream
from tests.kit.full_room import Headers, Room, Waiter, filled
from tests.kit.house import environment_of
from tests.kit.processes import WebProcess, running_webs
from tests.kit.valkey import Valkey, mortal_valkey

BOUNDS = {"p95": 250.0, "max": 2_500.0}
LEGS = ("waiting -> board", "admit -> patient page")
RETRY_SECONDS, BUSY = 1.0, 429
ALIVE, DEAD, BACK = "Valkey alive", "Valkey dead", "Valkey back"


@dataclass(eq=False)
class Page:
    """An open page: its stream, and the one GET that it reads again when something changed."""

    client: httpx.AsyncClient
    headers: Headers
    reads: str
    origins: list[str]
    follows: str
    read: int = 0
    refused: int = 0
    stream: EventStream = field(init=False)
    _poked: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reading: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.stream = EventStream(self.origins, self.follows, self.headers, self._poke)

    async def told_after(self, count: int) -> tuple[float, float]:
        """When the stream had its next event after `count`, and when the page had been read after that."""
        heard = await self.stream.after(count)
        async with self._poked:
            await self._poked.wait_for(lambda: self.read > count)
        return heard, asyncio.get_running_loop().time()

    async def _poke(self, _: EventStream) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while self.read < len(self.stream.heard):
            before, begun = len(self.stream.heard), asyncio.get_running_loop().time()
            if not (await self.client.get(self.origins[0] + self.reads, headers=self.headers)).is_success:
                self.refused += 1
                await asyncio.sleep(RETRY_SECONDS)
                continue
            async with self._poked:
                self.read = before
                self._poked.notify_all()
            rest = asyncio.get_running_loop().time() - begun  # as the script of the page does
            await asyncio.sleep(rest if self.read < len(self.stream.heard) else 0)


@dataclass
class Sample:
    """Milliseconds, by what was waited for and how Valkey was then."""

    answered: list[float] = field(default_factory=list)
    heard: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    read: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, leg: str, phase: str, begun: float, told: tuple[float, float]) -> None:
        self.heard.setdefault((leg, phase), []).append((told[0] - begun) * 1000)
        self.read.setdefault((leg, phase), []).append((told[1] - begun) * 1000)


@dataclass
class House:
    """Patient n is at home at web process n modulo their number, so are clinicians and desks."""

    room: Room
    webs: Sequence[WebProcess]
    client: httpx.AsyncClient
    patients: Sequence[Page]
    clinicians: Sequence[Page]
    desks: Sequence[Page]

    @property
    def pages(self) -> list[Page]:
        return [*self.patients, *self.clinicians, *self.desks]

    async def post(self, page: Page, path: str, body: object = None) -> None:
        """Again after a second when the house is too busy: the time goes on."""
        while True:
            answer = await self.client.post(page.origins[0] + path, json=body, headers=page.headers)
            if answer.status_code != BUSY:
                answer.raise_for_status()
                return
            page.refused += 1
            await asyncio.sleep(RETRY_SECONDS)


def main(
    *,
    patients: Annotated[int, typer.Option(help="Open pages of patients.")] = 190,
    clinicians: Annotated[int, typer.Option(help="Open boards of clinicians.")] = 8,
    desks: Annotated[int, typer.Option(help="Open boards of the front desk.")] = 2,
    changes: Annotated[int, typer.Option(help="How many patients go in and are admitted.")] = 100,
    processes: Annotated[int, typer.Option(help="Web processes.")] = 2,
    pause: Annotated[float, typer.Option(help="Seconds between two changes.")] = 0.4,
    log: Annotated[Path | None, typer.Option(help="What the web processes say goes here.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report(f"Push: {patients + clinicians + desks} open streams on {processes} web processes")
    with serving() as databases, databases.clone() as database, mortal_valkey() as valkey:
        settings = environment_of(database, valkey.url)
        room = asyncio.run(filled(database, patients=patients, clinicians=clinicians, desks=desks))
        with running_webs(settings, processes, log) as webs:
            sample, used = asyncio.run(_measure(room, webs, valkey, (changes, pause)))
    _report(report, sample, used)
    report.show(json)


@asynccontextmanager
async def _opened(room: Room, webs: Sequence[WebProcess]) -> AsyncIterator[House]:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client, AsyncExitStack() as stack:

        def page(number: int, headers: Headers, reads: str, follows: str) -> Page:
            first = number % len(webs)
            origins = [each.url for each in (*webs[first:], *webs[:first])]
            return Page(client, headers, reads, origins, follows)

        house = House(
            room,
            webs,
            client,
            [
                page(n, each.headers, _join(each), f"/v1/visits/{each.visit}/stream")
                for n, each in enumerate(room.patients)
            ],
            [page(n, each, "/day", "/v1/board/stream") for n, each in enumerate(room.clinicians)],
            [page(n, each, "/day", "/v1/board/stream") for n, each in enumerate(room.desks)],
        )
        for each in house.pages:
            await stack.enter_async_context(each.stream)
        for each in house.pages:
            await each.stream.after(0)
        yield house


def _join(patient: Waiter) -> str:
    return f"/v1/visits/{patient.visit}/join"


async def _measure(
    room: Room, webs: Sequence[WebProcess], valkey: Valkey, how: tuple[int, float]
) -> tuple[Sample, dict[str, float]]:
    sample = Sample()
    async with _opened(room, webs) as house:
        await asyncio.sleep(3)
        before = _cpu(webs), asyncio.get_running_loop().time()
        await asyncio.sleep(10)
        idle = (_cpu(webs) - before[0]) / (asyncio.get_running_loop().time() - before[1])
        changes = [(leg, number) for number in range(how[0]) for leg in LEGS]
        for count, (leg, number) in enumerate(changes):
            phase = _phase(count / len(changes))
            if phase == DEAD and _phase((count - 1) / len(changes)) == ALIVE:
                valkey.kill()
            if phase == BACK and _phase((count - 1) / len(changes)) == DEAD:
                valkey.begin()
            await _change(house, leg, number, (sample, phase))
            await asyncio.sleep(random.uniform(0, 2 * how[1]))  # keeps step with no sweep
        return sample, {
            "processors used by the web processes while nothing happens": round(idle, 3),
            "times a page was refused because the house was too busy": sum(each.refused for each in house.pages),
            "times a stream broke": sum(each.stream.connected - 1 for each in house.pages),
        }


def _phase(part: float) -> str:
    return ALIVE if part < 0.5 else DEAD if part < 0.75 else BACK


async def _change(house: House, leg: str, number: int, into: tuple[Sample, str]) -> None:
    patient, own = house.room.patients[number], house.patients[number]
    board = house.clinicians[patient.clinician]
    waits, sends = (board, own) if leg == LEGS[0] else (own, board)
    path = f"/v1/visits/{patient.visit}/{'ready' if leg == LEGS[0] else 'admit'}"
    counts = [(each, len(each.stream.heard)) for each in (own, board)]
    begun = asyncio.get_running_loop().time()
    sample, phase = into

    async def send() -> None:
        await house.post(sends, path)
        sample.answered.append((asyncio.get_running_loop().time() - begun) * 1000)

    sending = asyncio.create_task(send())
    told = await asyncio.gather(*(each.told_after(count) for each, count in counts))
    await sending
    sample.add(leg, phase, begun, told[0 if waits is own else 1])


def _cpu(webs: Sequence[WebProcess]) -> float:
    """Seconds of processor time so far (proc(5), fields 14 and 15 of /proc/pid/stat)."""
    total = 0.0
    for each in webs:
        assert each.process is not None
        fields = Path(f"/proc/{each.process.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _report(report: Report, sample: Sample, used: dict[str, float]) -> None:
    for leg in LEGS:
        for what, found in (("heard", sample.heard), ("page read", sample.read)):
            every = [each for (of, _), times in found.items() if of == leg for each in times]
            report.times(f"{leg}: {what}", Times(every), BOUNDS)
            for phase in (ALIVE, DEAD, BACK):
                report.times(f"{leg}: {what}, {phase}", Times(found[(leg, phase)]))
    report.times("of these times, until the command was answered", Times(sample.answered))
    for name, figure in used.items():
        report.note(name, figure)
        report.row(name, f"{figure:.2f}", "")
    load = os.getloadavg()[0]
    report.note("load of the machine at the end", load)
    report.row("load of the machine at the end", f"{load:.1f}", "")


if __name__ == "__main__":
    typer.run(main)

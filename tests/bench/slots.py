"""How fast free times are found, and whether they are right: `python -m tests.bench.slots`.

Four weeks that cross a US and an EU clock change, eight zones, 60 % full. Beside the platform, in the same run: a naive
engine of aware datetimes, cal.com's own slot code, and django-appointment end to end. See peers.py for where they come
from; --peers keeps them between runs. Acceptance figures are written beside what was found.

cal.com's code is measured in memory: it is given hours and busy times and answers with slots. Beside it stand two of
our figures: the same in memory, once visits are read, and the whole search with the database. In both the platform
remembers what hours offer on a day, as every process of it does between two searches; cal.com's code remembers nothing.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from telehealth.core.time import SystemClock
from telehealth.scheduling.availability.rules import to_minute
from tests.bench import clock_changes, engine, naive, peers
from tests.bench.clinic import Clinic, build, enter
from tests.bench.figures import Report, Times, repeat
from tests.bench.peers import Calcom, DjangoAppointment, NotHere
from tests.bench.workload import VISIT, Busy, Workload, make
from tests.kit.database import serving

FIRST = 20
GRIDS = 100  # clinicians whose whole grid every engine computes
FASTER = 100  # times faster than the peers, at least
STATEMENTS = 4
SIZES = 1, 10, 100, 1_000
IN_MEMORY = "cal.com's slot code"


@dataclass(frozen=True, slots=True)
class Ours:
    """Median milliseconds for the grids, from question to answer and without what is read from the database."""

    whole: float
    in_memory: float


@dataclass(frozen=True, slots=True)
class Rivals:
    """Those that could be had."""

    calcom: Calcom | None
    django: DjangoAppointment | None


def main(
    *,
    clinicians: Annotated[int, typer.Option(help="How many clinicians the database holds.")] = SIZES[-1],
    rounds: Annotated[int, typer.Option(help="How often each search is measured.")] = 100,
    peers: Annotated[Path | None, typer.Option(help="Keep the peers in this directory between runs.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Leave out: calcom, django.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report("Slots: 28 days over two clock changes, 8 zones, 60 % full")
    workload = make(SystemClock().now().date(), clinicians)
    with ExitStack() as stack:
        directory = peers or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rivals = _find(directory, without or [], report)
        databases = stack.enter_context(serving())
        url = stack.enter_context(databases.clone())
        asyncio.run(_measure(url, workload, rounds, (report, rivals)))
    _clocks(rivals.calcom, report)
    report.show(json)


def _find(directory: Path, without: Sequence[str], report: Report) -> Rivals:
    def get(name: str, install: Callable[[Path], Any]) -> Any:
        if name in without:
            report.remark(f"{name} is left out, as was asked")
            return None
        try:
            return install(directory / name)
        except NotHere as error:
            report.remark(f"{name} CANNOT BE HAD and is not measured: {error}")
            return None

    return Rivals(get("calcom", peers.calcom), get("django", peers.django_appointment))


async def _measure(url: str, workload: Workload, rounds: int, told: tuple[Report, Rivals]) -> None:
    report, rivals = told
    async with enter(await build(url, workload)) as clinic:
        await _searches(clinic, rounds, report)
        await _month(clinic, rounds, report)
        ours, found = await _grids(clinic, report)
    compared = workload.first(GRIDS)
    right = _naive(compared, report, ours)
    report.at_most("wrong grids of 100: telehealth", _wrong(found, right), 0)
    request = {**compared.as_json(), "rounds": 2}
    for name, rival in ((IN_MEMORY, rivals.calcom), ("django-appointment end to end", rivals.django)):
        if rival is not None:
            answer = rival.ask(request | {"rounds": 1 if rival is rivals.django else 3})
            _rival(name, answer, (ours, right), report)


async def _searches(clinic: Clinic, rounds: int, report: Report) -> None:
    for size in SIZES:
        some = clinic.clinician_ids[:size]
        if len(some) < size:
            break
        with engine.statements(clinic) as sent:
            assert len(await engine.first_slots(clinic, some, FIRST)) == FIRST
        times = await repeat(lambda _, some=some: engine.first_slots(clinic, some, FIRST), rounds)  # type: ignore[misc]
        bounds = {"p50": 15, "p95": 50} if size == SIZES[-1] else None
        report.times(f"first 20 of {size:,} clinicians", times, bounds)
        report.at_most(f"statements, {size:,} clinicians", len(sent), STATEMENTS)


async def _month(clinic: Clinic, rounds: int, report: Report) -> None:
    everyone = clinic.clinician_ids
    times = await repeat(lambda number: engine.grids(clinic, [everyone[number % len(everyone)]]), rounds)
    report.times("one clinician's month", times, {"p95": 10})


async def _grids(clinic: Clinic, report: Report) -> tuple[Ours, list[list[int]]]:
    """How long it took, and what was found."""
    some = clinic.clinician_ids[:GRIDS]
    times = await repeat(lambda _: engine.grids(clinic, some), 20)
    report.times("100 clinicians' grids, database included", times)
    in_memory = Times(await engine.grids_in_memory(clinic, some, 20))
    report.times("100 clinicians' grids, in memory", in_memory)
    found = await engine.grids(clinic, some)
    ours = Ours(times.percentile(0.5), in_memory.percentile(0.5))
    return ours, [[to_minute(start) for start in each] for each in found]


def _naive(workload: Workload, report: Report, ours: Ours) -> list[list[int]]:
    begun = time.perf_counter()
    right = [_naive_grid(each, workload) for each in workload.clinicians]
    taken = (time.perf_counter() - begun) * 1000
    report.times("100 grids: naive engine, in memory", Times([taken]))
    report.at_least("times faster than the naive engine", taken / ours.whole, 1, "times")
    return right


def _naive_grid(given: Busy, workload: Workload) -> list[int]:
    taken = [(start - VISIT.buffer_before, end + VISIT.buffer_after) for start, end in given.visits]
    return naive.starts(given.week, VISIT, taken, (workload.start, workload.end))


def _rival(name: str, answer: dict[str, Any], ours: tuple[Ours, list[list[int]]], report: Report) -> None:
    """A peer's best round against our median."""
    best = min(answer["seconds"]) * 1000
    report.times(f"100 grids: {name}", Times([each * 1000 for each in answer["seconds"]]))
    report.at_least(f"times faster than {name}, database included", best / ours[0].whole, FASTER, "times")
    if name == IN_MEMORY:
        report.at_least(f"times faster than {name}, both in memory", best / ours[0].in_memory, FASTER, "times")
    wrong = _wrong([sorted(set(each)) for each in answer["starts"]], ours[1])
    report.note(f"wrong grids of 100: {name}", wrong)
    report.row(f"wrong grids of 100: {name}", str(wrong), "")


def _wrong(found: Sequence[Sequence[int]], right: Sequence[Sequence[int]]) -> int:
    return sum(list(have) != list(want) for have, want in zip(found, right, strict=True))


def _clocks(calcom: Calcom | None, report: Report) -> None:
    for name, wrong in clock_changes.compare(calcom).items():
        report.note(f"wrong windows of 600: {name}", wrong)
        shown = ", ".join(f"{zone} {count}" for zone, count in wrong.items())
        if name == "telehealth":
            report.at_most("wrong windows of 600: telehealth", sum(wrong.values()), 0)
        report.row(f"wrong windows of 600 on days of change: {name}", shown, "")


if __name__ == "__main__":
    typer.run(main)

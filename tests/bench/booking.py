"""How fast times are taken, and whether two ever take one: `python -m tests.bench.booking`.

Three races: 200 people for the 20 times of one clinician, through the service layer; bookings spread over 1,000
clinicians, the service's statements at the database; two-resource reschedules, sorted locks against the exclusion
constraint alone. Acceptance figures are written beside what was found.
"""

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from telehealth.core.ids import PatientId
from telehealth.core.time import SystemClock
from tests.bench import engine, hot, replay, reschedules
from tests.bench.clinic import Address, build, enter
from tests.bench.figures import Report, Times
from tests.bench.replay import Booking
from tests.bench.workload import Workload, make
from tests.kit.database import Databases, serving

EVERY = 12  # free times lie 15 minutes apart, a visit takes 40: this far apart none is in another's way
FASTER = 10


def main(
    *,
    clinicians: Annotated[int, typer.Option(help="Over how many clinicians bookings are spread.")] = 1_000,
    processes: Annotated[int, typer.Option(help="How many processes serve clients.")] = 2,
    arriving: Annotated[float, typer.Option(help="Within how many seconds the 200 come; 0: all at once.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long reschedules race.")] = 10,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report("Booking: one hot clinician, a thousand clinicians, two resources")
    workload = make(SystemClock().now().date(), clinicians)
    with serving() as databases:
        _hot(databases, workload, report, (processes, arriving))
        _spread(databases, workload, report, processes)
        _reschedules(databases, seconds, report)
    report.show(json)


def _hot(databases: Databases, workload: Workload, report: Report, how: tuple[int, float]) -> None:
    processes, arriving = how
    with databases.clone() as url:
        crowd = hot.rush(url, workload, processes=processes, arriving=arriving)
    name = f"{hot.CLIENTS} clients, {hot.TIMES} times of one clinician"
    report.times(f"{name}: a client waits", Times([call.waited for call in crowd.calls]), {"p99": 300})
    booked = [call.waited for call in crowd.calls if call.outcome == "booked"]
    report.times(f"{name}: of those, who books waits", Times(booked))
    report.note(f"{name}: outcomes", dict(crowd.outcomes))
    report.row(f"{name}: calls", ", ".join(f"{count} {what}" for what, count in crowd.outcomes.items()), "")
    report.at_least(f"{name}: times taken", crowd.times, hot.TIMES)
    report.at_most(f"{name}: taken twice", crowd.rows - crowd.times + abs(len(booked) - crowd.rows), 0)
    report.at_most(f"{name}: deadlocks and other faults", crowd.outcomes["fault"] + crowd.outcomes["busy"], 0)


def _spread(databases: Databases, workload: Workload, report: Report, processes: int) -> None:
    with databases.clone() as url:
        bookings, recording = asyncio.run(_record(url, workload))
        done = replay.send(url, recording, bookings[replay.WARM + 1 :], processes)
    report.row("statements of a booking", f"{len(recording.statements)} and its transaction", "")
    report.note("statements of a booking", [each.sql.decode() for each in recording.statements])
    report.at_least(f"bookings over {len(workload.clinicians):,} clinicians, at the database", done.rate, 1_500, "/s")
    report.at_most("of these refused", done.refused, 0)


async def _record(url: str, workload: Workload) -> tuple[list[Booking], replay.Recording]:
    address = await build(url, workload)
    bookings = await _bookings(address)
    return bookings, await replay.record(address, bookings)


async def _bookings(address: Address) -> list[Booking]:
    """Free times that are in nobody's way, clinician after clinician, each for a patient of its own."""
    async with enter(address) as clinic:
        found = await engine.free_minutes(clinic, clinic.clinician_ids)
    free = [(clinician, starts[::EVERY]) for clinician, starts in zip(address.clinician_ids, found, strict=True)]
    most = max(len(starts) for _, starts in free)
    turns = [(clinician, starts[turn]) for turn in range(most) for clinician, starts in free if turn < len(starts)]
    return [Booking(clinician, PatientId(uuid4()), uuid4(), start) for clinician, start in turns]


def _reschedules(databases: Databases, seconds: float, report: Report) -> None:
    with databases.clone() as url:
        locked = asyncio.run(reschedules.race(url, locked=True, seconds=seconds))
        alone = asyncio.run(reschedules.race(url, locked=False, seconds=seconds))
    for name, outcome in (("sorted locks", locked), ("constraint alone", alone)):
        shown = f"{outcome.rate:,.1f} moved/s, {outcome.refused} refused, {outcome.deadlocks} deadlocks"
        report.row(f"two-resource reschedules: {name}", shown, "")
        report.note(f"two-resource reschedules: {name}", {"rate": outcome.rate, "deadlocks": outcome.deadlocks})
    report.at_least("reschedules: times faster than the constraint alone", locked.rate / alone.rate, FASTER, "times")
    report.at_most("reschedules: deadlocks with sorted locks", locked.deadlocks, 0)


if __name__ == "__main__":
    typer.run(main)

"""Two hundred people want the twenty times of one clinician, all at once, through the service layer."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from typing import Any
from uuid import uuid4

import psycopg
from uvicorn.loops.auto import auto_loop_factory

from telehealth.core.ids import PatientId
from telehealth.db.unit import DatabaseFault
from telehealth.scheduling.availability.rules import to_minute
from telehealth.scheduling.booking.rules import CalendarBusy, SlotRefused
from tests.bench import engine
from tests.bench.clinic import Address, Clinic, build, enter
from tests.bench.naive import Visit, Week
from tests.bench.workload import Busy, Workload

CLIENTS, TIMES = 200, 20
VISIT = Visit(minutes=30, grid=30)
OPENS = 8 * 60
HEAD_START = 3.0  # seconds until every process is ready
TAKEN = "SELECT count(*), count(DISTINCT s) FROM occupancy WHERE resource_id = %s AND state = 'active'"


@dataclass(frozen=True, slots=True)
class Call:
    """What came of one attempt, and how long its client waited for the answer, in milliseconds."""

    outcome: str
    waited: float


@dataclass(frozen=True, slots=True)
class Crowd:
    calls: Sequence[Call]
    seconds: float
    rows: int
    times: int

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(call.outcome for call in self.calls)


def workload(like: Workload) -> Workload:
    """One clinician who is there on Mondays, for exactly twenty visits."""
    week = Week("Europe/Berlin", ((1, OPENS, OPENS + TIMES * VISIT.minutes),))
    return replace(like, clinicians=(Busy(week, ()),), visit=VISIT)


@dataclass(frozen=True, slots=True)
class Share:
    """The clients of one process. They come evenly spread from `begins` (seconds since the epoch) on."""

    address: Address
    times: Sequence[int]
    clients: Sequence[int]
    begins: float
    arriving: float


def rush(url: str, like: Workload, *, processes: int, arriving: float) -> Crowd:
    """Every client in one of some processes, as web processes would serve them; all come within `arriving` seconds."""
    address = asyncio.run(build(url, workload(like)))
    times = asyncio.run(_times(address))
    begins = time.time() + HEAD_START
    clients = [range(number, CLIENTS, processes) for number in range(processes)]
    shares = [Share(address, times, each, begins, arriving) for each in clients]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        calls = [call for done in pool.map(_serve, shares) for call in done]
    with psycopg.connect(url) as connection:
        rows, distinct = connection.execute(TAKEN, (address.clinician_ids[0],)).fetchone() or (0, 0)
    return Crowd(calls, time.time() - begins, rows, distinct)


async def _times(address: Address) -> list[int]:
    async with enter(address) as clinic:
        return (await engine.free_minutes(clinic, clinic.clinician_ids))[0][:TIMES]


def _serve(share: Share) -> list[Call]:
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:  # as the web process
        return runner.run(_clients(share))


async def _clients(share: Share) -> list[Call]:
    async with enter(share.address) as clinic:
        await _warm(clinic, share.times)
        clients = [asyncio.create_task(_client(clinic, share, number)) for number in share.clients]
        return [call for each in clients for call in await each]


async def _warm(clinic: Clinic, times: Sequence[int]) -> None:
    """A process that serves has searched, booked and refused before, on every connection."""
    await engine.free_minutes(clinic, clinic.clinician_ids)
    clinician = clinic.clinician_ids[0]
    await asyncio.gather(*(engine.rehearse(clinic, clinician=clinician, start=each) for each in times))


async def _client(clinic: Clinic, share: Share, number: int) -> list[Call]:
    """Tries a time, then what is offered instead, until there is one or nothing is left of the twenty."""
    chance, patient = random.Random(number), PatientId(uuid4())
    calls: list[Call] = []
    left = share.times
    await asyncio.sleep(share.begins + share.arriving * number / CLIENTS - time.time())
    while left:
        begun = time.perf_counter()
        outcome, offered = await _try(clinic, patient, chance.choice(left))
        calls.append(Call(outcome, (time.perf_counter() - begun) * 1000))
        left = sorted(set(offered) & set(share.times))
    return calls


async def _try(clinic: Clinic, patient: PatientId, start: int) -> tuple[str, Sequence[int]]:
    clinician = clinic.clinician_ids[0]
    try:
        await engine.occupy(clinic, clinician=clinician, patient=patient, start=start, owner=uuid4())
    except SlotRefused as refusal:
        offered: Any = refusal.extras["alternatives"]
        return "refused", [to_minute(datetime.fromisoformat(each)) for each in offered]
    except CalendarBusy:
        return "busy", ()
    except DatabaseFault:
        return "fault", ()
    return "booked", ()

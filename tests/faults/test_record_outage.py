"""The record service is away for a day while a thousand notes are signed.

`python -m pytest tests/faults/test_record_outage.py -m soak -n 0`. The day is simulated: a clock goes on 86.4 s with
each note, and two couriers sweep after each, as two worker processes would, at a record service that is stopped. Then
the real worker, two processes, begins on the machine's clock, and the record service comes back.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest
from starlette.requests import Request

from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock, SystemClock
from telehealth.db.unit import UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import service as charting
from telehealth.records.delivery.destinations import RECORD_SERVICE, Target
from telehealth.records.delivery.fhir_client import open_record_service
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.rules import Identifier
from telehealth.records.delivery.tasks import BATCH, Courier
from telehealth.tasks.work import Work
from tests.bench.figures import Times
from tests.kit.fault_proxy import Moment
from tests.kit.note_house import NoteHouse, note_house, settled, signing, verdict
from tests.kit.signed import MRN, drafted_note
from tests.kit.tell import tell

NOTES, BESIDE, DAY = 1_000, 250, timedelta(days=1)
STEP = DAY / NOTES
PROCESSES = 2


@dataclass(slots=True)
class Gauge:
    """Requests in each second since it began, and how many were under way at once at most."""

    begun: float = field(default_factory=time.monotonic)
    seconds: Counter[int] = field(default_factory=Counter)
    under_way: int = 0
    most: int = 0

    def watch(self, moment: Moment, _: Request) -> None:
        if moment is Moment.CAME:
            self.seconds[int(time.monotonic() - self.begun)] += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        elif moment is Moment.DONE:
            self.under_way -= 1

    @property
    def busy(self) -> list[int]:
        return [count for _, count in sorted(self.seconds.items())]

    def graph(self) -> str:
        rows = [(second, self.seconds[second]) for second in range(max(self.seconds) + 1)]
        return "\n".join(f"{second:4d} s {count:4d} {'#' * count}" for second, count in rows)


@asynccontextmanager
async def couriers(house: NoteHouse, unit_of_work: UnitOfWork) -> AsyncIterator[list[Work]]:
    """One for each worker process, each with a client of its own."""
    key = json.dumps(dict(house.records.private_key))
    async with AsyncExitStack() as stack:
        works = []
        for _ in range(PROCESSES):
            target = Target(name=RECORD_SERVICE, url=f"{house.proxy.url}/fhir", private_key=key)
            records = await stack.enter_async_context(open_record_service(target, SystemClock()))
            there = Destinations((Destination(RECORD_SERVICE, target.profile, records),))
            works.append(Work(unit_of_work, Ports({Destinations: there}), unit_of_work.clock))
        yield works


async def sign(unit_of_work: UnitOfWork, patient: str) -> float:
    """Milliseconds of the signature alone."""
    arranged = await drafted_note(unit_of_work, Identifier(MRN, patient))
    begun = time.perf_counter()
    mine, to = (arranged.clinician, arranged.visit_id), (RECORD_SERVICE,)
    await unit_of_work.run(charting.sign, *mine, version=1, destinations=to, tasks=CosignatureTasks())
    return (time.perf_counter() - begun) * 1000


async def signed_each(clock: FixedClock, works: Sequence[Work], patients: Sequence[str]) -> Times:
    taken = []
    for patient in patients:
        milliseconds, *_ = await asyncio.gather(
            sign(works[0].unit_of_work, patient), *(Courier().sweep(work) for work in works)
        )
        taken.append(milliseconds)
        clock.advance(STEP)
    return Times(taken)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_day_without_the_record_service_slows_no_signature_and_ends_without_a_herd(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with note_house(tmp_path) as house:
        patients = house.patients(NOTES + BESIDE)
        clock = FixedClock(SystemClock().now() - DAY - STEP * BESIDE)
        async with signing(house, clock) as unit_of_work, couriers(house, unit_of_work) as works:
            up = await signed_each(clock, works, patients[:BESIDE])
            asked = len(house.proxy.seen)
            house.records.stop()
            down = await signed_each(clock, works, patients[BESIDE:])
            probes = len(house.proxy.seen) - asked
        waiting = house.left()
        house.worker.begin()
        house.beat.begin()
        await asyncio.sleep(20)  # they have begun, and find it away
        gauge = Gauge()
        house.proxy.watch = gauge.watch
        await asyncio.to_thread(house.records.start)
        seconds = await settled(house, within=600)
        found = await asyncio.to_thread(verdict, house)
    tell(request.config, f"signing, record service up: {up.as_json()} ms; away: {down.as_json()} ms")
    tell(request.config, f"a day away: {probes} requests, {waiting} waiting; {seconds:.0f} s after its return {found}")
    tell(request.config, f"requests a second since its return, {gauge.most} under way at most:\n{gauge.graph()}")
    assert waiting >= NOTES
    assert found == {"lost": 0, "duplicated": 0, "notes": NOTES + BESIDE}
    assert down.percentile(0.95) <= 1.25 * up.percentile(0.95)
    assert probes <= 1.1 * DAY / timedelta(minutes=1)
    assert gauge.most <= PROCESSES * BATCH
    assert max(gauge.busy) <= 4 * median(gauge.busy)

"""Bookings spread over a thousand clinicians at the database: the statements of the service, without the service.

What one booking sends is recorded while the service makes it, then sent for other people and other times by clients
that do nothing else. So the figure is what the database bears of exactly our SQL.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import event

from telehealth.core.ids import ClinicianId, PatientId
from telehealth.scheduling.availability.rules import to_instant
from tests.bench import engine
from tests.bench.clinic import Address, Clinic, enter

WARM = 3  # bookings before the one that is recorded: caches are filled by then
CLIENTS = 8  # connections of a process
HEAD_START = 12.0  # seconds until every process is ready and has written its parameters


@dataclass(frozen=True, slots=True)
class Statement:
    """`many`: the driver is given a list of parameters, and sends the statement for each in one round trip."""

    sql: bytes
    given: Any
    many: bool


@dataclass(frozen=True, slots=True)
class Booking:
    clinician: ClinicianId
    patient: PatientId
    owner: UUID
    start: int

    def others(self, other: "Booking") -> dict[Any, Any]:
        """What stands for this booking in a parameter, and what stands there for the other."""
        ids = [
            (self.clinician, other.clinician),
            (self.patient, other.patient),
            (self.owner, other.owner),
        ]
        keys = [(lock_key(mine), lock_key(theirs)) for mine, theirs in ids]
        return dict([*ids, *((str(mine), str(theirs)) for mine, theirs in ids), *keys])


@dataclass(frozen=True, slots=True)
class Recording:
    """One booking's statements in order. `fixed` are the parameters that are the same for every booking."""

    booking: Booking
    statements: Sequence[Statement]
    fixed: frozenset[Any]

    def rewritten(self, other: Booking) -> list[Statement]:
        names, later = self.booking.others(other), other.start - self.booking.start
        return [replace(each, given=_rewrite(each.given, names, self.fixed, later)) for each in self.statements]


@dataclass(frozen=True, slots=True)
class Share:
    """The bookings of one process, which begins at `begins` (seconds since the epoch)."""

    url: str
    recording: Recording
    bookings: Sequence[Booking]
    begins: float


@dataclass(frozen=True, slots=True)
class Served:
    refused: int
    ended: float


@dataclass(frozen=True, slots=True)
class Done:
    booked: int
    refused: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.booked / self.seconds


def lock_key(resource: UUID) -> int:
    return int.from_bytes(resource.bytes[8:], signed=True)


async def record(address: Address, bookings: Sequence[Booking]) -> Recording:
    """Make the first few bookings through the service and keep what the last of them sent."""
    sent: list[Statement] = []
    async with enter(address, pool_size=1) as clinic:
        for each in bookings[:WARM]:
            await _book(clinic, each)

        def note(*given: Any) -> None:
            sent.append(Statement(given[2].encode(), given[3], given[5]))

        event.listen(clinic.engine.sync_engine, "before_cursor_execute", note)
        await _book(clinic, bookings[WARM])
    return Recording(bookings[WARM], sent, frozenset({address.visit_type_id, to_instant(address.workload.start)}))


async def _book(clinic: Clinic, each: Booking) -> None:
    await engine.occupy(clinic, clinician=each.clinician, patient=each.patient, start=each.start, owner=each.owner)


def _rewrite(given: Any, names: Mapping[Any, Any], fixed: frozenset[Any], later: int) -> Any:
    """The same parameter for another booking: names replaced, times moved, new ids for new rows."""
    match given:
        case dict():
            return {key: _rewrite(each, names, fixed, later) for key, each in given.items()}
        case list() | tuple():
            whole = [_rewrite(each, names, fixed, later) for each in given]
            return sorted(whole) if all(isinstance(each, int) and each in names for each in given) else whole
        case _:
            return _rewrite_one(given, names, fixed, later)


def _rewrite_one(given: Any, names: Mapping[Any, Any], fixed: frozenset[Any], later: int) -> Any:
    if isinstance(given, bool) or given is None or given in fixed:
        return given
    if given in names:
        return names[given]
    match given:
        case int() if given > 10_000_000:  # a minute of this century, no length and no count
            return given + later
        case datetime():
            return given + (to_instant(later) - to_instant(0))
        case UUID():
            return uuid4()
        case _:
            return given


def send(url: str, recording: Recording, bookings: Sequence[Booking], processes: int) -> Done:
    """Send every booking's statements, each in one transaction, by some processes with some connections each."""
    begins = time.time() + HEAD_START
    shares = [Share(url, recording, bookings[number::processes], begins) for number in range(processes)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        done = list(pool.map(_serve, shares))
    refused = sum(each.refused for each in done)
    return Done(len(bookings) - refused, refused, max(each.ended for each in done) - begins)


def _serve(share: Share) -> Served:
    return asyncio.run(_clients(share))


async def _clients(share: Share) -> Served:
    bookings = [share.bookings[number::CLIENTS] for number in range(CLIENTS)]
    refused = sum(await asyncio.gather(*(_client(share, each) for each in bookings)))
    return Served(refused, time.time())


async def _client(share: Share, bookings: Sequence[Booking]) -> int:
    refused, written = 0, [share.recording.rewritten(booking) for booking in bookings]
    async with await psycopg.AsyncConnection.connect(share.url, autocommit=True, prepare_threshold=0) as connection:
        await asyncio.sleep(share.begins - time.time())
        for statements in written:
            try:
                async with connection.pipeline(), connection.transaction():  # what the database bears, not the wire
                    for each in statements:
                        await _execute(connection, each)
            except psycopg.errors.ExclusionViolation:
                refused += 1
    return refused


async def _execute(connection: psycopg.AsyncConnection[Any], each: Statement) -> None:
    if each.many:
        async with connection.cursor() as cursor:
            await cursor.executemany(each.sql, each.given)
    else:
        await connection.execute(each.sql, each.given)

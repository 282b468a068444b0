"""This project's side: the workload in a real PostgreSQL, and the calls that are measured."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM
from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.db.vault import Vault
from telehealth.people import service as people
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Rule, WeeklyHours, to_instant
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import VisitType
from tests.bench.workload import Busy, Workload

COPY = "COPY occupancy (id, resource_id, s, e, kind, owner_id) FROM STDIN"


@dataclass(frozen=True, slots=True)
class Clinic:
    """The workload's clinicians in a database, in the order of the workload; the clock stands at its first minute."""

    unit_of_work: UnitOfWork
    engine: AsyncEngine
    workload: Workload
    visit_type_id: VisitTypeId
    clinician_ids: Sequence[ClinicianId]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a clinic is, for another process to enter it."""

    url: str
    workload: Workload
    visit_type_id: VisitTypeId
    clinician_ids: Sequence[ClinicianId]


async def build(url: str, workload: Workload) -> Address:
    """Put the workload into a database that has nothing but the schema."""
    async with _working(url, workload) as (unit_of_work, _):
        visit_type_id, clinician_ids = await unit_of_work.run(_arrange, SYSTEM, workload)
    _occupy(url, workload, clinician_ids)
    return Address(url, workload, visit_type_id, clinician_ids)


@asynccontextmanager
async def enter(address: Address, *, pool_size: int = 10) -> AsyncIterator[Clinic]:
    async with _working(address.url, address.workload, pool_size) as (unit_of_work, engine):
        yield Clinic(unit_of_work, engine, address.workload, address.visit_type_id, address.clinician_ids)


@asynccontextmanager
async def _working(url: str, workload: Workload, pool_size: int = 1) -> AsyncIterator[tuple[UnitOfWork, AsyncEngine]]:
    engine = open_engine(url, pool_size=pool_size)
    clock = FixedClock(to_instant(workload.start))
    try:
        yield UnitOfWork(engine, clock, Vault({"bench": b"k" * 32}), read_catalogue().conflicts, _unheard), engine
    finally:
        await engine.dispose()


async def _arrange(unit: Unit, workload: Workload) -> tuple[VisitTypeId, list[ClinicianId]]:
    lengths = workload.visit.as_json()
    kind = VisitType(id=VisitTypeId(unit.new_id()), code="bench", name="Video visit", **lengths)
    await booking.add_visit_type(unit, kind)
    return kind.id, [await _employ(unit, each, number) for number, each in enumerate(workload.clinicians)]


async def _employ(unit: Unit, given: Busy, number: int) -> ClinicianId:
    clinician = await people.add_clinician(
        unit,
        given="Ada",
        family=f"Number {number}",
        prefix="Dr.",
        email="ada@clinic.example",
        time_zone=given.week.zone,
    )
    rules = tuple(Rule(*window) for window in given.week.windows)
    await availability.publish_hours(unit, clinician.id, WeeklyHours(given.week.zone, rules))
    return clinician.id


def _occupy(url: str, workload: Workload, clinician_ids: Sequence[ClinicianId]) -> None:
    """Every visit takes its clinician's time and that of a patient of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for row in _rows(workload, clinician_ids):
                copy.write_row(row)
        connection.execute("VACUUM ANALYZE")


def _rows(workload: Workload, clinician_ids: Sequence[ClinicianId]) -> Iterator[tuple[UUID, UUID, int, int, str, UUID]]:
    for given, clinician_id in zip(workload.clinicians, clinician_ids, strict=True):
        for start, end in given.visits:
            taken, owner = (start - workload.visit.buffer_before, end + workload.visit.buffer_after), uuid4()
            for resource in (clinician_id, uuid4()):
                yield uuid4(), resource, *taken, "visit", owner


async def _unheard(_: Sequence[Event]) -> None:
    """Nobody listens."""

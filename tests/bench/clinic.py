"""This project's side: the workload in a real PostgreSQL, and the calls that are measured."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from telehealth.bootstrap import WEB_POOL
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

COPY = "COPY occupancy (id, resource_id, role, s, e, kind, owner_id, visit_type_id, visit_start) FROM STDIN"


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
    address = Address(url, workload, visit_type_id, clinician_ids)
    _occupy(address)
    return address


@asynccontextmanager
async def enter(address: Address, *, pool_size: int = WEB_POOL) -> AsyncIterator[Clinic]:
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


def _occupy(address: Address) -> None:
    """Every visit takes its clinician's time and that of a patient of its own."""
    with psycopg.connect(address.url, autocommit=True) as connection:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for row in _rows(address):
                copy.write_row(row)
        connection.execute("VACUUM ANALYZE")


def _rows(address: Address) -> Iterator[tuple[object, ...]]:
    visit = address.workload.visit
    for given, clinician_id in zip(address.workload.clinicians, address.clinician_ids, strict=True):
        for start, end in given.visits:
            taken, owner = (start - visit.buffer_before, end + visit.buffer_after), uuid4()
            for resource, role in ((clinician_id, "host"), (uuid4(), "patient")):
                yield uuid4(), resource, role, *taken, "visit", owner, address.visit_type_id, start


async def _unheard(_: Sequence[Event]) -> None:
    """Nobody listens."""

"""The unit of work against PostgreSQL: commit and outbox together, retry, constraint names, nothing half done."""

import asyncio
import traceback
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, text

from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.errors import Kind, Overloaded, Refusal
from telehealth.core.events import Event
from telehealth.db.audit import AuditRow
from telehealth.db.engine import open_engine
from telehealth.db.outbox import HandledRow, OutboxRow
from telehealth.db.unit import DatabaseFault, Unit, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Rang(Event):
    bell: UUID
    at: datetime
    loudness: int | None = None

    def topics(self) -> tuple[str, ...]:
        return (f"bell:{self.bell}",)


class Refused(Refusal):
    kind, slug, title = Kind.CONFLICT, "refused", "No"


async def ring(unit: Unit, *, refuse: bool = False) -> UUID:
    bell = unit.new_id()
    unit.emit(Rang(bell=bell, at=unit.now))
    unit.audit("execute", "bell", bell)
    if refuse:
        raise Refused
    return bell


async def count(unit: Unit, table: type) -> int:
    return (await unit.session.execute(select(func.count()).select_from(table))).scalar_one()


async def test_effect_event_and_trace_are_one(unit_of_work: UnitOfWork, nudged: list[Event]) -> None:
    actor = Actor(UUID(int=7), Role.CLINICIAN, purpose=Purpose.TREATMENT)
    bell = await unit_of_work.run(ring, actor)
    assert nudged == [Rang(bell=bell, at=unit_of_work.clock.now())]
    assert await unit_of_work.run(count, SYSTEM, OutboxRow) == 1

    async def trace(unit: Unit) -> AuditRow:
        return (await unit.session.execute(select(AuditRow))).scalar_one()

    row = await unit_of_work.run(trace)
    assert (row.actor_id, row.role, row.purpose, row.entity_id) == (actor.id, "clinician", "TREAT", bell)


async def test_a_refusal_leaves_nothing(unit_of_work: UnitOfWork, nudged: list[Event]) -> None:
    with pytest.raises(Refused):
        await unit_of_work.run(ring, SYSTEM, refuse=True)
    assert await unit_of_work.run(count, SYSTEM, OutboxRow) == 0
    assert await unit_of_work.run(count, SYSTEM, AuditRow) == 0
    assert nudged == []


async def test_a_deadlock_is_tried_again(unit_of_work: UnitOfWork) -> None:
    """Two units take two locks in opposite order; the database kills one, and both succeed in the end."""
    meet = asyncio.Barrier(2)
    attempts: list[int] = []

    async def lock(unit: Unit, first: int, second: int) -> None:
        attempts.append(first)
        await unit.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": first})
        if len(attempts) <= 2:
            await meet.wait()
        await unit.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": second})

    await asyncio.gather(unit_of_work.run(lock, SYSTEM, 1, 2), unit_of_work.run(lock, SYSTEM, 2, 1))
    assert len(attempts) == 3


async def test_a_lock_that_does_not_come_is_asked_for_again(unit_of_work: UnitOfWork) -> None:
    taken, asked = asyncio.Event(), asyncio.Event()

    async def keep(unit: Unit) -> None:
        await unit.session.execute(text("SELECT pg_advisory_xact_lock(1)"))
        taken.set()
        await asked.wait()

    async def ask(unit: Unit) -> int:
        if not asked.is_set():
            await unit.session.execute(text("SELECT set_config('lock_timeout', '20ms', true)"))
        try:
            await unit.session.execute(text("SELECT pg_advisory_xact_lock(1)"))
        finally:
            asked.set()
        return 1

    keeping = asyncio.create_task(unit_of_work.run(keep, SYSTEM))
    await taken.wait()
    assert await unit_of_work.run(ask, SYSTEM) == 1
    await keeping


async def test_who_gets_no_lock_is_told_to_come_again(unit_of_work: UnitOfWork) -> None:
    refused = asyncio.Event()

    async def ask(unit: Unit) -> None:
        await unit.session.execute(text("SELECT set_config('lock_timeout', '5ms', true), pg_advisory_xact_lock(1)"))

    async def keep(unit: Unit) -> None:
        await unit.session.execute(text("SELECT pg_advisory_xact_lock(1)"))
        with pytest.raises(Overloaded) as told:
            await unit_of_work.run(ask, SYSTEM)
        assert told.value.extras == {"retry_after": 1}
        refused.set()

    await unit_of_work.run(keep, SYSTEM)
    assert refused.is_set()


async def mark_nothing(unit: Unit) -> None:
    await unit.session.execute(insert(HandledRow).values(position=4711, handler="nobody", handled_at=unit.now))


async def test_a_constraint_is_known_by_its_name(unit_of_work: UnitOfWork) -> None:
    known = replace(unit_of_work, conflicts={"fk_outbox_handled_position": Refused})
    with pytest.raises(Refused):
        await known.run(mark_nothing)


async def test_who_gets_no_connection_is_told_to_come_again(database: str, unit_of_work: UnitOfWork) -> None:
    engine = open_engine(database, pool_size=1, patience=0.05)
    crowded = replace(unit_of_work, engine=engine)

    async def wait_for_another(unit: Unit) -> None:
        await _nothing(unit)
        await crowded.run(_nothing, SYSTEM)

    with pytest.raises(Overloaded):
        await crowded.run(wait_for_another, SYSTEM)
    await crowded.run(_nothing, SYSTEM)
    await engine.dispose()


async def _nothing(unit: Unit) -> None:
    await unit.session.execute(text("SELECT 1"))


async def test_an_unknown_fault_shows_no_value(unit_of_work: UnitOfWork) -> None:
    with pytest.raises(DatabaseFault) as told:
        await unit_of_work.run(mark_nothing)
    printed = "".join(traceback.format_exception(told.value))
    assert "fk_outbox_handled_position" in printed
    assert "4711" not in printed
    assert "nobody" not in printed


async def test_naive_instants_do_not_reach_the_database(unit_of_work: UnitOfWork) -> None:
    async def store(unit: Unit) -> None:
        naive = datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None)
        await unit.session.execute(insert(OutboxRow).values(kind="Rang", body={}, emitted_at=naive, due_at=unit.now))

    with pytest.raises(Exception, match="naive instant"):
        await unit_of_work.run(store)

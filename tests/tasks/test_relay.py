"""The outbox relay on PostgreSQL: every subscriber once, whatever fails; poison is parked and visible."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from telehealth.core.events import Event
from telehealth.core.ids import VisitId
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.outbox import OutboxRow, to_body
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.tasks.relay import LEASE, MAX_ATTEMPTS, Relay, from_body
from telehealth.tasks.retention import EVENTS_KEPT, forget_delivered
from telehealth.tasks.work import Subscription, Work, subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocked(Event):
    visit_id: VisitId
    at: datetime
    by: UUID | None = None
    times: int = 1


def knocked() -> Knocked:
    return Knocked(visit_id=VisitId(UUID(int=5)), at=datetime.fromisoformat("2026-03-02T09:00:00+00:00"))


async def emit(unit: Unit) -> None:
    unit.emit(knocked())


async def open_door(unit: Unit, event: Knocked) -> None:
    unit.audit("execute", "door", event.visit_id)


async def light_lamp(unit: Unit, event: Knocked) -> None:
    unit.audit("execute", "lamp", event.visit_id)


async def trip(unit: Unit, event: Knocked) -> None:
    unit.audit("execute", "half done", event.visit_id)
    await unit.session.flush()
    raise RuntimeError


async def done(unit: Unit) -> list[str]:
    return list((await unit.session.execute(select(AuditRow.entity).order_by(AuditRow.entity))).scalars())


async def rows(unit: Unit) -> list[OutboxRow]:
    return list((await unit.session.execute(select(OutboxRow))).scalars())


@pytest.fixture
def work(unit_of_work: UnitOfWork, clock: FixedClock) -> Work:
    return Work(unit_of_work, Ports({}), clock)


def relay(*subscriptions: Subscription) -> Relay:
    return Relay(subscriptions)


BOTH = (subscription(Knocked, open_door), subscription(Knocked, light_lamp))


def test_an_event_survives_its_journey() -> None:
    assert from_body(Knocked, to_body(knocked())) == knocked()
    by = Knocked(visit_id=VisitId(UUID(int=5)), at=knocked().at, by=UUID(int=6))
    assert from_body(Knocked, to_body(by)) == by
    older = {key: value for key, value in to_body(knocked()).items() if key != "times"}
    assert from_body(Knocked, older) == knocked()


async def test_every_subscriber_acts_once(work: Work) -> None:
    await work.run(emit)
    assert await relay(*BOTH).sweep(work) == 1
    assert await relay(*BOTH).sweep(work) == 0
    assert await work.run(done) == ["door", "lamp"]


async def test_ten_relays_at_once_are_as_one(work: Work) -> None:
    for _ in range(20):
        await work.run(emit)
    await asyncio.gather(*(relay(*BOTH).sweep(work) for _ in range(10)))
    assert await work.run(done) == ["door"] * 20 + ["lamp"] * 20


async def test_a_relay_that_died_is_followed_by_another(work: Work, clock: FixedClock) -> None:
    """It claimed the row, one subscriber acted, and it died before it settled."""
    await work.run(emit)
    assert await relay(BOTH[0], subscription(Knocked, trip)).sweep(work) == 1
    clock.advance(LEASE * 2)
    assert await relay(*BOTH).sweep(work) == 1
    assert await work.run(done) == ["door", "lamp"]


async def test_poison_that_kills_its_reader_is_parked_too(work: Work, clock: FixedClock) -> None:
    """Nobody lives to write the fault down; the claim itself counts."""
    await work.run(emit)

    async def kills(unit: Unit, event: Knocked) -> None:
        del unit, event
        raise asyncio.CancelledError

    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(asyncio.CancelledError):
            await relay(subscription(Knocked, kills)).sweep(work)
        clock.advance(LEASE * 2)
    assert await relay(subscription(Knocked, kills)).sweep(work) == 0
    (row,) = await work.run(rows)
    assert row.parked_at is not None


async def test_what_was_delivered_is_forgotten_after_a_while(work: Work, clock: FixedClock) -> None:
    await work.run(emit)
    await relay(*BOTH).sweep(work)
    await work.run(emit)
    assert await forget_delivered(work) == 0
    clock.advance(EVENTS_KEPT + timedelta(hours=1))
    assert await forget_delivered(work) == 1
    (row,) = await work.run(rows)
    assert row.done_at is None


async def test_poison_stops_nobody_and_is_parked(work: Work, clock: FixedClock) -> None:
    await work.run(emit)
    sick = relay(BOTH[0], subscription(Knocked, trip), BOTH[1])
    for _ in range(MAX_ATTEMPTS + 3):
        await sick.sweep(work)
        clock.advance(timedelta(minutes=6))
    assert await work.run(done) == ["door", "lamp"]
    (row,) = await work.run(rows)
    assert row.attempts == MAX_ATTEMPTS
    assert row.parked_at is not None
    assert row.fault == "tasks.trip: RuntimeError"

"""Who waits and has closed the page is called away, and back again; whoever is here, or never was, is not."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import AsyncConnection
from sqlalchemy import select, text, update

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import Overloaded
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.tasks.work import Work
from telehealth.visits.appointments.service import Booked
from telehealth.visits.gates.service import make_ready
from telehealth.visits.lifecycle import attendance as house
from telehealth.visits.lifecycle import queries, service
from telehealth.visits.lifecycle.rules import DeviceCheck, Visit, VisitStatus
from telehealth.visits.lifecycle.tasks import fire_timers
from telehealth.visits.waiting_room import attendance
from telehealth.visits.waiting_room import waiting as queue
from telehealth.visits.waiting_room.models import QueueEntryRow
from telehealth.visits.waiting_room.presence import ROUND, SEEN_FOR, Presence
from telehealth.visits.waiting_room.queue import QueueEntry
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, guest_of, open_clinic, register
from tests.kit.locks import giving_up_soon, holding

MINUTE = timedelta(minutes=1)
ROUNDS = int(SEEN_FOR / ROUND) + 1


@pytest.fixture
async def arrived(unit_of_work: UnitOfWork, clock: FixedClock) -> tuple[Booked, Actor]:
    """A patient who prepares, five minutes before the visit."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - timedelta(minutes=5) - clock.now())
    patient = await guest_of(unit_of_work, booked)
    await unit_of_work.run(service.record_check, patient, booked.visit.id, DeviceCheck.GOOD)
    return booked, patient


@pytest.fixture
async def waiting(unit_of_work: UnitOfWork, arrived: tuple[Booked, Actor]) -> tuple[Booked, Actor]:
    """A patient in the waiting room."""
    booked, patient = arrived
    await unit_of_work.run(make_ready, patient, booked.visit.id)
    return booked, patient


async def go_round(clock: FixedClock, *processes: Presence, times: int = ROUNDS, seen: UUID | None = None) -> None:
    """So many rounds of each process; the first has `seen` open."""
    for _ in range(times):
        clock.advance(ROUND)
        if seen is not None:
            processes[0].see(seen)
        for each in processes:
            await each.round()


async def visit_of(unit_of_work: UnitOfWork, booked: Booked) -> Visit:
    return await unit_of_work.run(queries.find, SYSTEM, booked.visit.id)


async def test_who_closes_the_page_is_called_away_and_back_when_it_opens(
    unit_of_work: UnitOfWork, clock: FixedClock, waiting: tuple[Booked, Actor]
) -> None:
    booked, patient = waiting
    here, other = Presence(unit_of_work), Presence(unit_of_work)
    await go_round(clock, here, other, times=3 * ROUNDS, seen=patient.id)
    assert (await visit_of(unit_of_work, booked)).away_since is None
    await go_round(clock, here, other)
    visit = await visit_of(unit_of_work, booked)
    assert visit.away_since is not None
    assert visit.status is VisitStatus.READY
    await go_round(clock, other, here, times=1, seen=patient.id)
    visit = await visit_of(unit_of_work, booked)
    assert visit.away_since is None
    assert visit.waiting_since == (await unit_of_work.run(queries.find, SYSTEM, booked.visit.id)).waiting_since


async def test_a_round_that_could_not_write_down_who_is_away_says_so(
    unit_of_work: UnitOfWork, database: str, clock: FixedClock, waiting: tuple[Booked, Actor]
) -> None:
    booked, patient = waiting
    async with giving_up_soon(unit_of_work, database) as soon:
        process = Presence(soon)
        await go_round(clock, process, times=ROUNDS, seen=patient.id)
        row = "SELECT id FROM visit WHERE id = :visit FOR UPDATE"
        async with holding(unit_of_work, row, visit=booked.visit.id):
            with pytest.raises(Overloaded):
                await go_round(clock, process)
    assert (await visit_of(unit_of_work, booked)).away_since is None


async def test_a_page_that_moves_to_another_process_is_not_away(
    unit_of_work: UnitOfWork, clock: FixedClock, waiting: tuple[Booked, Actor]
) -> None:
    booked, patient = waiting
    dying, other = Presence(unit_of_work), Presence(unit_of_work)
    await go_round(clock, dying, other, seen=patient.id)
    await go_round(clock, other, times=2)  # the first has been killed; the page takes ten seconds to find the second
    await go_round(clock, other, times=3 * ROUNDS, seen=patient.id)
    assert (await visit_of(unit_of_work, booked)).away_since is None
    assert (await visit_of(unit_of_work, booked)).revision == 4


async def test_nobody_is_away_because_the_house_was(
    unit_of_work: UnitOfWork, clock: FixedClock, waiting: tuple[Booked, Actor]
) -> None:
    booked, patient = waiting
    process = Presence(unit_of_work)
    await go_round(clock, process, seen=patient.id)
    clock.advance(timedelta(minutes=3))
    for each in (Presence(unit_of_work), process):  # begun again, or stopped for a while
        await each.round()
        assert (await visit_of(unit_of_work, booked)).away_since is None
        await go_round(clock, each, times=ROUNDS - 2)
        assert (await visit_of(unit_of_work, booked)).away_since is None
        await go_round(clock, each, times=1, seen=patient.id)
    await go_round(clock, process)
    assert (await visit_of(unit_of_work, booked)).away_since is not None


async def test_who_was_never_on_the_page_is_not_away(
    unit_of_work: UnitOfWork, clock: FixedClock, waiting: tuple[Booked, Actor]
) -> None:
    booked, _ = waiting
    await go_round(clock, Presence(unit_of_work), times=3 * ROUNDS)
    assert (await visit_of(unit_of_work, booked)).away_since is None


async def test_who_prepares_and_closes_the_page_is_called_away_and_has_left_when_the_visit_has_begun(
    unit_of_work: UnitOfWork, clock: FixedClock, arrived: tuple[Booked, Actor]
) -> None:
    booked, patient = arrived
    process = Presence(unit_of_work)
    await go_round(clock, process, seen=patient.id)
    await go_round(clock, process)
    visit = await visit_of(unit_of_work, booked)
    assert visit.away_since is not None
    assert visit.status is VisitStatus.ARRIVED
    work = Work(unit_of_work, Ports({}), clock)
    await go_round(clock, process, times=int((TUESDAY_NINE + visit.grace * MINUTE - clock.now()) / ROUND) - 1)
    assert await fire_timers(work) == 0
    await go_round(clock, process, times=1)
    assert await fire_timers(work) == 1
    assert (await visit_of(unit_of_work, booked)).status is VisitStatus.LEFT_UNSEEN


async def test_who_closes_the_page_and_is_back_in_time_has_not_left(
    unit_of_work: UnitOfWork, clock: FixedClock, waiting: tuple[Booked, Actor]
) -> None:
    """However long before the visit: nobody expects them earlier."""
    booked, patient = waiting
    process = Presence(unit_of_work)
    await go_round(clock, process, seen=patient.id)
    await go_round(clock, process)
    await go_round(clock, process, times=int((TUESDAY_NINE + MINUTE - clock.now()) / ROUND))
    assert await fire_timers(Work(unit_of_work, Ports({}), clock)) == 0
    await go_round(clock, process, times=1, seen=patient.id)
    visit = await visit_of(unit_of_work, booked)
    assert (visit.status, visit.away_since) == (VisitStatus.READY, None)


async def test_a_round_says_that_the_house_is_open_and_whose_board_is(
    unit_of_work: UnitOfWork, clock: FixedClock, waiting: tuple[Booked, Actor]
) -> None:
    booked, _ = waiting
    process, begun = Presence(unit_of_work), clock.now()
    assert await unit_of_work.run(house.open_since, SYSTEM) is None
    await go_round(clock, process)
    assert await unit_of_work.run(house.open_since, SYSTEM) == begun + ROUND
    clock.advance(house.PAUSE + timedelta(seconds=1))
    assert await unit_of_work.run(house.open_since, SYSTEM) == clock.now(), "shut"
    await go_round(clock, process)
    assert await unit_of_work.run(house.open_since, SYSTEM) == clock.now() - (ROUNDS - 1) * ROUND
    clock.advance(TUESDAY_NINE - clock.now())
    assert not await unit_of_work.run(house.was_there, SYSTEM, booked.visit)
    process.see_clinician(booked.visit.clinician_id)
    await process.round()
    assert await unit_of_work.run(house.was_there, SYSTEM, booked.visit)


async def test_a_place_in_the_queue_outlasts_an_outage(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    """Who had just gone could not come back before it was over."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    entry = await unit_of_work.run(_enqueue, SYSTEM, clinic, "Ana")
    process = Presence(unit_of_work)
    await process.round()
    await unit_of_work.run(queue.drop, SYSTEM, entry.id)
    clock.advance(timedelta(hours=2))
    assert await unit_of_work.run(queue.end_gone, SYSTEM) == 0
    await process.round()
    assert await unit_of_work.run(queue.end_gone, SYSTEM) == 0
    await go_round(clock, process)
    assert (await unit_of_work.run(queue.come_back, SYSTEM, entry.id)).since == entry.since


async def test_who_prepares_a_day_before_is_not_called_away(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    patient = await guest_of(unit_of_work, booked)
    process = Presence(unit_of_work)
    await go_round(clock, process, seen=patient.id)
    await go_round(clock, process, times=3 * ROUNDS)
    visit = await visit_of(unit_of_work, booked)
    assert (visit.status, visit.away_since, visit.revision) == (VisitStatus.BOOKED, None, 1)


async def test_two_processes_note_the_same_people_in_one_order(
    unit_of_work: UnitOfWork, database: str, clock: FixedClock
) -> None:
    """Each holds the first row while it waits for the second, or one of them would hold what the other waits for."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    entries = sorted([await unit_of_work.run(_enqueue, SYSTEM, clinic, name) for name in ("Ana", "Luis")], key=_id)
    await unit_of_work.run(_lay_backwards, SYSTEM)
    async with await AsyncConnection.connect(database, autocommit=True) as other, other.transaction():
        await other.execute(LOCK, [entries[0].id])
        noting = asyncio.create_task(
            unit_of_work.run(attendance.note, SYSTEM, [each.participant_id for each in entries], clock.now())
        )
        while not await _somebody_waits(unit_of_work):  # noqa: ASYNC110 -- what is asked is in the database
            await asyncio.sleep(0.02)
        await other.execute(LOCK, [entries[1].id])  # held by nobody
    await noting


LOCK = "SELECT id FROM queue_entry WHERE id = %s FOR UPDATE NOWAIT"


async def _enqueue(unit: Unit, clinic: Clinic, name: str) -> QueueEntry:
    patient = await register(unit, name)
    queued = await queue.enqueue(unit, patient_id=patient.id, visit_type_id=clinic.visit_type.id)
    return queued.standing.entry


def _id(entry: QueueEntry) -> UUID:
    return entry.id


async def _lay_backwards(unit: Unit) -> None:
    """The row with the lowest id is the last in the table."""
    query = select(QueueEntryRow.id).order_by(QueueEntryRow.id).limit(1)
    first = update(QueueEntryRow).where(QueueEntryRow.id.in_(query))
    await unit.session.execute(first.values(priority=QueueEntryRow.priority))


async def _somebody_waits(unit_of_work: UnitOfWork) -> bool:
    async with unit_of_work.engine.connect() as connection:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(await connection.scalar(text(waits)))

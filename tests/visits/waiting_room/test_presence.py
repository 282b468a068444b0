"""Who waits and has closed the page is called away, and back again; whoever is here, or never was, is not."""

from datetime import timedelta
from uuid import UUID

import pytest

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.appointments.service import Booked
from telehealth.visits.gates.service import make_ready
from telehealth.visits.lifecycle import queries, service
from telehealth.visits.lifecycle.rules import DeviceCheck, Visit, VisitStatus
from telehealth.visits.waiting_room.presence import ROUND, SEEN_FOR, Presence
from tests.kit.clinic import TUESDAY_NINE, book, guest_of, open_clinic

ROUNDS = int(SEEN_FOR / ROUND) + 1


@pytest.fixture
async def waiting(unit_of_work: UnitOfWork, clock: FixedClock) -> tuple[Booked, Actor]:
    """A patient in the waiting room."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - timedelta(minutes=5) - clock.now())
    patient = await guest_of(unit_of_work, booked)
    await unit_of_work.run(service.record_check, patient, booked.visit.id, DeviceCheck.GOOD)
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

"""The versions of all open boards come from a few questions, and each changes with what its board shows."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.waiting_room import notices, queries
from telehealth.visits.waiting_room.versions import Versions
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, guest_of, open_clinic
from tests.kit.staff import NothingDue, NothingLate
from tests.kit.statements import statements

CHICAGO = ZoneInfo("America/Chicago")


@pytest.fixture
async def clinic(unit_of_work: UnitOfWork, clock: FixedClock) -> Clinic:
    clock.advance(TUESDAY_NINE - timedelta(minutes=5) - clock.now())
    return await unit_of_work.run(open_clinic, SYSTEM)


async def asked(unit_of_work: UnitOfWork, actors: list[Actor]) -> list[str]:
    versions = Versions(unit_of_work, NothingDue(), NothingLate())
    return [await versions.of_board(each, CHICAGO) for each in actors]


async def test_a_hundred_boards_ask_no_more_than_one(unit_of_work: UnitOfWork, clinic: Clinic) -> None:
    await unit_of_work.run(book, SYSTEM, clinic)
    own = clinic.clinician_actor
    others = [replace(own, id=uuid4(), person_id=uuid4()) for _ in range(99)]
    counts = []
    for actors in ([own], [own, *others]):
        with statements(unit_of_work) as seen:
            read = Versions(unit_of_work, NothingDue(), NothingLate())._of_boards
            found = await read({(actor, CHICAGO) for actor in actors})
        assert len(found) == len(actors)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 6


async def test_a_board_changes_with_its_own_and_with_nobody_elses(unit_of_work: UnitOfWork, clinic: Clinic) -> None:
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    stranger = replace(clinic.clinician_actor, id=uuid4(), person_id=uuid4())
    boards = [clinic.clinician_actor, clinic.front_desk, stranger]
    seen = [await asked(unit_of_work, boards)]
    await unit_of_work.run(service.arrive, await guest_of(unit_of_work, booked), booked.visit.id)
    seen.append(await asked(unit_of_work, boards))
    await unit_of_work.run(notices.say_late, clinic.front_desk, clinic.clinician.id, 10)
    seen.append(await asked(unit_of_work, boards))
    for own, desk, strange in (zip(*pair, strict=True) for pair in pairwise(seen)):
        assert own[0] != own[1]
        assert desk[0] != desk[1]
        assert strange[0] == strange[1]
    assert await asked(unit_of_work, boards) == seen[-1]


async def test_a_visit_that_nobody_came_to_stays_until_staff_say_what_became_of_it(
    unit_of_work: UnitOfWork, clinic: Clinic, clock: FixedClock
) -> None:
    missed = (await unit_of_work.run(book, SYSTEM, clinic)).visit.id
    clock.advance(timedelta(days=2))
    today = visits.whole_day(clock.now().date(), CHICAGO)
    for actor in (clinic.clinician_actor, clinic.front_desk):
        assert [each.id for each in (await unit_of_work.run(queries.board, actor, today)).visits] == [missed]
    before = await asked(unit_of_work, [clinic.front_desk])
    await unit_of_work.run(service.note_patient_no_show, clinic.front_desk, missed)
    assert (await unit_of_work.run(queries.board, clinic.front_desk, today)).visits == []
    assert await asked(unit_of_work, [clinic.front_desk]) != before


async def test_what_only_waits_for_its_note_does_not_bury_the_day(
    unit_of_work: UnitOfWork, clinic: Clinic, clock: FixedClock
) -> None:
    days = [TUESDAY_NINE + timedelta(minutes=20 * number) for number in range(3)]
    older = [(await unit_of_work.run(book, SYSTEM, clinic, start)).visit.id for start in days]

    async def end(unit: Unit) -> None:
        await unit.session.execute(update(VisitRow).values(status="ended"))

    await unit_of_work.run(end)
    clock.advance(timedelta(days=1))
    today = (await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + timedelta(days=1))).visit.id
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(queries, "OLDER", 2)
        board = await unit_of_work.run(
            queries.board, clinic.clinician_actor, visits.whole_day(clock.now().date(), CHICAGO)
        )
    assert [each.id for each in board.visits] == [*older[:2], today]

"""What is signed and not in the record shows on the board of whoever signed it, until it is there."""

from datetime import timedelta
from uuid import uuid4

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.records.charting.board import Late, NotesOnBoard
from telehealth.records.delivery import queries as deliveries
from telehealth.records.delivery import service
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.delivery.rules import Away
from telehealth.records.delivery.tasks import Courier
from telehealth.tasks.work import Work
from tests.kit.signed import Everybody, signed_note
from tests.kit.visits import Arranged

BOARD = NotesOnBoard()


async def carry(unit_of_work: UnitOfWork, records: MemoryRecordService) -> None:
    destinations = Destinations((Destination(RECORD_SERVICE, US_CORE, records),))
    await Courier().sweep(Work(unit_of_work, Ports({Destinations: destinations}), unit_of_work.clock))


async def shown(unit_of_work: UnitOfWork, arranged: Arranged) -> list[Late]:
    """What the board shows, and that its mark says whether there is anything."""
    late = await unit_of_work.run(BOARD.late, arranged.clinician)
    marks = await unit_of_work.run(BOARD.late_marks, SYSTEM)
    assert set(marks) == ({arranged.clinician.person_id} if late else set())
    return late


async def test_a_note_that_is_late_shows_until_it_has_arrived(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    signed_at = clock.now()
    arranged = await signed_note(unit_of_work)
    assert await shown(unit_of_work, arranged) == []
    await carry(unit_of_work, Everybody(before=lambda _: Away(503)))
    clock.advance(timedelta(minutes=16))
    assert await shown(unit_of_work, arranged) == [Late(arranged.visit_id, arranged.patient_id, signed_at, None)]
    await carry(unit_of_work, Everybody())
    assert await shown(unit_of_work, arranged) == []


async def test_a_note_that_waits_for_a_person_shows_at_once_and_says_why(unit_of_work: UnitOfWork) -> None:
    arranged = await signed_note(unit_of_work)
    await carry(unit_of_work, MemoryRecordService())
    (late,) = await shown(unit_of_work, arranged)
    assert late.reason == "record-patient-unresolved"
    before = await unit_of_work.run(BOARD.late_marks, SYSTEM)
    (listed,) = await unit_of_work.run(deliveries.deliveries, SYSTEM, limit=2)
    await unit_of_work.run(service.redrive, SYSTEM, listed.id)
    assert await unit_of_work.run(BOARD.late_marks, SYSTEM) != before


async def test_nobody_else_is_shown_it(unit_of_work: UnitOfWork) -> None:
    arranged = await signed_note(unit_of_work)
    await carry(unit_of_work, MemoryRecordService())
    other = Actor(uuid4(), Role.CLINICIAN, arranged.clinician.scopes, person_id=uuid4())
    for each in (other, Actor(uuid4(), Role.FRONT_DESK, frozenset())):
        assert await unit_of_work.run(BOARD.late, each) == []

"""A call that everybody fell out of without a word: somebody looks, and the grace time begins."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.tasks.work import Work
from telehealth.video.language import Arrived, Beat, Dropped, Report, Said
from telehealth.video.memory import MemoryRooms
from telehealth.video.ports import RoomBus, RoomsAway
from telehealth.video.room import MediaState
from telehealth.video.tasks import SWEEPS, sweep_silence
from telehealth.video.valkey_rooms import ValkeyRooms
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle import tasks as visits_tasks
from telehealth.visits.lifecycle.models import VisitEventRow
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.meetings import Meeting
from tests.kit.rooms import CLINICIAN, PATIENT


@pytest.fixture
async def call(unit_of_work: UnitOfWork, meeting: Meeting) -> Meeting:
    """The visit is in progress."""
    await unit_of_work.run(visits.connected, SYSTEM, meeting.visit_id)
    return meeting


@pytest.fixture
def rooms() -> MemoryRooms:
    return MemoryRooms()


@pytest.fixture
def work(unit_of_work: UnitOfWork, clock: FixedClock, rooms: MemoryRooms) -> Work:
    return Work(unit_of_work, Ports({RoomBus: rooms}), clock)


async def _both_in_media(rooms: MemoryRooms, call: Meeting, clock: FixedClock) -> None:
    for name, who in (("c", CLINICIAN), ("p", PATIENT)):
        await rooms.apply(call.visit_id, Arrived(clock.now(), name, name, who, admitted=True))
    for name in "cp":
        await rooms.apply(call.visit_id, Said(clock.now(), name, Report(1, MediaState.CONNECTED, 2)))


async def _status(work: Work, call: Meeting) -> VisitStatus:
    return (await work.run(visits.open_visit, call.visit_id)).status


async def test_two_crashed_browsers_end_the_call_after_the_grace_time(
    work: Work, rooms: MemoryRooms, call: Meeting, clock: FixedClock
) -> None:
    await _both_in_media(rooms, call, clock)
    for name in "cp":
        await rooms.apply(call.visit_id, Dropped(clock.now(), name))
    clock.advance(timedelta(seconds=60))
    assert await sweep_silence(work) == 0
    clock.advance(timedelta(seconds=1))
    assert await sweep_silence(work) == 1
    assert await _status(work, call) is VisitStatus.INTERRUPTED
    assert await work.run(_last_step, call) == ("drop", Role.SYSTEM, "silence")
    assert await sweep_silence(work) == 0
    clock.advance(timedelta(minutes=5))
    assert await visits_tasks.fire_timers(work) == 1
    assert await _status(work, call) is VisitStatus.ENDED


async def test_a_call_that_somebody_is_in_goes_on(
    work: Work, rooms: MemoryRooms, call: Meeting, clock: FixedClock
) -> None:
    await _both_in_media(rooms, call, clock)
    for _ in range(30):
        clock.advance(timedelta(seconds=5))
        await rooms.apply(call.visit_id, Beat(clock.now(), "c", admitted=True))
    assert await sweep_silence(work) == 0
    assert await _status(work, call) is VisitStatus.IN_PROGRESS


async def test_a_room_that_is_gone_is_silent(
    unit_of_work: UnitOfWork, clock: FixedClock, call: Meeting, valkey: str
) -> None:
    bus = ValkeyRooms(valkey, unit_of_work.vault)
    assert await sweep_silence(Work(unit_of_work, Ports({RoomBus: bus}), clock)) == 1
    await bus.close()


async def test_where_rooms_are_away_nobody_counts_as_gone(
    work: Work, unit_of_work: UnitOfWork, clock: FixedClock, call: Meeting
) -> None:
    bus = ValkeyRooms("unix:///nowhere/valkey.sock", unit_of_work.vault)
    with pytest.raises(RoomsAway):
        await sweep_silence(Work(unit_of_work, Ports({RoomBus: bus}), clock))
    await bus.close()
    assert await _status(work, call) is VisitStatus.IN_PROGRESS


def test_the_sweep_is_run() -> None:
    assert sweep_silence in [each.sweep for each in SWEEPS]


async def _last_step(unit: Unit, call: Meeting) -> tuple[str, str, str]:
    query = select(VisitEventRow).where(VisitEventRow.visit_id == call.visit_id).order_by(VisitEventRow.seq.desc())
    row = (await unit.session.scalars(query.limit(1))).one()
    return row.command, row.role, row.cause

"""Visits in the database: each command leaves its history, its event and its audit row, or nothing at all."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound, Refusal, Stale
from telehealth.core.ids import ParticipantId
from telehealth.core.intervals import Interval
from telehealth.core.time import FixedClock, parse_zone
from telehealth.db.audit import AuditRow
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.booking import queries as scheduling
from telehealth.scheduling.booking.rules import Asked, NotOffered, Slot, SlotTaken, TooFar, TooSoon
from telehealth.visits.appointments import service as appointments
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import queries, timers
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.histories import replay
from telehealth.visits.lifecycle.rules import Command, DeviceCheck, NotNow, Visit, VisitStatus
from telehealth.visits.participants import queries as participants
from telehealth.visits.waiting_room import queries as boards
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, guest, guest_of, open_clinic, register

S = VisitStatus


async def test_a_visit_from_booking_to_the_record(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, clinic.front_desk, clinic)
    visit_id = booked.visit.id
    clock.advance(TUESDAY_NINE - timedelta(minutes=10) - clock.now())
    patient, clinician = await guest_of(unit_of_work, booked), clinic.clinician_actor

    assert (await unit_of_work.run(lifecycle.arrive, patient, visit_id)).status is S.ARRIVED
    assert (await unit_of_work.run(lifecycle.arrive, patient, visit_id)).revision == 2
    await unit_of_work.run(lifecycle.record_check, patient, visit_id, DeviceCheck.FAIR)
    waiting = await unit_of_work.run(gates.make_ready, patient, visit_id)
    assert (waiting.status, waiting.check, waiting.waiting_since) == (S.READY, DeviceCheck.FAIR, clock.now())
    await unit_of_work.run(lifecycle.admit, clinician, visit_id)
    assert (await unit_of_work.run(lifecycle.connected, patient, visit_id)).started_at == clock.now()
    again = await unit_of_work.run(lifecycle.connected, clinician, visit_id)
    assert (again.status, again.revision) == (S.IN_PROGRESS, 6)
    await unit_of_work.run(lifecycle.interrupted, clinician, visit_id)
    assert (await unit_of_work.run(lifecycle.connected, clinician, visit_id)).status is S.IN_PROGRESS
    assert (await unit_of_work.run(lifecycle.end, clinician, visit_id)).status is S.ENDED
    done = await unit_of_work.run(lifecycle.complete, SYSTEM, visit_id)

    history = await unit_of_work.run(queries.history, SYSTEM, visit_id)
    assert replay(history) is done.status is S.COMPLETED
    assert done.revision == len(history) == 10
    assert done == await unit_of_work.run(queries.find, SYSTEM, visit_id)
    assert await unit_of_work.run(_outbox) == [
        "VisitBooked",
        "ParticipantMoved",
        "PatientArrived",
        "DeviceChecked",
        "PatientReady",
        "VisitAdmitted",
        "VisitStarted",
        "VisitInterrupted",
        "VisitResumed",
        "VisitEnded",
        "VisitCompleted",
    ]
    assert await unit_of_work.run(_audited, SYSTEM, visit_id) >= Counter({"create": 1, "update": 9})


async def test_arriving_twice_at_once_is_arriving(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    patient = await guest_of(unit_of_work, booked)
    clock.advance(TUESDAY_NINE - clock.now())
    about_to_commit = asyncio.Event()

    async def arrive_slowly(unit: Unit) -> Visit:
        visit = await lifecycle.arrive(unit, booked.visit.id)
        about_to_commit.set()
        await asyncio.sleep(0.2)
        return visit

    first = asyncio.create_task(unit_of_work.run(arrive_slowly, patient))
    await about_to_commit.wait()
    second = await unit_of_work.run(lifecycle.arrive, patient, booked.visit.id)
    assert second == await first
    assert second.revision == 2


async def test_what_is_refused_leaves_nothing(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    with pytest.raises(NotNow) as refused:
        await unit_of_work.run(lifecycle.admit, clinic.clinician_actor, booked.visit.id)
    assert refused.value.extras["allowed"] == ["reschedule", "waive", "hand_over", "cancel"]
    assert len(await unit_of_work.run(queries.history, SYSTEM, booked.visit.id)) == 1
    assert await unit_of_work.run(_outbox) == ["VisitBooked"]


async def test_absent_and_foreign_are_the_same(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    other = (await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + timedelta(hours=1))).visit
    mine = await unit_of_work.run(_patient_participant, SYSTEM, visit)
    colleague = replace(clinic.clinician_actor, person_id=uuid4())
    strangers: list[tuple[Actor, object]] = [
        (colleague, visit.id),
        (guest(other, mine), visit.id),
        (guest(visit, mine), other.id),
        (guest(visit, uuid4()), visit.id),
        (Actor(uuid4(), Role.ADMIN), visit.id),
        (Actor(None, Role.ANONYMOUS), visit.id),
        (clinic.front_desk, uuid4()),
    ]
    for actor, visit_id in strangers:
        for look in (lifecycle.open_visit, queries.visit_version, queries.join_decision, lifecycle.arrive):
            with pytest.raises(NotFound):
                await unit_of_work.run(look, actor, visit_id)  # type: ignore[arg-type]
        assert await unit_of_work.run(participants.participants_of, actor, visit_id) == []  # type: ignore[arg-type]
    for actor in (clinic.clinician_actor, clinic.front_desk, guest(visit, mine), SYSTEM):
        assert (await unit_of_work.run(lifecycle.open_visit, actor, visit.id)).id == visit.id


async def test_admitting_eight_times_at_once_is_admitting_once(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - clock.now())
    patient = await guest_of(unit_of_work, booked)
    await unit_of_work.run(lifecycle.record_check, patient, booked.visit.id, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, booked.visit.id)
    tries = (unit_of_work.run(lifecycle.admit, clinic.clinician_actor, booked.visit.id) for _ in range(8))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(each, Visit) and each.status for each in outcomes] == [S.ADMITTING] * 8
    history = await unit_of_work.run(queries.history, SYSTEM, booked.visit.id)
    assert [step.command for step in history].count(Command.ADMIT) == 1


async def test_an_old_revision_is_refused(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    with pytest.raises(Stale):
        await unit_of_work.run(lifecycle.cancel, SYSTEM, visit.id, reason="other", revision=visit.revision + 1)
    await unit_of_work.run(lifecycle.cancel, SYSTEM, visit.id, reason="other", revision=visit.revision)


async def test_cancelling_frees_the_time(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    before = await unit_of_work.run(_slots, SYSTEM, clinic)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    assert TUESDAY_NINE not in {slot.start for slot in await unit_of_work.run(_slots, SYSTEM, clinic)}
    await unit_of_work.run(lifecycle.cancel, clinic.front_desk, visit.id, reason="patient_request")
    assert await unit_of_work.run(_slots, SYSTEM, clinic) == before
    assert (await unit_of_work.run(book, SYSTEM, clinic)).visit.starts_at == TUESDAY_NINE


async def test_moving_is_atomic_and_its_own_time_is_no_obstacle(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    taken = TUESDAY_NINE + timedelta(minutes=20)
    other = await unit_of_work.run(register, SYSTEM, "Ines")
    await unit_of_work.run(book, SYSTEM, replace(clinic, patient=other), taken)
    with pytest.raises(SlotTaken) as refused:
        await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=taken)
    assert refused.value.extras["alternatives"]
    assert await unit_of_work.run(queries.find, SYSTEM, visit.id) == visit

    kept = await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=visit.starts_at)
    moved = await unit_of_work.run(
        appointments.reschedule, clinic.front_desk, visit.id, start=taken + timedelta(hours=1)
    )
    assert (kept.starts_at, moved.revision, moved.status) == (visit.starts_at, 3, S.BOOKED)
    assert moved.opens_at == moved.starts_at - timedelta(minutes=30)
    free = {slot.start for slot in await unit_of_work.run(_slots, SYSTEM, clinic)}
    assert visit.starts_at in free
    assert moved.starts_at not in free


async def test_what_search_offers_can_be_booked_and_nothing_else(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    slots = await unit_of_work.run(_slots, SYSTEM, clinic)
    assert len(slots) == 24
    for slot in slots[::5]:
        assert (await unit_of_work.run(book, SYSTEM, clinic, slot.start)).visit.ends_at == slot.end
    refusals: list[tuple[timedelta, type[Refusal]]] = [
        (timedelta(days=-7), TooSoon),
        (timedelta(days=91), TooFar),
        (timedelta(days=2_900_000), TooFar),
        (timedelta(minutes=7), NotOffered),
        (timedelta(seconds=1), NotOffered),
        (timedelta(hours=-2), NotOffered),
    ]
    for later, refusal in refusals:
        with pytest.raises(refusal):
            await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + later)


async def test_a_call_that_does_not_come_back_is_ended(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - clock.now())
    patient = await guest_of(unit_of_work, booked)
    await unit_of_work.run(lifecycle.record_check, patient, booked.visit.id, DeviceCheck.FAILED)
    await unit_of_work.run(gates.make_ready, patient, booked.visit.id)
    await unit_of_work.run(lifecycle.admit, clinic.clinician_actor, booked.visit.id)
    await unit_of_work.run(lifecycle.connected, patient, booked.visit.id)
    await unit_of_work.run(lifecycle.interrupted, clinic.clinician_actor, booked.visit.id)
    clock.advance(timedelta(minutes=4))
    assert await unit_of_work.run(timers.due) == []
    clock.advance(timedelta(minutes=1))
    for timer_id in await unit_of_work.run(timers.due):
        await unit_of_work.run(lifecycle.fire, SYSTEM, timer_id)
    assert (await unit_of_work.run(queries.find, SYSTEM, booked.visit.id)).status is S.ENDED


async def test_the_board_of_a_day(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + timedelta(days=1))
    day = queries.whole_day(TUESDAY_NINE.date(), parse_zone("America/Chicago"))
    board = await unit_of_work.run(boards.board, clinic.clinician_actor, day)
    assert [each.id for each in board.visits] == [visit.id]
    assert board.version == (await unit_of_work.run(boards.board, clinic.front_desk, day)).version
    stranger = replace(clinic.clinician_actor, person_id=uuid4())
    assert (await unit_of_work.run(boards.board, stranger, day)).visits == []
    clock.advance(timedelta(seconds=1))
    await unit_of_work.run(lifecycle.cancel, SYSTEM, visit.id, reason="other")
    assert board.version != (await unit_of_work.run(boards.board, clinic.clinician_actor, day)).version


async def _slots(unit: Unit, clinic: Clinic) -> list[Slot]:
    asked = Asked(visit_type_id=clinic.visit_type.id, clinician_ids=[clinic.clinician.id])
    day = Interval(TUESDAY_NINE - timedelta(hours=9), TUESDAY_NINE + timedelta(hours=15))
    return await scheduling.search(unit, asked, day, 100)


async def _outbox(unit: Unit) -> list[str]:
    """What happened since the clinic opened its hours."""
    told = list(await unit.session.scalars(select(OutboxRow.kind).order_by(OutboxRow.position)))
    assert told[0] == "TimeOpened"
    return told[1:]


async def _audited(unit: Unit, entity_id: object) -> Counter[str]:
    return Counter(await unit.session.scalars(select(AuditRow.action).where(AuditRow.entity_id == entity_id)))


async def _patient_participant(unit: Unit, visit: Visit) -> ParticipantId:
    found = await participants.patients_own(unit, visit.id, visit.patient_id)
    assert found is not None
    return found

"""Many want one time: exactly one gets it, and everyone else hears which times are free."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.events import Event
from telehealth.core.ids import PatientId
from telehealth.core.intervals import Interval
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.availability.events import TimeOpened
from telehealth.scheduling.booking import queries as slots
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Asked, PatientConflict, SlotTaken
from telehealth.visits.appointments import service as visits
from telehealth.visits.lifecycle.events import VisitBooked
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, open_clinic, register

CROWD = 40
HOUR = timedelta(hours=1)


async def test_of_forty_who_book_one_time_one_gets_it(unit_of_work: UnitOfWork, nudged: list[Event]) -> None:
    clinic, patients = await unit_of_work.run(_clinic_with_a_crowd, SYSTEM)
    tries = [_try_to_book(unit_of_work, clinic, patient) for patient in patients]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert Counter(type(each) for each in outcomes) == {visits.Booked: 1, SlotTaken: CROWD - 1}
    refused = [each for each in outcomes if isinstance(each, SlotTaken)]
    assert all(each.extras["alternatives"] for each in refused)
    assert all(TUESDAY_NINE.isoformat() not in str(each.extras) for each in refused)
    assert [type(event) for event in nudged] == [TimeOpened, VisitBooked]  # the hours, before all this
    assert await unit_of_work.run(_outbox) == ["TimeOpened", "VisitBooked"]


async def test_one_patient_is_not_in_two_places(unit_of_work: UnitOfWork) -> None:
    """Two clinicians, one patient, one time: the patient's own calendar decides."""
    first = await unit_of_work.run(open_clinic, SYSTEM)
    second = await unit_of_work.run(_another_clinician, SYSTEM, first)
    outcomes = await asyncio.gather(
        *(unit_of_work.run(book, SYSTEM, clinic) for clinic in (first, second)), return_exceptions=True
    )
    assert {type(each) for each in outcomes} == {visits.Booked, PatientConflict}


async def test_pairs_that_cross_do_not_deadlock(unit_of_work: UnitOfWork) -> None:
    """Locks are taken in one order, so that two bookings never wait for each other."""
    clinic, patients = await unit_of_work.run(_clinic_with_a_crowd, SYSTEM)
    starts = [TUESDAY_NINE + timedelta(minutes=20 * (number % 4)) for number in range(CROWD)]
    outcomes = await asyncio.gather(
        *(_try_to_book(unit_of_work, clinic, patients[number % 3], start) for number, start in enumerate(starts)),
        return_exceptions=True,
    )
    kinds = Counter(type(each) for each in outcomes)
    assert kinds[visits.Booked] == 4
    assert set(kinds) <= {visits.Booked, SlotTaken, PatientConflict}


async def test_the_constraint_has_the_last_word(unit_of_work: UnitOfWork) -> None:
    """Even code that forgot to ask cannot take a time twice."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(book, SYSTEM, clinic)
    try:
        await unit_of_work.run(_occupy_without_asking, SYSTEM)
    except SlotTaken:
        return
    raise AssertionError("the time was taken twice")


async def test_a_retired_kind_of_visit_is_not_booked_and_what_has_it_still_moves(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    await unit_of_work.run(booking.retire_visit_type, SYSTEM, clinic.visit_type.id)
    asked = Asked(visit_type_id=clinic.visit_type.id)
    with pytest.raises(NotFound):
        await unit_of_work.run(slots.search, SYSTEM, asked, Interval(TUESDAY_NINE, TUESDAY_NINE + HOUR), 1)
    with pytest.raises(NotFound):
        await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + HOUR)
    moved = await unit_of_work.run(visits.reschedule, SYSTEM, booked.visit.id, start=TUESDAY_NINE + HOUR)
    assert moved.starts_at == TUESDAY_NINE + HOUR


async def _clinic_with_a_crowd(unit: Unit) -> tuple[Clinic, list[PatientId]]:
    clinic = await open_clinic(unit)
    return clinic, [(await register(unit, f"Patient{number}")).id for number in range(CROWD)]


async def _another_clinician(unit: Unit, clinic: Clinic) -> Clinic:
    other = await open_clinic_again(unit)
    return Clinic(other.clinician, clinic.patient, clinic.visit_type)


async def open_clinic_again(unit: Unit) -> Clinic:
    await unit.session.execute(text("UPDATE visit_type SET code = 'older'"))
    return await open_clinic(unit)


async def _try_to_book(
    unit_of_work: UnitOfWork, clinic: Clinic, patient_id: PatientId, start: datetime = TUESDAY_NINE
) -> visits.Booked:
    return await unit_of_work.run(
        visits.book,
        SYSTEM,
        patient_id=patient_id,
        clinician_id=clinic.clinician.id,
        visit_type_id=clinic.visit_type.id,
        start=start,
    )


async def _outbox(unit: Unit) -> list[str]:
    return list(await unit.session.scalars(select(OutboxRow.kind)))


async def _occupy_without_asking(unit: Unit) -> None:
    await unit.session.execute(
        text(
            "INSERT INTO occupancy (id, resource_id, s, e, kind, owner_id) "
            "SELECT gen_random_uuid(), resource_id, s + 5, e + 5, kind, gen_random_uuid() FROM occupancy"
        )
    )

"""Who stays away has missed something only if the clinician was there to meet them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from telehealth.access.service import create_account
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.scheduling.booking import service as booking
from telehealth.tasks.work import Work
from telehealth.visits.lifecycle import attendance, queries, service, tasks
from telehealth.visits.lifecycle.rules import NotNow, VisitStatus
from tests.kit.clinic import TUESDAY_NINE, Clinic, add_colleague, book, open_clinic
from tests.visits.lifecycle.test_timers import MINUTE, SECOND, come

S = VisitStatus


async def test_a_patient_whom_nobody_would_have_met_has_missed_nothing(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(clinic.visit_type, no_show_automatic=True))
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    work = Work(unit_of_work, Ports({}), clock)
    clock.advance(TUESDAY_NINE - MINUTE - clock.now())
    await unit_of_work.run(attendance.note_clinicians, SYSTEM, [clinic.clinician.id])
    clock.advance(16 * MINUTE)
    assert await tasks.fire_timers(work) == 0
    with pytest.raises(NotNow, check=lambda refused: refused.extras["reason"] == "clinician_there"):
        await unit_of_work.run(service.note_patient_no_show, SYSTEM, booked.visit.id)
    clock.advance(10 * SECOND)
    assert await tasks.fire_timers(work) == 0
    await unit_of_work.run(attendance.note_clinicians, SYSTEM, [clinic.clinician.id])
    clock.advance(MINUTE)
    assert await tasks.fire_timers(work) == 1  # it was asked again
    assert (await unit_of_work.run(queries.find, SYSTEM, booked.visit.id)).status is S.PATIENT_NO_SHOW


async def test_who_is_there_the_next_day_was_not_there(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(clinic.visit_type, no_show_automatic=True))
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    work = Work(unit_of_work, Ports({}), clock)
    clock.advance(TUESDAY_NINE + 15 * MINUTE - clock.now())
    assert await tasks.fire_timers(work) == 0
    clock.advance(timedelta(days=1))
    await unit_of_work.run(attendance.note_clinicians, SYSTEM, [clinic.clinician.id])
    assert await tasks.fire_timers(work) == 0
    assert (await unit_of_work.run(queries.find, SYSTEM, booked.visit.id)).status is S.BOOKED


async def test_staff_know_who_was_there(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE + 15 * MINUTE - clock.now())
    missed = await unit_of_work.run(service.note_patient_no_show, clinic.front_desk, booked.visit.id)
    assert missed.status is S.PATIENT_NO_SHOW


async def test_a_clinician_who_sees_somebody_else_was_there(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    before = await come(unit_of_work, clock)
    ada = await _signing_in(unit_of_work, before.clinic)
    missed = await unit_of_work.run(book, SYSTEM, before.clinic, TUESDAY_NINE + 20 * MINUTE)
    await before.give(service.admit, ada)
    clock.advance(20 * MINUTE)
    visit = await unit_of_work.run(queries.find, SYSTEM, missed.visit.id)
    assert not await unit_of_work.run(attendance.was_there, SYSTEM, visit)
    await before.give(service.no_answer, ada)
    assert await unit_of_work.run(attendance.was_there, SYSTEM, visit)


async def test_who_was_handed_a_visit_by_a_colleague_was_not_there(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    before = await come(unit_of_work, clock)
    ada = await _signing_in(unit_of_work, before.clinic)
    grace = await unit_of_work.run(add_colleague, SYSTEM, before.clinic)
    hers = replace(before.clinic, clinician=grace)
    missed = await unit_of_work.run(book, SYSTEM, hers, TUESDAY_NINE + 20 * MINUTE)
    clock.advance(20 * MINUTE)
    await before.give(service.hand_over, ada, clinician_id=grace.id)
    assert not await unit_of_work.run(attendance.was_there, SYSTEM, missed.visit)


async def _signing_in(unit_of_work: UnitOfWork, clinic: Clinic) -> Actor:
    """The clinician with an account, as who acts with it."""
    account = await unit_of_work.run(
        create_account,
        SYSTEM,
        email=clinic.clinician.email,
        password="a made-up way to sign in",
        role=Role.CLINICIAN,
        person_id=clinic.clinician.id,
    )
    return replace(clinic.clinician_actor, id=account.id)

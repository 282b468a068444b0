"""Booking as visits do it: teams, holds, requests, reasons of staff, and whoever gives the visit after it has moved."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from telehealth.access.rules import NoGrant
from telehealth.core.actors import SYSTEM, Actor, Role, Scope
from telehealth.core.errors import NotAllowed, NotFound, Refusal, Stale
from telehealth.core.time import tzdata_version
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import (
    HoldExpired,
    NotLicensed,
    NotOffered,
    PatientConflict,
    ResourceTaken,
    SlotTaken,
    TooSoon,
    Wanted,
)
from telehealth.visits.appointments import series
from telehealth.visits.appointments import service as appointments
from telehealth.visits.appointments.service import Booked
from telehealth.visits.appointments.wishes import SeriesWish, Wish
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.repeats import Policy, SeriesConflict
from telehealth.visits.lifecycle.rules import NotNow, VisitStatus
from telehealth.visits.participants import queries as participants
from tests.kit import ways_in
from tests.kit.clinic import TUESDAY_NINE, Clinic, add_colleague, open_clinic, register
from tests.kit.web import bearer, client_of

S = VisitStatus
MACHINE = Actor(uuid4(), Role.INTEGRATION, frozenset({Scope.VISITS_BOOK}))


def wish_for(clinic: Clinic, **changed: object) -> Wish:
    wish = Wish(
        patient_id=clinic.patient.id,
        visit_type_id=clinic.visit_type.id,
        start=TUESDAY_NINE,
        clinician_ids=(clinic.clinician.id,),
    )
    return replace(wish, **changed)  # type: ignore[arg-type]


async def attempt(unit_of_work: UnitOfWork, wish: Wish) -> Booked | Refusal:
    try:
        return await unit_of_work.run(appointments.appoint, SYSTEM, wish)
    except Refusal as refused:
        return refused


async def test_a_visit_keeps_the_time_that_was_meant(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(appointments.appoint, clinic.front_desk, wish_for(clinic))).visit
    assert (visit.local_start, visit.time_zone) == ("2026-03-03T09:00", "America/Chicago")
    assert visit.tzdata == tzdata_version() != ""
    assert await unit_of_work.run(queries.find, SYSTEM, visit.id) == visit
    later = TUESDAY_NINE + timedelta(days=7, hours=-1)
    moved = await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=later)
    assert moved.local_start == "2026-03-10T09:00"


async def test_a_team_gives_two_patients_two_clinicians(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    others = [await unit_of_work.run(register, SYSTEM, name) for name in ("Ines", "Luis")]
    team = (clinic.clinician.id, colleague.id)
    wishes = [wish_for(clinic, clinician_ids=team), wish_for(clinic, clinician_ids=(), patient_id=others[0].id)]
    both = await asyncio.gather(*(attempt(unit_of_work, wish) for wish in wishes))
    assert {each.visit.clinician_id for each in both if isinstance(each, Booked)} == set(team)
    third = await attempt(unit_of_work, wish_for(clinic, clinician_ids=team, patient_id=others[1].id))
    assert isinstance(third, SlotTaken)
    again = await attempt(unit_of_work, wish_for(clinic, clinician_ids=(), start=TUESDAY_NINE))
    assert isinstance(again, PatientConflict | SlotTaken)


async def test_a_moved_visit_stays_with_its_clinician_when_it_can(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    team = (clinic.clinician.id, colleague.id)
    visit = (await unit_of_work.run(appointments.appoint, SYSTEM, wish_for(clinic, clinician_ids=team))).visit
    first, other = visit.clinician_id, next(each for each in team if each != visit.clinician_id)
    ten, eleven = TUESDAY_NINE + timedelta(hours=1), TUESDAY_NINE + timedelta(hours=2)
    moved = await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=ten)
    assert moved.clinician_id == first
    ines = await unit_of_work.run(register, SYSTEM, "Ines")
    await unit_of_work.run(
        appointments.appoint, SYSTEM, wish_for(clinic, clinician_ids=(first,), start=eleven, patient_id=ines.id)
    )
    moved = await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=eleven)
    assert (moved.clinician_id, moved.id) == (other, visit.id)
    present = {each.person_id for each in await unit_of_work.run(participants.participants_of, SYSTEM, visit.id)}
    assert present == {other, clinic.patient.id}
    back = await unit_of_work.run(
        appointments.reschedule, clinic.front_desk, visit.id, start=ten, clinician_ids=(first,)
    )
    assert back.clinician_id == first
    kinds = await unit_of_work.run(outbox)
    assert kinds.count("VisitHandedOver") == 2
    with pytest.raises(Stale):
        await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=TUESDAY_NINE, revision=1)


async def test_one_clinician_is_not_replaced_unasked(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(add_colleague, SYSTEM, clinic)
    visit = (await unit_of_work.run(appointments.appoint, SYSTEM, wish_for(clinic))).visit
    ines = await unit_of_work.run(register, SYSTEM, "Ines")
    ten = TUESDAY_NINE + timedelta(hours=1)
    await unit_of_work.run(appointments.appoint, SYSTEM, wish_for(clinic, patient_id=ines.id, start=ten))
    with pytest.raises(SlotTaken):
        await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=ten)
    assert await unit_of_work.run(queries.find, SYSTEM, visit.id) == visit


async def test_two_requests_for_one_time_confirmed_at_once(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    ines = await unit_of_work.run(register, SYSTEM, "Ines")
    wishes = [wish_for(clinic), wish_for(clinic, patient_id=ines.id)]
    asked = [await unit_of_work.run(appointments.request, MACHINE, wish) for wish in wishes]
    assert {each.status for each in asked} == {S.REQUESTED}
    with pytest.raises(TooSoon):
        await unit_of_work.run(appointments.request, MACHINE, wish_for(clinic, start=TUESDAY_NINE - timedelta(days=30)))
    with pytest.raises(NoGrant):
        await unit_of_work.run(appointments.confirm, MACHINE, asked[0].id)

    async def confirm(visit_id: object) -> Booked | Refusal:
        try:
            return await unit_of_work.run(appointments.confirm, clinic.front_desk, visit_id)  # type: ignore[arg-type]
        except Refusal as refused:
            return refused

    outcomes = await asyncio.gather(*(confirm(each.id) for each in asked))
    assert sorted(type(each).__name__ for each in outcomes) == ["Booked", "SlotTaken"]
    (won,) = (each for each in outcomes if isinstance(each, Booked))
    assert won.link_secret
    (lost,) = (each for each in asked if each.id != won.visit.id)
    assert (await unit_of_work.run(queries.find, SYSTEM, lost.id)).status is S.REQUESTED
    with pytest.raises(NotNow):
        await unit_of_work.run(appointments.confirm, clinic.front_desk, won.visit.id)
    cancelled = await unit_of_work.run(lifecycle.cancel, clinic.front_desk, lost.id, reason="other")
    assert cancelled.status is S.CANCELLED


async def test_staff_set_rules_aside_with_a_reason(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    ines = await unit_of_work.run(register, SYSTEM, "Ines")
    await unit_of_work.run(appointments.appoint, SYSTEM, wish_for(clinic))
    off_grid = wish_for(clinic, patient_id=ines.id, start=TUESDAY_NINE + timedelta(minutes=7))
    with pytest.raises(NotOffered):
        await unit_of_work.run(appointments.appoint, clinic.front_desk, off_grid)
    with pytest.raises(NotAllowed):
        await unit_of_work.run(appointments.appoint, MACHINE, replace(off_grid, override="urgent"))
    over = await unit_of_work.run(appointments.appoint, clinic.front_desk, replace(off_grid, override="In great pain."))
    assert over.visit.overbooked

    async def reason(unit: Unit) -> str:
        row = await unit.session.get_one(VisitRow, over.visit.id)
        assert row.override is not None
        assert b"pain" not in row.override
        return unit.vault.open(("visit", "override", row.id), row.override)

    assert await unit_of_work.run(reason) == "In great pain."
    ten = TUESDAY_NINE + timedelta(hours=1)
    moved = await unit_of_work.run(appointments.reschedule, clinic.front_desk, over.visit.id, start=ten)
    assert not moved.overbooked

    async def unexplained(unit: Unit) -> bool:
        return (await unit.session.get_one(VisitRow, moved.id)).override is None

    assert await unit_of_work.run(unexplained)


async def test_nobody_asks_for_what_could_never_be_confirmed(unit_of_work: UnitOfWork) -> None:
    """A group visit brings along nothing of a patient's own."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(clinic.visit_type, seats=4))
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    with pytest.raises(ResourceTaken):
        await unit_of_work.run(appointments.request, clinic.front_desk, wish_for(clinic, also=(colleague.id,)))
    asked = await unit_of_work.run(appointments.request, clinic.front_desk, wish_for(clinic))
    assert (
        await unit_of_work.run(appointments.confirm, clinic.front_desk, asked.id)
    ).visit.status is VisitStatus.BOOKED


async def test_staff_book_over_a_visit_that_is_likely_missed(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    kind = replace(clinic.visit_type, overbook_limit=2, overbook_threshold=80)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, kind)
    ines, luis = [(await unit_of_work.run(register, SYSTEM, name)).id for name in ("Ines", "Luis")]
    own = Actor(uuid4(), Role.PATIENT, frozenset({Scope.VISITS_BOOK}), person_id=clinic.patient.id)
    with pytest.raises(NotAllowed):
        await unit_of_work.run(appointments.appoint, own, wish_for(clinic, no_show_risk=90))
    known = {"desk": clinic.front_desk}
    async with client_of(unit_of_work, ways_in.OPERATIONS, known) as client:

        async def book(patient: object, **more: object) -> httpx.Response:
            asked = {
                "patient_id": str(patient),
                "visit_type_id": str(kind.id),
                "clinician_id": str(clinic.clinician.id),
                "start": TUESDAY_NINE.isoformat(),
            }
            return await client.post("/v1/visits", json=asked | more, headers=bearer("desk"))

        assert (await book(clinic.patient.id, no_show_risk=101)).status_code == 422
        assert (await book(clinic.patient.id, no_show_risk=90, request=True)).status_code == 422
        risky = await book(clinic.patient.id, no_show_risk=90)
        over = await book(ines)
        third = await book(luis)
    assert (risky.status_code, risky.json()["visit"]["overbooked"]) == (201, False)
    assert (over.status_code, over.json()["visit"]["overbooked"]) == (201, True)
    assert (third.status_code, third.json()["type"]) == (409, "/problems/slot-taken")
    ten = TUESDAY_NINE + timedelta(hours=1)
    moved = await unit_of_work.run(
        appointments.reschedule, clinic.front_desk, UUID(risky.json()["visit"]["id"]), start=ten
    )
    beside = await unit_of_work.run(
        appointments.appoint, clinic.front_desk, wish_for(clinic, patient_id=luis, start=ten)
    )
    assert (moved.overbooked, beside.visit.overbooked) == (False, True)  # the risk went with the visit


async def _licensed_in_california(unit: Unit) -> Clinic:
    clinic = await open_clinic(unit)
    await booking.add_visit_type(unit, replace(clinic.visit_type, needs_licence=True))
    await people.add_licence(unit, Licence(clinic.clinician.id, "US-CA"))
    return clinic


async def test_a_move_heeds_where_the_patient_says_they_will_be_then(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(_licensed_in_california, SYSTEM)
    next_week = TUESDAY_NINE + timedelta(days=7)
    visit = (await unit_of_work.run(appointments.appoint, clinic.front_desk, wish_for(clinic, location="US-CA"))).visit
    away = Whereabouts("US-NV", next_week.date(), next_week.date())
    await unit_of_work.run(people.attest, SYSTEM, clinic.patient.id, away)
    ten = TUESDAY_NINE + timedelta(hours=1)
    await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=ten)
    with pytest.raises(NotLicensed):
        await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=next_week)
    moved = await unit_of_work.run(
        appointments.reschedule, clinic.front_desk, visit.id, start=next_week, location="US-CA"
    )
    assert (moved.starts_at, moved.planned_location) == (next_week, "US-CA")
    with pytest.raises(NotLicensed):
        await unit_of_work.run(appointments.reschedule, clinic.front_desk, visit.id, start=ten, location="US-NV")


async def test_a_series_heeds_it_too(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(_licensed_in_california, SYSTEM)
    wish = SeriesWish(
        patient_id=clinic.patient.id,
        visit_type_id=clinic.visit_type.id,
        clinician_ids=(clinic.clinician.id,),
        local_start=TUESDAY_NINE.replace(tzinfo=None, hour=9),
        rrule="FREQ=WEEKLY;COUNT=2",
        policy=Policy.ATOMIC,
        location="US-CA",
    )
    told = await unit_of_work.run(series.book_series, clinic.front_desk, wish)
    wednesday = told.visits[1].starts_at.date() + timedelta(days=1)
    await unit_of_work.run(people.attest, SYSTEM, clinic.patient.id, Whereabouts("US-NV", wednesday, wednesday))
    later = wish.local_start + timedelta(days=1)
    with pytest.raises(SeriesConflict) as refused:
        await unit_of_work.run(
            series.reschedule_following, clinic.front_desk, told.series.id, occurrence=1, local_start=later
        )
    assert refused.value.extras["conflicts"] == [2]


async def test_a_hold_becomes_a_visit_for_its_patient_alone(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    ines = await unit_of_work.run(register, SYSTEM, "Ines")
    wanted = Wanted(visit_type_id=clinic.visit_type.id, patient_id=clinic.patient.id, start=TUESDAY_NINE)
    held = await unit_of_work.run(booking.hold, clinic.front_desk, wanted)
    with pytest.raises(NotFound):
        await unit_of_work.run(appointments.book_hold, clinic.front_desk, held.id, patient_id=ines.id)
    booked = await unit_of_work.run(appointments.book_hold, clinic.front_desk, held.id, patient_id=clinic.patient.id)
    assert (booked.visit.starts_at, booked.visit.clinician_id) == (TUESDAY_NINE, clinic.clinician.id)
    with pytest.raises(HoldExpired):
        await unit_of_work.run(appointments.book_hold, clinic.front_desk, held.id, patient_id=clinic.patient.id)


async def outbox(unit: Unit) -> list[str]:
    return list(await unit.session.scalars(select(OutboxRow.kind).order_by(OutboxRow.position)))

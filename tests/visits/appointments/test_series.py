"""Visits that repeat: all or none, or what is free; called off and moved in part; found only where all are free."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Stale
from telehealth.core.time import FixedClock, tzdata_version
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.notifications import tasks as notifications
from telehealth.notifications.models import MessageRow
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.recurrence.rules import InvalidRecurrence
from telehealth.tasks.relay import from_body
from telehealth.visits.appointments import routes, series, service
from telehealth.visits.appointments.series import Reach, Told
from telehealth.visits.appointments.wishes import SeriesWish
from telehealth.visits.lifecycle.events import VisitBooked
from telehealth.visits.lifecycle.repeats import Policy, SeriesConflict
from telehealth.visits.lifecycle.rules import NotNow, Visit, VisitStatus
from telehealth.visits.participants import queries as participants
from telehealth.visits.waiting_room import queries as boards
from tests.kit.clinic import TUESDAY_NINE, Clinic, add_colleague, book, open_clinic, register
from tests.kit.quicker import beaten
from tests.kit.web import bearer, client_of

S = VisitStatus
WEEK = timedelta(days=7)
FOUR = "FREQ=WEEKLY;COUNT=4"


def wish_for(clinic: Clinic, rrule: str = FOUR, *, policy: Policy = Policy.ATOMIC) -> SeriesWish:
    """From Tuesday 3 March, 09:00 in Chicago; the clock changes on the 8th."""
    return SeriesWish(
        patient_id=clinic.patient.id,
        visit_type_id=clinic.visit_type.id,
        local_start=datetime.fromisoformat("2026-03-03T09:00"),
        rrule=rrule,
        policy=policy,
        clinician_ids=(clinic.clinician.id,),
    )


async def occupied_third(unit_of_work: UnitOfWork) -> Clinic:
    """A clinic where somebody else has the third Tuesday at nine."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    other = await unit_of_work.run(register, SYSTEM, "Ines")
    third = TUESDAY_NINE + 2 * WEEK - timedelta(hours=1)
    await unit_of_work.run(book, SYSTEM, replace(clinic, patient=other), third)
    return clinic


def numbers(visits: Sequence[Visit], status: VisitStatus = S.BOOKED) -> list[int | None]:
    return [each.occurrence for each in visits if each.status is status]


async def test_every_visit_keeps_its_local_time(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    told = await unit_of_work.run(series.book_series, clinic.front_desk, wish_for(clinic))
    assert [f"{each.starts_at:%dT%H}" for each in told.visits] == ["03T15", "10T14", "17T14", "24T14"]
    assert {each.local_start[10:] for each in told.visits} == {"T09:00"}
    assert {(each.time_zone, each.tzdata) for each in told.visits} == {("America/Chicago", tzdata_version())}
    assert await unit_of_work.run(series.open_series, clinic.clinician_actor, told.series.id) == told
    for visit in told.visits:
        people = await unit_of_work.run(participants.participants_of, SYSTEM, visit.id)
        assert len(people) == 2
    stranger = replace(clinic.clinician_actor, person_id=uuid4())
    with pytest.raises(NotFound):
        await unit_of_work.run(series.open_series, stranger, told.series.id)


async def test_atomic_books_all_or_nothing_and_names_what_is_in_the_way(unit_of_work: UnitOfWork) -> None:
    clinic = await occupied_third(unit_of_work)
    before = await unit_of_work.run(everything)
    with pytest.raises(SeriesConflict) as refused:
        await unit_of_work.run(series.book_series, clinic.front_desk, wish_for(clinic))
    assert refused.value.extras["conflicts"] == [3]
    details = refused.value.extras["details"]
    assert isinstance(details, list)
    (detail,) = details
    assert detail["reason"] == "slot_taken"
    assert detail["alternatives"]
    assert await unit_of_work.run(everything) == before


async def test_skip_books_the_rest_and_offers_others_for_it(unit_of_work: UnitOfWork) -> None:
    clinic = await occupied_third(unit_of_work)
    asked = wish_for(clinic, policy=Policy.SKIP)
    told = await unit_of_work.run(series.book_series, clinic.front_desk, asked)
    assert numbers(told.visits) == [1, 2, 4]
    (missed,) = told.missed
    assert (missed.occurrence, missed.local_start, missed.reason) == (3, "2026-03-17T09:00", "slot_taken")
    alternative = datetime.fromisoformat(missed.alternatives[0])
    await unit_of_work.run(book, SYSTEM, clinic, alternative)


async def test_one_mail_for_the_series_and_a_reminder_for_each(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    told = await unit_of_work.run(series.book_series, clinic.front_desk, wish_for(clinic))

    async def hear(unit: Unit) -> list[tuple[str, object]]:
        rows = await unit.session.scalars(select(OutboxRow).where(OutboxRow.kind == "VisitBooked"))
        for row in rows.all():
            event = from_body(VisitBooked, row.body)
            assert isinstance(event, VisitBooked)
            await notifications.invite(unit, event)
        found = await unit.session.execute(select(MessageRow.kind, MessageRow.subject_id))
        return [(kind, subject) for kind, subject in found]

    messages = await unit_of_work.run(hear)
    invited = {subject for kind, subject in messages if kind == "invitation"}
    assert invited == {told.visits[0].id}
    reminded = [subject for kind, subject in messages if kind == "reminder"]
    assert set(reminded) == {each.id for each in told.visits[1:]} | ({told.visits[0].id} & set(reminded))


async def test_cancelling_one_some_and_all(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    series_id = (await unit_of_work.run(series.book_series, clinic.front_desk, wish_for(clinic))).series.id

    async def cancel(reach: Reach, occurrence: int = 1, revision: int | None = None) -> Told:
        return await unit_of_work.run(
            series.cancel_series,
            clinic.front_desk,
            series_id,
            reach=reach,
            occurrence=occurrence,
            reason="other",
            revision=revision,
        )

    with pytest.raises(Stale):
        await cancel(Reach.ONE, 2, revision=9)
    told = await cancel(Reach.ONE, 2, revision=1)
    assert numbers(told.visits) == [1, 3, 4]
    second = told.visits[1].starts_at
    await unit_of_work.run(book, SYSTEM, clinic, second)  # its time is free, and no other's
    with pytest.raises(NotNow):
        await cancel(Reach.ONE, 2)
    assert numbers((await cancel(Reach.FOLLOWING, 4)).visits) == [1, 3]
    clock.advance(TUESDAY_NINE + timedelta(minutes=1) - clock.now())
    told = await cancel(Reach.ALL)
    assert numbers(told.visits) == [1]  # it has begun
    assert numbers(told.visits, S.CANCELLED) == [2, 3, 4]
    with pytest.raises(NotFound):
        await cancel(Reach.ALL)


async def test_moving_this_and_the_following_is_atomic(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    daily = wish_for(clinic, "FREQ=DAILY;COUNT=8;BYDAY=MO,TU,WE,TH,FR")
    booked = await unit_of_work.run(series.book_series, clinic.front_desk, daily)

    async def move(occurrence: int, to: str) -> Told:
        return await unit_of_work.run(
            series.reschedule_following,
            clinic.front_desk,
            booked.series.id,
            occurrence=occurrence,
            local_start=datetime.fromisoformat(to),
        )

    later = await move(5, "2026-03-09T09:20")
    assert [each.local_start for each in later.visits[3:6]] == [
        "2026-03-06T09:00",
        "2026-03-09T09:20",
        "2026-03-10T09:20",
    ]
    assert later.visits[4].starts_at == datetime(2026, 3, 9, 14, 20, tzinfo=UTC)
    assert (await move(5, "2026-03-09T09:00")).visits[4].id == booked.visits[4].id
    other = await unit_of_work.run(register, SYSTEM, "Ines")
    in_the_way = datetime(2026, 3, 11, 16, 0, tzinfo=UTC)
    await unit_of_work.run(book, SYSTEM, replace(clinic, patient=other), in_the_way)
    before = await unit_of_work.run(everything)
    with pytest.raises(SeriesConflict) as refused:
        await move(5, "2026-03-09T11:00")
    assert refused.value.extras["conflicts"] == [7]
    assert await unit_of_work.run(everything) == before


async def test_moving_by_a_whole_step_passes_through_its_own_times(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(series.book_series, clinic.front_desk, wish_for(clinic))
    for to in ("2026-03-10T09:00", "2026-03-03T09:00"):
        moved = await unit_of_work.run(
            series.reschedule_following,
            clinic.clinician_actor,
            booked.series.id,
            occurrence=1,
            local_start=datetime.fromisoformat(to),
        )
        assert moved.visits[0].local_start == to
    assert [each.starts_at for each in moved.visits] == [each.starts_at for each in booked.visits]


async def test_another_clinician_takes_over_the_rest_and_nothing_is_said_of_what_was(unit_of_work: UnitOfWork) -> None:
    """The series stays with who gives its first visits, until it is another's whole; both see it."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    grace = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    booked = await unit_of_work.run(series.book_series, clinic.front_desk, wish_for(clinic))

    async def hand_over(occurrence: int) -> Told:
        return await unit_of_work.run(
            series.reschedule_following,
            clinic.front_desk,
            booked.series.id,
            occurrence=occurrence,
            local_start=datetime.fromisoformat(booked.visits[occurrence - 1].local_start),
            clinician_id=grace.id,
        )

    part = await hand_over(3)
    assert part.series.clinician_id == clinic.clinician.id
    assert [each.clinician_id for each in part.visits] == [clinic.clinician.id] * 2 + [grace.id] * 2
    graces = replace(clinic.clinician_actor, person_id=grace.id)
    for actor, count in ((clinic.clinician_actor, 2), (graces, 2), (clinic.front_desk, 4)):
        seen = await unit_of_work.run(series.open_series, actor, booked.series.id)
        assert (len(seen.visits), seen.series.clinician_id) == (count, clinic.clinician.id)
    assert (await hand_over(1)).series.clinician_id == grace.id


async def test_a_series_says_how_likely_it_is_missed(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    kind = replace(clinic.visit_type, overbook_limit=1, overbook_threshold=80)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, kind)
    asked = {
        "patient_id": str(clinic.patient.id),
        "visit_type_id": str(kind.id),
        "clinician_id": str(clinic.clinician.id),
        "local_start": "2026-03-03T09:00",
        "rrule": FOUR,
        "policy": "atomic",
        "no_show_risk": 90,
    }
    async with client_of(unit_of_work, routes.OPERATIONS, {"desk": clinic.front_desk}) as client:
        assert (await client.post("/v1/series", json=asked, headers=bearer("desk"))).status_code == 201
    other = await unit_of_work.run(register, SYSTEM, "Ines")
    for week in range(2):
        wish = replace(wish_for(clinic).at(TUESDAY_NINE + week * (WEEK - timedelta(hours=1))), patient_id=other.id)
        assert (await unit_of_work.run(service.appoint, clinic.front_desk, wish)).visit.overbooked


async def test_search_offers_only_what_is_free_each_time(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    other = await unit_of_work.run(register, SYSTEM, "Ines")
    noon = TUESDAY_NINE + timedelta(hours=3)
    for week in (1, 3):
        at = noon + week * WEEK - timedelta(hours=1)
        await unit_of_work.run(book, SYSTEM, replace(clinic, patient=other), at)
    found = await unit_of_work.run(
        series.search_series,
        clinic.front_desk,
        wish_for(clinic),
        start=noon - timedelta(minutes=40),
        end=noon + timedelta(minutes=40),
        limit=10,
    )
    assert [f"{each.local_start:%H:%M}" for each in found] == ["11:20", "11:40", "12:20"]
    first = replace(wish_for(clinic), local_start=found[-1].local_start)
    told = await unit_of_work.run(series.book_series, clinic.front_desk, first)
    assert tuple(each.starts_at for each in told.visits) == found[-1].starts


async def test_without_names_each_time_is_offered_by_everyone_who_has_all_of_it(unit_of_work: UnitOfWork) -> None:
    clinic = await occupied_third(unit_of_work)
    second = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    asked, nine = replace(wish_for(clinic), clinician_ids=()), TUESDAY_NINE
    found = await unit_of_work.run(
        series.search_series, clinic.front_desk, asked, start=nine, end=nine + timedelta(minutes=40), limit=10
    )
    both = sorted((clinic.clinician.id, second.id))
    assert [(each.local_start.minute, each.clinician_id) for each in found] == [
        (0, second.id),
        *((20, each) for each in both),
    ]
    one = await unit_of_work.run(
        series.search_series, clinic.front_desk, asked, start=nine, end=nine + 40 * WEEK, limit=2
    )
    assert one == found[:2]


async def test_one_lost_race_is_one_missed_visit(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    asked = wish_for(clinic, policy=Policy.SKIP)
    booking = unit_of_work.run(series.book_series, clinic.front_desk, asked)
    third = TUESDAY_NINE + 2 * WEEK - timedelta(hours=1)
    told = await beaten(unit_of_work, clinic.clinician.id, third, booking)
    assert numbers(told.visits) == [1, 2, 4]
    assert [(each.occurrence, each.reason) for each in told.missed] == [(3, "slot_taken")]


async def test_bombs_are_refused_and_nothing_else_is_asked(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    for rrule in ("FREQ=SECONDLY;COUNT=3", "FREQ=DAILY", "FREQ=DAILY;COUNT=99999", "FREQ=DAILY;UNTIL=99991231"):
        with pytest.raises(InvalidRecurrence):
            await unit_of_work.run(series.book_series, clinic.front_desk, wish_for(clinic, rrule))


async def test_a_team_gives_a_series_by_one_clinician(unit_of_work: UnitOfWork) -> None:
    clinic = await occupied_third(unit_of_work)
    second = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    asked = replace(wish_for(clinic), clinician_ids=(clinic.clinician.id, second.id))
    told = await unit_of_work.run(series.book_series, clinic.front_desk, asked)
    assert {each.clinician_id for each in told.visits} == {second.id}


async def everything(unit: Unit) -> tuple[object, ...]:
    """What a refusal must not change."""
    day = (TUESDAY_NINE - 4 * WEEK, TUESDAY_NINE + 9 * WEEK)
    board = await boards.board(unit, day)
    outbox = await unit.session.scalars(select(OutboxRow.position))
    return board.visits, sorted(outbox.all())

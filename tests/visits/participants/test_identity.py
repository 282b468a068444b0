"""The personal link: a date of birth lets in, wrong ones are counted although they are refused, scanners do no harm."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from telehealth.access.authentication import StoredCredentials
from telehealth.access.links import Locked, Mistaken
from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.appointments import service as appointments
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.rules import DeviceCheck
from telehealth.visits.participants import guests, queries
from telehealth.visits.participants.guests import Closed, Identification, Identified
from tests.kit.clinic import BORN, book, open_clinic

WRONG = date(1950, 1, 1)


async def _booked(unit_of_work: UnitOfWork) -> appointments.Booked:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    return await unit_of_work.run(book, SYSTEM, clinic)


async def _say(unit_of_work: UnitOfWork, secret: str, born: date) -> Identification:
    return await unit_of_work.run(guests.identify_guest, SYSTEM, secret, born)


async def test_the_right_date_opens_a_session_that_outlasts_a_long_call(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    booked = await _booked(unit_of_work)
    assert len(booked.link_secret) == 43  # 32 bytes, base64url
    for _ in range(2):  # the link stays valid for its visit
        answer = await _say(unit_of_work, booked.link_secret, BORN)
        assert isinstance(answer, Identified)
        assert answer.visit == booked.visit
        assert clock.now() + timedelta(seconds=answer.max_age) == booked.visit.closes_at + timedelta(hours=12)


async def test_five_wrong_dates_pause_the_link_and_it_comes_back(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    secret = (await _booked(unit_of_work)).link_secret
    answers = [await _say(unit_of_work, secret, WRONG) for _ in range(5)]
    assert answers == [Mistaken(4), Mistaken(3), Mistaken(2), Mistaken(1), Locked(clock.now() + timedelta(minutes=15))]
    assert isinstance(await _say(unit_of_work, secret, BORN), Locked)
    clock.advance(timedelta(minutes=15))
    assert isinstance(await _say(unit_of_work, secret, BORN), Identified)
    assert await _say(unit_of_work, secret, WRONG) == Mistaken(4)


async def test_many_at_once_get_no_more_tries(unit_of_work: UnitOfWork) -> None:
    secret = (await _booked(unit_of_work)).link_secret
    answers = await asyncio.gather(*(_say(unit_of_work, secret, WRONG) for _ in range(20)))
    assert Counter(type(each) for each in answers) == {Mistaken: 4, Locked: 16}


async def test_the_step_does_not_wait_for_who_changes_the_visit(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)

    async def meanwhile(unit: Unit) -> Identification:
        await visits.find(unit, booked.visit.id, lock=True)  # who follows the visit goes on to its participants
        async with asyncio.timeout(60):
            return await unit_of_work.run(guests.identify_guest, SYSTEM, booked.link_secret, BORN)

    assert isinstance(await unit_of_work.run(meanwhile, SYSTEM), Identified)


async def test_an_unknown_link_sounds_like_a_wrong_date(unit_of_work: UnitOfWork) -> None:
    await _booked(unit_of_work)
    assert isinstance(await _say(unit_of_work, "nobody-has-this-link", BORN), Mistaken)


async def test_a_link_of_a_visit_long_over(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    booked = await _booked(unit_of_work)
    clock.advance(booked.visit.closes_at - clock.now())
    assert await _say(unit_of_work, booked.link_secret, BORN) == Closed()
    assert isinstance(await _say(unit_of_work, booked.link_secret, WRONG), Mistaken)


async def test_an_overrunning_call_keeps_its_guest_and_the_end_sees_them_out(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    visit_id, secret, sessions = booked.visit.id, booked.link_secret, StoredCredentials(unit_of_work)
    clock.advance(booked.visit.starts_at - clock.now())
    first = await _let_in(unit_of_work, secret)
    patient = await sessions.session(first)
    assert patient is not None
    await unit_of_work.run(lifecycle.record_check, patient, visit_id, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, visit_id)
    await unit_of_work.run(lifecycle.admit, clinic.clinician_actor, visit_id)
    await unit_of_work.run(lifecycle.connected, SYSTEM, visit_id)

    clock.advance(booked.visit.closes_at + timedelta(hours=1) - clock.now())
    assert await sessions.session(first) == patient
    second = await _let_in(unit_of_work, secret)
    assert await sessions.session(second) == patient

    await unit_of_work.run(lifecycle.end, clinic.clinician_actor, visit_id)
    clock.advance(timedelta(minutes=29))
    assert await sessions.session(first) == replace(patient, elsewhere=True)  # reads that it is done
    assert await _say(unit_of_work, secret, BORN) == Closed()
    clock.advance(timedelta(minutes=1))
    assert [await sessions.session(each) for each in (first, second)] == [None, None]


async def test_who_waits_for_a_clinician_who_is_late_comes_back_by_the_link(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    booked = await _booked(unit_of_work)
    clock.advance(booked.visit.starts_at - clock.now())
    patient = await StoredCredentials(unit_of_work).session(await _let_in(unit_of_work, booked.link_secret))
    assert patient is not None
    await unit_of_work.run(lifecycle.record_check, patient, booked.visit.id, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, booked.visit.id)
    clock.advance(booked.visit.closes_at + timedelta(minutes=1) - clock.now())
    assert (await unit_of_work.run(visits.join_decision, patient, booked.visit.id)).can_join
    await _let_in(unit_of_work, booked.link_secret)


async def test_a_visit_that_is_over_shows_its_last_page_for_a_while(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    booked = await _booked(unit_of_work)
    clock.advance(booked.visit.starts_at - clock.now())
    before = await _let_in(unit_of_work, booked.link_secret)
    await unit_of_work.run(lifecycle.cancel, SYSTEM, booked.visit.id, reason="technical")
    after = await _let_in(unit_of_work, booked.link_secret)
    sessions = StoredCredentials(unit_of_work)
    assert await sessions.session(before) is not None
    clock.advance(timedelta(minutes=30))
    assert [await sessions.session(each) for each in (before, after)] == [None, None]


async def _let_in(unit_of_work: UnitOfWork, secret: str) -> str:
    answer = await _say(unit_of_work, secret, BORN)
    assert isinstance(answer, Identified)
    return answer.secret


async def test_every_try_is_in_the_audit_log(unit_of_work: UnitOfWork) -> None:
    secret = (await _booked(unit_of_work)).link_secret
    await _say(unit_of_work, secret, WRONG)
    await _say(unit_of_work, secret, BORN)
    outcomes = await unit_of_work.run(_link_outcomes)
    assert outcomes == ["mistaken", "ok"]


async def test_the_link_is_stored_hashed_and_sealed(unit_of_work: UnitOfWork) -> None:
    booked = await _booked(unit_of_work)
    dump = await unit_of_work.run(_dump)
    assert booked.link_secret not in dump
    assert booked.link_secret.encode().hex() not in dump
    participants = await unit_of_work.run(queries.participants_of, SYSTEM, booked.visit.id)
    links = {each.kind: each for each in participants}
    assert (
        await unit_of_work.run(queries.link_of, SYSTEM, links[ParticipantKind.PATIENT].id)
        == f"/join/{booked.link_secret}"
    )
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.link_of, SYSTEM, links[ParticipantKind.CLINICIAN].id)


async def _link_outcomes(unit: Unit) -> list[str]:
    query = select(AuditRow.outcome).where(AuditRow.entity == "participant_link").order_by(AuditRow.position)
    return list(await unit.session.scalars(query))


async def _dump(unit: Unit) -> str:
    tables = ("participant", "outbox", "audit_event", "visit_event", "session")
    selects = [text(f"SELECT coalesce(json_agg(t)::text, '') FROM {table} t") for table in tables]  # noqa: S608
    return "".join([str(await unit.session.scalar(query)) for query in selects])

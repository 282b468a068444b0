"""The personal link: a date of birth lets in, wrong ones are counted although they are refused, scanners do no harm."""

import asyncio
from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits import queries, service
from telehealth.visits.service import Closed, Identification, Identified, Locked, Mistaken
from tests.kit.clinic import BORN, book, open_clinic

WRONG = date(1950, 1, 1)


async def _booked(unit_of_work: UnitOfWork) -> service.Booked:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    return await unit_of_work.run(book, SYSTEM, clinic)


async def _say(unit_of_work: UnitOfWork, secret: str, born: date) -> Identification:
    return await unit_of_work.run(service.identify_guest, SYSTEM, secret, born)


async def test_the_right_date_opens_a_session_until_the_window_closes(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    booked = await _booked(unit_of_work)
    assert len(booked.link_secret) == 43  # 32 bytes, base64url
    for _ in range(2):  # the link stays valid for its visit
        answer = await _say(unit_of_work, booked.link_secret, BORN)
        assert isinstance(answer, Identified)
        assert answer.visit == booked.visit
        assert clock.now() + timedelta(seconds=answer.max_age) == booked.visit.closes_at


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


async def test_an_unknown_link_sounds_like_a_wrong_date(unit_of_work: UnitOfWork) -> None:
    await _booked(unit_of_work)
    assert isinstance(await _say(unit_of_work, "nobody-has-this-link", BORN), Mistaken)


async def test_a_link_of_a_visit_long_over(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    booked = await _booked(unit_of_work)
    clock.advance(booked.visit.closes_at - clock.now())
    assert await _say(unit_of_work, booked.link_secret, BORN) == Closed()
    assert isinstance(await _say(unit_of_work, booked.link_secret, WRONG), Mistaken)


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
    links = {each.role: each for each in participants}
    assert await unit_of_work.run(queries.link_of, SYSTEM, links[Role.PATIENT].id) == f"/join/{booked.link_secret}"
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.link_of, SYSTEM, links[Role.CLINICIAN].id)


async def _link_outcomes(unit: Unit) -> list[str]:
    query = select(AuditRow.outcome).where(AuditRow.entity == "participant_link").order_by(AuditRow.position)
    return list(await unit.session.scalars(query))


async def _dump(unit: Unit) -> str:
    tables = ("participant", "outbox", "audit_event", "visit_event", "session")
    selects = [text(f"SELECT coalesce(json_agg(t)::text, '') FROM {table} t") for table in tables]  # noqa: S608
    return "".join([str(await unit.session.scalar(query)) for query in selects])

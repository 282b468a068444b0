"""Who may act for a patient: from when until when, and what ends it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.events import Event
from telehealth.core.ids import PatientId
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.people import queries, service
from telehealth.people.events import AuthorityEnded
from telehealth.people.rules import Relationship, UnfitAuthority, of_age
from telehealth.people.service import Authority

MOTHER = Authority(given="Ana", family="Lima", relationship=Relationship.PARENT, email="ana@example.org")


async def _patient(unit_of_work: UnitOfWork, born: date) -> PatientId:
    registered = await unit_of_work.run(
        service.register_patient,
        SYSTEM,
        given="Bia",
        family="Lima",
        birth_date=born,
        time_zone="America/Sao_Paulo",
    )
    return registered.id


async def test_a_parent_acts_until_the_child_is_of_age(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    child = await _patient(unit_of_work, date(2010, 7, 1))
    mother = await unit_of_work.run(service.add_related_person, SYSTEM, child, MOTHER)
    assert (mother.name, mother.begins_at, mother.patient_id) == ("Ana Lima", clock.now(), child)
    assert mother.ends_at == datetime(2028, 7, 1, 3, tzinfo=UTC)  # midnight in São Paulo
    assert mother.may_join
    assert not mother.may_book
    assert mother.may_act(clock.now())
    assert mother.may_act(mother.ends_at - timedelta(seconds=1))
    assert not mother.may_act(mother.ends_at)
    assert await unit_of_work.run(queries.related_persons, SYSTEM, child) == [mother]


async def test_an_earlier_end_counts_and_a_later_one_does_not(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    child = await _patient(unit_of_work, date(2010, 7, 1))
    early = replace(MOTHER, ends_at=clock.now() + timedelta(days=1))
    assert (await unit_of_work.run(service.add_related_person, SYSTEM, child, early)).ends_at == early.ends_at
    late = replace(MOTHER, ends_at=datetime(2040, 1, 1, tzinfo=UTC))
    found = await unit_of_work.run(service.add_related_person, SYSTEM, child, late)
    assert found.ends_at == datetime(2028, 7, 1, 3, tzinfo=UTC)


async def test_who_acts_for_an_adult_has_no_end_of_its_own(unit_of_work: UnitOfWork) -> None:
    adult = await _patient(unit_of_work, date(1940, 7, 1))
    attorney = replace(MOTHER, relationship=Relationship.POWER_OF_ATTORNEY)
    for authority in (MOTHER, attorney):
        assert (await unit_of_work.run(service.add_related_person, SYSTEM, adult, authority)).ends_at is None


async def test_what_is_over_before_it_begins_is_refused(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    adult = await _patient(unit_of_work, date(1940, 7, 1))
    with pytest.raises(UnfitAuthority):
        await unit_of_work.run(service.add_related_person, SYSTEM, adult, replace(MOTHER, ends_at=clock.now()))
    with pytest.raises(NotFound):
        await unit_of_work.run(service.add_related_person, SYSTEM, PatientId(UUID(int=9)), MOTHER)


async def test_ending_it_is_told_once(unit_of_work: UnitOfWork, clock: FixedClock, nudged: list[Event]) -> None:
    adult = await _patient(unit_of_work, date(1940, 7, 1))
    son = await unit_of_work.run(service.add_related_person, SYSTEM, adult, MOTHER)
    clock.advance(timedelta(hours=1))
    for _ in range(2):
        ended = await unit_of_work.run(service.end_related_person, SYSTEM, son.id)
        assert ended.ends_at == son.begins_at + timedelta(hours=1)
        clock.advance(timedelta(hours=1))
    assert [each for each in nudged if isinstance(each, AuthorityEnded)] == [
        AuthorityEnded(related_person_id=son.id, patient_id=adult)
    ]


@pytest.mark.parametrize(
    ("born", "grown"),
    [
        (date(2010, 7, 1), date(2028, 7, 1)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2004, 2, 29), date(2022, 3, 1)),
    ],
)
def test_of_age(born: date, grown: date) -> None:
    assert of_age(born) == grown

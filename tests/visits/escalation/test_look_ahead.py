"""Visits to come that nobody could join: told a day before and an hour before, taken back when mended."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from telehealth.access.models import AccountRow
from telehealth.core.actors import SYSTEM, Role
from telehealth.db.unit import Unit
from telehealth.visits.escalation import queries, service, tasks
from telehealth.visits.escalation.ports import Lacking
from telehealth.visits.escalation.rules import AlertKind, Fault
from telehealth.visits.lifecycle.models import ParticipantRow
from tests.kit.clinic import TUESDAY_NINE, book
from tests.visits.escalation.conftest import DESK, Ward


async def test_a_visit_that_could_not_be_joined_is_told_a_day_before_and_an_hour_before(ward: Ward) -> None:
    at = TUESDAY_NINE + timedelta(days=1)
    booked = await ward.unit_of_work.run(book, SYSTEM, ward.clinic, at)

    async def lose_links(unit: Unit) -> None:
        mine = (ParticipantRow.visit_id == booked.visit.id, ParticipantRow.role == Role.PATIENT)
        await unit.session.execute(update(ParticipantRow).where(*mine).values(revoked_at=unit.now))

    await ward.unit_of_work.run(lose_links)
    assert await tasks.look_ahead(ward.work) == 0  # ten minutes more than a day ahead
    await ward.come()
    assert await tasks.look_ahead(ward.work) == 1
    assert await tasks.look_ahead(ward.work) == 0
    await ward.wait()
    shown = [
        each
        for each in await ward.unit_of_work.run(queries.on_board, ward.desk)
        if each.alert.kind is AlertKind.UNJOINABLE
    ]
    assert [(each.alert.faults, each.visit and each.visit.starts_at) for each in shown] == [((Fault.NO_LINK,), at)]
    await ward.unit_of_work.run(service.acknowledge, ward.desk, shown[0].alert.id)
    ward.clock.advance(timedelta(hours=23))
    assert await tasks.look_ahead(ward.work) == 1
    alerts = [each for each in await ward.alerts() if each.kind == "unjoinable"]
    assert [(each.closing, each.acknowledged_at is None) for each in alerts] == [("again", False), (None, True)]


async def test_what_was_mended_is_taken_back_and_told_again_when_it_breaks(ward: Ward) -> None:
    async def revoke(unit: Unit, at: datetime | None) -> None:
        await unit.session.execute(update(ParticipantRow).values(revoked_at=at))

    await ward.unit_of_work.run(book, SYSTEM, ward.clinic, TUESDAY_NINE + timedelta(hours=1))
    assert await tasks.look_ahead(ward.work) == 0
    await ward.unit_of_work.run(revoke, SYSTEM, ward.clock.now())
    assert await tasks.look_ahead(ward.work) == 2  # that visit, and the one in ten minutes
    await ward.unit_of_work.run(revoke, SYSTEM, None)
    assert await tasks.look_ahead(ward.work) == 2
    assert [each.closing for each in await ward.alerts()] == ["mended", "mended"]
    await ward.unit_of_work.run(revoke, SYSTEM, ward.clock.now())
    assert await tasks.look_ahead(ward.work) == 2


# What the house lacks


async def test_what_the_house_lacks_is_one_alert_that_counts_the_visits(ward: Ward) -> None:
    ward.lacking = Lacking({Fault.NO_RELAY})
    assert await tasks.look_ahead(ward.work) == 1
    (alert,) = await ward.alerts()
    assert (alert.kind, alert.faults, alert.affected, alert.patient_id) == ("house", ["no_relay"], 1, None)
    before = await ward.unit_of_work.run(queries.mark, ward.desk)
    for hours in (1, 2):
        await ward.unit_of_work.run(book, SYSTEM, ward.clinic, TUESDAY_NINE + timedelta(hours=hours))
    assert await tasks.look_ahead(ward.work) == 0
    (shown,) = await ward.unit_of_work.run(queries.on_board, ward.desk)
    assert (shown.alert.id, shown.alert.affected, shown.patient_name) == (alert.id, 3, None)
    assert await ward.unit_of_work.run(queries.mark, ward.desk) != before
    assert await ward.unit_of_work.run(queries.on_board, ward.own) == []
    assert await ward.wait(15 * 60) == [DESK]
    assert "Video visits cannot be joined yet" in {each.subject for each in ward.mailer.sent}
    ward.lacking = Lacking()
    assert await tasks.look_ahead(ward.work) == 1
    assert [each.closing for each in await ward.alerts()] == ["mended"]


async def test_without_a_visit_to_come_the_house_lacks_nothing(ward: Ward) -> None:
    ward.lacking = Lacking({Fault.NO_RELAY})
    assert await tasks.look_ahead(ward.work) == 1
    ward.clock.advance(timedelta(hours=1))
    assert await tasks.look_ahead(ward.work) == 1
    assert [each.closing for each in await ward.alerts()] == ["mended"]


async def test_a_long_day_is_looked_at_a_page_at_a_time(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    for minutes in (20, 40, 60, 80):
        await ward.unit_of_work.run(book, SYSTEM, ward.clinic, TUESDAY_NINE + timedelta(minutes=minutes))

    async def dismiss(unit: Unit) -> None:
        await unit.session.execute(update(AccountRow).values(disabled_at=unit.now))

    await ward.unit_of_work.run(dismiss)
    assert await tasks.look_ahead(ward.work) == 5
    assert await tasks.look_ahead(ward.work) == 0
    assert len({each.visit_id for each in await ward.alerts()}) == 5


async def test_a_clinician_without_an_account_can_join_nothing(ward: Ward) -> None:
    async def dismiss(unit: Unit) -> None:
        gone = update(AccountRow).where(AccountRow.person_id == ward.clinic.clinician.id)
        await unit.session.execute(gone.values(disabled_at=unit.now))

    await ward.unit_of_work.run(dismiss)
    assert await tasks.look_ahead(ward.work) == 1
    (alert,) = await ward.alerts()
    assert alert.faults == ["no_account"]


async def test_two_that_look_ahead_at_once_say_it_once(ward: Ward) -> None:
    ward.lacking = Lacking({Fault.NO_RELAY})
    await asyncio.gather(*(tasks.look_ahead(ward.work) for _ in range(4)))
    assert len(await ward.alerts()) == 1

"""The button that takes an alert on, without scripts: a page that is old, two at once, one who presses twice."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.ids import PatientId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.escalation.models import AlertRow
from telehealth.visits.waiting_room import waiting
from telehealth.visits.waiting_room.tasks import watch_all
from tests.kit.by_hand import House, open_by_hand
from tests.kit.clinic import register
from tests.visits.escalation.conftest import work_of

TAKEN, OVER = "sees to it already.", "There is nothing left to do about this."


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def alert_of_the_queue(house: House) -> tuple[UUID, UUID]:
    """Somebody waits in the queue: their entry, and the alert about it."""
    luis = await house.unit_of_work.run(register, SYSTEM, "Luis")
    kind = house.clinic.visit_type.id
    queued = await house.unit_of_work.run(waiting.enqueue, SYSTEM, patient_id=PatientId(luis.id), visit_type_id=kind)
    await watch_all(work_of(house.unit_of_work, house.clock))
    return queued.standing.entry.id, await house.unit_of_work.run(_only_alert)


async def _only_alert(unit: Unit) -> UUID:
    return (await unit.session.scalars(select(AlertRow.id))).one()


async def press(browser: httpx.AsyncClient, alert: UUID) -> httpx.Response:
    """The button of a page, and the page one comes to."""
    answer = await browser.post(f"/alerts/{alert}/acknowledge")
    assert answer.status_code == 303, answer.text
    return await browser.get(answer.headers["location"])


async def test_the_second_reads_who_has_it(house: House) -> None:
    _, alert = await alert_of_the_queue(house)
    assert f"/alerts/{alert}/acknowledge" in (await house.clinician.get("/day")).text
    first = await press(house.desk, alert)
    assert "You see to it" in first.text
    second = await press(house.clinician, alert)
    assert f"{Role.FRONT_DESK}@clinic.example {TAKEN}" in second.text
    assert "You see to it" not in second.text


async def test_pressing_twice_is_pressing_once(house: House) -> None:
    _, alert = await alert_of_the_queue(house)
    for page in await asyncio.gather(*(press(house.desk, alert) for _ in range(2))):
        assert "You see to it" in page.text
        assert TAKEN not in page.text


async def test_of_two_at_once_one_reads_of_the_other(house: House) -> None:
    _, alert = await alert_of_the_queue(house)
    pages = await asyncio.gather(press(house.desk, alert), press(house.clinician, alert))
    assert sorted((TAKEN in page.text, "You see to it" in page.text) for page in pages) == [
        (False, True),
        (True, False),
    ]


async def test_a_page_that_is_old_says_that_it_is_over(house: House) -> None:
    entry, alert = await alert_of_the_queue(house)
    await house.unit_of_work.run(waiting.leave, SYSTEM, entry)
    page = await press(house.desk, alert)
    assert OVER in page.text

"""Where an administrator begins."""

from collections.abc import AsyncIterator

import pytest

from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from tests.kit.by_hand import House, open_by_hand


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def test_who_administers_is_led_there_and_nobody_else_comes_in(house: House) -> None:
    assert (await house.admin.get("/")).headers["location"] == "/admin"
    page = await house.admin.get("/admin")
    assert page.status_code == 200
    assert '<a href="/admin" aria-current="page">' in page.text
    assert 'href="/day"' not in page.text, "the board is not for administrators"
    for other in (house.desk, house.clinician):
        assert (await other.get("/admin")).status_code == 403
        assert 'href="/admin"' not in (await other.get("/day")).text

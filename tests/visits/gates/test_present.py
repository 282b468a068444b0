"""Who reads the page on which a visit is prepared is here, with scripts or without."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.guests import PREPARED
from telehealth.visits.lifecycle.models import PresenceRow
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, book
from tests.visits.gates.arriving import ask_consent


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def seen_until(unit: Unit) -> datetime | None:
    return await unit.session.scalar(select(PresenceRow.seen_until))


async def test_each_load_of_the_page_counts_and_brings_back_who_was_away(house: House) -> None:
    booked = await house.unit_of_work.run(book, house.clinic.front_desk, house.clinic)
    await house.unit_of_work.run(ask_consent)
    house.clock.advance(TUESDAY_NINE - timedelta(minutes=5) - house.clock.now())
    entered = await house.phone.post(f"/join/{booked.link_secret}", data=BIRTH)
    house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    assert (await house.phone.get("/visit")).headers["location"] == "/visit/prepare"
    for _ in range(2):
        house.clock.advance(timedelta(minutes=1))
        await house.unit_of_work.run(lifecycle.away, SYSTEM, booked.visit.id)
        assert (await house.phone.get("/visit/prepare")).status_code == 200
        assert await house.unit_of_work.run(seen_until) == house.clock.now() + PREPARED
        assert (await house.unit_of_work.run(visits.find, SYSTEM, booked.visit.id)).away_since is None
    house.clock.advance(timedelta(minutes=1))
    await house.phone.post("/visit/consent", data={"text": str(booked.visit.id), "language": "en"})  # no tick: again
    assert await house.unit_of_work.run(seen_until) == house.clock.now() + PREPARED

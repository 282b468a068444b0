"""Whoever comes by a link and is not known any more: nobody asks them for a password, and all read whom to call."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from tests.kit.by_hand import BIRTH, House, invite, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, book

PHONE = 'href="tel:+1 507 555 0100"'


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


@pytest.mark.parametrize(
    "path", ["/visit", "/visit/times", "/visit/cancel", "/visit/people", "/visit/prepare", "/attend"]
)
async def test_who_has_no_account_is_told_to_open_their_link_again(house: House, path: str) -> None:
    page = await house.phone.get(path)
    assert page.status_code == 401
    assert "Open your link again" in page.text
    assert PHONE in page.text
    assert "Riverside" in page.text
    assert "/sign-in" not in page.text
    assert "just sent" not in page.text


async def test_a_form_that_came_too_late_says_that_it_was_not_taken_and_how_it_is(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    invitation = {"press": str(uuid4()), "kind": "family", "name": "Luis Moreno"}
    page = await house.phone.post("/visit/people", data=invitation)
    assert page.status_code == 401
    assert "Open your link in another tab, then load this page again" in page.text
    entered = await house.phone.post(f"/join/{booked.link_secret}", data=BIRTH)
    house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    assert "Luis Moreno" in (await invite(house.phone, "/visit/people", invitation)).text


async def test_staff_who_were_signed_out_are_not_told_that_it_was_our_fault(house: House) -> None:
    house.desk.headers["Cookie"] = ""
    page = await house.desk.post("/desk", data={"name": "Rosa", **BIRTH})
    assert page.status_code == 401
    assert "You are signed out" in page.text
    assert 'href="/sign-in" target="_blank"' in page.text
    assert PHONE not in page.text


async def test_no_number_is_looked_up_where_it_is_not_the_link_that_is_wrong(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    page = await house.phone.post(f"/join/{booked.link_secret}", data=BIRTH, headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status_code == 403
    assert PHONE not in page.text


async def test_a_link_that_is_over_says_whom_to_call(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    house.clock.advance(TUESDAY_NINE + timedelta(days=40) - house.clock.now())
    page = await house.phone.post(f"/join/{booked.link_secret}", data=BIRTH)
    assert page.status_code == 410
    assert PHONE in page.text

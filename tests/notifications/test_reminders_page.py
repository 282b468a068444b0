"""When patients are reminded, set by kind of visit on a page: nothing typed is lost, nobody overwritten unseen."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.notifications import routes
from telehealth.notifications.forms import read_reminders, written_reminders
from telehealth.scheduling.booking import queries, service
from tests.kit import by_hand
from tests.kit.by_hand import House, open_by_hand

PAGE = "/admin/reminders"
times = st.sets(st.integers(5, 20_160), max_size=5).map(lambda found: tuple(sorted(found, reverse=True)))


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *routes.PAGES))
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


@given(times)
def test_what_is_written_is_read_again(reminders: tuple[int, ...]) -> None:
    assert read_reminders(written_reminders(reminders)) == reminders


def test_as_people_write_them() -> None:
    assert read_reminders(" 10m; 1D ,2 h،60m ") == (1440, 120, 60, 10)
    assert (read_reminders("60m, 1h"), read_reminders(" "), written_reminders((2880, 90))) == ((60,), (), "2d, 90m")


@given(st.text(max_size=40))
def test_whatever_is_typed_is_read_or_refused(typed: str) -> None:
    try:
        found = read_reminders(typed)
    except ValueError:
        return
    assert all(5 <= each <= 20_160 for each in found)
    assert len(found) <= 5


async def reminders(house: House) -> tuple[int, ...]:
    found = await house.unit_of_work.run(queries.visit_type, SYSTEM, house.clinic.visit_type.id)
    return found.reminders


def fields(house: House, typed: str, seen: str = "1d, 1h, 10m") -> dict[str, str]:
    kind = house.clinic.visit_type.id
    return {"sent": "yes", f"before.{kind}": typed, f"seen.{kind}": seen}


async def test_set_and_shown(house: House) -> None:
    page = (await house.admin.get(PAGE)).text
    assert ("Video visit" in page, 'value="1d, 1h, 10m"' in page) == (True, True)
    saved = await house.admin.post(PAGE, data=fields(house, "2d, 15m"))
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}?saved=yes")
    assert await reminders(house) == (2880, 15)
    assert 'value="2d, 15m"' in (await house.admin.get(saved.headers["location"])).text
    await house.admin.post(PAGE, data=fields(house, "", "2d, 15m"))
    assert await reminders(house) == ()
    before = await house.unit_of_work.run(queries.visit_type, SYSTEM, house.clinic.visit_type.id)
    assert replace(before, reminders=house.clinic.visit_type.reminders) == house.clinic.visit_type  # nothing else


@pytest.mark.parametrize("typed", ["soon", "1", "4m", "15d", "1d, 2d, 3d, 4d, 5d, 6d", "-1d", "1.5h", "٣h", "99999d"])
async def test_bad_input_is_said_and_nothing_is_lost(house: House, typed: str) -> None:
    page = await house.admin.post(PAGE, data=fields(house, typed))
    assert (page.status_code, "Enter up to five times" in page.text, f'value="{typed}"' in page.text) == (
        422,
        True,
        True,
    )
    assert await reminders(house) == (1440, 60, 10)


async def test_of_two_who_change_the_same_the_second_sees_so(house: House) -> None:
    await house.admin.post(PAGE, data=fields(house, "1h"))
    page = await house.admin.post(PAGE, data=fields(house, "30m"))
    assert (page.status_code, 'value="30m"' in page.text, "Now: 1h" in page.text) == (409, True, True)
    assert await reminders(house) == (60,)
    assert (await house.admin.post(PAGE, data=fields(house, "30m", "1h"))).status_code == 303
    assert await reminders(house) == (30,)


async def test_who_changes_nothing_overwrites_nobody(house: House) -> None:
    kind = house.clinic.visit_type.id
    await house.unit_of_work.run(lambda unit: service.set_reminders(unit, kind, (60,), seen=(1440, 60, 10)), SYSTEM)
    assert (await house.admin.post(PAGE, data=fields(house, "1d, 1h, 10m"))).status_code == 303
    assert await reminders(house) == (60,)


async def test_nobody_else_may(house: House) -> None:
    assert [(await who.get(PAGE)).status_code for who in (house.desk, house.clinician)] == [403, 403]
    assert (await house.desk.post(PAGE, data=fields(house, "1h"))).status_code == 403

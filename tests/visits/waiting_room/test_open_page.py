"""What staff do with a visit is shown by the patient's open page, though another process did it."""

from collections.abc import Iterator

import anyio
import pytest
from playwright.sync_api import Browser

from tests.kit.calls import FLAGS
from tests.kit.chromium import chromium
from tests.kit.database import Databases
from tests.kit.full_room import Room, filled
from tests.kit.house import environment_of
from tests.kit.patient_page import CASES, House, Staff, told, told_of_absence, told_of_move
from tests.kit.processes import running_webs
from tests.kit.valkey import mortal_valkey

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def house(databases: Databases) -> Iterator[House]:
    with databases.clone() as database, mortal_valkey() as valkey:
        room = anyio.run(_fill, database)
        with running_webs(environment_of(database, valkey.url), 2) as (first, second):
            yield first, Staff(second, room, database)


async def _fill(database: str) -> Room:
    return await filled(database, patients=len(CASES), clinicians=2)


@pytest.fixture(scope="module", name="chromium")
def opened_chromium(house: House) -> Iterator[Browser]:
    """After the house: it has a loop of its own."""
    del house
    with chromium(*FLAGS) as browser:
        yield browser


@pytest.mark.parametrize("name", CASES)
def test_the_page_shows_it(chromium: Browser, house: House, name: str) -> None:
    _, staff = house
    told(chromium, house, staff.room.patients[list(CASES).index(name)], CASES[name])


def test_the_page_shows_the_new_time(chromium: Browser, house: House) -> None:
    told_of_move(chromium, house)


def test_the_page_shows_that_the_patient_is_said_not_to_have_come(chromium: Browser, house: House) -> None:
    told_of_absence(chromium, house)

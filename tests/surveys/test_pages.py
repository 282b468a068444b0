"""The page of the administrator: choosing, numbers without persons, and nothing typed that is lost."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.monitoring import queries
from telehealth.monitoring import routes as monitoring
from telehealth.surveys import routes, service, tasks
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from tests.kit import by_hand
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE
from tests.surveys.asking import answer, request_of, switch_on, visited

PAGE, API = "/admin/survey", "/v1/visit-survey"
ON = {"version": "0", "on": "on", "questionnaire": "after-visit", "minutes": "90"}


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    more = (*routes.OPERATIONS, *routes.PAGES, *monitoring.PAGES)
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *more))
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def test_off_until_an_administrator_switches_it_on(house: House) -> None:
    page = await house.admin.get(PAGE)
    assert ("checked" in page.text, "Nobody has been asked yet" in page.text) == (False, True)
    assert (await house.admin.get(API)).json()["questionnaire"] is None
    saved = await house.admin.post(PAGE, data=ON)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}?told=saved")
    shown = (await house.admin.get(saved.headers["location"])).text
    assert ("checked" in shown, 'value="90"' in shown, "This holds from now on" in shown) == (True, True, True)
    assert (await house.admin.post(PAGE, data={"version": "1", "minutes": "90"})).status_code == 303
    answer = await house.admin.get(API)
    assert (answer.json()["questionnaire"], answer.headers["etag"]) == (None, '"2"')


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"minutes": "two hours"}, "Enter minutes as a number"),
        ({"minutes": "1441"}, "Enter minutes as a number"),
        ({"minutes": "-1"}, "Enter minutes as a number"),
        ({"minutes": "٩٠"}, "Enter minutes as a number"),
        ({"questionnaire": "made-up"}, "Check what you entered here"),
    ],
)
async def test_bad_input_is_said_and_nothing_is_lost(house: House, typed: dict[str, str], said: str) -> None:
    page = await house.admin.post(PAGE, data=ON | typed)
    assert (page.status_code, said in page.text, "checked" in page.text) == (422, True, True)
    assert typed.get("minutes", "90") in page.text
    assert (await house.admin.get(API)).json()["version"] == 0


async def test_of_two_who_choose_the_second_sees_so(house: House) -> None:
    await house.admin.post(PAGE, data=ON)
    page = await house.admin.post(PAGE, data=ON | {"minutes": "30"})
    assert (page.status_code, "Somebody else has just changed this" in page.text) == (409, True)
    assert ('value="30"' in page.text, 'name="version" value="1"' in page.text) == (True, True)
    refused = await house.admin.put(API, json={"questionnaire": None}, headers={"If-Match": '"0"'})
    assert refused.status_code == 412
    assert (await house.admin.put(API, json={"questionnaire": None})).status_code == 428


async def test_nobody_else_chooses_or_reads_numbers(house: House) -> None:
    for who in (house.clinician, house.desk):
        assert [(await who.get(path)).status_code for path in (PAGE, API, f"{API}/results")] == [403] * 3


async def test_numbers_for_the_office_and_words_for_who_treats_them(house: House) -> None:
    run = house.unit_of_work.run
    await run(switch_on, SYSTEM)
    visits = []
    for number in range(5):
        start = TUESDAY_NINE + timedelta(minutes=20 * number)
        visits.append((await run(visited, SYSTEM, house.clinic, start, f"Pat {number}")).visit)
    await _hear(house)
    for number, visit in enumerate(visits):
        if number == 4:
            few = (await house.admin.get(PAGE)).text
            assert ("fewer than 5" in few, "7.0" in few) == (True, False)
        request = await answer(house.unit_of_work, visit, {"overall": str(5 + number), "comment": f"CANARY {number}"})
        await run(service.note_sent, SYSTEM, request)
        await _hear(house)
    page = (await house.admin.get(PAGE)).text
    assert ("7.0" in page, "of 5 answers" in page, "March 2026" in page) == (True, True, True)
    results = (await house.admin.get(f"{API}/results")).text
    assert ('"average":"7.00"' in results, "CANARY" in page + results, "Pat " in page + results) == (True, False, False)
    assert "CANARY 2" in (await house.clinician.get(f"/visits/{visits[2].id}/monitoring")).text


async def test_the_link_is_the_patients_own(house: House) -> None:
    run = house.unit_of_work.run
    await run(switch_on, SYSTEM)
    booked = await run(visited, SYSTEM, house.clinic, TUESDAY_NINE)
    await _hear(house)
    request = await run(request_of, SYSTEM, booked.visit)
    assert request is not None
    _, link = await run(queries.sent, SYSTEM, request)
    assert "How was" not in (await house.phone.get(link)).text
    wrong = await house.phone.post(link, data=BIRTH | {"birth_year": "1948"})
    assert wrong.status_code == 422
    entered = await house.phone.post(link, data=BIRTH)
    assert entered.headers["location"] == f"/visit/questions/{request}"
    house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    page = (await house.phone.get(entered.headers["location"])).text
    assert ("¿Qué tal fue su visita?" in page, "No tiene que responder" in page) == (True, True)
    other = await run(visited, SYSTEM, house.clinic, TUESDAY_NINE + timedelta(hours=1), "Ines")
    await _hear(house)
    theirs = await run(request_of, SYSTEM, other.visit)
    assert (await house.phone.get(f"/visit/questions/{theirs}")).status_code == 404


async def _hear(house: House) -> None:
    await Relay(tasks.SUBSCRIPTIONS).sweep(Work(house.unit_of_work, Ports({}), house.clock))

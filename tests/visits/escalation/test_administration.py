"""The page of who is told, with links and forms alone; and in Chromium by the keyboard, wide, narrow and mirrored."""

import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.escalation import queries
from telehealth.visits.escalation.forms import in_minutes, seconds
from telehealth.visits.escalation.rules import DEFAULT_LADDERS, REOPEN_AFTER, AlertKind, Audience, Rung
from tests.kit.by_hand import House, open_by_hand
from tests.kit.database import Databases
from tests.kit.needs import program
from tests.kit.valkey import running_valkey
from tests.kit.windows import NARROW, press, staff_window, tab_to
from tests.visits.gates.doors import Doors, open_doors

PAGE = "/admin/escalation"
SEEN = re.compile(r'name="kind" value="(\w+)"><input type="hidden" name="seen" value="(\w+)"')
SIDEWAYS = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def form_of(house: House, kind: str, **typed: str) -> dict[str, str]:
    """As the page is sent back with other fields."""
    page = await house.admin.get(PAGE)
    seen = dict(SEEN.findall(page.text))[kind]
    ladder = DEFAULT_LADDERS[AlertKind(kind)]
    fields = {"kind": kind, "seen": seen, "reopen": in_minutes(REOPEN_AFTER[AlertKind(kind)])}
    for number, rung in enumerate(ladder[1:], start=2):
        fields |= {f"after_{number}": in_minutes(rung.after), f"whom_{number}": rung.whom, f"address_{number}": ""}
    return {**fields, **typed}


async def told(house: House, kind: AlertKind) -> tuple[tuple[Rung, ...], int]:
    rules = await house.unit_of_work.run(queries.rules)
    return tuple(rules.ladders[kind]), rules.reopen_after[kind]


async def test_an_administrator_is_led_there_and_nobody_else_comes_in(house: House) -> None:
    assert f'href="{PAGE}"' in (await house.admin.get("/admin")).text
    assert (await house.admin.get(PAGE)).status_code == 200
    for other in (house.desk, house.clinician):
        assert (await other.get(PAGE)).status_code == 403
        assert (await other.post(PAGE, data=await form_of(house, "waiting"))).status_code == 403


async def test_steps_are_added_changed_removed_and_put_back(house: House) -> None:
    more = {"after_5": "0.5", "whom_5": "coordinator", "address_5": "night@clinic.example", "reopen": "5"}
    saved = await house.admin.post(PAGE, data=await form_of(house, "waiting", after_2="3", **more))
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}?saved=waiting#waiting")
    ladder, reopen_after = await told(house, AlertKind.WAITING)
    assert ladder == (
        Rung(0, Audience.BOARD),
        Rung(30, Audience.COORDINATOR, "night@clinic.example"),
        Rung(180, Audience.CLINICIAN),
        Rung(240, Audience.POOL),
        Rung(360, Audience.COORDINATOR),
    )
    assert reopen_after == 300
    page = await house.admin.get(saved.headers["location"])
    assert "These steps hold from now on." in page.text
    seen = dict(SEEN.findall(page.text))["waiting"]
    gone = await house.admin.post(f"{PAGE}/remove", data={"kind": "waiting", "seen": seen, "step": "2"})
    assert gone.status_code == 303
    assert [rung.after for rung in (await told(house, AlertKind.WAITING))[0]] == [0, 180, 240, 360]
    assert (await told(house, AlertKind.WAITING))[1] == 300
    seen = dict(SEEN.findall((await house.admin.get(PAGE)).text))["waiting"]
    usual = await house.admin.post(f"{PAGE}/reset", data={"kind": "waiting", "seen": seen})
    assert usual.status_code == 303
    assert await told(house, AlertKind.WAITING) == (DEFAULT_LADDERS[AlertKind.WAITING], 600)


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"after_2": "soon"}, "waiting-after_2", "Enter minutes as a number"),
        ({"after_2": "-1"}, "waiting-after_2", "Enter minutes as a number"),
        ({"after_2": "1441"}, "waiting-after_2", "Enter minutes as a number"),
        ({"after_2": "nan"}, "waiting-after_2", "Enter minutes as a number"),
        ({"after_2": ""}, "waiting-after_2", "Fill this in"),
        ({"after_5": "9", "whom_5": ""}, "waiting-whom_5", "Fill this in"),
        ({"whom_2": "everybody"}, "waiting-whom_2", "Check what you entered"),
        ({"address_2": "a@clinic.example"}, "waiting-address_2", "Only a coordinator has an address"),
        ({"address_4": "a clinic"}, "waiting-address_4", "Enter an email address"),
        ({"reopen": "0.5"}, "waiting-reopen", "Enter minutes as a number"),
        ({"reopen": ""}, "waiting-reopen", "Fill this in"),
    ],
)
async def test_what_is_wrong_is_said_beside_it_and_nothing_is_lost(
    house: House, typed: dict[str, str], field: str, words: str
) -> None:
    page = await house.admin.post(PAGE, data=await form_of(house, "waiting", **typed))
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert re.search(rf'id="{field}-error">[^<]*{words}', page.text)
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', page.text)
    assert await told(house, AlertKind.WAITING) == (DEFAULT_LADDERS[AlertKind.WAITING], 600)


async def test_of_two_who_change_the_same_steps_the_second_sees_it(house: House) -> None:
    first, second = [await form_of(house, "queued", after_2=minutes) for minutes in ("5", "7")]
    assert (await house.admin.post(PAGE, data=first)).status_code == 303
    page = await house.admin.post(PAGE, data=second)
    assert page.status_code == 409
    assert "Somebody else has just changed this. What you chose is below" in page.text
    assert 'id="queued-after_2" name="after_2" value="7"' in page.text, "what was typed"
    theirs = page.text.partition('id="queued-theirs"')[2].partition("</section>")[0]
    assert "5 min" in theirs, "what is there now"
    assert 'id="queued-drop_2"' not in page.text
    assert (await told(house, AlertKind.QUEUED))[0][1].after == 300
    again = {**second, "seen": dict(SEEN.findall(page.text))["queued"]}
    assert (await house.admin.post(PAGE, data=again)).status_code == 303
    assert (await told(house, AlertKind.QUEUED))[0][1].after == 420
    other = await form_of(house, "house", after_2="7")
    assert (await house.admin.post(PAGE, data=other)).status_code == 303, "other kinds are nobody's hindrance"


async def test_nobody_is_offered_whom_such_an_alert_has_not(house: House) -> None:
    answer = await house.admin.post(PAGE, data=await form_of(house, "queued", whom_2="clinician"))
    assert answer.status_code == 422
    assert isinstance(answer, httpx.Response)
    options = re.findall(r'<select id="house-whom_2".*?</select>', answer.text, re.DOTALL)
    assert "pool" not in options[0]


async def test_steps_that_another_has_removed_are_still_there_to_be_saved(house: House) -> None:
    seen = (await form_of(house, "waiting"))["seen"]
    mine = await form_of(
        house, "waiting", after_4="9", after_5="12", whom_5="coordinator", address_5="n@clinic.example"
    )
    gone = {"kind": "waiting", "seen": seen, "step": "3"}
    assert (await house.admin.post(f"{PAGE}/remove", data=gone)).status_code == 303
    page = await house.admin.post(PAGE, data=mine)
    assert page.status_code == 409
    for field in ('name="after_4" value="9"', 'name="after_5" value="12"', 'value="n@clinic.example"'):
        assert field in page.text
    late = await house.admin.post(f"{PAGE}/reset", data={"kind": "waiting", "seen": seen})
    assert late.status_code == 409
    assert "Below is how they are now" in late.text, "who typed nothing has lost nothing"


@pytest.mark.parametrize("after", [0, 1, 5, 30, 90, 600, 86400])
def test_seconds_outlive_being_shown_in_minutes(after: int) -> None:
    assert seconds(in_minutes(after)) == after


# In Chromium


@pytest.fixture
def doors(databases: Databases) -> Iterator[Doors]:
    with running_valkey() as valkey, databases.clone() as database, open_doors(database, valkey) as opened:
        yield opened


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Where screenshots go: ALBUM when someone wants to keep them."""
    directory = Path(os.environ.get("ALBUM") or tmp_path)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program("browser"), args=["--no-sandbox"])
        yield opened
        opened.close()


def shoot(page: Page, path: Path) -> None:
    assert page.evaluate(SIDEWAYS) <= 0, path.name
    page.screenshot(path=path, full_page=True)


@pytest.mark.browser
def test_by_the_keyboard_alone_without_scripts(browser: Browser, doors: Doors, album: Path) -> None:
    assert doors.day
    with staff_window(browser, doors.url, doors.day.admin, scripts=False) as page:
        page.goto("/admin")
        press(page, f"main a[href='{PAGE}']")
        expect(page.locator("h1")).to_have_text("Who is told when nobody answers")
        shoot(page, album / "escalation_1280_en.png")
        tab_to(page, "#waiting-after_2")
        page.keyboard.press("Control+a")
        page.keyboard.type("soon")
        page.keyboard.press("Enter")  # saves: the first button of the form
        expect(page.locator("#waiting-after_2-error")).to_be_visible()
        press(page, "a[href='#waiting-after_2']")
        expect(page.locator("#waiting-after_2")).to_be_focused()
        shoot(page, album / "escalation_wrong_1280_en.png")
        page.keyboard.press("Control+a")
        page.keyboard.type("3")
        tab_to(page, "#waiting-after_5")
        page.keyboard.type("8")
        page.keyboard.press("Tab")
        page.keyboard.type("Coord")
        page.keyboard.press("Tab")
        page.keyboard.type("night@clinic.example")
        page.keyboard.press("Enter")
        expect(page.locator("#waiting [role=status]")).to_have_text("These steps hold from now on.")
        expect(page.locator("#waiting-address_5")).to_have_value("night@clinic.example")
        press(page, "#waiting-drop-2")
        expect(page.locator("#waiting-after_2")).to_have_value("4")
        press(page, "#waiting-usual")
        expect(page.locator("#waiting-after_2")).to_have_value("2")
        expect(page.locator("#waiting-usual")).to_have_count(0)
    with staff_window(browser, doors.url, doors.day.admin, size=NARROW) as page:
        for language in ("en", "ar"):
            page.goto(f"{PAGE}?lang={language}")
            shoot(page, album / f"escalation_320_{language}.png")
    with staff_window(browser, doors.url, doors.day.admin) as page:
        page.goto(f"{PAGE}?lang=ar")
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        shoot(page, album / "escalation_1280_ar.png")

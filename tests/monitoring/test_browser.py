"""The whole way in Chromium: a pathway asks for three days, the mail's link on a phone, an urgent call on the board;
and how the visit was, said on a phone, read as numbers.
"""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import text

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.parts import TaskKind
from telehealth.followups.tasks import fire_due
from telehealth.http.credentials import STAFF_COOKIE
from telehealth.http.locales import Locales
from telehealth.monitoring import service as monitoring
from telehealth.notifications.memory import MemoryMailer
from telehealth.notifications.ports import (
    Caller,
    Mail,
    Mailer,
    MailFrom,
    NoCaller,
    NoPusher,
    NoTexter,
    PublicUrl,
    Pusher,
    Rates,
    Texter,
)
from telehealth.notifications.sending import send_due
from telehealth.pathways import service as pathways
from telehealth.pathways.rules import Content, Step
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from tests.followups.working import work_of
from tests.kit.by_hand import BIRTH
from tests.kit.chromium import chromium
from tests.kit.database import Databases
from tests.kit.valkey import running_valkey
from tests.monitoring.pressure import CODE, CONTENT
from tests.surveys.asking import becomes, switch_on
from tests.visits.gates.doors import Doors, behind, open_doors

pytestmark = pytest.mark.browser
PHONE, DESK = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=800)
DAILY = Step(kind=TaskKind.QUESTIONNAIRE, questionnaire=CODE, repeat="FREQ=DAILY;COUNT=3")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def doors(databases: Databases) -> Iterator[Doors]:
    with running_valkey() as valkey, databases.clone() as database, open_doors(database, valkey) as opened:
        yield opened


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: ALBUM when someone wants to keep them."""
    directory = Path(os.environ.get("ALBUM") or tmp_path_factory.mktemp("album"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


async def round_of_work(unit_of_work: UnitOfWork) -> list[Mail]:
    """Tasks fall due, events are heard, mail goes out."""
    mailer = MemoryMailer()
    ports: dict[type, object] = {
        Mailer: mailer,
        Texter: NoTexter(),
        Pusher: NoPusher(),
        Caller: NoCaller(),
        Rates: Rates({}),
        Locales: Locales.load(),
        PublicUrl: PublicUrl("https://visits.example"),
        MailFrom: MailFrom("visits@clinic.example"),
    }
    work = Work(unit_of_work, Ports(ports), unit_of_work.clock)
    heard = [each for each in read_catalogue().subscriptions if "video" not in each.name]
    await fire_due(work_of(unit_of_work))
    for _ in range(2):
        await Relay(tuple(heard)).sweep(work)
    await send_due(work)
    return mailer.sent


def test_from_the_pathway_to_the_call(browser: Browser, doors: Doors, album: Path) -> None:
    assert doors.day is not None
    visit = doors.day.arrival.visit

    async def begin(unit: Unit) -> None:
        await unit.session.execute(text("UPDATE patient SET email = 'rosa@home.example', language = 'en'"))
        await monitoring.publish(unit, CODE, CONTENT, version=0)
        await pathways.publish(unit, "pressure", Content(name="Blood pressure", steps=(DAILY,)), version=0)
        await pathways.start(unit, visit.id, "pressure")

    behind(doors, lambda unit_of_work: unit_of_work.run(begin, SYSTEM))
    sent = [each for each in behind(doors, round_of_work) if each.recipient == "rosa@home.example"]
    (mail,) = [each for each in sent if "/questions/" in each.text]
    link = re.search(r"https://visits\.example(/questions/\S+)", mail.text)
    assert link is not None

    _answers_on_a_phone(browser, doors, link[1], album)
    behind(doors, round_of_work)
    _finds_it_on_the_board(browser, doors, album)


def _opened_on_a_phone(browser: Browser, doors: Doors, link: str) -> Page:
    """Without scripts, by who knows the date of birth."""
    context = browser.new_context(viewport=PHONE, base_url=doors.url, locale="en-US", java_script_enabled=False)
    phone = context.new_page()
    phone.goto(link)
    for box, typed in BIRTH.items():
        phone.fill(f"#{box}", typed)
    phone.click("main button")
    return phone


def _answers_on_a_phone(browser: Browser, doors: Doors, link: str, album: Path) -> None:
    phone = _opened_on_a_phone(browser, doors, link)
    expect(phone.locator("h1")).to_have_text("Blood pressure")
    phone.fill('[name="a.systolic"]', "1920")
    phone.fill('[name="a.diastolic"]', "110")
    phone.screenshot(path=album / "asked.png", full_page=True)
    phone.click("#send")
    expect(phone.locator(".note.bad")).to_contain_text("This is too low or too high")
    assert phone.input_value('[name="a.diastolic"]') == "110"
    phone.screenshot(path=album / "asked_again.png", full_page=True)
    phone.fill('[name="a.systolic"]', "192")
    phone.click("#send")
    expect(phone.locator("h1")).to_have_text("Thank you")
    expect(phone.locator("main")).to_contain_text("In an emergency, call 911.")
    phone.screenshot(path=album / "thanks.png", full_page=True)
    phone.goto("/visit/questions")
    phone.screenshot(path=album / "asked_of_you.png", full_page=True)
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    phone.context.close()


def _finds_it_on_the_board(browser: Browser, doors: Doors, album: Path) -> None:
    assert doors.day is not None
    context = browser.new_context(viewport=DESK, base_url=doors.url, locale="en-US")
    board = context.new_page()
    cookie = {"Set-Cookie": f"{STAFF_COOKIE}={doors.day.clinician}; Path=/; Secure; HttpOnly"}
    board.route("**/signed-in", lambda route: route.fulfill(headers=cookie, body="ok"))
    board.goto("/signed-in")
    board.goto("/tasks")
    call = board.locator("#board li", has_text="Upper value (mmHg) 192")
    expect(call).to_contain_text("Urgent")
    board.screenshot(path=album / "board.png", full_page=True)
    call.get_by_role("link", name="Answers").click()
    expect(board.locator("table")).to_contain_text("192")
    board.screenshot(path=album / "series.png", full_page=True)
    context.close()


def test_how_the_visit_was(browser: Browser, doors: Doors, album: Path) -> None:
    assert doors.day is not None
    visit = doors.day.arrival.visit

    async def begin(unit: Unit) -> None:
        await unit.session.execute(text("UPDATE patient SET email = 'rosa@home.example', language = 'en'"))
        await switch_on(unit, minutes=0)
        await becomes(unit, visit)

    behind(doors, lambda unit_of_work: unit_of_work.run(begin, SYSTEM))
    behind(doors, round_of_work)
    doors.clock.advance(timedelta(hours=2))
    sent = behind(doors, round_of_work)
    (mail,) = [each for each in sent if each.subject == "How was your video visit?"]
    link = re.search(r"https://visits\.example(/questions/\S+)", mail.text)
    assert link is not None
    _says_how_it_was(browser, doors, link[1], album)
    behind(doors, round_of_work)
    _reads_numbers(browser, doors, album)


def _says_how_it_was(browser: Browser, doors: Doors, link: str, album: Path) -> None:
    phone = _opened_on_a_phone(browser, doors, link)
    expect(phone.locator("h1")).to_have_text("How was your visit?")
    expect(phone.locator("main")).to_contain_text("You do not have to answer.")
    phone.screenshot(path=album / "survey_en.png", full_page=True)
    phone.goto(f"{phone.url}?lang=ar")
    expect(phone.locator("h1")).to_have_text("كيف كانت زيارتك؟")
    assert phone.evaluate("[document.documentElement.dir, document.documentElement.scrollWidth]") == ["rtl", 360]
    phone.screenshot(path=album / "survey_ar.png", full_page=True)
    phone.goto(phone.url.replace("lang=ar", "lang=en"))
    phone.fill('[name="a.overall"]', "11")
    phone.check('[name="a.clear"][value="true"]')
    phone.fill('[name="a.comment"]', "I could hear every word.")
    phone.click("#send")
    expect(phone.locator(".note.bad")).to_contain_text("This is too low or too high")
    assert phone.input_value('[name="a.comment"]') == "I could hear every word."
    phone.fill('[name="a.overall"]', "9")
    phone.click("#send")
    expect(phone.locator("h1")).to_have_text("Thank you")
    phone.screenshot(path=album / "survey_thanks.png", full_page=True)
    phone.context.close()


def _reads_numbers(browser: Browser, doors: Doors, album: Path) -> None:
    assert doors.day is not None
    context = browser.new_context(viewport=DESK, base_url=doors.url, locale="en-US")
    office = context.new_page()
    cookie = {"Set-Cookie": f"{STAFF_COOKIE}={doors.day.admin}; Path=/; Secure; HttpOnly"}
    office.route("**/signed-in", lambda route: route.fulfill(headers=cookie, body="ok"))
    office.goto("/signed-in")
    office.goto("/admin/survey")
    expect(office.locator("table")).to_contain_text("fewer than 5")
    expect(office.locator("main")).not_to_contain_text("every word")
    for language in ("en", "ar"):
        office.goto(f"/admin/survey?lang={language}")
        office.screenshot(path=album / f"admin_survey_{language}.png", full_page=True)
    context.close()

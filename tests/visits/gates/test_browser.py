"""A patient prepares in Chromium: questions come and go, what is typed outlives the server, staff are followed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from telehealth.http.credentials import STAFF_COOKIE
from tests.kit.by_hand import BIRTH
from tests.visits.gates.doors import Day, Doors

pytestmark = pytest.mark.browser
PHONE = ViewportSize(width=390, height=844)
DISTURBED = """() => {
  window.disturbed = [];
  const seen = new MutationObserver((all) => disturbed.push(...all.map((each) => each.target.id)));
  seen.observe(document.getElementById("done"), { attributeFilter: ["disabled"] });
  seen.observe(document.getElementById("live"), { childList: true });
}"""


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: ALBUM when someone wants to keep them."""
    directory = Path(os.environ.get("ALBUM") or tmp_path_factory.mktemp("album"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture
def page(browser: Browser, doors: Doors, day: Day) -> Iterator[Page]:
    """Rosa's phone, on the page of the text."""
    context = browser.new_context(viewport=PHONE, base_url=doors.url, locale="en-US")
    faults: list[str] = []
    shown = context.new_page()
    shown.on("pageerror", lambda error: faults.append(str(error)))
    enter(shown, day)
    yield shown
    context.close()
    assert faults == []


def enter(page: Page, day: Day) -> None:
    page.goto(f"/join/{day.arrival.link}?lang=en")
    for box, typed in BIRTH.items():
        page.fill(f"#{box}", typed)
    page.click("main button")
    page.wait_for_url("**/visit/prepare")


def agree(page: Page) -> None:
    page.check("#agree")
    page.click("main form button")
    page.wait_for_selector("#intake")


def saved(page: Page) -> None:
    expect(page.locator("#stamp")).to_contain_text("Saved at")


def weight(page: Page) -> str:
    return page.input_value("[name='a.weight']")


def test_from_the_link_to_the_device_check(page: Page, album: Path) -> None:
    page.screenshot(path=album / "prepare_consent.png", full_page=True)
    page.click("main form button")
    expect(page.locator("#agree-error")).to_be_visible()
    agree(page)
    day_field = page.locator("[data-link=day]")
    expect(day_field).to_be_hidden()
    page.check("[name='a.smokes'][value=true]")
    expect(day_field).to_be_visible()
    saved(page)
    page.screenshot(path=album / "prepare_questions.png", full_page=True)
    page.click("#done")
    expect(day_field.locator(".wrong-text")).to_have_text("Fill this in")
    assert page.evaluate("document.activeElement.name") == "a.day"
    page.screenshot(path=album / "prepare_missing.png", full_page=True)
    page.fill("[name='a.day']", "20")
    page.click("#done")
    page.wait_for_url("**/visit")
    expect(page.locator("#check-title")).to_be_visible()
    page.goto("/visit/prepare")
    expect(page.locator("[name='a.day']")).to_have_value("20")
    page.screenshot(path=album / "prepare_again.png", full_page=True)


def test_what_is_typed_outlives_the_server_and_a_reload(page: Page, doors: Doors) -> None:
    agree(page)
    page.fill("[name='a.weight']", "70")
    saved(page)
    doors.stop()
    page.fill("[name='a.weight']", "70.5")
    expect(page.locator("#stamp")).to_contain_text("Not saved yet")
    page.route("**/intake", lambda route: route.abort())  # or this page saves it itself before it is left
    doors.begin()
    page.reload()
    assert weight(page) == "70.5"
    page.unroute("**/intake")
    saved(page)
    page.evaluate("localStorage.clear()")
    page.reload()
    assert weight(page) == "70.5", "the server has it now"


@pytest.mark.parametrize("pressed_before", [False, True], ids=["the-first-time", "changes"])
def test_answers_that_were_sent_into_a_dead_network_arrive_by_themselves(page: Page, pressed_before: bool) -> None:
    agree(page)
    page.check("[name='a.smokes'][value=false]")
    saved(page)
    if pressed_before:
        page.click("#done")
        page.wait_for_url("**/visit")
        page.goto("/visit/prepare")
    page.fill("[name='a.weight']", "71")
    page.route("**/intake", lambda route: route.abort())
    page.click("#done")
    expect(page.locator("#stamp")).to_contain_text("it is sent by itself")
    page.unroute("**/intake")
    page.wait_for_url("**/visit")
    page.goto("/visit/prepare")
    assert weight(page) == "71"
    expect(page.locator("#done")).to_have_text("Save changes")


def test_answers_that_arrived_unheard_are_sent_until_the_page_hears_of_it(page: Page) -> None:
    agree(page)
    page.check("[name='a.smokes'][value=false]")
    saved(page)
    tries: list[str] = []

    def lose(route: Route) -> None:
        tries.append(route.request.method)
        if tries == ["PUT"]:
            route.fetch()
        if tries.count(route.request.method) == 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/intake", lose)
    page.click("#done")
    expect(page.locator("#stamp")).to_contain_text("it is sent by itself")
    page.wait_for_url("**/visit")
    assert tries.count("PUT") > 1


def test_a_draft_that_arrived_unheard_is_no_conflict_with_itself(page: Page) -> None:
    agree(page)
    arrived: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "PUT":
            return route.continue_()
        if not arrived:
            arrived.append(route.fetch().text())
        return route.abort()

    page.route("**/intake", lose)
    page.fill("[name='a.weight']", "70,5")
    expect(page.locator("#stamp")).to_contain_text("Not saved yet")
    page.fill("[name='a.weight']", "70,55")
    page.unroute("**/intake")
    saved(page)
    arrived.clear()
    page.route("**/intake", lose)
    page.fill("[name='a.weight']", "71,5")
    expect(page.locator("#stamp")).to_contain_text("Not saved yet")
    page.reload()
    expect(page.locator("#stamp")).to_contain_text("Not saved yet")
    page.unroute("**/intake")
    saved(page)
    expect(page.locator("#conflict")).to_be_hidden()


def test_what_is_sent_again_by_itself_neither_takes_the_focus_nor_says_so_again(page: Page) -> None:
    agree(page)
    page.check("[name='a.smokes'][value=false]")
    saved(page)
    tries: list[str] = []

    def lose(route: Route) -> None:
        tries.append(route.request.method)
        route.abort()

    page.route("**/intake", lose)
    page.click("#done")
    expect(page.locator("#live")).to_contain_text("it is sent by itself")
    page.evaluate(DISTURBED)
    pressed = len(tries)
    while len(tries) < pressed + 2:  # and what came of the first of them
        page.wait_for_timeout(20)
    assert page.evaluate("disturbed") == []


def test_a_conflict_that_could_not_be_read_at_once_is_shown_later(page: Page) -> None:
    agree(page)
    page.check("[name='a.smokes'][value=false]")
    saved(page)
    other = page.context.new_page()
    other.goto("/visit/prepare")
    other.fill("[name='a.weight']", "80")
    saved(other)
    tries: list[str] = []

    def lose(route: Route) -> None:
        tries.append(route.request.method)
        if tries == ["PUT", "GET"]:
            route.abort()
        else:
            route.continue_()

    page.route("**/intake", lose)
    page.click("#done")
    expect(page.locator("#conflict")).to_be_visible()
    assert tries[:2] == ["PUT", "GET"]


def test_who_writes_on_after_a_dead_network_is_told_to_send_it_again(page: Page) -> None:
    agree(page)
    page.check("[name='a.smokes'][value=false]")
    page.click("#done")
    page.wait_for_url("**/visit")
    page.goto("/visit/prepare")
    page.route("**/intake", lambda route: route.abort())
    page.fill("[name='a.weight']", "71")
    page.click("#done")
    expect(page.locator("#stamp")).to_contain_text("it is sent by itself")
    page.fill("[name='a.weight']", "72")
    expect(page.locator("#stamp")).to_contain_text("Press “Save changes” when you are done.")
    page.unroute("**/intake")
    page.click("#done")
    page.wait_for_url("**/visit")
    page.goto("/visit/prepare")
    assert weight(page) == "72"


def test_what_cannot_be_read_yet_is_not_lost(page: Page) -> None:
    agree(page)
    page.fill("[name='a.weight']", "seventy")
    saved(page)
    page.reload()
    assert weight(page) == "seventy"
    page.check("[name='a.smokes'][value=false]")
    page.click("#done")
    expect(page.locator("[data-link=weight] .wrong-text")).to_have_text("Check what you entered here")


def test_what_is_typed_before_the_script_arrives_is_saved(page: Page) -> None:
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/prepare.js*", hold)
    agree(page)
    page.check("[name='a.smokes'][value=true]")
    page.fill("[name='a.weight']", "72")
    while not late:
        page.wait_for_timeout(20)
    for route in late:
        route.continue_()
    expect(page.locator("[data-link=day]")).to_be_visible()
    saved(page)
    page.unroute("**/prepare.js*")
    page.reload()
    assert weight(page) == "72"


def test_two_windows_differ_visibly_and_nothing_is_lost(page: Page) -> None:
    agree(page)
    other = page.context.new_page()
    other.goto("/visit/prepare")
    other.fill("[name='a.weight']", "80")
    saved(other)
    page.fill("[name='a.weight']", "70")
    expect(page.locator("#conflict")).to_be_visible()
    page.click("#keep-mine")
    saved(page)
    other.fill("[name='a.weight']", "81")
    expect(other.locator("#conflict")).to_be_visible()
    other.click("#keep-theirs")
    assert weight(other) == "70"


def test_it_works_without_scripts(browser: Browser, doors: Doors, day: Day) -> None:
    context = browser.new_context(viewport=PHONE, base_url=doors.url, java_script_enabled=False, locale="ar")
    page = context.new_page()
    page.goto(f"/join/{day.arrival.link}?lang=ar")
    for box, typed in BIRTH.items():
        page.fill(f"#{box}", typed)
    page.click("main button")
    agree(page)
    expect(page.locator("[data-link=day]")).to_be_visible()
    page.check("[name='a.smokes'][value=true]")
    page.fill("[name='a.day']", "\u0662\u0660")
    page.click("#done")
    page.wait_for_url("**/visit")
    context.close()


def test_the_clinician_reads_the_answers_and_waives_beside_the_call(
    page: Page, doors: Doors, day: Day, album: Path
) -> None:
    browser = page.context.browser
    assert browser
    desk = browser.new_context(viewport=ViewportSize(width=1280, height=900), base_url=doors.url, locale="en-US")
    room = desk.new_page()
    cookie = {"Set-Cookie": f"{STAFF_COOKIE}={day.clinician}; Path=/; Secure; HttpOnly"}
    room.route("**/signed-in", lambda route: route.fulfill(headers=cookie, body="ok"))
    room.goto("/signed-in")
    room.goto(f"/visits/{day.arrival.visit.id}")
    room.click("#before details >> nth=0")
    room.fill("#why-consent", "agreed by word of mouth")
    room.screenshot(path=album / "room_waive.png", full_page=True)
    room.click("#before form button >> nth=0")
    expect(room.locator("#before")).to_contain_text("agreed by word of mouth")
    page.reload()
    page.check("[name='a.smokes'][value=false]")
    page.click("#done")
    page.wait_for_url("**/visit")
    expect(room.locator("#before dl")).to_contain_text("Do you smoke?")  # pushed: nobody reloads
    room.screenshot(path=album / "room_answers.png", full_page=True)
    desk.close()

"""The front desk by the keyboard alone, in Chromium without scripts; and two windows on one visit."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.kit.by_hand import BIRTH
from tests.kit.windows import fill, press, staff_window, tab_to
from tests.visits.gates.doors import Doors

pytestmark = pytest.mark.browser
HISTORY = "[aria-labelledby=history-title] li"


@pytest.fixture
def page(browser: Browser, doors: Doors) -> Iterator[Page]:
    """A window of the front desk without scripts."""
    assert doors.day
    with staff_window(browser, doors.url, doors.day.desk, scripts=False) as shown:
        yield shown


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Where screenshots go: ALBUM when someone wants to keep them."""
    directory = Path(os.environ.get("ALBUM") or tmp_path)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def test_from_the_search_to_every_kind_of_form(page: Page, album: Path) -> None:
    page.goto("/desk")
    fill(page, "#name", "rosa moreno")
    for box in ("birth_month", "birth_day", "birth_year"):
        fill(page, f"#{box}", BIRTH[box])
    page.keyboard.press("Enter")
    expect(page.locator("#matches-title")).to_have_text("1 patient found")
    press(page, "main a.button")
    expect(page.locator("#visits-title")).to_be_visible()
    press(page, "main li a.button")
    expect(page.locator("#may-title")).to_be_visible()
    check_in(page)
    waive(page)
    page.screenshot(path=album / "desk_visit.png", full_page=True)
    page.set_viewport_size(ViewportSize(width=320, height=700))
    page.screenshot(path=album / "desk_visit_320.png", full_page=True)
    cancel(page)
    page.screenshot(path=album / "desk_over_320.png", full_page=True)


def check_in(page: Page) -> None:
    press(page, "#do-arrive")
    expect(page.locator("main [role=status]")).to_have_text("Checked in")
    expect(page.locator("#do-arrive")).to_have_count(0)


def waive(page: Page) -> None:
    press(page, "#before details summary")
    fill(page, "#why-consent", "agreed by phone")
    page.keyboard.press("Enter")
    expect(page.locator("main [role=status]")).to_have_text("Waived")
    expect(page.locator("main")).to_contain_text("agreed by phone")


def cancel(page: Page) -> None:
    press(page, "#do-cancel")
    fill(page, "#reason-cancel", "Tech")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main [role=status]")).to_have_text("Cancelled")
    expect(page.locator("[aria-labelledby=history-title] li").first).to_contain_text(
        "Cancelled \u2013 Technical trouble"
    )
    expect(page.locator("#do-cancel")).to_have_count(0)


def test_moving_by_the_keyboard(page: Page, doors: Doors, album: Path) -> None:
    assert doors.day
    visit = doors.day.arrival.visit.id
    page.goto(f"/visits/{visit}/desk")
    press(page, "#do-reschedule")
    expect(page.locator("#times-title")).to_be_visible()
    press(page, "ul.times li:nth-child(3) button")
    expect(page.locator("main [role=status]")).to_have_text("Moved")
    expect(page.locator(HISTORY).first).to_contain_text("Moved \u2013")
    page.screenshot(path=album / "desk_moved.png", full_page=True)


def test_who_looks_at_the_same_visit_is_told_and_loses_nothing(page: Page, browser: Browser, doors: Doors) -> None:
    assert doors.day
    visit = f"/visits/{doors.day.arrival.visit.id}/desk"
    with staff_window(browser, doors.url, doors.day.desk) as other:
        other.goto(visit)
        press(other, "#do-cancel")
        fill(other, "#reason-cancel", "Tech")
        expect(other.locator("#changed")).to_be_hidden()
        page.goto(visit)
        check_in(page)
        expect(other.locator("#changed")).to_be_visible()
        expect(other.locator("#reason-cancel")).to_have_value("technical")
        tab_to(other, "#may details[open] button")
        other.keyboard.press("Enter")
        expect(other.locator("main [role=alert]")).to_contain_text("Nothing was overwritten")
        expect(other.locator("#reason-cancel")).to_have_value("technical")

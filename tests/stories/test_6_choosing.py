"""A patient is asked to choose a time, chooses it, another and none with the keyboard alone, and is told by mail."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.kit.chromium import chromium
from tests.kit.demo import DESK, Demo, Json, eventually

pytestmark = pytest.mark.browser
MOST_STOPS = 80  # of the Tab key, on the way to something
BORN = {"birth_year": "1958", "birth_month": "4", "birth_day": "12"}
FOCUSED = "() => document.activeElement.id || document.activeElement.textContent.trim()"


def go_to(page: Page, wanted: str) -> str:
    """Tab until the focus is on what has that id or begins with those words. Answers what was found."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if re.match(wanted, found := str(page.evaluate(FOCUSED))):
            return found
    raise AssertionError(f"the keyboard does not reach {wanted}")


def say_who(page: Page) -> None:
    """The three boxes, in the order in which they stand."""
    for _ in BORN:
        page.keyboard.type(BORN[go_to(page, "birth_")])
    page.keyboard.press("Enter")


def choose(page: Page, album: Path | None, name: str) -> str:
    """A week later, the first time."""
    go_to(page, "Later days")
    page.keyboard.press("Enter")
    page.wait_for_url("**day=*")
    if album is not None:
        page.screenshot(path=album / f"{name}.png", full_page=True)
    chosen = go_to(page, r"\w+, \w+ \d+, \d{4}, ")
    page.keyboard.press("Enter")
    return chosen


def letter_with(demo: Demo, words: str) -> Json:
    letters = demo.letters("ottilie@patient.example")
    return next((each for each in letters if words in each["text"]), {})


def test_choosing_by_keyboard_alone(demo: Demo) -> None:
    album = Path(os.environ["ALBUM"]) if os.environ.get("ALBUM") else None
    with demo.staff(DESK) as desk:
        patient = demo.register(desk, "Ottilie", time_zone="America/Bogota")
        (kind,) = desk.get("/v1/visit-types").json()["items"]
        doctor = next(each for each in desk.get("/v1/clinicians").json()["items"] if "Okafor" in each["name"])
        wish = {"patient_id": patient["id"], "visit_type_id": kind["id"], "clinician_ids": [doctor["id"]]}
        assert desk.post("/v1/booking-invitations", json=wish).status_code == 201
    letter = eventually(lambda: letter_with(demo, "/times/"))
    link = re.search(r"http\S+/times/\S+", letter["text"])
    assert link
    with chromium() as browser:
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.goto(link[0])
        say_who(page)
        page.wait_for_url("**/times")
        choose(page, album, "patient-times")
        page.wait_for_selector("text=Your visit is booked")
        assert eventually(lambda: letter_with(demo, "/join/"))
        go_to(page, "Open your visit")
        page.keyboard.press("Enter")
        page.wait_for_url("**/join/*")
        say_who(page)
        page.wait_for_url("**/visit")
        go_to(page, "Choose another time")
        page.keyboard.press("Enter")
        page.wait_for_url("**/visit/times")
        choose(page, album, "patient-moves")
        page.wait_for_url("**/visit/times/chosen*")
        go_to(page, "Move my visit to the new time")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Your visit has been moved")
        assert eventually(lambda: letter_with(demo, "has moved"))
        page.goto(f"{page.url.partition('/visit')[0]}/visit")
        go_to(page, "Cancel this visit")
        page.keyboard.press("Enter")
        page.wait_for_url("**/visit/cancel")
        go_to(page, "words")
        page.keyboard.type("My granddaughter has a fever")
        go_to(page, "Yes, cancel my visit")
        if album is not None:
            page.screenshot(path=album / "patient-cancels.png", full_page=True)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Your visit is cancelled")
    assert eventually(lambda: letter_with(demo, "is cancelled"))

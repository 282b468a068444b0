"""An interpreter joins a call that is on: from two browsers to the media node, in the house as it is run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.kit.calls import FLAGS
from tests.kit.demo import CLINICIAN, DESK, Demo, Json, eventually, prepare
from tests.kit.needs import program

pytestmark = pytest.mark.browser
BORN = "1958-04-12"
PICTURES = "[...document.querySelectorAll('.far video:not(#near)')]"
FRAMES = f"{PICTURES}.map((each) => each.getVideoPlaybackQuality().totalVideoFrames)"


@contextmanager
def own_page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(permissions=["camera", "microphone"]) as context:
        yield context.new_page()


def sees(page: Page, people: int, *, more: int = 10) -> None:
    """Each of so many pictures has shown so many more frames."""
    eventually(lambda: (found := page.evaluate(FRAMES)) and len(found) == people and all(found), within=60)
    before = page.evaluate(FRAMES)
    eventually(
        lambda: all(now >= then + more for now, then in zip(page.evaluate(FRAMES), before, strict=False)), within=30
    )
    assert len(page.evaluate(FRAMES)) == people


def ready(demo: Demo, booked: Json) -> None:
    visit = booked["visit"]["id"]
    with demo.guest(booked["link"], BORN) as guest:
        prepare(visit, guest)
        check = {"camera": "ok", "microphone": "ok", "speaker": "ok"}
        assert guest.post(f"/v1/visits/{visit}/check", json=check).status_code == 200
        assert guest.post(f"/v1/visits/{visit}/ready").status_code == 200


def open_patient(demo: Demo, page: Page, booked: Json) -> None:
    page.goto(booked["link"])
    for part, value in zip(("year", "month", "day"), BORN.split("-"), strict=True):
        page.fill(f"[name=birth_{part}]", value)
    page.click("main button")
    page.wait_for_url(f"{demo.web}/visit**")


def open_clinician(demo: Demo, page: Page, visit: str) -> None:
    page.goto(f"{demo.web}/sign-in")
    page.fill("[name=email]", CLINICIAN)
    page.fill("[name=password]", demo.password(CLINICIAN))
    page.click("main button")
    page.wait_for_url("**/day")
    page.goto(f"{demo.web}/visits/{visit}")


@pytest.mark.timeout(300)
def test_three_in_a_call(demo: Demo) -> None:
    with demo.staff(DESK) as desk:
        booked = demo.book_now(desk, demo.register(desk, "Nadia"))
        visit = booked["visit"]["id"]
        asked = {"kind": "interpreter", "name": "Inés Vidal", "language": "en"}
        invited = desk.post(f"/v1/visits/{visit}/participants", json=asked).json()
    ready(demo, booked)
    with sync_playwright() as playwright, demo.staff(CLINICIAN) as host:
        browser = playwright.chromium.launch(executable_path=program("browser"), args=list(FLAGS))
        with own_page(browser) as clinician, own_page(browser) as patient, own_page(browser) as interpreter:
            open_patient(demo, patient, booked)
            assert host.post(f"/v1/visits/{visit}/admit").status_code == 200
            open_clinician(demo, clinician, visit)
            for page in (clinician, patient):
                sees(page, 1)
            _interpret(host, invited, (clinician, patient, interpreter))
        browser.close()


def _interpret(host: Any, invited: Json, pages: tuple[Page, Page, Page]) -> None:
    interpreter, theirs = pages[2], invited["participant"]
    interpreter.goto(invited["link"])
    interpreter.fill("[name=name]", "ines vidal")
    interpreter.click("main button")
    interpreter.wait_for_selector("text=You are in the waiting room")
    assert interpreter.is_hidden("#back")
    one = f"/v1/visits/{theirs['visit_id']}/participants/{theirs['id']}"
    assert host.post(f"{one}/admit").status_code == 200
    interpreter.click("#back", timeout=10_000)
    for page in pages:
        sees(page, 2)

    everyone = f"/v1/visits/{theirs['visit_id']}/participants"
    found = {each["id"]: each["state"] for each in host.get(everyone).json()["items"]}
    assert found[theirs["id"]] == "connected"

    assert host.post(f"{one}/remove").status_code == 200
    interpreter.wait_for_selector("text=This link no longer leads here", timeout=10_000)
    for page in pages[:2]:
        sees(page, 1)

"""A relative and an interpreter come along: each by a link of their own, each let in by name, each put out at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.kit.chromium import chromium
from tests.kit.demo import CLINICIAN, DESK, Demo, Json, eventually

pytestmark = pytest.mark.browser
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 860}
BORN = {"birth_year": "1958", "birth_month": "4", "birth_day": "12"}
INES = {"kind": "interpreter", "name": "Inés Vidal", "email": "ines@interpreters.example", "language": "es"}


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: ALBUM when someone wants to keep them."""
    directory = Path(os.environ.get("ALBUM") or tmp_path_factory.mktemp("album"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def own_page(browser: Browser, size: Any, **options: Any) -> Iterator[Page]:
    """Somebody's own browser."""
    with browser.new_context(viewport=size, **options) as context:
        yield context.new_page()


def letter_to(demo: Demo, address: str) -> Json:
    return next(iter(demo.letters(address)), {})


def come(page: Page, link: str, name: str) -> None:
    page.goto(link)
    page.fill("[name=name]", name)
    page.click("main button")
    page.wait_for_url("**/attend")


def seen_by_itself(page: Page, words: str, act: Any) -> None:
    """What somebody else does comes to this open page by itself."""
    act()
    page.wait_for_selector(words)


def test_a_relative_and_an_interpreter(demo: Demo, album: Path) -> None:
    with demo.staff(DESK) as desk:
        booked = demo.book_now(desk, demo.register(desk, "Friede"))
        visit = booked["visit"]["id"]
        people = f"/v1/visits/{visit}/participants"
        interpreter = desk.post(people, json=INES).json()["participant"]
        letter = eventually(lambda: letter_to(demo, INES["email"]))
        link = next(word for word in letter["text"].split() if "/invited/" in word)
        assert "Friede" not in letter["text"]
        with chromium() as browser:
            _come_along(demo, browser, booked, album, desk=desk, link=link, interpreter=interpreter["id"])


def _invite_a_relative(demo: Demo, patient: Page, link: str, album: Path) -> str:
    """From the patient's own page. Answers the relative's link."""
    patient.goto(link)
    for box, value in BORN.items():
        patient.fill(f"[name={box}]", value)
    patient.click("main button")
    patient.wait_for_url("**/visit/prepare")
    patient.goto(f"{demo.web}/visit/people")
    patient.fill("#name", "Luis Marlow")
    patient.click("main form[action='/visit/people'] button")
    patient.wait_for_selector("text=Luis Marlow is invited.")
    patient.screenshot(path=album / "invite-a-relative.png", full_page=True)
    theirs = patient.inner_text("code.copy")
    assert urlsplit(theirs).path.startswith("/invited/")
    return theirs


def _open_the_room(demo: Demo, room: Page, visit: str) -> None:
    room.goto(f"{demo.web}/sign-in")
    room.fill("[name=email]", CLINICIAN)
    room.fill("[name=password]", demo.password(CLINICIAN))
    room.click("main button")
    room.wait_for_url("**/day")
    room.goto(f"{demo.web}/visits/{visit}")


def _come_along(
    demo: Demo, browser: Browser, booked: Json, album: Path, *, desk: Any, link: str, interpreter: str
) -> None:
    visit = booked["visit"]["id"]
    with (
        own_page(browser, PHONE) as patient,
        own_page(browser, PHONE) as relative,
        own_page(browser, PHONE, locale="es-MX") as helper,
        own_page(browser, DESKTOP) as room,
    ):
        theirs = _invite_a_relative(demo, patient, booked["link"], album)
        _open_the_room(demo, room, visit)
        row = f"#participant-{interpreter}"
        assert "Waiting" not in room.inner_text(row)

        seen_by_itself(room, "#participants >> text=Luis Marlow", lambda: come(relative, theirs, "marlow luis"))
        come(helper, link, "ines vidal")
        helper.wait_for_selector("text=Está en la sala de espera")
        room.wait_for_selector(f"{row} >> text=Waiting")
        helper.screenshot(path=album / "interpreter-waits.png", full_page=True)
        room.screenshot(path=album / "room-with-company.png")

        seen_by_itself(helper, "text=Ya puede entrar", lambda: room.click(f"{row} >> text=Let in"))
        room.wait_for_selector(f"{row} >> text=Let in")

        found = {each["name"]: each["id"] for each in desk.get(f"/v1/visits/{visit}/participants").json()["items"]}
        put_out = f"/v1/visits/{visit}/participants/{found['Luis Marlow']}/remove"
        seen_by_itself(relative, "text=This link no longer leads here", lambda: desk.post(put_out))
        relative.goto(theirs)
        relative.fill("[name=name]", "Luis Marlow")
        relative.click("main button")
        relative.wait_for_selector("text=That does not match this link.")
        assert row.removeprefix("#") in room.content()
        eventually(lambda: "Luis Marlow" not in room.inner_text("#participants"))

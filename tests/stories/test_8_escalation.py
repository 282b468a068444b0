"""A patient waits and nobody answers: the board sounds, mail goes from one to the next, until somebody sees to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.kit.chromium import chromium
from tests.kit.demo import ADMIN, CLINICIAN, DESK, Demo, Json, eventually, prepare

pytestmark = pytest.mark.browser
NEVER = "coordinator@clinic.example"
QUICK = [
    {"after": 0, "whom": "board"},
    {"after": 2, "whom": "clinician"},
    {"after": 4, "whom": "pool"},
    {"after": 3600, "whom": "coordinator", "address": NEVER},
]
HOUSE: dict[str, list[Json] | None] = {"waiting": None, "queued": None, "locked_link": None, "unjoinable": None}
HEAR = "() => { window.rang = 0; const real = AudioContext.prototype.createOscillator;"
HEAR += " AudioContext.prototype.createOscillator = function () { window.rang++; return real.call(this); }; }"
SUBJECTS = {
    "Someone is waiting for you",
    "Someone is waiting and nobody has answered",
    "Alguien espera y nadie ha respondido",
}
SECOND = "SELECT id, email FROM clinician WHERE languages[1] = 'es'"


@contextmanager
def quick_rules(demo: Demo) -> Iterator[None]:
    """The clinic has its own rules for a while."""
    with demo.staff(ADMIN) as admin:
        assert admin.put("/v1/escalation-rules", json={**HOUSE, "waiting": QUICK}).status_code == 200
        try:
            yield
        finally:
            assert admin.put("/v1/escalation-rules", json=HOUSE).status_code == 200


@contextmanager
def colleague(demo: Demo) -> Iterator[str]:
    """The address of another clinician, who signs in too for a while."""
    with psycopg.connect(demo.told["database_url"], autocommit=True) as database:
        found = database.execute(SECOND).fetchone()
        assert found is not None
        row = "INSERT INTO account (id, email, password, role, person_id, created_at)"
        database.execute(f"{row} VALUES (gen_random_uuid(), 'second', '', 'clinician', %s, now())".encode(), [found[0]])
        try:
            yield str(found[1])
        finally:
            database.execute("UPDATE account SET disabled_at = now() WHERE email = 'second'")


def letters_about_waiting(demo: Demo, address: str) -> list[Json]:
    return [each for each in demo.letters(address) if each["subject"] in SUBJECTS]


def wait_as_patient(guest: httpx.Client, visit: str) -> None:
    prepare(visit, guest)
    fine = {"camera": "ok", "microphone": "ok", "speaker": "ok"}
    assert guest.post(f"/v1/visits/{visit}/check", json=fine).status_code == 200
    assert guest.post(f"/v1/visits/{visit}/ready").status_code == 200


def open_board(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.web}/day")
    page.fill("[name=email]", CLINICIAN)
    page.fill("[name=password]", demo.password(CLINICIAN))
    page.click("main button")
    page.wait_for_url("**/day")
    page.evaluate(HEAR)
    page.locator("h1").click()  # browsers let no sound out before somebody touched the page


def test_nobody_answers_until_somebody_does(demo: Demo) -> None:
    with demo.staff(DESK) as desk:
        booked = demo.book_at_once(desk, demo.register(desk, "Hanne"))
    visit = booked["visit"]["id"]
    with (
        quick_rules(demo),
        colleague(demo) as other,
        demo.guest(booked["link"], "1958-04-12") as guest,
        demo.staff(CLINICIAN) as clinician,
        chromium() as browser,
    ):
        page = browser.new_page()
        open_board(page, demo)
        known = len(letters_about_waiting(demo, CLINICIAN))
        wait_as_patient(guest, visit)
        alert = page.locator("[data-alert=waiting]", has_text="Hanne")
        alert.wait_for()
        eventually(lambda: page.evaluate("() => window.rang") > 0)
        assert page.title().startswith("(!)")
        eventually(lambda: len(letters_about_waiting(demo, CLINICIAN)) == known + 1)  # it begins meanwhile
        (letter,) = eventually(lambda: letters_about_waiting(demo, other))
        assert "Hanne" not in letter["subject"] + letter["text"]
        alert.locator("button").click()
        expect(page.locator("#board")).to_contain_text("You see to it")
        eventually(lambda: not page.title().startswith("(!)"))
        (seen,) = [each for each in clinician.get("/v1/alerts").json()["items"] if each["visit_id"] == visit]
        assert seen["next_at"] is None
        assert [step["whom"] for step in seen["steps"]] == ["board", "clinician", "pool"]
        assert clinician.post(f"/v1/visits/{visit}/admit").status_code == 200
        eventually(lambda: visit not in clinician.get("/v1/alerts").text)
    assert demo.letters(NEVER) == []

"""A task is due, its owner is silent: the team sees it, who coordinates is mailed, one press, and it stops for all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from telehealth.access.passwords import HASHER
from tests.kit.chromium import chromium
from tests.kit.demo import ADMIN, CLINICIAN, DESK, Demo, Json, eventually

pytestmark = pytest.mark.browser
TITLE = "Call about the blood test"
SUBJECTS = ("A follow-up task is overdue", "Una tarea de seguimiento necesita a alguien")
WINDOW = "14w"  # forty seconds of the demo's follow-up time, and as long again for who takes it on
PASSWORD = "Nine ships at anchor"
COORDINATORS = "/v1/follow-up-coordinators"
SECOND = "SELECT id, email, given || ' ' || family FROM clinician WHERE email <> %s ORDER BY email LIMIT 2"
TOLD = "SELECT kind, state, count(*) FROM message WHERE subject_id = %s GROUP BY 1, 2 ORDER BY 1, 2"


Sat = tuple["Person", Page]


@dataclass(frozen=True)
class Person:
    id: str
    email: str
    name: str

    @property
    def account(self) -> str:
        return f"follows.{self.email}"


@contextmanager
def two_more(demo: Demo) -> Iterator[tuple[Person, Person]]:
    """Other clinicians who sign in for a while: who coordinates, and a colleague."""
    row = "INSERT INTO account (id, email, password, role, person_id, created_at)"
    row += " VALUES (gen_random_uuid(), %s, %s, 'clinician', %s, now())"
    with psycopg.connect(demo.told["database_url"], autocommit=True) as database:
        found = [Person(*map(str, each)) for each in database.execute(SECOND.encode(), [CLINICIAN])]
        for each in found:
            database.execute(row.encode(), [each.account, HASHER.hash(PASSWORD), each.id])
        try:
            yield found[0], found[1]
        finally:
            database.execute("UPDATE account SET disabled_at = now() WHERE email LIKE 'follows.%'")


def name(demo: Demo, *people: Person) -> None:
    with demo.staff(ADMIN) as admin:
        known = admin.get(COORDINATORS)
        named = {"items": [each.id for each in people]}
        answer = admin.put(COORDINATORS, json=named, headers={"If-Match": known.headers["ETag"]})
        assert answer.status_code == 200, answer.text


def plan(demo: Demo) -> str:
    """A task of the clinician who gives the visit."""
    with demo.staff(DESK) as desk, demo.staff(CLINICIAN) as clinician:
        visit = demo.book_now(desk, demo.register(desk, "Ottilie"))["visit"]["id"]
        asked = {"title": TITLE, "kind": "call", "due_in": "1d", "window": WINDOW}
        key = {"Idempotency-Key": f"nobody-{visit}"}
        answer = clinician.post(f"/v1/visits/{visit}/follow-ups", json=asked, headers=key)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


def sign_in(page: Page, address: str, who: Person) -> None:
    """From where they wanted to go, over the sign-in page, and there."""
    page.goto(address)
    page.fill("[name=email]", who.account)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url(address)


def letters(demo: Demo, address: str) -> list[Json]:
    return [each for each in demo.letters(address) if each["subject"] in SUBJECTS]


def test_nobody_follows_up_until_somebody_does(demo: Demo, tmp_path: Path) -> None:
    album = Path(os.environ.get("ALBUM") or tmp_path)
    with two_more(demo) as (coordinator, colleague), chromium() as browser:
        name(demo, coordinator)
        try:
            known = len(letters(demo, CLINICIAN))
            task = plan(demo)
            _until_somebody_does(demo, task, (in_english(browser, coordinator), in_english(browser, colleague)), album)
        finally:
            name(demo)
        assert len(letters(demo, CLINICIAN)) == known + 1
        assert len(letters(demo, coordinator.email)) == 1
        assert letters(demo, colleague.email) == []
    assert demo.rows(TOLD, task) == [
        ("follow_up_due", "sent", 1),
        ("follow_up_escalated", "sent", 1),
        ("follow_up_open", "sent", 1),
        ("follow_up_overdue", "sent", 1),
    ]


def in_english(browser: Browser, who: Person) -> tuple[Person, Page]:
    return who, browser.new_context(locale="en-US").new_page()


def _until_somebody_does(demo: Demo, task: str, people: tuple[Sat, Sat], album: Path) -> None:
    (coordinator, theirs), (colleague, board) = people
    sign_in(board, f"{demo.web}/tasks", colleague)
    row = board.locator(f"#task-{task}")
    expect(row).to_have_count(0)  # it is another's, who still has time
    expect(row).to_contain_text("I take it")  # by itself: the page is not loaded again

    link = _link_of_the_mail(demo, coordinator)
    assert link.endswith(task)
    sign_in(theirs, link, coordinator)
    expect(theirs.locator("main")).to_contain_text(TITLE)
    theirs.screenshot(path=album / "from_the_mail.png", full_page=True)
    theirs.click("#take-on")
    expect(theirs.locator("#seen-to")).to_contain_text("You see to it")
    theirs.screenshot(path=album / "taken_on.png", full_page=True)

    expect(row).to_contain_text(f"{coordinator.name} sees to it")
    expect(row).not_to_contain_text("I take it")
    board.screenshot(path=album / "board_of_others.png", full_page=True)
    with demo.staff(CLINICIAN) as silent:
        late = silent.post(f"/v1/follow-ups/{task}/claim")
        assert (late.status_code, late.json()["type"]) == (409, "/problems/task-taken")
        assert silent.get(f"/v1/follow-ups/{task}").json()["status"] == "reminded"
    theirs.click(f"#done-{task}")
    expect(theirs.locator("main")).to_contain_text("The task is closed.")
    expect(row).to_have_count(0)
    board.goto(link)
    expect(board.locator("main")).to_contain_text("There is nothing left to do about this.")


def _link_of_the_mail(demo: Demo, coordinator: Person) -> str:
    """It says who the task is for and what about to nobody."""
    (letter,) = eventually(lambda: letters(demo, coordinator.email))
    assert "blood" not in letter["subject"] + letter["text"]
    assert "Ottilie" not in letter["subject"] + letter["text"]
    link = re.search(rf"{re.escape(demo.web)}/tasks/\S+", letter["text"])
    assert link is not None
    return link[0]

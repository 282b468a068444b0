"""The patient's open page in Chromium, and what staff do meanwhile: each case says what the page then shows."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import anyio
import httpx
import psycopg
from playwright.sync_api import Browser, Page, expect

from telehealth.core.time import SystemClock
from tests.kit.full_room import BORN, Headers, Room, Waiter, connected
from tests.kit.processes import WebProcess

WORDS = "We call you in a minute"
LATER = """
UPDATE visit SET starts_at = now() - interval '1 hour', ends_at = now() - interval '40 minutes' WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class Staff:
    """The front desk and the clinicians, by the API of the process that does not hold the patient's page."""

    web: WebProcess
    room: Room
    database: str

    def talks(self, patient: Waiter) -> None:
        """Both sides are in the call, as the signalling says when it is so."""
        with ThreadPoolExecutor(1) as another:  # the browser has the loop of this one
            another.submit(anyio.run, connected, self.database, patient.visit).result()

    def later(self, visit_id: object) -> None:
        """The visit was to begin an hour ago. Nothing tells an open page so."""
        with psycopg.connect(self.database) as connection:
            connection.execute(LATER, [str(visit_id)])

    def desk(self, path: str, body: object = None) -> dict[str, Any]:
        return self.post(self.room.desks[0], path, body)

    def late(self, patient: Waiter, minutes: int) -> None:
        path = f"/v1/clinicians/{self.room.clinician_ids[patient.clinician]}/running-late"
        answer = httpx.put(
            f"{self.web.url}{path}",
            json={"minutes": minutes},
            headers=self.room.desks[0],
            timeout=60,
            trust_env=False,
        )
        answer.raise_for_status()

    def clinician(self, patient: Waiter, path: str, body: object = None) -> dict[str, Any]:
        return self.post(self.room.clinicians[patient.clinician], path, body)

    def other(self, patient: Waiter) -> int:
        """The number of another clinician."""
        return (patient.clinician + 1) % len(self.room.clinicians)

    def post(self, headers: Headers, path: str, body: object = None) -> dict[str, Any]:
        answer = httpx.post(f"{self.web.url}{path}", json=body, headers=headers, timeout=60, trust_env=False)
        answer.raise_for_status()
        given: dict[str, Any] = answer.json() if answer.content else {}
        return given

    def one(self, path: str) -> dict[str, Any]:
        """The first of a list."""
        answer = httpx.get(f"{self.web.url}{path}", headers=self.room.desks[0], timeout=60, trust_env=False)
        first: dict[str, Any] = answer.raise_for_status().json()["items"][0]
        return first


House = tuple[WebProcess, Staff]  # who holds the page, and staff at another process


@dataclass(frozen=True, slots=True)
class Case:
    """`before` brings the visit to where it is to be, `act` is what staff do, `shown` waits until the page says so."""

    act: Callable[[Staff, Waiter], object]
    shown: Callable[[Page, Staff, Waiter], None]
    before: Callable[[Staff, Waiter], object] | None = None


def visible(selector: str) -> Callable[[Page, Staff, Waiter], None]:
    return lambda page, _staff, _patient: expect(page.locator(selector)).to_be_visible()


def _path(patient: Waiter, word: str) -> str:
    return f"/v1/visits/{patient.visit}/{word}"


def _admit(staff: Staff, patient: Waiter) -> object:
    return staff.clinician(patient, _path(patient, "admit"))


def _talk(staff: Staff, patient: Waiter) -> None:
    _admit(staff, patient)
    staff.talks(patient)


def _hand_over(staff: Staff, patient: Waiter) -> object:
    body = {"clinician_id": str(staff.room.clinician_ids[staff.other(patient)]), "override": "ill"}
    return staff.desk(_path(patient, "hand-over"), body)


def _names_the_other(page: Page, staff: Staff, patient: Waiter) -> None:
    expect(page.locator("#heading h1")).to_contain_text(f"Number {staff.other(patient)}")


def _put_out(staff: Staff, patient: Waiter) -> object:
    return staff.desk(f"{_path(patient, 'participants')}/{patient.participant}/revoke")


def _open_elsewhere(staff: Staff, patient: Waiter) -> object:
    """The identity step on another device, at the other process."""
    born = {"birth_year": BORN.year, "birth_month": BORN.month, "birth_day": BORN.day}
    answer = httpx.post(
        f"{staff.web.url}/join/{patient.link.rpartition('/')[2]}", data=born, timeout=60, trust_env=False
    )
    return answer.headers["set-cookie"]


CASES: Mapping[str, Case] = {
    "admitted": Case(_admit, visible("#call")),
    "put back": Case(lambda s, p: s.clinician(p, _path(p, "put-back")), visible("#waiting-title"), _admit),
    "nobody answered": Case(lambda s, p: s.clinician(p, _path(p, "no-answer")), visible("#waiting-title"), _admit),
    "handed over": Case(_hand_over, _names_the_other),
    "cancelled": Case(lambda s, p: s.desk(_path(p, "cancel"), {"reason": "technical"}), visible("#over-title")),
    "marked as left": Case(lambda s, p: s.desk(_path(p, "left")), visible("#over-title")),
    "finished": Case(lambda s, p: s.clinician(p, _path(p, "end")), visible("#ended-title"), _talk),
    "no contact": Case(
        lambda s, p: s.clinician(p, _path(p, "fail"), {"reason": "technical"}), visible("#over-title"), _admit
    ),
    "entered in error": Case(lambda s, p: s.desk(_path(p, "mark-error"), {"reason": "test"}), visible("#over-title")),
    "nobody came": Case(
        lambda s, p: s.desk(_path(p, "no-show"), {"who": "clinician"}),
        visible("#over-title"),
        lambda s, p: s.later(p.visit),
    ),
    "taken back": Case(
        lambda s, p: s.desk(_path(p, "correct"), {"reason": "marked_by_mistake"}),
        visible("#waiting-title"),
        lambda s, p: s.desk(_path(p, "left")),
    ),
    "put out": Case(_put_out, visible("#gone-title")),
    "opened on another device": Case(_open_elsewhere, visible("#elsewhere")),
    "written to": Case(lambda s, p: s.desk(_path(p, "messages"), {"words": WORDS}), visible(f"#told >> text={WORDS}")),
    "running late": Case(lambda s, p: s.late(p, 10), visible("#late"), lambda s, p: s.late(p, 0)),
}


@contextmanager
def opened(browser: Browser, web: WebProcess, link: str) -> Iterator[Page]:
    """The page behind a personal link, after the identity step, its script listening."""
    context = browser.new_context(permissions=["camera", "microphone"])
    try:
        page = context.new_page()
        page.goto(f"{web.url}/join/{link.rpartition('/')[2]}")
        for part, value in (("year", BORN.year), ("month", BORN.month), ("day", BORN.day)):
            page.fill(f"[name=birth_{part}]", str(value))
        with page.expect_response(f"{web.url}/v1/visits/*/join"):  # what it asks for as soon as its stream is open
            page.click("main button")
        yield page
    finally:
        context.close()


def told(browser: Browser, house: House, patient: Waiter, case: Case) -> float:
    """Seconds from the answer that staff got until the page of the waiting patient shows what they did."""
    web, staff = house
    staff.post(patient.headers, _path(patient, "ready"))
    if case.before is not None:
        case.before(staff, patient)
    with opened(browser, web, patient.link) as page:
        case.act(staff, patient)
        begun = time.monotonic()
        case.shown(page, staff, patient)
        return time.monotonic() - begun


def told_of_move(browser: Browser, house: House, *, days: int = 1) -> float:
    """The same for a visit in so many days that is moved while the patient's page is open."""
    web, staff = house
    start, booked = _booked_ahead(staff, days)
    later = start + timedelta(hours=2)
    with opened(browser, web, booked["link"]) as page:
        staff.desk(f"/v1/visits/{booked['visit']['id']}/reschedule", {"start": later.isoformat()})
        begun = time.monotonic()
        page.wait_for_selector(f'#heading time[datetime^="{later:%Y-%m-%dT%H:%M}"]')
        return time.monotonic() - begun


def told_of_absence(browser: Browser, house: House, *, days: int = 2) -> float:
    """The same for one whose patient has it open and did not come: a page that lies in a drawer."""
    web, staff = house
    _, booked = _booked_ahead(staff, days)
    with opened(browser, web, booked["link"]) as page:
        staff.later(booked["visit"]["id"])
        staff.desk(f"/v1/visits/{booked['visit']['id']}/no-show", {"who": "patient"})
        begun = time.monotonic()
        expect(page.locator("#over-title")).to_be_visible()
        return time.monotonic() - begun


def _booked_ahead(staff: Staff, days: int) -> tuple[datetime, dict[str, Any]]:
    """A visit in so many days, of a patient of its own; when it begins, and what was answered."""
    start = SystemClock().now().replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
    patient = staff.desk("/v1/patients", {"given": "Luis", "family": "Moreno", "birth_date": BORN.isoformat()})
    wanted = {"patient_id": patient["id"], "visit_type_id": staff.one("/v1/visit-types")["id"]}
    wanted["clinician_id"] = str(staff.room.clinician_ids[0])
    return start, staff.desk("/v1/visits", {**wanted, "start": start.isoformat()})

"""Over HTTP with a token of its own, and in Chromium: a cuff's alert on the board, what it told on the task's page, and
its end while the page is open.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from telehealth.access import queries
from telehealth.access import service as access
from telehealth.access.rules import EVERYONE, DataKind
from telehealth.core.actors import SYSTEM, Purpose, Role, Scope
from telehealth.db.unit import Unit
from telehealth.followups.tasks import fire_due
from telehealth.http.credentials import STAFF_COOKIE
from tests.alerts.telling import BODY
from tests.followups.working import work_of
from tests.kit.chromium import chromium
from tests.kit.database import Databases
from tests.kit.house import ORIGIN
from tests.kit.integrations import BackendClient, jwks_of
from tests.kit.valkey import running_valkey
from tests.visits.gates.doors import Doors, behind, open_doors

pytestmark = pytest.mark.browser
PHONE, DESK = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=800)


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


@contextmanager
def platform(doors: Doors) -> Iterator[httpx.Client]:
    """Registered with its key, permitted by an administrator, and with a token."""
    backend = BackendClient(f"{ORIGIN}/oauth/token")

    async def register(unit: Unit) -> UUID:
        scopes, keys = [Scope.ALERTS_WRITE], jwks_of(backend.key)
        added = await access.add_integration(unit, name="Cuffs", scopes=scopes, jwks=keys)
        (admin,) = await queries.staff(unit, Role.ADMIN)
        await access.grant(
            unit,
            integration_id=added.id,
            purpose=Purpose.TREATMENT,
            data_kinds={DataKind.ALERTS},
            patients=EVERYONE,
            valid_until=unit.now + timedelta(days=30),
            approved_by=admin.id,
        )
        return added.id

    backend.client_id = str(behind(doors, lambda unit_of_work: unit_of_work.run(register, SYSTEM)))
    with httpx.Client(base_url=doors.url, timeout=60, trust_env=False) as client:
        answer = client.post("/oauth/token", data=backend.form(doors.clock.now(), "alerts.write"))
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def signed_in(browser: Browser, doors: Doors, secret: str, viewport: ViewportSize) -> Page:
    page = browser.new_context(viewport=viewport, base_url=doors.url, locale="en-US").new_page()
    cookie = {"Set-Cookie": f"{STAFF_COOKIE}={secret}; Path=/; Secure; HttpOnly"}
    page.route("**/signed-in", lambda route: route.fulfill(headers=cookie, body="ok"))
    page.goto("/signed-in")
    return page


def told(doors: Doors, client: httpx.Client, **more: Any) -> dict[str, Any]:
    assert doors.day is not None
    patient = str(doors.day.arrival.visit.patient_id)
    body = {**BODY, "patient_id": patient, "raised_at": doors.clock.now().isoformat(), **more}
    answer = client.post("/v1/device-alerts", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_from_the_cuff_to_the_end(browser: Browser, doors: Doors, album: Path) -> None:
    assert doors.day is not None
    with platform(doors) as client:
        first = told(doors, client, code={**BODY["code"], "text": "Systolic blood pressure"})
        behind(doors, lambda unit_of_work: fire_due(work_of(unit_of_work)))
        board = signed_in(browser, doors, doors.day.clinician, DESK)
        board.goto("/tasks")
        row = board.locator("#board li", has_text="Systolic blood pressure 192 mm[Hg]")
        expect(row).to_contain_text("At once")
        expect(row).to_contain_text("A device of the patient's raised an alert")
        board.screenshot(path=album / "alert_board.png", full_page=True)
        second = told(
            doors, client, identifier="a-2", severity="medium", code={**BODY["code"], "text": "ضغط الدم الانقباضي"}
        )
        row.get_by_role("link", name="What the device told").click()
        expect(board.locator("h1")).to_have_text("Follow-up task")
        expect(board.locator("main")).to_contain_text("2 alerts, the last first")
        expect(board.locator("main")).to_contain_text("three in a row")
        board.screenshot(path=album / "alert_task.png", full_page=True)
        _on_a_phone(browser, doors, f"/tasks/{first['task_id']}", album)
        for alert in (first, second):
            assert client.post(f"/v1/device-alerts/{alert['id']}/resolve").status_code == 200
        board.reload()
        expect(board.locator("main")).to_contain_text("This task is closed already.")
        expect(board.locator("main")).to_contain_text("Over since")
        board.goto("/tasks")
        expect(board.locator("#mine-title")).to_be_visible()
        expect(row).to_have_count(0)
        board.context.close()


def _on_a_phone(browser: Browser, doors: Doors, path: str, album: Path) -> None:
    assert doors.day is not None
    phone = signed_in(browser, doors, doors.day.clinician, PHONE)
    for language in ("ar", "es", "fr"):
        phone.goto(f"{path}?lang={language}")
        expect(phone.locator("#alerts-title")).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        phone.screenshot(path=album / f"alert_task_{language}.png", full_page=True)
    phone.context.close()


def test_an_administrator_switches_it_off(browser: Browser, doors: Doors, album: Path) -> None:
    assert doors.day is not None
    office = signed_in(browser, doors, doors.day.admin, DESK)
    office.goto("/admin/follow-ups")
    office.screenshot(path=album / "alert_admin.png", full_page=True)
    office.uncheck('[name="device_alert"]')
    office.click("#save")
    expect(office.locator('[name="device_alert"]')).not_to_be_checked()
    with platform(doors) as client:
        assert told(doors, client, identifier="a-3")["task_id"] is None
    office.context.close()

"""Staff write to who waits while the page is drawn anew under their hands."""

import pytest
from playwright.sync_api import Browser, expect

from tests.kit.windows import staff_window
from tests.visits.gates.doors import Doors
from tests.visits.waiting_room.test_press import queue, say

pytestmark = pytest.mark.browser


def test_a_message_is_not_lost_when_its_row_changes(doors: Doors, browser: Browser) -> None:
    assert doors.day
    with staff_window(browser, doors.url, doors.day.desk) as page:
        queue(page, doors, "Elena")
        page.goto("/queue")
        page.click("summary:has-text('Message')")
        words = page.locator("[name=words]")
        words.press_sequentially("We call you on")
        kind = str(doors.day.arrival.clinic.visit_type.id)
        urgent = say(page, "/v1/patients", {"given": "Ugo", "family": "Vidal", "birth_date": "1950-02-03"})
        say(page, "/v1/queue", {"patient_id": urgent["id"], "visit_type_id": kind, "priority": 1})
        expect(page.locator("[data-name^=Elena] td").first).to_have_text("2")  # her row has been drawn anew
        page.keyboard.type(" the phone")
        expect(page.locator("[data-name^=Elena] [name=words]")).to_have_value("We call you on the phone")

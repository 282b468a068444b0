"""A device is let into a call on the clinician's page: what it connects with is shown once, a refusal is told."""

import json

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.web.browsing import stage

pytestmark = pytest.mark.browser
MADE = {"endpoint": "https://clinic.example/v1/visits/0198/whip", "token": "uJ8f"}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_camera_is_let_in(chromium: Browser, language: str) -> None:
    asked: list[object] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        problem = {"title": "Nobody can be invited to this visit now"}
        if len(asked) == 1:
            route.fulfill(status=201, content_type="application/json", body=json.dumps(MADE))
        else:
            route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(problem))

    with stage(chromium, "room_waiting", language=language) as staged:
        page = staged.open()
        page.route("**/media-credentials", answer)
        panel = page.locator("#equipment")
        panel.locator("summary").click()
        panel.locator("#equipment-name").fill("Otoscope")
        panel.get_by_role("button").click()
        expect(panel.locator("#equipment-endpoint")).to_have_text(MADE["endpoint"])
        expect(panel.locator("#equipment-token")).to_have_text(MADE["token"])
        panel.locator("#equipment-kind").select_option("observer")
        panel.locator("#equipment-name").fill("Dr. Amal")
        panel.get_by_role("button").click()
        expect(panel.locator("#equipment-fault")).to_have_text("Nobody can be invited to this visit now")
        assert asked == [{"kind": "device", "name": "Otoscope"}, {"kind": "observer", "name": "Dr. Amal"}]

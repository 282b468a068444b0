"""An interpreter joins a call that is on: from two browsers to the media node, in the house as it is run."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.kit.calls import FLAGS
from tests.kit.chromium import chromium
from tests.kit.demo import CLINICIAN, DESK, Demo, Json
from tests.stories.call_pages import ask_in, open_clinician, open_companion, open_patient, own_page, ready, sees

pytestmark = pytest.mark.browser


def test_three_in_a_call(demo: Demo) -> None:
    with demo.staff(DESK) as desk:
        booked = demo.book_now(desk, demo.register(desk, "Nadia"))
        visit = booked["visit"]["id"]
        invited = ask_in(desk, booked, kind="interpreter", name="Inés Vidal")
    ready(demo, booked)
    with (
        demo.staff(CLINICIAN) as host,
        chromium(*FLAGS) as browser,
        own_page(browser) as clinician,
        own_page(browser) as patient,
        own_page(browser) as interpreter,
    ):
        open_patient(demo, patient, booked)
        assert host.post(f"/v1/visits/{visit}/admit").status_code == 200
        open_clinician(demo, clinician, visit)
        for page in (clinician, patient):
            sees(page, 1)
        _interpret(host, invited, (clinician, patient, interpreter))


def _interpret(host: Any, invited: Json, pages: tuple[Page, Page, Page]) -> None:
    interpreter, theirs = pages[2], invited["participant"]
    open_companion(interpreter, {**invited, "participant": {**theirs, "name": "ines vidal"}})
    assert interpreter.is_hidden("#back")
    one = f"/v1/visits/{theirs['visit_id']}/participants/{theirs['id']}"
    assert host.post(f"{one}/admit").status_code == 200
    interpreter.click("#back")
    for page in pages:
        sees(page, 2)

    everyone = f"/v1/visits/{theirs['visit_id']}/participants"
    found = {each["id"]: each["state"] for each in host.get(everyone).json()["items"]}
    assert found[theirs["id"]] == "connected"

    assert host.post(f"{one}/remove").status_code == 200
    interpreter.wait_for_selector("text=This link no longer leads here")
    for page in pages[:2]:
        sees(page, 1)

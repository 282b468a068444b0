"""A clinician in Chromium calls the next patient: pressed twice, the answer lost, come back to by the Back button."""

import json
import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.kit.windows import staff_window
from tests.visits.gates.doors import Doors

pytestmark = pytest.mark.browser
NEXT = "#next"


def queue(page: Page, doors: Doors, *names: str) -> None:
    assert doors.day
    kind = str(doors.day.arrival.clinic.visit_type.id)
    for name in names:
        patient = say(page, "/v1/patients", {"given": name, "family": "Vidal", "birth_date": "1950-02-03"})
        say(page, "/v1/queue", {"patient_id": patient["id"], "visit_type_id": kind})


def say(page: Page, path: str, body: dict[str, str | int]) -> dict[str, str]:
    answer = page.evaluate(
        """async ([path, body]) => { const answer = await fetch(path, {method: "POST", body,
          headers: {"Content-Type": "application/json"}}); return [answer.status, await answer.text()]; }""",
        [path, json.dumps(body)],
    )
    assert answer[0] == 201, answer
    found: dict[str, str] = json.loads(answer[1])
    return found


def lose_the_answer(page: Page) -> None:
    """Of the next press: the server has done it, and the page does not hear of it; so it is pressed again."""
    lost: list[int] = []

    def once(route: Route) -> None:
        headers = {**route.request.all_headers(), "sec-fetch-site": "same-origin"}
        lost.append(route.fetch(headers=headers, max_redirects=0).status)
        page.unroute("**/queue/next")
        route.fulfill(status=204)  # the page stays

    page.route("**/queue/next", once)
    page.evaluate("document.getElementById('next').form.requestSubmit()")
    while not lost:
        page.wait_for_timeout(20)
    assert lost == [303]


def waiting(page: Page) -> int:
    page.goto("/queue")
    return page.locator("[data-status=ready]").count()


@pytest.mark.parametrize("scripts", [True, False])
def test_one_press_takes_one_patient(doors: Doors, browser: Browser, scripts: bool) -> None:
    assert doors.day
    with (
        staff_window(browser, doors.url, doors.day.desk) as desk,
        staff_window(browser, doors.url, doors.day.clinician, scripts=scripts) as page,
    ):
        desk.goto("/queue")
        queue(desk, doors, "Ana", "Luis", "Marta")
        assert waiting(page) == 3
        lose_the_answer(page)
        page.locator(NEXT).dblclick()  # the second form takes the place of the first, whose answer is not waited for
        expect(page).to_have_url(re.compile("/visits/"))
        first = page.url.rpartition("/")[2]
        assert waiting(desk) == 2
        page.go_back()
        page.locator(NEXT).wait_for()
        page.locator(NEXT).click()
        expect(page).to_have_url(re.compile(f"/visits/(?!{first})"))
        assert waiting(desk) == 1

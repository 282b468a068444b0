"""A clinician finishes a visit: the page asks first, the call goes on while it does."""

from dataclasses import replace
from types import SimpleNamespace as Data

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.web.browsing import SIDEWAYS, Stage, stage
from tests.web.sample import VISIT_ID
from tests.web.test_scripts import events, says

pytestmark = pytest.mark.browser
API = f"/v1/visits/{VISIT_ID}"


def over(staged: Stage) -> None:
    """The visit has ended, as the page is drawn from now on."""
    visit = Data(**{**vars(staged.sample.context["visit"]), "status": "ended"})
    staged.sample = replace(staged.sample, context={**staged.sample.context, "visit": visit})


@pytest.mark.parametrize("language", ["en", "ar"])
def test_finishing_asks_first_and_escape_takes_the_question_back(chromium: Browser, language: str) -> None:
    with stage(chromium, "room_live", language=language, size=(320, 640)) as staged:
        asked: list[str] = []

        def end(route: Route) -> None:
            asked.append(route.request.url)
            over(staged)
            route.fulfill(json={})

        staged.api[f"POST {API}/end"] = end
        page = staged.open()
        question = page.locator("#finish summary")
        question.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#finish button")).to_be_visible()
        assert page.evaluate(SIDEWAYS) == []
        page.keyboard.press("Tab")
        expect(page.locator("#finish button")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#finish button")).to_be_hidden()
        expect(question).to_be_focused()
        assert asked == []
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#note-title")).to_be_focused()
        expect(page.locator("#finish")).to_be_hidden()
        expect(page.locator("#strip")).to_have_attribute("data-status", "ended")
        assert len(asked) == 1


def test_what_was_finished_meanwhile_is_shown_and_not_refused(chromium: Browser) -> None:
    with stage(chromium, "room_live", size=(1280, 800)) as staged:
        staged.api[f"POST {API}/end"] = says({"title": "Not now", "status": 409}, status=409)
        page = staged.open()
        page.click("#finish summary")
        over(staged)
        page.click("#finish button")
        expect(page.locator("#strip")).to_have_attribute("data-status", "ended")
        expect(page.locator("#finish")).to_be_hidden()
        expect(page.locator("#notice")).to_be_hidden()


def test_a_visit_that_ends_while_the_page_asks_ends_the_question_and_no_typing(chromium: Browser) -> None:
    with stage(chromium, "room_live", size=(1280, 800)) as staged:
        staged.api[f"GET {staged.sample.context['stream']}"] = events
        page = staged.open()
        page.click("#finish summary")
        page.locator("#content").focus()
        expect(page.locator("#finish button")).to_be_visible()
        over(staged)
        expect(page.locator("#finish")).to_be_hidden()
        expect(page.locator("#content")).to_be_focused()


def test_who_hung_up_reads_that_they_are_out_and_not_that_they_are_being_connected(chromium: Browser) -> None:
    with stage(chromium, "room_live", size=(1280, 800)) as staged:
        staged.api[f"GET {staged.sample.context['stream']}"] = events
        page = staged.open()
        words = page.locator("#connecting")
        expect(words).to_have_text("Connecting…")
        page.click("#leave")
        expect(page.locator("#back")).to_be_focused()
        expect(words).to_have_text("You are not in the call")
        page.click("#back")
        expect(words).to_have_text("Connecting…")
        page.click("#leave")
        over(staged)
        expect(words).to_have_text("The visit has ended.")

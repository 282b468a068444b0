"""What an administrator takes back for everybody is not done by one press beside "Publish"."""

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browsing import SIDEWAYS, stage

pytestmark = pytest.mark.browser
PAGES = ["admin_texts", "admin_questionnaires", "admin_care_pathway", "admin_monitoring_form", "admin_message_text"]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("name", PAGES)
def test_it_is_asked_first_also_without_scripts(chromium: Browser, name: str, language: str) -> None:
    with stage(chromium, name, language=language, size=(320, 640), scripts=False) as staged:
        page = staged.open()
        question = page.locator("details:has(button[id^=retire])").first
        button = question.locator("button[id^=retire]")
        expect(button).to_be_hidden()
        question.locator("summary").click()
        expect(button).to_be_visible()
        with page.expect_request(lambda request: request.method == "POST") as sent:
            button.press("Enter")
        assert sent.value.url.endswith("/retire") or "action=retire" in (sent.value.post_data or "")


@pytest.mark.parametrize("name", PAGES)
def test_the_question_fits_a_small_page(chromium: Browser, name: str) -> None:
    with stage(chromium, name, size=(320, 640)) as staged:
        page = staged.open()
        page.locator("details:has(button[id^=retire]) summary").first.click()
        assert page.evaluate(SIDEWAYS) == []

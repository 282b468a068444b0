"""What a patient may still do with their visit changes under their hands."""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.web.browsing import stage
from tests.web.sample import VISIT_ID
from tests.web.test_scripts import events, join

pytestmark = pytest.mark.browser
API = f"/v1/visits/{VISIT_ID}"


@pytest.mark.parametrize(
    ("left", "goes_on_at"),
    [
        ({"movable": False}, '#ways a[href="/visit/cancel"]'),
        ({"movable": False, "cancellable": False}, "#waiting-title"),
    ],
    ids=["it may no longer move", "it has begun"],
)
def test_by_keyboard_one_is_not_put_back_to_the_top(chromium: Browser, left: dict[str, bool], goes_on_at: str) -> None:
    with stage(chromium, "visit_waiting") as staged:
        staged.api |= {f"GET {API}/join": join("ready"), f"GET {API}/stream": events}
        page = staged.open()
        page.locator("#ways a").first.focus()
        expect(page.get_by_role("link", name="Choose another time")).to_be_focused()
        staged.sample = replace(staged.sample, context={**staged.sample.context, **left})
        expect(page.get_by_role("link", name="Choose another time")).to_have_count(0)
        expect(page.locator(goes_on_at)).to_be_focused()

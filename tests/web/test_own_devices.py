"""What somebody sends of themselves: one screen at a time, and nothing that they have switched off."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browsing import stage
from tests.web.sample import VISIT_ID
from tests.web.test_scripts import events, join

pytestmark = pytest.mark.browser
API = f"/v1/visits/{VISIT_ID}"

# A call that only keeps what it is given to send; screens are drawn, and chosen by `choose()`.
BEGIN = """async () => {
  const { uplink } = await import("/static/uplink.js");
  const drawn = () => document.createElement("canvas").captureStream();
  window.screens = [];
  window.asked = [];
  navigator.mediaDevices.getDisplayMedia = () => new Promise((choose) => asked.push(() => {
    screens.push(drawn());
    choose(screens.at(-1));
  }));
  window.local = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  window.camera = local.getVideoTracks()[0];
  const put = async (track) => {
    for (const old of local.getTracks().filter(({ kind }) => kind === track.kind)) local.removeTrack(old);
    local.addTrack(track);
  };
  window.shared = [];
  window.up = uplink({ local, put, onLost: () => {}, onShare: (now) => shared.push(now) });
}"""


def shares(page: Page) -> None:
    """Pressed twice before a screen is chosen; then every question is answered."""
    page.evaluate("() => { up.share(); up.share(); }")
    page.evaluate("async () => { for (const choose of asked.splice(0)) choose(); }")
    page.wait_for_function("shared.at(-1) === true")


def test_who_presses_twice_shares_one_screen_and_stops_sharing_it(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN)
        for times in (1, 2):
            shares(page)
            page.evaluate("up.unshare()")
            page.wait_for_function("shared.at(-1) === false")
            assert page.evaluate("local.getVideoTracks()[0] === camera")
            assert page.evaluate("screens.map((each) => each.getVideoTracks()[0].readyState)") == ["ended"] * times


@pytest.mark.parametrize("another", [True, False], ids=["another camera is chosen", "the camera goes away"])
def test_a_camera_that_is_off_is_off_after_the_screen_was_shared(chromium: Browser, another: bool) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN)
        page.evaluate("camera.enabled = false")
        shares(page)
        page.evaluate("another => another ? up.use('video', '') : camera.stop()", another)
        page.evaluate("up.unshare()")
        page.wait_for_function("shared.at(-1) === false")
        sent = page.evaluate("local.getVideoTracks().map((each) => [each === camera, each.enabled])")
        assert sent == [[False, False]]


# Devices open when `open()` is called, and every track that was ever opened is kept.
SLOW = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.opened = [];
window.waiting = [];
window.open = async () => { for (const go of waiting.splice(0)) await go(); };
navigator.mediaDevices.getUserMedia = (wanted) => new Promise((resolve, reject) => waiting.push(async () => {
  try {
    const stream = await open(wanted);
    opened.push(...stream.getTracks());
    resolve(stream);
  } catch (error) {
    reject(error);
  }
}));
"""
LIVE = "opened.filter(({ readyState }) => readyState === 'live').map(({ kind }) => kind).sort().join()"


def test_who_presses_twice_opens_one_camera(chromium: Browser) -> None:
    with stage(chromium, "visit_check") as staged:
        staged.api |= {f"GET {API}/join": join("arrived"), f"GET {API}/stream": events}
        staged.page.add_init_script(SLOW)
        page = staged.open()
        page.dblclick("#start")
        page.evaluate("open()")
        expect(page.locator("#camera-result")).to_have_text("Works")
        assert page.evaluate("opened.length") == 4
        assert page.evaluate(LIVE) == "audio,video"


def test_a_camera_that_opens_after_the_visit_is_over_is_closed_again(chromium: Browser) -> None:
    with stage(chromium, "visit_check") as staged:
        staged.api |= {f"GET {API}/join": join("arrived"), f"GET {API}/stream": events}
        staged.page.add_init_script(SLOW)
        page = staged.open()
        page.click("#start")
        staged.api[f"GET {API}/join"] = join("completed", can_join=False, reason="over")
        expect(page.locator("#ended-title")).to_be_focused()
        page.evaluate("open()")
        page.wait_for_function("opened.length === 2")
        assert page.evaluate(LIVE) == ""

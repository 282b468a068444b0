"""What somebody sends of themselves: one screen at a time, and nothing that they have switched off."""

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browsing import stage

pytestmark = pytest.mark.browser

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

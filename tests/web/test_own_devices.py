"""What somebody sends of themselves: one screen at a time, and nothing that they have switched off."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browsing import stage
from tests.web.sample import VISIT_ID
from tests.web.test_scripts import events, eventually, join

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
  window.off = [];
  const isOff = (kind) => off.includes(kind);
  window.lost = [];
  const onLost = (kinds) => (lost = kinds);
  window.up = uplink({ local, put, isOff, onLost, onShare: (now) => shared.push(now) });
}"""


def shares(page: Page) -> None:
    """Pressed twice before a screen is chosen; then every question is answered."""
    page.evaluate("() => { up.share(); up.share(); }")
    page.evaluate("async () => { for (const choose of asked.splice(0)) choose(); }")
    eventually(page, lambda: page.evaluate("shared.at(-1) === true"))


def test_who_presses_twice_shares_one_screen_and_stops_sharing_it(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN)
        for times in (1, 2):
            shares(page)
            page.evaluate("up.unshare()")
            eventually(page, lambda: page.evaluate("shared.at(-1) === false"))
            assert page.evaluate("local.getVideoTracks()[0] === camera")
            assert page.evaluate("screens.map((each) => each.getVideoTracks()[0].readyState)") == ["ended"] * times


@pytest.mark.parametrize("another", [True, False], ids=["another camera is chosen", "the camera goes away"])
def test_a_camera_that_is_off_is_off_after_the_screen_was_shared(chromium: Browser, another: bool) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN)
        page.evaluate("(camera.enabled = false, off.push('video'))")
        shares(page)
        page.evaluate("another => another ? up.use('video', '') : camera.stop()", another)
        page.evaluate("up.unshare()")
        eventually(page, lambda: page.evaluate("shared.at(-1) === false"))
        sent = page.evaluate("local.getVideoTracks().map((each) => [each === camera, each.enabled])")
        assert sent == [[False, False]]


# A camera that the system takes: the browser gives out none until `lets()`.
TAKEN = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotReadableError"); };
  window.lets = () => {
    navigator.mediaDevices.getUserMedia = open;
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  };
  camera.stop();
  camera.dispatchEvent(new Event("ended"));
}"""
# Every track that is ever put into what is sent, in `put`.
KEPT = """() => {
  window.put = [];
  local.addTrack = (track) => (put.push(track), MediaStream.prototype.addTrack.call(local, track));
}"""
SENT = "local.getVideoTracks().map((each) => [each === screens.at(-1)?.getVideoTracks()[0], each.readyState])"


def test_a_camera_that_comes_back_does_not_take_the_place_of_the_screen(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN)
        page.evaluate(TAKEN)
        assert page.evaluate("lost") == ["video"]
        shares(page)
        assert page.evaluate("lost") == []  # a picture is sent
        page.evaluate("lets()")
        page.evaluate("navigator.mediaDevices.getUserMedia({ video: true }).then((each) => each.getTracks()[0].stop())")
        assert page.evaluate(SENT) == [[True, "live"]]
        page.evaluate("up.unshare()")
        assert page.evaluate(SENT) == [[False, "live"]]
        assert page.evaluate("lost") == []


def test_a_camera_that_is_away_after_the_screen_is_looked_for_again(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN)
        shares(page)
        page.evaluate(TAKEN)
        page.evaluate("up.unshare()")
        assert page.evaluate(SENT) == []
        assert page.evaluate("lost") == ["video"]
        page.evaluate("lets()")
        eventually(page, lambda: page.evaluate(SENT) == [[False, "live"]])
        eventually(page, lambda: page.evaluate("lost") == [])


def test_after_the_screen_of_who_has_no_camera_black_is_sent_and_not_called_a_picture(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN)
        page.evaluate("local.removeTrack(camera)")
        page.evaluate(KEPT)
        shares(page)
        page.evaluate("up.unshare()")
        assert page.evaluate(SENT) == []
        assert page.evaluate("put.map(({ readyState }) => readyState)") == ["ended", "live"]
        assert page.evaluate("lost") == []
        shares(page)
        assert page.evaluate("put.map(({ readyState }) => readyState)") == ["ended", "ended", "live"]
        page.evaluate("up.unshare()")
        page.evaluate("up.use('video', '')")
        assert page.evaluate("put.map(({ readyState }) => readyState)") == ["ended"] * 4 + ["live"]
        assert page.evaluate(SENT) == [[False, "live"]]


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
        eventually(page, lambda: page.evaluate("opened.length === 2"))
        assert page.evaluate(LIVE) == ""


# Whose camera the browser does not let out, until `sessionStorage.camera` says so.
NO_CAMERA = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (wanted.video && sessionStorage.camera !== "let") throw new DOMException("", "%s");
  return open(wanted);
};
"""
NEAR = "document.getElementById('near').srcObject?.getTracks().map(({ kind, enabled }) => [kind, enabled]).sort()"


def in_call(page: Page) -> None:
    expect(page.locator("#leave")).to_be_visible()
    eventually(page, lambda: page.evaluate("Boolean(document.getElementById('near').srcObject)"))


def leave_and_return(page: Page) -> None:
    page.click("#leave")
    page.click("#back")


@pytest.mark.parametrize("sample", ["visit_call", "room_live"])
def test_who_switched_off_camera_and_microphone_comes_back_with_both_off(chromium: Browser, sample: str) -> None:
    with stage(chromium, sample, size=(1280, 800)) as staged:
        staged.api |= {f"GET {API}/join": join("in_progress"), f"GET {API}/stream": events}
        page = staged.open()
        in_call(page)
        assert page.evaluate(NEAR) == [["audio", True], ["video", True]]
        page.click("#mute")
        page.click("#camera")
        for again in (leave_and_return, Page.reload):
            again(page)
            in_call(page)
            expect(page.locator("#say")).to_have_text(
                "Your microphone is off: nobody hears you. Your camera is off: nobody sees you."
            )
            assert page.evaluate(NEAR) == [["audio", False], ["video", False]]
            for key in ("#mute", "#camera"):
                expect(page.locator(key)).to_have_attribute("aria-pressed", "true")
        page.click("#mute")
        page.click("#camera")
        expect(page.locator("#say")).to_have_text("")
        assert page.evaluate(NEAR) == [["audio", True], ["video", True]]


@pytest.mark.parametrize("fault", ["NotAllowedError", "NotReadableError"])
@pytest.mark.parametrize("sample", ["visit_call", "room_live"])
def test_whose_camera_is_not_to_be_had_is_in_the_call_by_sound(chromium: Browser, sample: str, fault: str) -> None:
    with stage(chromium, sample, size=(1280, 800)) as staged:
        staged.api |= {f"GET {API}/join": join("in_progress"), f"GET {API}/stream": events}
        staged.page.add_init_script(NO_CAMERA % fault)
        page = staged.open()
        in_call(page)
        expect(page.locator("#say")).to_contain_text("You are in the call with sound only.")
        expect(page.locator("#camera")).to_be_hidden()
        page.evaluate("sessionStorage.camera = 'let'")
        page.click("#device-key")
        expect(page.locator("#use-camera option:checked")).to_have_text("Off")
        page.select_option("#use-camera", index=1)
        expect(page.locator("#camera")).to_be_visible()
        expect(page.locator("#near")).to_be_visible()
        expect(page.locator("#say")).to_have_text("")
        assert page.evaluate(NEAR) == [["audio", True], ["video", True]]


def test_who_has_no_camera_is_in_the_call_by_sound_after_the_screen_too(chromium: Browser) -> None:
    with stage(chromium, "visit_call", size=(1280, 800)) as staged:
        staged.api |= {f"GET {API}/join": join("in_progress"), f"GET {API}/stream": events}
        staged.page.add_init_script(NO_CAMERA % "NotReadableError")
        drawn = "async () => document.createElement('canvas').captureStream()"
        staged.page.add_init_script(f"navigator.mediaDevices.getDisplayMedia = {drawn};")
        page = staged.open()
        in_call(page)
        by_sound = "You are in the call with sound only. If you have a camera, choose it under \u201cDevices\u201d."
        expect(page.locator("#say")).to_have_text(by_sound)
        page.click("#share")
        expect(page.locator("#near")).to_be_visible()
        expect(page.locator("#say")).to_have_text("")
        page.click("#share")
        expect(page.locator("#say")).to_have_text(by_sound)
        for own in ("#near", "#camera"):
            expect(page.locator(own)).to_be_hidden()


def test_who_chose_sound_only_is_not_seen_after_a_reload_of_the_call(chromium: Browser) -> None:
    with stage(chromium, "visit_check", size=(1280, 800)) as staged:
        staged.api |= {f"GET {API}/join": join("arrived"), f"GET {API}/stream": events}
        staged.page.add_init_script(NO_CAMERA % "NotAllowedError")
        page = staged.open()
        page.click("#start")
        page.click("#sound-only")
        expect(page.locator("#camera-result")).to_have_text("Off")
        page.evaluate("sessionStorage.camera = 'let'")
        staged.api[f"GET {API}/join"] = join("in_progress")
        page.reload()
        in_call(page)
        assert page.evaluate(NEAR) == [["audio", True]]


def test_who_chose_sound_only_may_choose_a_camera_after_all(chromium: Browser) -> None:
    with stage(chromium, "visit_check", size=(1280, 800)) as staged:
        staged.api |= {f"GET {API}/join": join("arrived"), f"GET {API}/stream": events}
        staged.page.add_init_script(NO_CAMERA % "NotReadableError")
        page = staged.open()
        page.click("#start")
        page.click("#sound-only")
        expect(page.locator("#camera-result")).to_have_text("Off")
        page.evaluate("sessionStorage.camera = 'let'")
        page.click("#choice summary")
        expect(page.locator("#cameras option:checked")).to_have_text("Off")
        page.select_option("#cameras", index=1)
        expect(page.locator("#camera-result")).to_have_text("Works")
        expect(page.locator("#cameras option")).to_have_count(1)
        staged.api[f"GET {API}/join"] = join("in_progress")
        page.reload()
        in_call(page)
        assert page.evaluate(NEAR) == [["audio", True], ["video", True]]


def test_the_devices_that_were_chosen_are_used_after_a_reload(chromium: Browser) -> None:
    with stage(chromium, "visit_call", size=(1280, 800)) as staged:
        staged.api |= {f"GET {API}/join": join("in_progress"), f"GET {API}/stream": events}
        page = staged.open()
        in_call(page)
        microphone = "document.getElementById('near').srcObject.getAudioTracks()[0].label"
        before = page.evaluate(microphone)
        page.click("#device-key")
        other = page.locator("#use-microphone option:not(:checked)").last
        wanted = other.text_content()
        page.select_option("#use-microphone", label=wanted)
        expect(page.locator("#device-told")).to_have_text("Changed.")
        page.select_option("#use-speaker", index=2)
        speaker = page.input_value("#use-speaker")
        heard = f"document.getElementById('remote').sinkId === {speaker!r}"
        eventually(page, lambda: page.evaluate(heard))
        page.reload()
        in_call(page)
        assert page.evaluate(microphone) == wanted != before
        eventually(page, lambda: page.evaluate(heard))
        page.evaluate("sessionStorage.setItem('device video', 'pulled out')")
        page.reload()
        in_call(page)
        assert page.evaluate(NEAR) == [["audio", True], ["video", True]]
        assert page.evaluate(microphone) == wanted, "is not forgotten for the camera's sake"
        for kind in ("audio", "video", "speaker"):
            page.evaluate("kind => sessionStorage.setItem(`device ${kind}`, 'pulled out')", kind)
        page.reload()
        in_call(page)
        assert page.evaluate(NEAR) == [["audio", True], ["video", True]]


def test_what_the_person_or_the_system_forbids_is_asked_for_once(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        counts = """async (fault) => {
          const { openDevices } = await import("/static/devices.js");
          let asked = 0;
          navigator.mediaDevices.getUserMedia = async () => { asked += 1; throw new DOMException("", fault); };
          await openDevices().catch(() => {});
          return asked;
        }"""
        assert page.evaluate(counts, "NotFoundError") == 1, "nothing was chosen before"
        for kind in ("audio", "video"):
            page.evaluate("kind => sessionStorage.setItem(`device ${kind}`, 'chosen')", kind)
        assert page.evaluate(counts, "NotAllowedError") == 1
        assert page.evaluate(counts, "NotFoundError") == 4


def test_a_speaker_that_cannot_be_had_is_not_said_to_be_a_camera(chromium: Browser) -> None:
    with stage(chromium, "visit_call", size=(1280, 800)) as staged:
        staged.api |= {f"GET {API}/join": join("in_progress"), f"GET {API}/stream": events}
        refuse = "HTMLMediaElement.prototype.setSinkId = async () => { throw new DOMException('', 'NotFoundError'); };"
        staged.page.add_init_script(refuse)
        page = staged.open()
        in_call(page)
        page.click("#device-key")
        page.select_option("#use-speaker", index=1)
        expect(page.locator("#device-told")).to_have_text("This speaker cannot be used now. Choose another one.")


def test_whom_to_call_is_under_the_call_on_a_phone(chromium: Browser) -> None:
    with stage(chromium, "visit_call", size=(320, 640)) as staged:
        staged.api |= {f"GET {API}/join": join("in_progress"), f"GET {API}/stream": events}
        page = staged.open()
        in_call(page)
        expect(page.locator("#help")).to_be_visible()
        edges = "[...document.querySelectorAll('#call ~ p a')].filter((each) => each.checkVisibility())"
        lefts = page.evaluate(f"{edges}.map((each) => each.getBoundingClientRect().left)")
        assert lefts
        assert min(lefts) >= 12

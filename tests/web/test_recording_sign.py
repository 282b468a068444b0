"""The sign of a recorded call, as each side has it on their page."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browsing import stage

pytestmark = pytest.mark.browser
ME, OTHER = "me", "other"
BEGIN = """async (host) => {
  const { recordingSign } = await import("/static/recording.js");
  window.said = [];
  window.sign = recordingSign({ host, say: (type, body) => said.push([type, body]) });
}"""

# The call answers each command at once, as the server does within a few milliseconds.
ANSWERED = """async () => {
  const { recordingSign } = await import("/static/recording.js");
  const you = { participant: "me", admitted: true };
  const asked = { id: "r", on: false, agreed: [], waits_for: ["me", "other"] };
  window.said = [];
  const say = (type, body) => {
    said.push([type, body]);
    const agreed = { ...asked, agreed: ["me"], waits_for: ["other"] };
    sign.show({ type: "state", you, ...(body.given && { recording: agreed }) });
  };
  window.sign = recordingSign({ host: false, say });
  sign.show({ type: "welcome", records: true, you, recording: asked });
}"""


def told(page: Page, *, kind: str = "state", ended: str | None = None, **recording: Any) -> None:
    you = {"participant": ME, "admitted": True}
    room = {"type": kind, "records": True, "kept_days": 30, "you": you}
    room |= {"recording": recording} if recording else {}
    room |= {"recording_ended": ended} if ended else {}
    page.evaluate("(room) => sign.show(room)", room)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_patient_is_asked_sees_that_it_is_on_and_stops_it(chromium: Browser, language: str) -> None:
    with stage(chromium, "visit_call", language=language) as staged:
        page = staged.open()
        page.evaluate(BEGIN, False)
        root = page.locator("#recording")
        told(page, kind="welcome")
        expect(root).to_be_hidden()
        told(page, id="r", on=False, agreed=[OTHER], waits_for=[ME])
        expect(root.get_by_role("button")).to_have_count(2)
        root.get_by_role("button").first.click()
        told(page, id="r", on=True, agreed=[OTHER, ME], waits_for=[])
        expect(root.get_by_role("button")).to_have_count(1)
        expect(root).to_have_class("note bad")
        root.get_by_role("button").click()
        told(page)
        expect(root).to_be_hidden()
        given, taken = ({"recording": "r", "given": each} for each in (True, False))
        assert page.evaluate("said") == [["consent", given], ["consent", taken]]


def test_the_clinician_asks_and_ends_it(chromium: Browser) -> None:
    with stage(chromium, "room_waiting") as staged:
        page = staged.open()
        page.evaluate(BEGIN, True)
        root = page.locator("#recording")
        told(page, kind="welcome")
        root.get_by_role("button", name="Record the call").click()
        told(page, id="r", on=False, agreed=[ME], waits_for=[OTHER])
        expect(root).to_contain_text("Nothing is recorded now.")
        told(page, id="r", on=True, agreed=[ME, OTHER], waits_for=[])
        expect(root).to_contain_text("This call is being recorded.")
        root.get_by_role("button", name="Stop recording").click()
        told(page)
        expect(root.get_by_role("button")).to_have_text(["Record the call"])
        assert page.evaluate("said") == [["record_request", {"on": True}], ["record_request", {"on": False}]]


def test_who_is_asked_reads_what_becomes_of_it(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN, False)
        told(page, kind="welcome")
        told(page, id="r", on=False, agreed=[OTHER], waits_for=[ME])
        root = page.locator("#recording")
        for words in ("until anybody stops it", "kept for 30 days"):
            expect(root).to_contain_text(words)
        root.get_by_role("button", name="I do not agree").click()
        told(page)
        expect(page.locator("#live")).to_have_text("Nothing is recorded now.")


def test_the_clinician_reads_that_somebody_does_not_agree(chromium: Browser) -> None:
    with stage(chromium, "room_waiting") as staged:
        page = staged.open()
        page.evaluate(BEGIN, True)
        root = page.locator("#recording")
        told(page, kind="welcome")
        root.get_by_role("button").click()
        told(page, id="r", on=False, agreed=[ME], waits_for=[OTHER])
        told(page, ended="declined")
        expect(root).to_contain_text("Not everybody agrees.")
        expect(page.locator("#live")).to_have_text("Not everybody agrees.")
        root.get_by_role("button", name="Record the call").click()
        told(page, id="s", on=False, agreed=[ME], waits_for=[OTHER])
        expect(root).not_to_contain_text("agrees")


@pytest.mark.parametrize(
    ("ended", "words"),
    [("declined", "Not everybody agrees."), ("withdrawn", "Somebody no longer agrees."), ("over", "recorded now")],
)
def test_why_it_ended_is_there_after_a_reload_until_it_is_asked_again(
    chromium: Browser, ended: str, words: str
) -> None:
    with stage(chromium, "room_waiting") as staged:
        page = staged.open()
        page.evaluate(BEGIN, True)
        root = page.locator("#recording")
        told(page, kind="welcome", ended=ended)
        expect(root).to_contain_text(words)
        expect(root.get_by_role("button")).to_have_text(["Record the call"])
        told(page, id="s", on=True, agreed=[ME, OTHER], waits_for=[])
        told(page, ended="stopped")
        expect(root).not_to_contain_text(words)


def test_who_stopped_it_on_a_bad_line_reads_of_no_refusal(chromium: Browser) -> None:
    """The server hears of it, and tells it, after the press is no longer waited for."""
    with stage(chromium, "room_waiting") as staged:
        staged.page.clock.install()
        page = staged.open()
        page.evaluate(BEGIN, True)
        root = page.locator("#recording")
        told(page, kind="welcome")
        told(page, id="r", on=False, agreed=[ME], waits_for=[OTHER])
        root.get_by_role("button", name="Do not record").click()
        page.clock.fast_forward(5000)
        told(page, ended="stopped")
        expect(root.get_by_role("button")).to_have_text(["Record the call"])
        expect(root).not_to_contain_text("agree")


@pytest.mark.parametrize("ended", ["over", None])
def test_what_ended_by_itself_is_nobodys_refusal(chromium: Browser, ended: str | None) -> None:
    """Nobody kept it going, or the room was lost and knows no reason."""
    with stage(chromium, "room_waiting") as staged:
        page = staged.open()
        page.evaluate(BEGIN, True)
        told(page, kind="welcome")
        told(page, id="r", on=False, agreed=[ME], waits_for=[OTHER])
        told(page, ended=ended)
        expect(page.locator("#recording").get_by_role("button")).to_have_text(["Record the call"])
        expect(page.locator("#recording")).not_to_contain_text("agree")
        expect(page.locator("#live")).to_have_text("Nothing is recorded now.")


def test_nobody_is_said_to_have_refused_while_it_rests(chromium: Browser) -> None:
    """The clinician has hung up for a moment, or the media node is on its way."""
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN, False)
        told(page, id="r", on=True, agreed=[OTHER, ME], waits_for=[])
        told(page, id="r", on=False, agreed=[OTHER, ME], waits_for=[])
        expect(page.locator("#recording")).to_contain_text("Nothing is recorded now.")
        expect(page.locator("#recording")).not_to_contain_text("agreed")


def test_a_press_counts_once(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(BEGIN, False)
        root = page.locator("#recording")
        told(page, id="r", on=True, agreed=[OTHER, ME], waits_for=[])
        root.get_by_role("button").dblclick()
        assert len(page.evaluate("said")) == 1
        expect(root).to_contain_text("This call is being recorded.")


def test_what_is_taken_stays_in_sight_on_a_phone_and_leaves_the_keys_there(chromium: Browser) -> None:
    with stage(chromium, "visit_call", language="ar") as staged:
        page = staged.open()
        page.set_viewport_size({"width": 360, "height": 740})
        page.evaluate("() => { for (const id of ['call', 'keys']) document.getElementById(id).hidden = false; }")
        page.evaluate(BEGIN, False)
        told(page, id="r", on=True, agreed=[OTHER, ME], waits_for=[])
        expect(page.locator("#leave")).to_be_in_viewport(ratio=1)
        assert page.evaluate("() => (scrollTo(0, 400), scrollY)") > 50
        expect(page.locator("#recording button")).to_be_in_viewport(ratio=1)


def test_by_keyboard_one_goes_on_where_one_was(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = staged.open()
        page.evaluate(ANSWERED)
        root = page.locator("#recording")
        root.get_by_role("button", name="I agree", exact=True).focus()
        page.keyboard.press("Enter")
        expect(root).to_be_focused()
        page.keyboard.press("Tab")
        expect(root.get_by_role("button", name="Do not record")).to_be_focused()
        page.keyboard.press("Enter")
        expect(root).to_be_hidden()
        expect(page.locator("#keys button").first).to_be_focused()
        assert [body for _type, body in page.evaluate("said")] == [
            {"recording": "r", "given": each} for each in (True, False)
        ]

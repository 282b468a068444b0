"""What is said in a call, as each side has it on their page: the sign of it, and the lines."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browsing import Stage, stage

pytestmark = pytest.mark.browser
ME, OTHER = "me", "other"
BEGIN = """async (host) => {
  const { captionSign } = await import("/static/captioning.js");
  const { captionArea } = await import("/static/captions.js");
  window.said = [];
  window.sign = captionSign({ host, say: (type, body) => said.push([type, body]) });
  window.area = captionArea({ nameOf: ({ role }) => (role === "clinician" ? "Dr. Amari" : "") });
}"""
# The page would join a call of its own as soon as it had devices, and that begins with no lines at all.
NO_CALL = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {});"
DIRECTION = "(element) => getComputedStyle(element).direction"


def begun(staged: Stage, host: bool) -> Page:
    staged.page.add_init_script(NO_CALL)
    page = staged.open()
    page.evaluate(BEGIN, host)
    return page


def told(page: Page, *, kind: str = "state", ended: str | None = None, **captions: Any) -> None:
    you, peer = {"participant": ME, "admitted": True}, {"participant": OTHER, "role": "clinician"}
    room = {"type": kind, "captioning": True, "you": you, "peers": [peer]}
    room |= {"captions": captions} if captions else {}
    room |= {"captions_ended": ended} if ended else {}
    page.evaluate("(room) => (sign.show(room), area.follow(room))", room)


def said(page: Page, number: int, text: str, *, final: bool = True, of: str = OTHER) -> None:
    line = {"type": "caption", "captions": "c", "participant": of, "number": number, "text": text, "final": final}
    page.evaluate("(line) => area.hear(line)", line)


def on(page: Page) -> None:
    told(page, id="c", on=True, agreed=[OTHER, ME], waits_for=[])


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_patient_is_asked_reads_and_stops_it(chromium: Browser, language: str) -> None:
    with stage(chromium, "visit_call", language=language) as staged:
        page = begun(staged, False)
        sign, area = page.locator("#captioning"), page.locator("#captions")
        told(page, kind="welcome")
        expect(sign).to_be_hidden()
        expect(page.locator("#caption-key")).to_be_hidden()
        told(page, id="c", on=False, agreed=[OTHER], waits_for=[ME])
        said(page, 1, "too early")
        sign.get_by_role("button").first.press("Enter")
        on(page)
        said(page, 2, "good mor", final=False)
        expect(page.locator("#caption-now")).to_contain_text("Dr. Amari good mor")
        said(page, 3, "good morning")
        expect(page.locator("#caption-lines li")).to_have_text(["Dr. Amari good morning"])
        expect(page.locator("#caption-now")).to_be_empty()
        sign.get_by_role("button").press("Enter")
        told(page)
        expect(sign).to_be_hidden()
        expect(area).to_be_hidden()
        given, taken = ({"captions": "c", "given": each} for each in (True, False))
        assert page.evaluate("said") == [["consent", given], ["consent", taken]]


def test_the_clinician_asks_and_ends_it(chromium: Browser) -> None:
    with stage(chromium, "room_waiting") as staged:
        page = begun(staged, True)
        told(page, kind="welcome")
        page.get_by_role("button", name="Turn on live captions").click()
        told(page, id="c", on=False, agreed=[ME], waits_for=[OTHER])
        expect(page.locator("#captioning")).to_contain_text("The captions are off.")
        on(page)
        page.get_by_role("button", name="Stop the captions").click()
        asked, ended = (["caption_request", {"on": each}] for each in (True, False))
        assert page.evaluate("said") == [asked, ended]


def test_the_clinician_reads_that_somebody_no_longer_agrees(chromium: Browser) -> None:
    with stage(chromium, "room_waiting") as staged:
        page = begun(staged, True)
        told(page, kind="welcome")
        on(page)
        told(page, ended="withdrawn")
        expect(page.locator("#captioning")).to_contain_text("Somebody no longer agrees.")
        expect(page.locator("#live")).to_have_text("Somebody no longer agrees.")


def test_each_has_them_as_they_like(chromium: Browser) -> None:
    with stage(chromium, "visit_call") as staged:
        page = begun(staged, False)
        page.evaluate("document.getElementById('keys').hidden = false")
        on(page)
        area, key, size = page.locator("#captions"), page.locator("#caption-key"), page.locator("#caption-size")
        said(page, 1, "one")
        small = area.evaluate("(element) => parseFloat(getComputedStyle(element).fontSize)")
        size.press("Enter")
        assert area.evaluate("(element) => parseFloat(getComputedStyle(element).fontSize)") > small
        key.press("Enter")
        expect(area).to_be_hidden()
        said(page, 2, "two")
        key.press("Enter")
        expect(page.locator("#caption-lines li")).to_have_text(["Dr. Amari one", "Dr. Amari two"])
        for shown in ("true", "false", "true"):  # and so they are after a reload
            if key.get_attribute("aria-pressed") != shown:
                key.press("Enter")
            page.reload()
            page.evaluate(BEGIN, False)
            page.evaluate("document.getElementById('keys').hidden = false")
            on(page)
            assert area.is_visible() is (shown == "true")
            expect(area).to_have_class("captions larger")


def test_whatever_the_words_are_they_are_words(chromium: Browser) -> None:
    """Markup is text, each line goes in its own direction, what is late or of other captions is left out."""
    with stage(chromium, "visit_call") as staged:
        page = begun(staged, False)
        on(page)
        said(page, 5, "<img src=x onerror=alert(1)>")
        said(page, 6, "مرحبا بك", of=ME)
        said(page, 6, "again")
        said(page, 4, "late")
        page.evaluate("area.hear({ type: 'caption', captions: 'old', number: 9, text: 'old', final: true })")
        lines = page.locator("#caption-lines li")
        expect(lines).to_have_text(["Dr. Amari <img src=x onerror=alert(1)>", "You مرحبا بك"])
        words = lines.locator("bdi:not(.who)")
        assert [words.nth(each).evaluate(DIRECTION) for each in (0, 1)] == ["ltr", "rtl"]
        for number in range(7, 107):
            said(page, number, "more")
        expect(lines).to_have_count(40)
        page.evaluate("area.hear({ type: 'caption_state', captions: 'c', available: false })")
        expect(page.locator("#caption-told")).to_contain_text("not available now")
        page.evaluate("area.hear({ type: 'caption_state', captions: 'c', available: true })")
        expect(page.locator("#caption-told")).to_be_empty()

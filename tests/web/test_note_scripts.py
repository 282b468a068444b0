"""What the note's module does when a signed note is amended, and when what is typed is refused."""

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from telehealth.records.notes.markdown import html, parse
from tests.web.browsing import Stage, stage
from tests.web.note_samples import PHRASES, SIGNED, asked, note
from tests.web.sample import VISIT_ID
from tests.web.test_scripts import eventually

pytestmark = pytest.mark.browser
NOTE = f"/v1/visits/{VISIT_ID}/note"


class Notes:
    """The note of one visit in memory, and the page as the server draws it then."""

    def __init__(self, staged: Stage, *, signed: bool) -> None:
        self.staged, self.orders = staged, list[tuple[str, Any]]()
        self.content, self.version, self.refusal = "", 1, 0
        self.state, self.amendment = ("delivered" if signed else "draft"), ""
        self.versions = SIGNED if signed else []
        self.trainee = False
        staged.api[f"PUT {NOTE}"] = self.put
        for way in ("sign", "amend", "discard", "retract", "withdraw"):
            staged.api[f"POST {NOTE}/{way}"] = self.order
        self.draw()

    def draw(self) -> None:
        asked_ = asked("awaited") if self.state == "preliminary" else None
        known = {"version": str(self.version), "state": self.state, "cosignature": asked_}
        now = note(content=self.content, amendment=self.amendment or None, **known)
        context = {**self.staged.sample.context, "note": now, "versions": self.versions}
        self.staged.sample = replace(self.staged.sample, context=context)

    def answer(self, route: Route) -> None:
        self.draw()
        body = {"content": self.content, "version": self.version, "state": self.state}
        route.fulfill(json=body, headers={"ETag": f'"{self.version}"'})

    def fits(self, route: Route) -> bool:
        if self.refusal:
            route.fulfill(status=self.refusal, json={"title": "No"})
            return False
        assert route.request.headers["if-match"] == f'"{self.version}"'
        return True

    def put(self, route: Route) -> None:
        if self.fits(route):
            self.content, self.version = _body(route)["content"], self.version + 1
            self.answer(route)

    def order(self, route: Route) -> None:
        if not self.fits(route):
            return
        way, body = route.request.url.rpartition("/")[2], _body(route)
        self.orders.append((way, body))
        self.version += way != "sign"
        self.state = "draft" if way in ("amend", "withdraw") else "preliminary" if self.trainee else "delivering"
        self.amendment = (body["relation"] or "") if way == "amend" else ""
        if not self.trainee:
            self.content = "In force." if self.amendment == "replaces" else ""
        self.answer(route)


def _body(route: Route) -> Any:
    return route.request.post_data_json or {}


def open_room(staged: Stage, *, signed: bool) -> tuple[Notes, Page]:
    notes = Notes(staged, signed=signed)
    return notes, staged.open()


def test_an_addendum_is_begun_saved_and_signed_without_leaving_the_page(chromium: Browser) -> None:
    with stage(chromium, "room_signed", size=(1280, 800)) as staged:
        notes, page = open_room(staged, signed=True)
        expect(page.locator("#content")).to_be_hidden()
        page.click("text=Add an addendum")
        expect(page.locator("#content")).to_be_focused()
        expect(page.locator("#becoming")).to_contain_text("You are writing an addendum")
        page.keyboard.type("Nothing grew.")
        expect(page.locator("#stamp")).to_contain_text("Saved at")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#stamp")).to_contain_text("Signed at")
        expect(page.locator("#content")).to_be_hidden()
        expect(page.locator("text=Add an addendum")).to_be_visible()
        assert notes.orders == [("amend", {"relation": "appends"}), ("sign", {})]


def test_a_correction_begins_with_what_is_in_force_and_can_be_given_up(chromium: Browser) -> None:
    with stage(chromium, "room_signed", size=(1280, 800)) as staged:
        notes, page = open_room(staged, signed=True)
        page.click("text=Correct the note")
        expect(page.locator("#content")).to_have_value("In force.")
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("#discard")
        expect(page.locator("#content")).to_be_hidden()
        assert [way for way, _ in notes.orders] == ["amend", "discard"]


def test_a_note_is_retracted_with_a_reason(chromium: Browser) -> None:
    with stage(chromium, "room_signed", size=(1280, 800)) as staged:
        notes, page = open_room(staged, signed=True)
        page.click("summary:has-text('Retract')")
        page.fill("#reason-1", "Wrong patient.")
        page.keyboard.press("Enter")
        eventually(page, lambda: notes.orders == [("retract", {"version": 1, "reason": "Wrong patient."})])
        expect(page.locator("#reason-1")).to_be_hidden()


@pytest.mark.parametrize("refusal", [401, 403])
def test_what_is_typed_stays_when_signed_out_and_is_saved_after_signing_in(chromium: Browser, refusal: int) -> None:
    with stage(chromium, "room_waiting") as staged:
        notes, page = open_room(staged, signed=False)
        notes.refusal = refusal
        page.fill("#content", "Typed before.")
        expect(page.locator("#stamp")).to_contain_text("you are signed out. Your text stays here")
        page.locator("#content").press("End")
        page.keyboard.type(" And after.")
        notes.refusal = 0
        expect(page.locator("#stamp")).to_contain_text("Saved at")
        expect(page.locator("#content")).to_have_value("Typed before. And after.")
        assert notes.content == "Typed before. And after."


def test_what_is_refused_for_itself_says_why_and_stays(chromium: Browser) -> None:
    with stage(chromium, "room_waiting") as staged:
        notes, page = open_room(staged, signed=False)
        notes.refusal = 422
        page.fill("#content", "Too long.")
        expect(page.locator("#stamp")).to_have_text("Not saved: No")
        notes.refusal = 0
        page.fill("#content", "Short.")
        expect(page.locator("#stamp")).to_contain_text("Saved at")


def test_what_cannot_be_sent_is_left_out(chromium: Browser) -> None:
    with stage(chromium, "room_waiting") as staged:
        notes, page = open_room(staged, signed=False)
        page.evaluate(
            "() => { const text = document.getElementById('content');"
            "text.value = 'a\\0b\\ud800c\\u{1f600}'; text.dispatchEvent(new Event('input')); }"
        )
        expect(page.locator("#stamp")).to_contain_text("Saved at")
        assert notes.content == "abc\U0001f600"


def test_a_trainee_signs_and_takes_it_back_without_leaving_the_page(chromium: Browser) -> None:
    with stage(chromium, "room_waiting", size=(1280, 800)) as staged:
        notes, page = open_room(staged, signed=False)
        notes.trainee = True
        page.focus("#content")
        page.keyboard.type("Rest.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#versions")).to_contain_text("Dr. Ada Lindqvist")
        expect(page.locator("#content")).to_be_hidden()
        page.click("text=Take it back and change it")
        expect(page.locator("#content")).to_be_focused()
        expect(page.locator("#content")).to_have_value("Rest.")
        assert [way for way, _ in notes.orders] == ["sign", "withdraw"]


def test_what_a_template_began_is_signed_untouched(chromium: Browser) -> None:
    with stage(chromium, "room_waiting", size=(1280, 800)) as staged:
        notes = Notes(staged, signed=False)
        notes.version, notes.content = 0, "Seen by video."
        notes.draw()
        page = staged.open()
        page.click("#sign")
        expect(page.locator("#stamp")).to_contain_text("Signed at")
        assert (notes.version, notes.content, notes.orders) == (1, "", [("sign", {})])


def test_the_note_is_seen_as_it_will_be_read_while_it_is_typed(chromium: Browser) -> None:
    with stage(chromium, "room_waiting", size=(1280, 800)) as staged:
        _, page = open_room(staged, signed=False)
        asked: list[str] = []

        def drawn(route: Route) -> None:
            asked.append(_body(route)["content"])
            words = html(parse(asked[-1]), top=4)
            route.fulfill(status=503, json={"title": "Away"}) if "away" in words else route.fulfill(
                json={"html": words}
            )

        staged.api["POST /v1/notes/preview"] = drawn
        page.locator("#content").fill("## Plan")
        assert asked == []  # nobody looks
        page.locator("#preview > summary").click()
        expect(page.locator("#preview-words h5")).to_have_text("Plan")
        page.locator("#content").press_sequentially("\n\nKeep **it** <img src=x>")
        expect(page.locator("#preview-words strong")).to_have_text("it")
        expect(page.locator("#preview-words")).to_contain_text("<img src=x>")
        page.locator("#content").press_sequentially(" away")
        expect(page.locator("#preview-stamp")).to_contain_text("Your text is safe")
        expect(page.locator("#content")).to_have_value("## Plan\n\nKeep **it** <img src=x> away")
        expect(page.locator("#stamp")).to_contain_text("Saved at")


def test_a_phrase_is_typed_or_chosen_and_undone_in_one(chromium: Browser) -> None:
    with stage(chromium, "room_waiting", size=(1280, 800)) as staged:
        _, page = open_room(staged, signed=False)
        page.focus("#content")
        page.keyboard.type("Plan: /rest ")
        expect(page.locator("#content")).to_have_value(f"Plan: {PHRASES['rest']}")
        page.keyboard.press("Control+z")
        expect(page.locator("#content")).to_have_value("Plan: /rest")
        page.locator("#content").press("End")
        page.keyboard.type("less /unknown ")
        expect(page.locator("#content")).to_have_value("Plan: /restless /unknown ")
        page.click("summary:has-text('Phrases')")
        page.click("[data-phrase='follow-up']")
        expect(page.locator("#content")).to_have_value(f"Plan: /restless /unknown {PHRASES['follow-up']}")

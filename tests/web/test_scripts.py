"""What the modules do when things happen: somebody arrives, the stream dies, two people write, a camera is blocked."""

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace as Data
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.web.alerts import ALERTS
from tests.web.browsing import Stage, stage
from tests.web.drawing import PAGES
from tests.web.sample import NAMES, VISIT_ID

pytestmark = pytest.mark.browser
API = f"/v1/visits/{VISIT_ID}"
STREAM = "retry: 200\n\nid: 1\nevent: change\ndata: 1\n\n"


def events(route: Route) -> None:
    route.fulfill(body=STREAM, content_type="text/event-stream")


def says(body: dict[str, Any], *, status: int = 200, etag: str = "") -> Callable[[Route], None]:
    headers = {"ETag": f'"{etag}"'} if etag else {}
    return lambda route: route.fulfill(status=status, json=body, headers=headers)


def eventually(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        page.wait_for_timeout(100)
    assert holds()


# the day board


def somebody_arrives(staged: Stage) -> str:
    """The second row's patient goes into the waiting room; returns the row's id."""
    visits = [Data(**vars(each)) for each in staged.sample.context["visits"]]  # type: ignore[attr-defined]
    visits[1].status = "ready"
    staged.sample = replace(staged.sample, context={**staged.sample.context, "visits": visits})
    return str(visits[1].id)


def test_an_arrival_is_seen_said_and_counted_and_the_focus_stays(chromium: Browser) -> None:
    with stage(chromium, "day", size=(1280, 800)) as staged:
        staged.api["GET /v1/board/stream"] = events
        page = staged.open()
        expect(page).to_have_title("(1) Today \u2013 Riverside Clinic")
        arrived = str(staged.sample.context["visits"][1].id)  # type: ignore[index]
        page.locator(f"#open-{arrived}").focus()
        assert somebody_arrives(staged) == arrived
        expect(page.locator("#arrived")).to_contain_text(NAMES[1])
        expect(page.locator("#live")).to_have_text(f"{NAMES[1]} is in the waiting room")
        expect(page).to_have_title("(2) Today \u2013 Riverside Clinic")
        expect(page.locator(f"#open-{arrived}")).to_be_focused()
        expect(page.locator(f"#admit-{arrived}")).to_be_visible()


def test_the_front_desk_hears_of_an_arrival_and_is_offered_nothing_it_may_not_do(chromium: Browser) -> None:
    with stage(chromium, "day_desk", size=(1280, 800)) as staged:
        staged.api["GET /v1/board/stream"] = events
        page = staged.open()
        somebody_arrives(staged)
        expect(page.locator("#arrived")).to_contain_text(NAMES[1])
        expect(page.locator("#arrived button")).to_have_count(0)


def test_the_badge_turns_when_the_stream_dies_and_turns_back(chromium: Browser) -> None:
    with stage(chromium, "day") as staged:
        staged.api["GET /v1/board/stream"] = events
        staged.page.clock.install()
        page = staged.open()
        expect(page.locator("#fresh")).to_have_class("tag live good")
        del staged.api["GET /v1/board/stream"]
        page.clock.run_for(20_000)
        expect(page.locator("#fresh")).to_have_class("tag live warn")
        expect(page.locator("#fresh")).to_contain_text("Not live")
        staged.api["GET /v1/board/stream"] = events
        page.clock.run_for(40_000)
        expect(page.locator("#fresh")).to_have_class("tag live good")


def test_an_alert_counts_in_the_title_and_one_press_or_alt_a_takes_it_on(chromium: Browser) -> None:
    asked: list[str] = []

    def taken(route: Route) -> None:
        asked.append(route.request.url)
        staged.sample = replace(staged.sample, context={**staged.sample.context, "alerts": ALERTS[1:2]})
        route.fulfill(json={"id": ALERTS[0].id, "acknowledged_at": "2026-03-03T14:25:00Z"})

    with stage(chromium, "day", size=(1280, 800)) as staged:
        staged.api["GET /v1/board/stream"] = events
        page = staged.open()
        expect(page).to_have_title("(1) Today \u2013 Riverside Clinic")
        staged.sample = replace(staged.sample, context={**staged.sample.context, "alerts": ALERTS[:2]})
        expect(page).to_have_title("(!) (1) Today \u2013 Riverside Clinic")
        expect(page.locator("#live")).to_contain_text(NAMES[0])
        staged.api[f"POST /v1/alerts/{ALERTS[0].id}/acknowledge"] = taken
        page.keyboard.press("Alt+a")
        expect(page).to_have_title("(1) Today \u2013 Riverside Clinic")
        assert len(asked) == 1


def test_who_was_too_late_to_take_it_on_hears_who_was_first(chromium: Browser) -> None:
    with stage(chromium, "day_desk", size=(1280, 800)) as staged:
        refused = says({"title": "Taken", "status": 409, "by": "Dr. Ada Lindqvist"}, status=409)
        staged.api[f"POST /v1/alerts/{ALERTS[0].id}/acknowledge"] = refused
        page = staged.open()
        page.locator(f"#acknowledge-{ALERTS[0].id}").click()
        expect(page.locator("#refused")).to_have_text("Dr. Ada Lindqvist sees to it already.")
        expect(page.locator("#refused")).to_have_role("status")


def test_pressing_twice_asks_once_and_an_old_page_says_that_it_is_over(chromium: Browser) -> None:
    asked: list[Route] = []

    with stage(chromium, "day_desk", size=(1280, 800)) as staged:
        staged.api[f"POST /v1/alerts/{ALERTS[0].id}/acknowledge"] = asked.append
        page = staged.open()
        page.locator(f"#acknowledge-{ALERTS[0].id}").dblclick()
        expect(page.locator("#refused")).to_be_hidden()
        eventually(page, lambda: len(asked) > 0)
        (route,) = asked
        route.fulfill(status=410, json={"title": "Over", "status": 410})
        expect(page.locator("#refused")).to_have_text("There is nothing left to do about this.")


# the note


class Notebook:
    """A note service in memory: versions, refusals, and what was asked of it."""

    def __init__(self, staged: Stage) -> None:
        self.content, self.version, self.signed, self.away = "", 1, False, False
        staged.api |= {
            f"PUT {API}/note": self.put,
            f"GET {API}/note": self.get,
            f"POST {API}/note/sign": self.sign,
        }

    def fits(self, route: Route) -> bool:
        if self.away:
            route.fulfill(status=503, json={"title": "Away"})
        elif route.request.headers.get("if-match") != f'"{self.version}"':
            route.fulfill(status=412, json={"title": "Stale"})
        else:
            return True
        return False

    def get(self, route: Route) -> None:
        says({"content": self.content, "version": self.version}, etag=str(self.version))(route)

    def put(self, route: Route) -> None:
        if self.fits(route):
            self.content = json.loads(route.request.post_data or "{}")["content"]
            self.version += 1
            self.get(route)

    def sign(self, route: Route) -> None:
        if self.fits(route):
            self.signed = True
            self.get(route)


def test_typing_is_saved_and_signed_by_keyboard(chromium: Browser) -> None:
    with stage(chromium, "room_waiting", size=(1280, 800)) as staged:
        notes = Notebook(staged)
        page = staged.open()
        page.fill("#content", "Sleeps well.")
        expect(page.locator("#stamp")).to_contain_text("Saved at")
        assert notes.content == "Sleeps well."
        page.locator("#content").press("End")
        page.keyboard.type(" Eats well.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#stamp")).to_contain_text("Signed at")
        assert (notes.content, notes.signed) == ("Sleeps well. Eats well.", True)
        assert page.locator("#content").get_attribute("readonly") is not None


def test_typing_survives_a_server_that_is_away(chromium: Browser) -> None:
    with stage(chromium, "room_waiting") as staged:
        notes = Notebook(staged)
        notes.away = True
        page = staged.open()
        page.fill("#content", "Written offline.")
        expect(page.locator("#stamp")).to_contain_text("Not saved yet")
        notes.away = False
        expect(page.locator("#stamp")).to_contain_text("Saved at")
        assert notes.content == "Written offline."


@pytest.mark.parametrize(
    ("choice", "kept"),
    [("keep-mine", "mine"), ("keep-theirs", "theirs"), ("keep-both", "theirs\n\nmine")],
)
def test_two_writers_see_both_texts_and_lose_none(chromium: Browser, choice: str, kept: str) -> None:
    with stage(chromium, "room_waiting") as staged:
        notes = Notebook(staged)
        page = staged.open()
        notes.content, notes.version = "theirs", 7
        page.fill("#content", "mine")
        expect(page.locator("#conflict")).to_be_focused()
        assert [page.input_value("#mine"), page.input_value("#theirs")] == ["mine", "theirs"]
        assert notes.content == "theirs"
        page.click(f"#{choice}")
        expect(page.locator("#conflict")).to_be_hidden()
        expect(page.locator("#content")).to_have_value(kept)
        page.fill("#content", kept + "!")
        eventually(page, lambda: notes.content == kept + "!")


@pytest.mark.parametrize("taken", [True, False])
def test_a_follow_up_in_one_stroke(chromium: Browser, taken: bool) -> None:
    with stage(chromium, "room_live", size=(1280, 800)) as staged:
        heard: list[dict[str, str]] = []

        def plan(route: Route) -> None:
            heard.append(json.loads(route.request.post_data or ""))
            says({}, status=201 if taken else 422)(route)

        staged.api[f"POST {API}/follow-ups/stroke"] = plan
        page = staged.open()
        page.fill("#stroke", " Check blood pressure +2w @desk ")
        page.locator("#stroke").press("Enter")
        if taken:
            expect(page.locator("#stroke")).to_have_value("")
        else:
            expect(page.locator("#stroke-error")).to_have_text("Say what and when, for example: call +2w")
            expect(page.locator("#stroke")).to_have_value(" Check blood pressure +2w @desk ")
        assert heard == [{"stroke": "Check blood pressure +2w @desk"}]


# the patient


def join(status: str, *, can_join: bool = True, reason: str = "open") -> Callable[[Route], None]:
    return says({"status": status, "can_join": can_join, "reason": reason})


def test_from_the_check_through_the_waiting_room_to_the_end(chromium: Browser) -> None:
    with stage(chromium, "visit_check") as staged:
        told: list[dict[str, Any]] = []

        def check(route: Route) -> None:
            told.append(json.loads(route.request.post_data or ""))
            says({})(route)

        def ready(route: Route) -> None:
            staged.api[f"GET {API}/join"] = join("ready")
            says({})(route)

        staged.api |= {
            f"GET {API}/join": join("arrived"),
            f"GET {API}/stream": events,
            f"POST {API}/check": check,
            f"POST {API}/ready": ready,
        }
        page = staged.open()
        page.click("#start")
        expect(page.locator("#camera-result")).to_have_text("Works")
        expect(page.locator("#microphone-result")).to_have_text("Works")
        expect(page.locator("#network-result")).to_contain_text("No connection for calls")
        for key in ("#play", "#heard-yes", "#enter"):
            page.click(key)
        expect(page.locator("#waiting-title")).to_be_focused()
        expect(page.locator("#live")).to_have_text("You are in the waiting room")
        missing = dict.fromkeys(("rtt_ms", "kbps_up", "kbps_down", "ways"))
        network = missing | {"jitter_ms": 0, "loss": 1, "verdict": "none"}
        assert told == [dict.fromkeys(("camera", "microphone", "speaker"), "ok") | {"network": network}]
        staged.api[f"GET {API}/join"] = join("completed", can_join=False, reason="over")
        expect(page.locator("#ended-title")).to_be_focused()


def test_nobody_waits_where_the_clinician_is_not_licensed(chromium: Browser) -> None:
    with stage(chromium, "visit_misplaced") as staged:
        told: list[dict[str, Any]] = []

        def location(route: Route) -> None:
            told.append(json.loads(route.request.post_data or ""))
            licensed = told[-1]["jurisdiction"] == "US-CA"
            says({"licensed_there": licensed, "misplaced": not licensed})(route)

        def ready(route: Route) -> None:
            staged.api[f"GET {API}/join"] = join("ready")
            says({})(route)

        staged.api |= {
            f"GET {API}/join": join("arrived"),
            f"GET {API}/stream": events,
            f"POST {API}/check": says({}),
            f"POST {API}/location": location,
            f"POST {API}/ready": ready,
        }
        page = staged.open()
        expect(page.locator("#jurisdiction")).to_have_value("US-NV")
        page.select_option("#jurisdiction", "DE-BY")
        page.click("#enter")
        eventually(page, lambda: len(told) == 1)
        expect(page.locator("#misplaced")).to_be_visible()
        expect(page.locator("#check")).to_be_visible()
        page.select_option("#jurisdiction", "US-CA")
        page.click("#enter")
        expect(page.locator("#waiting-title")).to_be_focused()
        assert told == [{"jurisdiction": "DE-BY"}, {"jurisdiction": "US-CA"}]


def test_the_patient_sees_that_the_page_is_not_live_and_that_it_is_again(chromium: Browser) -> None:
    with stage(chromium, "visit_waiting") as staged:
        staged.api |= {f"GET {API}/join": join("ready"), f"GET {API}/stream": events}
        staged.page.clock.install()
        page = staged.open()
        page.clock.run_for(2_000)
        expect(page.locator("#fresh")).to_have_text("Connected to the clinic")
        del staged.api[f"GET {API}/stream"]
        page.clock.run_for(20_000)
        expect(page.locator("#fresh")).to_contain_text("you keep your place")
        expect(page.locator("#live")).to_contain_text("you keep your place")
        staged.api[f"GET {API}/stream"] = events
        page.clock.run_for(40_000)
        expect(page.locator("#fresh")).to_have_class("tag live good")
        expect(page.locator("#waiting-title")).to_be_visible()


def test_who_is_early_arrives_when_the_door_opens(chromium: Browser) -> None:
    with stage(chromium, "visit_early") as staged:

        def arrive(route: Route) -> None:
            staged.api[f"GET {API}/join"] = join("arrived")
            says({})(route)

        staged.api |= {f"GET {API}/join": join("booked", can_join=False, reason="too_early")}
        staged.api |= {f"GET {API}/stream": events, f"POST {API}/arrive": arrive}
        page = staged.open()
        expect(page.locator("#early")).to_be_visible()
        staged.api[f"GET {API}/join"] = join("booked")
        expect(page.locator("#check-title")).to_be_focused()


def test_a_cancelled_visit_changes_the_page(chromium: Browser) -> None:
    with stage(chromium, "visit_waiting") as staged:
        staged.api |= {f"GET {API}/join": join("ready"), f"GET {API}/stream": events}
        page = staged.open()
        staged.api[f"GET {API}/join"] = join("cancelled", can_join=False, reason="cancelled")
        expect(page.locator("#over-title")).to_be_focused()


FAULTS = {
    "NotAllowedError": "The camera is blocked. Click the sign left of the address, allow camera and microphone, "
    "and try again.",
    "NotReadableError": "Another app is using your camera or microphone. Close it and try again.",
    "NotFoundError": "We found no camera and no microphone. Plug them in, or open the link on a phone.",
    "no camera": "We found no camera. Plug one in and try again, or join with sound only.",
    "no microphone": "We found no microphone. Plug one in, or use a headset, and try again.",
    "in an app": "You opened the link inside another app. Open its menu and choose “Open in browser”.",
    "old browser": "This browser cannot make video calls. Use a newer Chrome, Safari, Firefox or Edge.",
    "insecure": "This page was not opened safely. Open the link from your invitation again; it starts with https.",
}


def break_devices(page: Page, fault: str) -> None:
    kinds = {"no camera": ["audioinput"], "no microphone": ["videoinput"]}.get(fault, [])
    name = fault if fault.endswith("Error") else "NotFoundError"
    spoil = {
        "in an app": "Object.defineProperty(navigator, 'userAgent', {value: 'Mozilla/5.0 Instagram 300'});"
        "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});",
        "old browser": "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});",
        "insecure": "Object.defineProperty(window, 'isSecureContext', {value: false});",
    }.get(
        fault,
        f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}'); }};"
        f"navigator.mediaDevices.enumerateDevices = async () => {json.dumps([{'kind': kind} for kind in kinds])};",
    )
    page.add_init_script(spoil)


@pytest.mark.parametrize("language", ["en", *(pytest.param(each, marks=pytest.mark.soak) for each in ("es", "ar"))])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_the_devices_has_its_words(chromium: Browser, fault: str, language: str) -> None:
    with stage(chromium, "visit_check", language=language) as staged:
        break_devices(staged.page, fault)
        page = staged.open()
        page.click("#start")
        expect(page.locator("#trouble p").first).to_have_text(PAGES.locales.get(language).gettext(FAULTS[fault]))
        helps = fault in {"NotAllowedError", "NotReadableError", "no camera"}
        expect(page.locator("#sound-only")).to_be_visible(visible=helps)


def test_without_scripts_the_waiting_room_is_one_press_away(chromium: Browser) -> None:
    with stage(chromium, "visit_check", scripts=False) as staged:
        page = staged.open()
        with page.expect_request(lambda request: request.method == "POST") as asked:
            page.click("#enter")
        assert asked.value.url == "http://localhost/visit/ready"

"""The patient opens the link, checks the devices, waits; the clinician sees it at once, admits; they talk."""

import os
import signal
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.kit.calls import FLAGS
from tests.kit.demo import CLINICIAN, DESK, PATIENCE, Demo, eventually
from tests.kit.faces import CLINICIAN as CLINICIAN_FACE
from tests.kit.faces import PATIENT as PATIENT_FACE
from tests.kit.faces import Face, write_camera
from tests.kit.needs import program

pytestmark = pytest.mark.browser
PHONE, DESKTOP = (390, 844), (1280, 860)
FRAMES = "() => document.querySelector('video#remote').getVideoPlaybackQuality().totalVideoFrames"


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: ALBUM when someone wants to keep them."""
    directory = Path(os.environ.get("ALBUM") or tmp_path_factory.mktemp("album"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def person(playwright: Playwright, face: Face, size: tuple[int, int], directory: Path) -> Iterator["Seen"]:
    """Somebody's own browser, with their own camera."""
    camera = write_camera(face, directory / f"{size[0]}.y4m")
    flags = [*FLAGS, "--disable-background-networking", f"--use-file-for-fake-video-capture={camera}"]
    browser: Browser = playwright.chromium.launch(executable_path=program("browser"), args=flags)
    try:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, permissions=["camera", "microphone"]
        )
        seen = Seen(context.new_page())
        yield seen
        assert seen.faults == []
    finally:
        browser.close()


class Seen:
    """A page, and what it complained of or asked of strangers."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self._strangers(request.url))
        page.on("response", lambda answer: self._answer(answer.status, answer.url))

    def _strangers(self, url: str) -> None:
        if not url.startswith(("http://localhost", "data:", "blob:")):
            self.faults.append(url)

    def _answer(self, status: int, url: str) -> None:
        if status == 500:
            self.faults.append(f"{status} {url}")

    def frames(self) -> int:
        return int(self.page.evaluate(FRAMES))

    def sees_the_other(self, *, within: float = PATIENCE) -> None:
        """Ten more frames of the other side have been decoded."""
        self.page.wait_for_selector("video#remote", timeout=within * 1000)
        first = self.frames()
        eventually(lambda: self.frames() >= first + 10 or self.frames() < first, within=within)


def sign_in(seen: Seen, demo: Demo) -> None:
    seen.page.goto(f"{demo.web}/day")
    seen.page.fill("[name=email]", CLINICIAN)
    seen.page.fill("[name=password]", demo.password(CLINICIAN))
    seen.page.click("main button")
    seen.page.wait_for_url("**/day")


def open_link(seen: Seen, booked: dict[str, Any], born: str) -> None:
    seen.page.goto(booked["link"])
    for part, value in zip(("year", "month", "day"), born.split("-"), strict=True):
        seen.page.fill(f"[name=birth_{part}]", value)
    seen.page.click("main button")
    seen.page.wait_for_url("**/visit/prepare")


def prepare(seen: Seen, album: Path) -> None:
    """Agree to what the clinic asks, and answer its questions."""
    seen.page.screenshot(path=album / "patient-consent.png", full_page=True)
    seen.page.check("text=I have read this and I agree")
    seen.page.click("text=Continue")
    seen.page.fill("text=What would you like to talk about?", "The blood test.")
    seen.page.check("label:has-text('Yes')")
    seen.page.fill("label:has-text('Which ones?')", "Metformin")
    seen.page.wait_for_selector("text=Saved at")
    seen.page.screenshot(path=album / "patient-questions.png", full_page=True)
    seen.page.click("#done")
    seen.page.wait_for_url("**/visit")


def check_devices(seen: Seen, album: Path) -> None:
    seen.page.click("text=Turn on camera and microphone")
    seen.page.wait_for_selector("text=Connection")
    eventually(lambda: seen.page.inner_text("main").count("Works") >= 2)
    eventually(lambda: any(word in seen.page.inner_text("main") for word in ("Good", "Fair", "Poor")))
    seen.page.screenshot(path=album / "patient-check.png", full_page=True)
    seen.page.click("text=Go to the waiting room")
    seen.page.wait_for_selector("text=You are in the waiting room")


def test_a_visit_in_two_browsers(demo: Demo, album: Path, tmp_path: Path) -> None:
    with demo.staff(DESK) as desk:
        booked = demo.book_now(desk, demo.register(desk, "Greta"))
    visit = booked["visit"]["id"]
    with (
        sync_playwright() as playwright,
        person(playwright, PATIENT_FACE, PHONE, tmp_path) as patient,
        person(playwright, CLINICIAN_FACE, DESKTOP, tmp_path) as clinician,
    ):
        sign_in(clinician, demo)
        row = clinician.page.locator(f"[data-visit='{visit}'], #visit-{visit}, tr:has-text('Greta')").first
        open_link(patient, booked, "1958-04-12")
        prepare(patient, album)
        check_devices(patient, album)
        row.locator("text=Admit").wait_for()
        patient.page.screenshot(path=album / "patient-waiting.png", full_page=True)
        clinician.page.screenshot(path=album / "day-board.png")

        row.locator("text=Admit").click()
        clinician.page.wait_for_url("**/visits/*")
        patient.sees_the_other()
        clinician.sees_the_other()
        with demo.staff(CLINICIAN) as api:
            eventually(lambda: api.get(f"/v1/visits/{visit}").json()["status"] == "in_progress")
        clinician.page.screenshot(path=album / "clinician-call.png")

        come_back(demo, patient, clinician)
        write_and_sign(clinician)
        clinician.page.evaluate("scrollTo(0, 0)")
        clinician.page.screenshot(path=album / "note-in-record.png")
        patient.page.screenshot(path=album / "patient-call.png")
        compose(clinician.page, album)
        clinician.page.click("text=Finish visit")
        clinician.page.click("text=Yes, finish the visit")
        patient.page.wait_for_selector("text=Your visit has ended")
        patient.page.screenshot(path=album / "patient-ended.png", full_page=True)
        with demo.staff(CLINICIAN) as api:
            eventually(lambda: api.get(f"/v1/visits/{visit}").json()["status"] == "completed")


def come_back(demo: Demo, patient: Seen, clinician: Seen) -> None:
    """A reload on either side, and the death of the web process: the call is there again."""
    patient.page.reload()
    patient.sees_the_other()
    clinician.sees_the_other()
    clinician.page.reload()
    clinician.sees_the_other()
    patient.sees_the_other()

    web = demo.told["pids"]["web"]
    os.killpg(web, signal.SIGKILL)
    patient.sees_the_other()  # media needs no server of ours
    clinician.sees_the_other()
    eventually(lambda: demo.told["pids"].get("web") not in (None, web))
    patient.faults.clear()  # addresses that were away for a moment
    clinician.faults.clear()


def write_and_sign(clinician: Seen) -> None:
    page = clinician.page
    page.fill("#content", "Cough settled, sleeps well.\nBlood pressure at home 128/80.\nContinue lisinopril 10 mg.")
    eventually(lambda: "Saved" in page.inner_text("#stamp"))
    page.fill("#stroke", "Call about blood pressure +2w")
    page.press("#stroke", "Enter")
    page.wait_for_selector("#tasks >> text=Call about blood pressure")
    page.focus("#content")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=In the record")


def compose(page: Page, album: Path) -> None:
    """Both sides of the call in one picture, as the README shows it."""
    shown = "".join(
        f'<img height="620" src="data:image/png;base64,{b64encode((album / name).read_bytes()).decode()}">'
        for name in ("note-in-record.png", "patient-call.png")
    )
    board = page.context.new_page()
    board.set_viewport_size({"width": 1290, "height": 680})
    board.set_content(
        "<style>body{display:flex;gap:32px;justify-content:center;align-items:center;height:664px;background:#dfe7e6}"
        f"img{{border-radius:14px;box-shadow:0 6px 24px #0003}}</style>{shown}"
    )
    board.wait_for_function("[...document.images].every((image) => image.complete)")
    board.screenshot(path=album / "visit.png")
    board.close()

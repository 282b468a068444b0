"""What people do in a call besides talking: write, hold, share a screen, watch; on the pages as they are served."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.kit.calls import FLAGS
from tests.kit.chromium import chromium
from tests.kit.demo import DESK, Demo, Json, eventually
from tests.stories.call_pages import ask_in, open_clinician, open_companion, open_patient, own_page, ready, sees

pytestmark = pytest.mark.browser
ASKED_FOR_DEVICES = "window.asked"
COUNT_ASKING = """window.asked = 0;
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) => (window.asked += 1, real(wanted));"""


def test_in_the_call(demo: Demo) -> None:
    with demo.staff(DESK) as desk:
        booked = demo.book_now(desk, demo.register(desk, "Amira"))
        invited = ask_in(desk, booked, kind="trainee", name="Tom Ash")
    ready(demo, booked)
    with (
        chromium(*FLAGS) as browser,
        own_page(browser) as clinician,
        own_page(browser) as patient,
        own_page(browser) as trainee,
    ):
        open_patient(demo, patient, booked)
        open_clinician(demo, clinician, booked["visit"]["id"])
        clinician.click("#admit button")
        for page in (clinician, patient):
            sees(page, 1)
        _write(clinician, patient)
        _hear_how_good_it_is(clinician, patient)
        _hold(clinician, patient)
        _switch_off(clinician, patient)
        _share(clinician, patient)
        _watch(clinician, trainee, invited)
        _switch_off_before_others(patient, trainee)
        _put_out(clinician, trainee)


def _write(clinician: Page, patient: Page) -> None:
    """By keyboard, counted while nobody looks, read again after a reload."""
    clinician.focus("#chat-key")
    clinician.keyboard.press("Enter")
    expect(clinician.locator("#chat-text")).to_be_focused()
    clinician.keyboard.type("Please hold the box\nto the camera")
    expect(patient.locator("#chat-key")).to_have_text("Chat (1 new)")
    expect(patient.locator("#live")).to_contain_text("Please hold the box")
    expect(clinician.locator("#chat-text")).to_have_value("to the camera")  # Enter sends a line
    clinician.keyboard.press("Escape")
    expect(clinician.locator("#chat-key")).to_be_focused()
    expect(clinician.locator("#chat")).to_be_hidden()

    patient.click("#chat-key")
    expect(patient.locator("#chat-key")).to_have_text("Chat")
    expect(patient.get_by_role("log")).to_contain_text("Please hold the box")
    patient.fill("#chat-text", "Like this?")
    patient.click("#chat-send")
    expect(patient.locator("#chat-log .mine")).to_contain_text("Like this?")
    expect(clinician.locator("#chat-key")).to_have_text("Chat (1 new)")
    for page in (patient, clinician):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(patient).violations_count == 0
    patient.reload()
    sees(patient, 1)
    patient.click("#chat-key")
    expect(patient.locator("#chat-log li")).to_have_count(2)


def _hear_how_good_it_is(clinician: Page, patient: Page) -> None:
    for page in (clinician, patient):
        expect(page.locator("#link")).to_have_text(re.compile("Connection: "))
    row = clinician.locator("#peers > li")
    expect(row).to_have_count(1)
    expect(row.locator(".tag")).to_have_text(re.compile("Connection: "))
    expect(row).to_contain_text("Amira")


def _hold(clinician: Page, patient: Page) -> None:
    hold = clinician.locator("#peers button").first
    expect(hold).to_have_text("Put Amira Marlow on hold")
    hold.click()
    expect(patient.locator("#say")).to_have_text(re.compile("You are on hold"))
    expect(patient.locator("#chat-text")).to_be_disabled()
    expect(hold).to_be_focused()
    expect(clinician.locator("#peers .tag")).to_have_text("On hold")
    expect(hold).to_have_text("Let Amira Marlow back in")
    assert Axe().run(clinician).violations_count == 0
    hold.click()
    for page in (clinician, patient):
        sees(page, 1)
    expect(patient.locator("#chat-text")).to_be_enabled()


def _switch_off(clinician: Page, patient: Page) -> None:
    """Who is not seen or heard is not taken for a bad line, after a reload either."""
    told = clinician.locator("#far-off")
    expect(told).to_be_hidden()
    patient.click("#mute")
    expect(told).to_have_text("Amira Marlow Microphone is off")
    patient.click("#camera")
    expect(told).to_have_text("Amira Marlow Camera and microphone are off")
    assert Axe().run(clinician).violations_count == 0
    patient.reload()
    sees(patient, 1)
    expect(told).to_have_text("Amira Marlow Camera and microphone are off")
    patient.click("#mute")
    expect(told).to_have_text("Amira Marlow Camera is off")
    patient.click("#share")
    expect(told).to_be_hidden()
    patient.click("#share")
    expect(told).to_have_text("Amira Marlow Camera is off")
    patient.click("#camera")
    expect(told).to_be_hidden()
    sees(clinician, 1, more=3)


def _share(clinician: Page, patient: Page) -> None:
    sent = "document.querySelector('#near').srcObject.getVideoTracks()[0].label"
    camera = clinician.evaluate(sent)
    clinician.click("#share")
    expect(clinician.locator("#share")).to_have_attribute("aria-pressed", "true")
    eventually(lambda: clinician.evaluate(sent) != camera)
    sees(patient, 1, more=3)
    clinician.click("#share")
    expect(clinician.locator("#share")).to_have_attribute("aria-pressed", "false")
    eventually(lambda: clinician.evaluate(sent) == camera)
    sees(patient, 1)


def _watch(clinician: Page, trainee: Page, invited: Json) -> None:
    """Who only watches is asked for no device, sees the two others, and can be put out."""
    trainee.add_init_script(COUNT_ASKING)
    open_companion(trainee, invited)
    entry = clinician.locator(f"#participant-{invited['participant']['id']}")
    expect(entry).to_contain_text("Turn away")
    entry.get_by_role("button", name="Let in").click()
    expect(trainee.locator("#watches")).to_be_visible()
    trainee.click("#back")
    sees(trainee, 2)
    assert trainee.evaluate(ASKED_FOR_DEVICES) == 0
    assert [trainee.is_visible(key) for key in ("#mute", "#camera", "#share", "#device-key")] == [False] * 4
    sees(clinician, 1)


def _switch_off_before_others(patient: Page, trainee: Page) -> None:
    small = trainee.locator(".others figcaption")
    expect(small).to_be_hidden()
    patient.click("#camera")
    expect(small).to_have_text("Camera is off")
    patient.click("#camera")
    expect(small).to_be_hidden()


def _put_out(clinician: Page, trainee: Page) -> None:
    clinician.get_by_role("button", name="Put Tom Ash out of the visit").click()
    trainee.wait_for_selector("text=This link no longer leads here")

"""The pages of a call that is on, opened as their people would."""

from collections.abc import Iterator
from contextlib import contextmanager
from operator import lt
from typing import Any

from playwright.sync_api import Browser, Page

from tests.kit.demo import CLINICIAN, Demo, Json, eventually, prepare

BORN = "1958-04-12"
PICTURES = "[...document.querySelectorAll('.far video:not(#near)')]"
FRAMES = f"{PICTURES}.map((each) => each.getVideoPlaybackQuality().totalVideoFrames)"


@contextmanager
def own_page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(permissions=["camera", "microphone"]) as context:
        yield context.new_page()


def sees(page: Page, people: int, *, more: int = 10) -> None:
    """So many pictures, and each has shown so many more frames; counted anew when one takes another's place."""
    before: list[int] = []

    def moves() -> bool:
        nonlocal before
        now = page.evaluate(FRAMES)
        if len(now) != people or len(before) != people or any(map(lt, now, before)):
            before = now
        return len(now) == people and all(new >= old + more for new, old in zip(now, before, strict=True))

    eventually(moves)


def ready(demo: Demo, booked: Json) -> None:
    visit = booked["visit"]["id"]
    with demo.guest(booked["link"], BORN) as guest:
        prepare(visit, guest)
        check = {"camera": "ok", "microphone": "ok", "speaker": "ok"}
        assert guest.post(f"/v1/visits/{visit}/check", json=check).status_code == 200
        assert guest.post(f"/v1/visits/{visit}/ready").status_code == 200


def open_patient(demo: Demo, page: Page, booked: Json) -> None:
    page.goto(booked["link"])
    for part, value in zip(("year", "month", "day"), BORN.split("-"), strict=True):
        page.fill(f"[name=birth_{part}]", value)
    page.click("main button")
    page.wait_for_url(f"{demo.web}/visit**")


def open_clinician(demo: Demo, page: Page, visit: str) -> None:
    page.goto(f"{demo.web}/sign-in")
    page.fill("[name=email]", CLINICIAN)
    page.fill("[name=password]", demo.password(CLINICIAN))
    page.click("main button")
    page.wait_for_url("**/day")
    page.goto(f"{demo.web}/visits/{visit}")


def ask_in(desk: Any, booked: Json, *, kind: str, name: str) -> Json:
    """Somebody is invited to a visit that is booked."""
    asked = {"kind": kind, "name": name, "language": "en"}
    invited: Json = desk.post(f"/v1/visits/{booked['visit']['id']}/participants", json=asked).json()
    return invited


def open_companion(page: Page, invited: Json) -> None:
    page.goto(invited["link"])
    page.fill("[name=name]", invited["participant"]["name"].lower())
    page.click("main button")
    page.wait_for_selector("text=You are in the waiting room")

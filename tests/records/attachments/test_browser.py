"""Files in Chromium: sent from the patient's page and from the room, cut and gone on with, refused in words."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, Route, expect

from telehealth.core.actors import Role
from telehealth.http.credentials import GUEST_COOKIE, STAFF_COOKIE
from tests.kit import files
from tests.kit.chromium import chromium
from tests.kit.database import Databases
from tests.kit.served import Served, serving_house
from tests.kit.valkey import running_valkey

pytestmark = pytest.mark.browser
LARGE = files.photo("PNG") + b"\0" * 6_000_000  # in two pieces


@pytest.fixture(scope="module", name="chromium")
def opened_chromium() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    kept = {"TELEHEALTH_ATTACHMENTS": str(tmp_path_factory.mktemp("attachments"))}
    with running_valkey() as valkey, databases.clone() as database, serving_house(database, valkey, **kept) as house:
        yield house


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: ALBUM when someone wants to keep them."""
    directory = Path(os.environ.get("ALBUM") or tmp_path_factory.mktemp("album"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def as_one(chromium: Browser, served: Served, role: Role, *, scripts: bool = True) -> BrowserContext:
    url = served.url.replace("127.0.0.1", "localhost")
    width = 390 if role is Role.PATIENT else 1280
    context = chromium.new_context(
        base_url=url, viewport={"width": width, "height": 900}, java_script_enabled=scripts, accept_downloads=True
    )
    secret = served.residents.credentials[role]["Cookie"].partition("=")[2]
    name = GUEST_COOKIE if role is Role.PATIENT else STAFF_COOKIE
    context.add_cookies([{"name": name, "value": secret, "url": url.replace("http:", "https:"), "secure": True}])
    return context


def choose(page: Page, name: str, content: bytes) -> None:
    page.set_input_files("#file", FilePayload(name=name, mimeType="image/jpeg", buffer=content))
    page.click("#upload button")


def test_a_patient_sends_photos_and_reads_why_one_was_not_taken(chromium: Browser, served: Served, album: Path) -> None:
    with as_one(chromium, served, Role.PATIENT) as context:
        page = context.new_page()
        page.goto("/visit/files?lang=es")
        choose(page, "brazo.jpg", files.told_photo())
        expect(page.locator("#files li")).to_contain_text("brazo", timeout=30_000)
        choose(page, "letter.jpg", b"<!doctype html>")
        expect(page.locator("#file-error")).to_be_visible()
        expect(page.locator("#file-error")).to_contain_text("no es un tipo de archivo")
        page.screenshot(path=album / "files_patient_es.png", full_page=True)
        with page.expect_download() as download:
            page.click("#files a")
        assert download.value.suggested_filename == "brazo.jpg"
        assert files.PLACE.encode() not in Path(download.value.path()).read_bytes()


def test_what_is_cut_goes_on_by_itself(chromium: Browser, served: Served) -> None:
    with as_one(chromium, served, Role.PATIENT) as context:
        page = context.new_page()
        page.goto("/visit/files?lang=en")
        asked: list[str] = []

        def cut(route: Route) -> None:
            asked.append(route.request.method)
            if asked == ["PATCH", "PATCH"]:  # the second piece does not arrive
                route.abort()
            else:
                route.continue_()

        page.route("**/upload", cut)
        choose(page, "large.png", LARGE)
        expect(page.locator("#files li", has_text="large")).to_be_visible(timeout=60_000)
        assert asked == ["PATCH", "PATCH", "HEAD", "PATCH"]


def test_the_clinician_attaches_beside_the_note_and_sees_what_came(
    chromium: Browser, served: Served, album: Path
) -> None:
    with as_one(chromium, served, Role.CLINICIAN) as context:
        page = context.new_page()
        page.goto(f"/visits/{served.residents.own.visit}?lang=en")
        choose(page, "cough.ogg", files.sound())
        mine = page.locator("#files li", has_text="cough")
        expect(mine).to_contain_text("Sound recording", timeout=30_000)
        expect(page.locator("#files li", has_text="brazo")).to_contain_text("from the patient")
        page.locator("#files").scroll_into_view_if_needed()
        page.screenshot(path=album / "files_room_en.png", full_page=True)
        mine.get_by_role("button").click()
        expect(page.locator("#files li", has_text="cough")).to_have_count(0)


def test_it_is_all_there_without_scripts(chromium: Browser, served: Served, album: Path) -> None:
    with as_one(chromium, served, Role.PATIENT, scripts=False) as context:
        page = context.new_page()
        page.goto("/visit/files?lang=ar")
        choose(page, "arm.jpg", files.photo())
        expect(page.locator("#files li", has_text="arm")).to_be_visible()
        choose(page, "arm.heic", b"\0\0\0\x18ftypheic" + b"\0" * 100)
        expect(page.locator("#file-error")).to_contain_text("HEIC")
        page.screenshot(path=album / "files_patient_ar.png", full_page=True)

"""In Chromium: a clinician releases what they signed, the patient reads it and keeps a copy, in Arabic too."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from telehealth.core.actors import Role
from telehealth.http.credentials import GUEST_COOKIE, STAFF_COOKIE
from tests.kit.chromium import chromium
from tests.kit.database import Databases
from tests.kit.served import Served, serving_house
from tests.kit.valkey import running_valkey
from tests.web.browsing import SIDEWAYS
from tests.web.test_accessibility import RULES, violations

pytestmark = pytest.mark.browser
WORDS = "خذ الدواء مرتين في اليوم."


@pytest.fixture(scope="module", name="chromium")
def opened_chromium() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(databases: Databases) -> Iterator[Served]:
    with running_valkey() as valkey, databases.clone() as database, serving_house(database, valkey) as house:
        yield house


def as_one(chromium: Browser, served: Served, role: Role) -> BrowserContext:
    url = served.url.replace("127.0.0.1", "localhost")
    width = 390 if role is Role.PATIENT else 1280
    context = chromium.new_context(base_url=url, viewport={"width": width, "height": 900}, accept_downloads=True)
    secret = served.residents.credentials[role]["Cookie"].partition("=")[2]
    name = GUEST_COOKIE if role is Role.PATIENT else STAFF_COOKIE
    context.add_cookies([{"name": name, "value": secret, "url": url.replace("http:", "https:"), "secure": True}])
    return context


def test_the_patient_opens_reads_and_keeps_what_the_clinician_released(
    chromium: Browser, served: Served, tmp_path: Path
) -> None:
    album = Path(os.environ.get("ALBUM") or tmp_path)
    with as_one(chromium, served, Role.CLINICIAN) as context:
        page = context.new_page()
        page.goto(f"/visits/{served.residents.own.visit}?lang=en")
        page.get_by_role("link", name="After-visit summary for the patient").click()
        page.get_by_label("Your words for the patient").fill(WORDS)
        page.get_by_label("Your words are in").select_option("ar")
        assert violations(page, RULES) == ""
        page.screenshot(path=album / "release_en.png", full_page=True)
        page.get_by_role("button", name="Release to the patient").click()
        expect(page.locator("#released .tag.good")).to_have_count(1)
    with as_one(chromium, served, Role.PATIENT) as context:
        page = context.new_page()
        for language, title in (("en", "Your after-visit summary"), ("ar", "ملخص زيارتك")):
            page.goto(f"/visit/summary?lang={language}")
            expect(page.get_by_role("heading", level=1)).to_have_text(title)
            expect(page.locator(".words[lang=ar]")).to_contain_text(WORDS)
            assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
            assert violations(page, RULES) == ""
            assert page.evaluate(SIDEWAYS) == []
            page.screenshot(path=album / f"summary_{language}.png", full_page=True)
            with page.expect_download() as download:
                page.click("a[href$=pdf]")
            assert download.value.suggested_filename == "summary.pdf"
            with pikepdf.open(io.BytesIO(Path(download.value.path()).read_bytes())) as document:
                assert (str(document.Root.Lang), bool(document.Root.MarkInfo.Marked)) == (language, True)

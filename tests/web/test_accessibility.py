"""Every page in every language and both themes: axe, and what axe does not see."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from telehealth.http.locales import LANGUAGES
from tests.web.browsing import Scheme, stage
from tests.web.samples import SAMPLES

pytestmark = pytest.mark.browser
NAMES = [sample.name for sample in SAMPLES]
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": LEVELS}}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
# In one line of text a link may be smaller (WCAG 2.2, 2.5.8); everything else has 44 px.
SMALL_TARGETS = """() => [...document.querySelectorAll(
    "a, button, input:not([type=hidden]), select, summary, textarea")]
  .filter((each) => each.checkVisibility() && !(each.matches("a") && getComputedStyle(each).display === "inline"))
  .filter((each) => !each.matches(".skip"))
  .map((each) => [each.outerHTML.slice(0, 90), each.getBoundingClientRect()])
  .filter(([, box]) => box.width < 44 || box.height < 44)
  .map(([html, box]) => `${Math.round(box.width)}x${Math.round(box.height)} ${html}`)"""
SIDEWAYS = """() => [...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && !each.closest(".sr, .skip"))
  .filter((each) => { const box = each.getBoundingClientRect(); return box.left < -1 || box.right > innerWidth + 1; })
  .map((each) => each.outerHTML.slice(0, 90))"""
UNMARKED_FOCUS = """() => { const now = document.activeElement; const look = getComputedStyle(now);
  return now === document.body || (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2)
    ? "" : now.outerHTML.slice(0, 90); }"""
REACHABLE = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, textarea")]
  .filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0).length"""

# One language of each direction by default; the others differ in their words and come with the long runs.
SPOKEN = [pytest.param(each, marks=() if each in ("en", "ar") else pytest.mark.soak) for each in LANGUAGES]


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(chromium: Browser, name: str, language: str) -> None:
    with stage(chromium, name, language=language) as staged:
        page = staged.open()
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        page.emulate_media(color_scheme="dark")
        found = Axe().run(page, options=COLOURS)  # of all rules, only this one looks at the theme
        assert found.violations_count == 0, found.generate_report()


def doubled(page: Page) -> None:
    page.evaluate("document.documentElement.style.fontSize = '200%'")


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("name", NAMES)
def test_no_sideways_scroll_and_no_small_target(chromium: Browser, name: str, language: str) -> None:
    with stage(chromium, name, language=language, size=(320, 640)) as staged:
        page = staged.open()
        assert page.evaluate(SIDEWAYS) == []
        assert page.evaluate(SMALL_TARGETS) == []
        doubled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", NAMES)
def test_the_keyboard_reaches_everything_and_shows_where_it_is(chromium: Browser, name: str, scheme: Scheme) -> None:
    with stage(chromium, name, scheme=scheme, size=(1280, 800)) as staged:
        page = staged.open()
        page.evaluate("document.activeElement.blur()")
        for _ in range(page.evaluate(REACHABLE)):
            page.keyboard.press("Tab")
            assert page.evaluate(UNMARKED_FOCUS) == ""

"""Every page in every language and both themes: axe, and what axe does not see."""

from collections.abc import Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from telehealth.http.locales import LANGUAGES
from tests.web.browsing import Scheme, Stage, stage
from tests.web.samples import SAMPLES

pytestmark = pytest.mark.browser
SOAK = pytest.mark.soak
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

# Each time every page in English and the layout in Arabic; what is left differs in words and comes with the long run.
MIRRORED = ("book_other", "day_desk", "hours", "room_live", "sign_in_refused", "visit_check", "waitlist")
SPOKEN = [
    pytest.param(name, language, marks=() if language == "en" or (language == "ar" and name in MIRRORED) else SOAK)
    for language in LANGUAGES
    for name in NAMES
]


@pytest.fixture(scope="module")
def stage_of_all(chromium: Browser) -> Iterator[Stage]:
    with stage(chromium, NAMES[0]) as opened:
        yield opened


@pytest.fixture
def staged(stage_of_all: Stage) -> Iterator[Stage]:
    """One stage for all pages, each loaded anew; a script error or a broken content policy fails the test it is in."""
    stage_of_all.faults.clear()
    yield stage_of_all
    assert stage_of_all.faults == []
    stage_of_all.faults.clear()


def violations(page: Page, options: Mapping[str, object]) -> str:
    """The report of what axe finds, empty when it finds nothing. What passes need not be described."""
    found = Axe().run(page, options={**options, "resultTypes": ["violations"]})
    return str(found.generate_report()) if found.violations_count else ""


def test_the_slice_is_of_pages_that_are_there() -> None:
    assert set(MIRRORED) <= set(NAMES)


@pytest.mark.parametrize(("name", "language"), SPOKEN)
def test_axe_finds_nothing(staged: Stage, name: str, language: str) -> None:
    page = staged.show(name, language=language)
    assert violations(page, RULES) == ""
    page.emulate_media(color_scheme="dark")
    assert violations(page, COLOURS) == ""  # of all rules, only this one looks at the theme


def test_what_axe_finds_is_told(staged: Stage) -> None:
    page = staged.show("sign_in")
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    assert "label" in violations(page, RULES)


def doubled(page: Page) -> None:
    page.evaluate("document.documentElement.style.fontSize = '200%'")


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("name", NAMES)
def test_no_sideways_scroll_and_no_small_target(staged: Stage, name: str, language: str) -> None:
    page = staged.show(name, language=language, size=(320, 640))
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(SMALL_TARGETS) == []
    doubled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=SOAK)])
@pytest.mark.parametrize("name", NAMES)
def test_the_keyboard_reaches_everything_and_shows_where_it_is(staged: Stage, name: str, scheme: Scheme) -> None:
    page = staged.show(name, scheme=scheme, size=(1280, 800))
    page.evaluate("document.activeElement.blur()")
    for _ in range(page.evaluate(REACHABLE)):
        page.keyboard.press("Tab")
        assert page.evaluate(UNMARKED_FOCUS) == ""

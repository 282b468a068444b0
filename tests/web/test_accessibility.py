"""Every page in every language and both themes: axe, and what axe does not see."""

from collections.abc import Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from telehealth.http.locales import LANGUAGES
from tests.web.browsing import SIDEWAYS, Scheme, Stage, stage
from tests.web.samples import SAMPLES

pytestmark = pytest.mark.browser
SOAK = pytest.mark.soak
SPOIL = """() => { const field = document.createElement("input"); field.name = "spoilt";
  field.style = "width: 10px; height: 10px; min-height: 0; min-width: 0; padding: 0; border: 0; outline: none";
  const words = document.createElement("p"); words.style.color = "#222"; words.textContent = "spoilt";
  document.querySelector("main").prepend(field, words); }"""
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
UNMARKED_FOCUS = """() => { const now = document.activeElement; const look = getComputedStyle(now);
  return now === document.body || (look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2)
    ? "" : now.outerHTML.slice(0, 90); }"""
REACHABLE = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, textarea")]
  .filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0).length"""

# Each time every page in English and light, and of these the layout in Arabic and the colours in the dark; what is
# left differs in words or in the colours of one style sheet and comes with the long run.
MIRRORED = ("book_other", "day_desk", "hours", "room_live", "sign_in_refused", "visit_check", "waitlist")
SPOKEN = [
    pytest.param(name, language, marks=() if language == "ar" and name in MIRRORED else SOAK)
    for language in LANGUAGES
    if language != "en"
    for name in NAMES
]


@pytest.fixture(scope="module")
def stage_of_all(chromium: Browser) -> Iterator[Stage]:
    """One stage for all pages: a context of its own for each takes longer than what is asked of it."""
    with stage(chromium, NAMES[0]) as opened:
        yield opened


@pytest.fixture(scope="module", params=NAMES)
def english(stage_of_all: Stage, request: pytest.FixtureRequest) -> Page:
    """A page that is opened once for all that is asked of it in English."""
    return stage_of_all.show(request.param)


@pytest.fixture
def staged(stage_of_all: Stage) -> Iterator[Stage]:
    """A script error or a broken content policy fails the test it is in, or the first after it."""
    try:
        yield stage_of_all
        assert stage_of_all.faults == []
    finally:
        stage_of_all.faults.clear()


def violations(page: Page, options: Mapping[str, object]) -> str:
    """The report of what axe finds, empty when it finds nothing. What passes need not be described."""
    found = Axe().run(page, options={**options, "resultTypes": ["violations"]})
    return str(found.generate_report()) if found.violations_count else ""


def test_the_slice_is_of_pages_that_are_there() -> None:
    assert set(MIRRORED) <= set(NAMES)


def inaccessible(staged: Stage) -> str:
    return violations(staged.look(), RULES)


def unreadable_in_the_dark(staged: Stage) -> str:
    return violations(staged.look(scheme="dark"), COLOURS)  # of all rules, only this one looks at the theme


def untidy(staged: Stage) -> list[str]:
    """What a window shows wrongly on a desk or on a phone. Leaves the letters as large as they were."""
    page = staged.look(size=(1280, 800))
    wide = page.evaluate(SIDEWAYS)
    page = staged.look(size=(320, 640))
    found = [*wide, *page.evaluate(SIDEWAYS), *page.evaluate(SMALL_TARGETS)]
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    width = page.evaluate("document.documentElement.scrollWidth")
    page.evaluate("document.documentElement.style.fontSize = ''")
    return [*found, *([f"{width} px wide with doubled letters"] if width > 320 else [])]


def unmarked(staged: Stage, scheme: Scheme) -> list[str]:
    """What the keyboard reaches without a mark, or does not reach: every press has to lead to something marked."""
    page = staged.look(scheme=scheme, size=(1280, 800))
    page.evaluate("document.activeElement.blur()")
    found = []
    for _ in range(page.evaluate(REACHABLE)):
        page.keyboard.press("Tab")
        found.append(str(page.evaluate(UNMARKED_FOCUS)))
    return [each for each in found if each]


@pytest.mark.usefixtures("english")
def test_axe_finds_nothing_in_english(staged: Stage) -> None:
    assert inaccessible(staged) == ""


@pytest.mark.parametrize("name", [pytest.param(each, marks=() if each in MIRRORED else SOAK) for each in NAMES])
def test_the_dark_theme_can_be_read(staged: Stage, name: str) -> None:
    staged.show(name)
    assert unreadable_in_the_dark(staged) == ""


@pytest.mark.usefixtures("english")
def test_no_sideways_scroll_and_no_small_target_in_english(staged: Stage) -> None:
    assert untidy(staged) == []


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=SOAK)])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(staged: Stage, scheme: Scheme) -> None:
    assert unmarked(staged, scheme) == []


@pytest.mark.parametrize(("name", "language"), SPOKEN)
def test_axe_finds_nothing(staged: Stage, name: str, language: str) -> None:
    staged.show(name, language=language)
    assert inaccessible(staged) == ""


@pytest.mark.parametrize("name", [pytest.param(each, marks=() if each in MIRRORED else SOAK) for each in NAMES])
def test_no_sideways_scroll_and_no_small_target_from_the_right(staged: Stage, name: str) -> None:
    staged.show(name, language="ar")
    assert untidy(staged) == []


def test_what_is_wrong_is_found(staged: Stage) -> None:
    page = staged.show("sign_in")
    page.evaluate(SPOIL)
    assert "label" in inaccessible(staged)
    assert any("10x10" in each for each in untidy(staged))
    assert any("spoilt" in each for each in unmarked(staged, "light"))
    assert "color-contrast" in unreadable_in_the_dark(staged)

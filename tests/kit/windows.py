"""Windows of a browser in which staff are signed in at a served house."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, ViewportSize

from telehealth.http.credentials import STAFF_COOKIE

WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=320, height=700)
MOST_PRESSES = 60


@contextmanager
def staff_window(
    browser: Browser, url: str, secret: str, *, scripts: bool = True, locale: str = "en-US", size: ViewportSize = WIDE
) -> Iterator[Page]:
    """`secret` is that of the session; the cookie is given as the server gives it."""
    context = browser.new_context(viewport=size, base_url=url, locale=locale, java_script_enabled=scripts)
    shown = context.new_page()
    cookie = {"Set-Cookie": f"{STAFF_COOKIE}={secret}; Path=/; Secure; HttpOnly"}
    shown.route("**/signed-in", lambda route: route.fulfill(headers=cookie, body="ok"))
    shown.goto("/signed-in")
    yield shown
    context.close()


def tab_to(page: Page, selector: str) -> None:
    """On to what is named, from wherever the focus is, as a person without a mouse goes."""
    wanted = page.locator(f"{selector}:focus")
    for _ in range(MOST_PRESSES):
        page.keyboard.press("Tab")
        if wanted.count():
            return
    raise AssertionError(f"{selector} cannot be reached by the Tab key")


def press(page: Page, selector: str) -> None:
    tab_to(page, selector)
    page.keyboard.press("Enter")


def fill(page: Page, selector: str, typed: str) -> None:
    tab_to(page, selector)
    page.keyboard.type(typed)

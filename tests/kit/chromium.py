"""Debian's Chromium for tests that do not run in a loop of their own; patient, for a machine may be busy."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from tests.kit.needs import program
from tests.kit.patience import PATIENCE


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Its event loop must not outlive a module: others run their own."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("browser"), args=["--no-sandbox", *flags])
        try:
            yield browser
        finally:
            browser.close()

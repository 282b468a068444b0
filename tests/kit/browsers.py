"""Fixtures of Chromium: a conftest that wants them imports them."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.kit.calls import chromium


@pytest.fixture(scope="module")
async def chrome() -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


@pytest.fixture
async def browser(chrome: Browser) -> AsyncIterator[Browser]:
    """A file's tests share it; its profiles are of one test."""
    yield chrome
    for context in chrome.contexts:
        await context.close()

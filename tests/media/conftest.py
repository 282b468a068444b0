import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser

from tests.kit.calls import chromium
from tests.kit.media_process import RunningNode, running_node


@pytest.fixture
async def escaped() -> AsyncIterator[list[str]]:
    """Names of the exceptions that nobody caught in this test's event loop."""
    names: list[str] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: names.append(type(context.get("exception")).__name__))
    yield names
    gc.collect()  # a task whose exception nobody fetched tells it when it is collected
    loop.set_exception_handler(before)


@pytest.fixture(scope="session")
def node() -> Iterator[RunningNode]:
    """A media node in its own process on loopback."""
    with running_node() as running:
        yield running


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

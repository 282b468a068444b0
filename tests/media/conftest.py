import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.kit.browsers import browser, chrome  # noqa: F401 -- fixtures
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

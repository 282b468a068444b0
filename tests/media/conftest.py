import asyncio
import gc
from collections.abc import AsyncIterator

import pytest


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

"""A Valkey for all tests of video."""

from collections.abc import Iterator

import pytest

from tests.kit.valkey import running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a real Valkey; tests use visits of their own."""
    with running_valkey() as url:
        yield url

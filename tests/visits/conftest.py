"""What the tests of visits that need more than a database have in common."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.kit.chromium import chromium
from tests.kit.database import Databases
from tests.kit.valkey import running_valkey
from tests.visits.gates.doors import Doors, open_doors


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with running_valkey() as url:
        yield url


@pytest.fixture
def doors(databases: Databases, valkey: str) -> Iterator[Doors]:
    with databases.clone() as database, open_doors(database, valkey) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened

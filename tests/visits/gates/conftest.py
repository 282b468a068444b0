from collections.abc import Iterator

import pytest

from tests.kit.database import Databases
from tests.kit.valkey import running_valkey
from tests.visits.gates.doors import Day, Doors, open_doors


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with running_valkey() as url:
        yield url


@pytest.fixture
def doors(databases: Databases, valkey: str) -> Iterator[Doors]:
    with databases.clone() as database, open_doors(database, valkey) as opened:
        yield opened


@pytest.fixture
def day(doors: Doors) -> Day:
    assert doors.day is not None
    return doors.day

from collections.abc import Iterator

import pytest

from tests.kit.database import Databases
from tests.kit.valkey import running_valkey
from tests.visits.gates.doors import Doors, open_doors


@pytest.fixture
def doors(databases: Databases) -> Iterator[Doors]:
    with running_valkey() as valkey, databases.clone() as database, open_doors(database, valkey) as opened:
        yield opened

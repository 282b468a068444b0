from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from telehealth.core.actors import SYSTEM
from tests.kit.database import Databases
from tests.kit.house import ORIGIN, Street, move_in, open_house, settings_of
from tests.kit.valkey import running_valkey


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with running_valkey() as url:
        yield url


@pytest.fixture(scope="module")
async def street(databases: Databases, valkey: str) -> AsyncIterator[Street]:
    """One for all tests of a file: no test here changes what another needs."""
    with databases.clone() as database:
        async with open_house(settings_of(database, valkey)) as (app, unit_of_work):
            residents = await unit_of_work.run(move_in, SYSTEM)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                yield Street(app, unit_of_work, residents, client)

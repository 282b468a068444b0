"""Fixtures every test may use. Services are real, started here on sockets or free ports, and stopped at the end."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from telehealth.catalogue import read_catalogue
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from tests.kit.compiled_once import compile_once
from tests.kit.database import Databases, serving
from tests.kit.examples import register_profiles
from tests.kit.needs import pytest_runtest_setup, pytest_terminal_summary  # noqa: F401 -- hooks of pytest
from tests.kit.patience import PATIENCE
from tests.kit.schedule import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401 -- likewise

compile_once()
register_profiles()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """One PostgreSQL server for this test process."""
    with serving() as served:
        yield served


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The URL of a fresh database with the whole schema."""
    with databases.clone() as url:
        yield url


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


@pytest.fixture
def nudged() -> list[Event]:
    """Every event whose commit was followed by a nudge."""
    return []


@pytest.fixture
async def unit_of_work(database: str, clock: FixedClock, nudged: list[Event]) -> AsyncIterator[UnitOfWork]:
    async def nudge(events: Sequence[Event]) -> None:
        nudged.extend(events)

    engine = open_engine(database, patience=PATIENCE)  # a crowd on a busy machine is no fault
    yield UnitOfWork(engine, clock, Vault({"test": b"k" * 32}), read_catalogue().conflicts, nudge)
    await engine.dispose()

"""A Valkey for all tests of video, and a visit whose patient has just been admitted."""

from collections.abc import Iterator

import pytest

from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.lifecycle import service as visits
from tests.kit.browsers import browser, chrome  # noqa: F401 -- fixtures
from tests.kit.meetings import Meeting, wait_for_call
from tests.kit.valkey import running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a real Valkey; tests use visits of their own."""
    with running_valkey() as url:
        yield url


@pytest.fixture
async def waiting(unit_of_work: UnitOfWork, clock: FixedClock) -> Meeting:
    """The patient is ready, in the waiting room."""
    return await wait_for_call(unit_of_work, clock)


@pytest.fixture
async def meeting(unit_of_work: UnitOfWork, waiting: Meeting) -> Meeting:
    """The patient has been admitted; the call can begin."""
    await unit_of_work.run(visits.admit, waiting.clinician, waiting.visit_id)
    return waiting

import pytest

from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from tests.alerts.telling import Platform, set_up


@pytest.fixture
async def platform(unit_of_work: UnitOfWork, clock: FixedClock) -> Platform:
    return await set_up(unit_of_work, clock)

import pytest

from tests.visits.gates.doors import Day, Doors


@pytest.fixture
def day(doors: Doors) -> Day:
    assert doors.day is not None
    return doors.day

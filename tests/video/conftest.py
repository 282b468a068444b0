"""A Valkey for all tests of video, and a visit whose patient has just been admitted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.rules import DeviceCheck
from tests.kit.clinic import book, guest_of, open_clinic
from tests.kit.meetings import Meeting
from tests.kit.valkey import running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of a real Valkey; tests use visits of their own."""
    with running_valkey() as url:
        yield url


@pytest.fixture
async def waiting(unit_of_work: UnitOfWork, clock: FixedClock) -> Meeting:
    """The patient is ready, in the waiting room."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(booked.visit.starts_at - clock.now() - timedelta(minutes=1))
    patient = await guest_of(unit_of_work, booked)
    visit_id = booked.visit.id
    await unit_of_work.run(visits.arrive, patient, visit_id)
    await unit_of_work.run(visits.record_check, patient, visit_id, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, visit_id)
    return Meeting(clinic, visit_id, clinic.clinician_actor, patient)


@pytest.fixture
async def meeting(unit_of_work: UnitOfWork, waiting: Meeting) -> Meeting:
    """The patient has been admitted; the call can begin."""
    await unit_of_work.run(visits.admit, waiting.clinician, waiting.visit_id)
    return waiting

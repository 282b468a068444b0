"""The entries of a visit's history rebuild its row, and the database takes no step that the machine does not have."""

import re
from datetime import timedelta

import psycopg
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.histories import STEPS, rebuilt
from tests.kit.clinic import TUESDAY_NINE, book, open_clinic

HISTORY = "INSERT INTO visit_event (visit_id, seq, at, command, role, purpose, cause, before, after)"


def test_the_database_knows_the_steps_of_the_machine_and_no_others(database: str) -> None:
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_visit_event_step'"
    with psycopg.connect(database) as connection:
        (found,) = connection.execute(query).fetchone() or ("",)
    steps = {f"{command}:{before or ''}:{after}" for command, before, after in STEPS}
    assert set(re.findall(r"'(\w+:\w*:\w+)'", found)) == steps


async def test_a_step_that_the_machine_does_not_have_is_refused(
    unit_of_work: UnitOfWork, database: str, clock: FixedClock
) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    values = f"VALUES ('{visit.id}', 2, now(), 'admit', 'system', 'TREAT', '', 'booked', 'admitting')"
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.CheckViolation, match="step"):
        connection.execute(f"{HISTORY} {values}".encode())


async def test_an_entry_says_what_it_changed(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    later = TUESDAY_NINE + timedelta(hours=1)
    await unit_of_work.run(appointments.reschedule, clinic.front_desk, booked.id, start=later, override="she asked")
    first, second = await unit_of_work.run(queries.history, SYSTEM, booked.id)
    assert first.changes["patient_id"] == str(clinic.patient.id)
    assert first.changes["starts_at"] == TUESDAY_NINE.isoformat()
    assert first.changes["override"] is None
    assert second.changes["starts_at"] == later.isoformat()
    assert second.changes["override"].startswith("\\x")
    assert "she asked" not in str(second)
    assert {"status", "revision", "changed_at"}.isdisjoint(second.changes)
    row = rebuilt([first, second])
    assert (row["status"], row["revision"], row["starts_at"]) == ("booked", 2, later.isoformat())
    with pytest.raises(ValueError, match="no history"):
        rebuilt([])

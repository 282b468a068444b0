"""The entries of a visit's history rebuild its row, and the database takes no step that the machine does not have."""

import re
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.histories import STEPS, Step, in_media, rebuilt
from telehealth.visits.lifecycle.replaying import COLUMNS, Difference, Page, compare
from telehealth.visits.lifecycle.rules import Command, VisitStatus
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


async def test_the_history_rebuilds_the_row_and_a_row_that_was_changed_beside_it_is_found(
    unit_of_work: UnitOfWork, database: str
) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    spoilt, kept, bare = [
        (await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + timedelta(hours=hour))).visit for hour in range(3)
    ]
    later = TUESDAY_NINE + timedelta(hours=5)
    await unit_of_work.run(appointments.reschedule, clinic.front_desk, kept.id, start=later, override="she asked")
    assert await unit_of_work.run(compare, SYSTEM) == Page(3, 4, (), None)
    first = await unit_of_work.run(compare, SYSTEM, limit=2)
    rest = await unit_of_work.run(compare, SYSTEM, first.last or UUID(int=0), limit=2)
    assert (first.visits, rest.visits, first.events + rest.events, rest.last) == (2, 1, 4, None)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE visit SET starts_at = starts_at - interval '1 minute' WHERE id = %s", [spoilt.id])
        connection.execute("UPDATE visit SET override = '\\x00' WHERE id = %s", [kept.id])
        connection.execute("ALTER TABLE visit_event DISABLE TRIGGER append_only")
        connection.execute("DELETE FROM visit_event WHERE visit_id = %s", [bare.id])
        connection.execute("ALTER TABLE visit_event ENABLE TRIGGER append_only")
    page = await unit_of_work.run(compare, SYSTEM)
    assert set(page.differences) == {
        Difference(spoilt.id, columns=("starts_at",)),
        Difference(kept.id, columns=("override",)),
        Difference(bare.id, fault="there is no history"),
    }


async def test_the_first_entry_says_everything(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    (first,) = await unit_of_work.run(queries.history, SYSTEM, visit.id)
    assert set(rebuilt([first])) == {column.name for column in COLUMNS}


def steps_of(*given: tuple[Command, int]) -> list[Step]:
    """Commands with the minute at which each was given."""
    return [
        Step(seq=seq, command=command, before=None, after=VisitStatus.BOOKED, at=minute_of(minute), changes={})
        for seq, (command, minute) in enumerate(given, start=1)
    ]


def minute_of(minute: int) -> datetime:
    return TUESDAY_NINE + timedelta(minutes=minute)


C = Command


@pytest.mark.parametrize(
    ("given", "period"),
    [
        ([(C.BOOK, 0), (C.ADMIT, 1)], None),
        ([(C.ADMIT, 1), (C.CONNECT, 2)], (2, None)),
        ([(C.CONNECT, 2), (C.HAND_OVER, 5), (C.END, 20), (C.COMPLETE, 30)], (2, 20)),
        ([(C.CONNECT, 2), (C.DROP, 5), (C.RESUME, 7), (C.END, 20)], (2, 20)),
        ([(C.CONNECT, 2), (C.DROP, 15), (C.END, 20)], (2, 15)),
        ([(C.CONNECT, 2), (C.FAIL, 4)], (2, 4)),
        ([(C.CONNECT, 2), (C.FAIL, 4), (C.CORRECT, 9), (C.RESUME, 10), (C.END, 20)], (2, 20)),
    ],
)
def test_the_call_lasts_from_the_first_to_the_last_that_both_were_in_it(
    given: list[tuple[Command, int]], period: tuple[int, int | None] | None
) -> None:
    expected = period and (minute_of(period[0]), None if period[1] is None else minute_of(period[1]))
    assert in_media(steps_of(*given)) == expected

"""The migration of tasks that are taken on, on a database that is in use."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import AT_WORK, CLINICIAN, PATIENT, THEN, UNDER_WAY, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate

WINDOW = {"due_at": THEN, "ends_at": "2026-03-05T09:00:00+00:00"}
TASK = {
    "visit_id": VISIT,
    "patient_id": PATIENT,
    "clinician_id": CLINICIAN,
    "title": b"",
    "planned_at": THEN,
    "moved_at": THEN,
    **WINDOW,
}
TAKEN_ON = "2026-03-06T09:00:00+00:00"


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_what_was_escalated_stays_so_and_who_took_it_on_is_not_silent_for_older_code(empty: str) -> None:
    migrate(empty, "0052")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        for number, status in ((70, "escalated"), (71, "reminded")):
            insert(connection, "follow_up_task", {**TASK, "id": UUID(int=number), "status": status})
    migrate(empty)
    with psycopg.connect(empty) as connection:
        found = connection.execute("SELECT status, taken_on_at FROM follow_up_task ORDER BY id").fetchall()
        assert found == [("escalated", None), ("reminded", None)]
        connection.execute("UPDATE follow_up_task SET taken_on_at = %s WHERE status = 'reminded'", [TAKEN_ON])
        named = {"version": 1, "clinician_ids": [CLINICIAN], "named_at": THEN}
        insert(connection, "follow_up_coordination", named)
    command.check(alembic_config(empty))
    command.downgrade(alembic_config(empty), "0052")
    with psycopg.connect(empty) as connection:
        days = connection.execute("SELECT (ends_at - due_at) FROM follow_up_task ORDER BY id").fetchall()
    assert [each.days for (each,) in days] == [3, 7]


def test_it_is_not_taken_back_once_a_coordinator_was_told(empty: str) -> None:
    migrate(empty)
    told = {"kind": "follow_up_escalated", "channel": "email", "recipient_role": "clinician", "state": "sent"}
    ids = {"id": UUID(int=80), "subject_id": UUID(int=81), "recipient_id": CLINICIAN}
    with psycopg.connect(empty) as connection:
        insert(connection, "message", {**told, **ids, "due_at": THEN, "next_attempt_at": THEN})
    with pytest.raises(RuntimeError, match="coordinators were told"):
        command.downgrade(alembic_config(empty), "0052")

"""The migration of surveys, on a database in which questions are asked."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import AT_WORK, PATIENT, THEN, UNDER_WAY, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate
from tests.monitoring.test_migration import ASKED, BP, FORM, PLANNED

OF_TASK, ALONE = UUID(int=70), UUID(int=71)
OWN = {**ASKED, "id": ALONE, "task_id": None, "link_hash": b"2"}
ANSWERED = {"request_id": ALONE, "patient_id": PATIENT, "form_id": FORM, "answers": b"", "answered_at": THEN}
WORDS = {
    "kind": "survey",
    "whom": "patient",
    "channel": "email",
    "language": "en",
    "version": 1,
    "subject": "How was it?",
    "body": "{link}",
    "published_at": THEN,
}


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_what_tasks_ask_stays_and_a_request_is_a_tasks_or_has_its_own_end(empty: str) -> None:
    migrate(empty, "0055")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        insert(connection, "follow_up_task", PLANNED)
        insert(connection, "monitoring_form", BP)
        insert(connection, "monitoring_request", {**ASKED, "id": OF_TASK, "link_hash": b"1"})
    migrate(empty)
    with pytest.raises(psycopg.errors.CheckViolation), psycopg.connect(empty) as connection:
        insert(connection, "monitoring_request", OWN)
    with psycopg.connect(empty) as connection:
        insert(connection, "monitoring_request", {**OWN, "ends_at": THEN})
        insert(connection, "monitoring_response", {**ANSWERED, "id": UUID(int=72)})
        insert(connection, "message_text", {**WORDS, "id": UUID(int=73)})
        insert(connection, "survey_choice", {"version": 1, "minutes": 5, "set_at": THEN})
        assert connection.execute("SELECT count(*) FROM visit WHERE id = %s", [VISIT]).fetchone() == (1,)
    command.check(alembic_config(empty))
    with pytest.raises(RuntimeError, match="asked how a visit was"):
        command.downgrade(alembic_config(empty), "0055")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM monitoring_response").fetchone() == (1,)
        connection.execute("DELETE FROM monitoring_response")
        connection.execute("DELETE FROM monitoring_request WHERE task_id IS NULL")
    command.downgrade(alembic_config(empty), "0055")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM monitoring_request").fetchall() == [(OF_TASK,)]
        assert connection.execute("SELECT kind FROM message_text").fetchall() == []


def test_it_is_not_taken_back_once_a_patient_was_told(empty: str) -> None:
    migrate(empty)
    told = {"kind": "survey", "channel": "email", "recipient_role": "patient", "state": "pending"}
    ids = {"id": UUID(int=80), "subject_id": UUID(int=81), "recipient_id": PATIENT}
    with psycopg.connect(empty) as connection:
        insert(connection, "message", {**told, **ids, "due_at": THEN, "next_attempt_at": THEN})
    with pytest.raises(RuntimeError, match="asked how a visit was"):
        command.downgrade(alembic_config(empty), "0055")

"""The migrations of questions from home and of things to do, on a database that is in use."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import AT_WORK, CLINICIAN, PATIENT, THEN, UNDER_WAY, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate

TASK, FORM = UUID(int=60), UUID(int=61)
PLANNED = {
    "id": TASK,
    "visit_id": VISIT,
    "patient_id": PATIENT,
    "clinician_id": CLINICIAN,
    "kind": "questionnaire",
    "title": b"",
    "status": "planned",
    "planned_at": THEN,
    "due_at": THEN,
    "moved_at": THEN,
}
BP = {"id": FORM, "code": "bp", "version": 1, "resource": "{}", "thresholds": "[]", "published_at": THEN}
ASKED = {"task_id": TASK, "visit_id": VISIT, "patient_id": PATIENT, "form_id": FORM, "asked_at": THEN, "link": b""}


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_tasks_that_were_planned_name_no_questions_and_a_task_asks_once(empty: str) -> None:
    migrate(empty, "0047")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        insert(connection, "follow_up_task", PLANNED)
    migrate(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT questionnaire FROM follow_up_task").fetchall() == [(None,)]
        insert(connection, "monitoring_form", BP)
        insert(connection, "monitoring_request", {**ASKED, "id": UUID(int=62), "link_hash": b"1"})
    for table, row in (
        ("monitoring_form", {**BP, "id": UUID(int=63), "version": 2}),
        ("monitoring_request", {**ASKED, "id": UUID(int=64), "link_hash": b"2"}),
    ):
        with pytest.raises(psycopg.errors.UniqueViolation), psycopg.connect(empty) as connection:
            insert(connection, table, row)
    command.check(alembic_config(empty))
    command.downgrade(alembic_config(empty), "0047")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM follow_up_task").fetchall() == [(TASK,)]


def test_what_was_asked_keeps_its_questions_and_what_is_to_be_done_has_none(empty: str) -> None:
    migrate(empty, "0053")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        for number in (60, 65):
            insert(connection, "follow_up_task", {**PLANNED, "id": UUID(int=number)})
        insert(connection, "monitoring_form", BP)
        insert(connection, "monitoring_request", {**ASKED, "id": UUID(int=62), "link_hash": b"1"})
    migrate(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT form_id FROM monitoring_request").fetchall() == [(FORM,)]
    command.downgrade(alembic_config(empty), "0053")
    migrate(empty)
    plain = {**ASKED, "task_id": UUID(int=65), "form_id": None, "id": UUID(int=66), "link_hash": b"2"}
    with psycopg.connect(empty) as connection:
        insert(connection, "monitoring_request", plain)
    with pytest.raises(RuntimeError, match="asked to do something"):
        command.downgrade(alembic_config(empty), "0053")

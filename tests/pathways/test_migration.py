"""The migrations of care pathways, on a database that is in use."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import AT_WORK, CLINICIAN, PATIENT, THEN, UNDER_WAY, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate

PATHWAY = {"id": UUID(int=40), "code": "aftercare", "version": 1, "content": "{}", "published_at": THEN}
RUN = {"id": UUID(int=41), "pathway_id": UUID(int=40), "code": "aftercare", "visit_id": VISIT}

MANY_RUNS = """INSERT INTO care_pathway_run (id, pathway_id, code, visit_id, cause, started_at, cancelled_at)
SELECT gen_random_uuid(), %(pathway)s, 'aftercare', %(visit)s, 'diagnosis', now(), now()
FROM generate_series(1, 3000)"""
MANY_TASKS = """INSERT INTO follow_up_task
(id, visit_id, patient_id, clinician_id, title, status, planned_at, due_at, ends_at, moved_at)
SELECT gen_random_uuid(), %(visit)s, %(patient)s, %(clinician)s, '', 'planned', now(), now(), now() + interval '3 days',
now() + n * interval '1 second' FROM generate_series(1, 3000) n"""


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_runs_are_found_by_visit_and_tasks_by_patient(empty: str) -> None:
    migrate(empty, "0044")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        insert(connection, "care_pathway", PATHWAY)
        connection.execute(MANY_RUNS, {"visit": VISIT, "pathway": PATHWAY["id"]})
        connection.execute(MANY_TASKS, {"visit": VISIT, "patient": PATIENT, "clinician": CLINICIAN})
    migrate(empty)
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("ANALYZE")
        runs = connection.execute("EXPLAIN SELECT * FROM care_pathway_run WHERE visit_id = %s", [UUID(int=9)])
        assert "ix_care_pathway_run_visit_id" in str(runs.fetchall())
        tasks = connection.execute(
            "EXPLAIN SELECT * FROM follow_up_task WHERE patient_id = %s ORDER BY moved_at, id LIMIT 50", [UUID(int=9)]
        )
        assert "ix_follow_up_task_patient_moved_at" in str(tasks.fetchall())
    command.downgrade(alembic_config(empty), "0044")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM care_pathway_run").fetchone() == (3000,)


def test_a_pathway_is_started_once_for_a_visit_until_it_is_cancelled(empty: str) -> None:
    migrate(empty, "0040")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
    migrate(empty)
    begun = {**RUN, "cause": "diagnosis", "started_at": THEN}
    with psycopg.connect(empty) as connection:
        insert(connection, "care_pathway", PATHWAY)
        insert(connection, "care_pathway_run", begun)
    for table, row in (
        ("care_pathway", {**PATHWAY, "id": UUID(int=42), "version": 2}),
        ("care_pathway_run", {**begun, "id": UUID(int=43)}),
    ):
        with pytest.raises(psycopg.errors.UniqueViolation), psycopg.connect(empty) as connection:
            insert(connection, table, row)
    with psycopg.connect(empty) as connection:
        connection.execute("UPDATE care_pathway_run SET cancelled_at = now()")
        insert(connection, "care_pathway_run", {**begun, "id": UUID(int=43)})
    command.downgrade(alembic_config(empty), "0040")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM visit").fetchall() == [(VISIT,)]
    migrate(empty)
    command.check(alembic_config(empty))

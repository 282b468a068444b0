"""The migrations of care pathways, on a database that is in use."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import AT_WORK, THEN, UNDER_WAY, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_a_pathway_is_started_once_for_a_visit_until_it_is_cancelled(empty: str) -> None:
    migrate(empty, "0040")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
    migrate(empty)
    pathway = {"id": UUID(int=40), "code": "aftercare", "version": 1, "content": "{}", "published_at": THEN}
    run = {"id": UUID(int=41), "pathway_id": UUID(int=40), "code": "aftercare", "visit_id": VISIT}
    begun = {**run, "cause": "diagnosis", "started_at": THEN}
    with psycopg.connect(empty) as connection:
        insert(connection, "care_pathway", pathway)
        insert(connection, "care_pathway_run", begun)
    for table, row in (
        ("care_pathway", {**pathway, "id": UUID(int=42), "version": 2}),
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

"""The migration of alerts of devices, on a database in which tasks are at work and an integration has a grant."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import AT_WORK, CLINICIAN, PATIENT, THEN, UNDER_WAY, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate
from tests.monitoring.test_migration import PLANNED, TASK

ADMIN, CLIENT, GRANT = (UUID(int=number) for number in range(90, 93))
OFFICE = {"id": ADMIN, "email": "a@clinic.example", "password": "", "role": "admin", "created_at": THEN}
INTEGRATION = {"id": CLIENT, "name": "Cuffs", "scopes": ["summaries.read"], "jwks": "{}", "added_at": THEN}
PERMIT = {
    "id": GRANT,
    "integration_id": CLIENT,
    "purpose": "TREAT",
    "data_kinds": ["summaries"],
    "everyone": True,
    "valid_from": THEN,
    "valid_until": "2027-03-02T09:00:00+00:00",
    "approved_by": ADMIN,
    "approved_at": THEN,
}
TOKEN = {"id": UUID(int=93), "secret": b"x", "integration_id": CLIENT, "scopes": ["summaries.read", "alerts.write"]}
ALERT = {
    "id": UUID(int=94),
    "integration_id": CLIENT,
    "identifier": "a-1",
    "patient_id": PATIENT,
    "visit_id": VISIT,
    "task_id": TASK,
    "device": "SN-1",
    "code_system": "http://loinc.org",
    "code": "8480-6",
    "severity": "high",
    "content": b"sealed",
    "raised_at": THEN,
    "received_at": THEN,
}
TOLD = {
    "id": UUID(int=95),
    "subject_id": TASK,
    "recipient_id": CLINICIAN,
    "kind": "follow_up_at_once",
    "channel": "email",
    "recipient_role": "clinician",
    "state": "sent",
    "due_at": THEN,
    "next_attempt_at": THEN,
}
MORE = (
    "UPDATE integration SET scopes = scopes || 'alerts.write'::varchar",
    "UPDATE access_grant SET data_kinds = data_kinds || 'alerts'::varchar",
)


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_tasks_and_grants_stay_and_an_earlier_release_is_left_nothing_that_it_cannot_read(empty: str) -> None:
    migrate(empty, "0057")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        insert(connection, "follow_up_task", {**PLANNED, "kind": "call"})
        insert(connection, "account", OFFICE)
        insert(connection, "integration", INTEGRATION)
        insert(connection, "access_grant", PERMIT)
    migrate(empty)
    command.check(alembic_config(empty))
    with psycopg.connect(empty) as connection:
        for statement in MORE:
            connection.execute(statement.encode())
        insert(connection, "access_token", {**TOKEN, "issued_at": THEN, "ends_at": THEN})
        insert(connection, "follow_up_trigger", {"ending": "device_alert", "enabled": False, "changed_at": THEN})
        insert(connection, "device_alert", ALERT)
    for wrong in ({}, {"severity": "critical"}, {"code_system": "urn:made-up"}, {"task_id": UUID(int=99)}):
        with pytest.raises(psycopg.errors.IntegrityError), psycopg.connect(empty) as connection:
            insert(connection, "device_alert", {**ALERT, "identifier": "a-2", **(wrong or {"identifier": "a-1"})})
    with pytest.raises(RuntimeError, match="alerts of devices were taken"):
        command.downgrade(alembic_config(empty), "0057")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT identifier FROM device_alert").fetchall() == [("a-1",)]
        connection.execute("DELETE FROM device_alert")
        insert(connection, "message", TOLD)
    with pytest.raises(RuntimeError, match="tasks that cannot wait"):
        command.downgrade(alembic_config(empty), "0057")
    with psycopg.connect(empty) as connection:
        connection.execute("DELETE FROM message")
    command.downgrade(alembic_config(empty), "0057")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT scopes FROM integration").fetchall() == [(["summaries.read"],)]
        assert connection.execute("SELECT scopes FROM access_token").fetchall() == [(["summaries.read"],)]
        assert connection.execute("SELECT data_kinds FROM access_grant").fetchall() == [(["summaries"],)]
        assert connection.execute("SELECT id FROM follow_up_task").fetchall() == [(TASK,)]
        assert connection.execute("SELECT count(*) FROM follow_up_trigger").fetchone() == (0,)
    migrate(empty)

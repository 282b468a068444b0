"""A ledger at work gets addresses and wishes, and gives them up again unless somebody has stopped messages."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import PATIENT, THEN, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate

ROW = {
    "id": UUID(int=40),
    "kind": "reminder",
    "channel": "email",
    "subject_id": VISIT,
    "recipient_role": "patient",
    "recipient_id": PATIENT,
    "due_at": THEN,
    "next_attempt_at": THEN,
    "attempt": 0,
    "state": "pending",
}
ADDRESS = {"id": UUID(int=41), "channel": "sms", "address": "+34600123456", "secret": b"x", "secret_hash": b"y"}
STOP = {"address_id": UUID(int=41), "purpose": "appointments", "said_by": "text", "stopped_at": THEN}


def test_a_ledger_at_work(databases: Databases) -> None:
    place = databases.create_empty()
    migrate(place, "0041")
    with psycopg.connect(place) as connection:
        insert(connection, "message", ROW)
    migrate(place)
    with psycopg.connect(place) as connection:
        connection.execute("UPDATE message SET state = 'suppressed', fault = 'stopped'")
    command.downgrade(alembic_config(place), "0041")
    with psycopg.connect(place) as connection:
        assert connection.execute("SELECT state FROM message").fetchall() == [("dropped",)]
    migrate(place)
    with psycopg.connect(place) as connection:
        insert(connection, "message_address", {**ADDRESS, "known_since": THEN})
        insert(connection, "message_stop", STOP)
    with pytest.raises(RuntimeError, match="have stopped messages"):
        command.downgrade(alembic_config(place), "0041")


def test_what_waited_is_tried_as_often_as_it_was(databases: Databases) -> None:
    place = databases.create_empty()
    migrate(place, "0046")
    with psycopg.connect(place) as connection:
        insert(connection, "message", {**ROW, "attempt": 3})
        insert(connection, "message", {**ROW, "id": UUID(int=42), "channel": "sms", "attempt": 2, "state": "sent"})
    migrate(place)
    with psycopg.connect(place) as connection:
        rows = connection.execute("SELECT tries, patient_until - due_at = interval '6 hours' FROM message ORDER BY id")
        assert rows.fetchall() == [(3, True), (0, None)]
        insert(connection, "message_provider", {"channel": "sms", "failures": 5, "probe_at": THEN})
    command.downgrade(alembic_config(place), "0046")
    with psycopg.connect(place) as connection:
        assert connection.execute("SELECT attempt FROM message ORDER BY id").fetchall() == [(3,), (2,)]
    migrate(place)
    command.check(alembic_config(place))


def test_attempts_are_kept_beside_a_ledger_at_work(databases: Databases) -> None:
    place = databases.create_empty()
    migrate(place, "0047")
    with psycopg.connect(place) as connection:
        insert(connection, "message", {**ROW, "state": "dead", "fault": "550"})
    migrate(place)
    with psycopg.connect(place) as connection:
        tried = {"message_id": ROW["id"], "attempt": 1, "at": THEN, "channel": "email", "outcome": "refused"}
        insert(connection, "message_attempt", tried)
    command.downgrade(alembic_config(place), "0047")
    with psycopg.connect(place) as connection:
        assert connection.execute("SELECT state, fault FROM message").fetchall() == [("dead", "550")]
    migrate(place)
    command.check(alembic_config(place))


def test_addresses_that_were_known_work_until_they_fail(databases: Databases) -> None:
    place = databases.create_empty()
    migrate(place, "0042")
    with psycopg.connect(place) as connection:
        insert(connection, "message_address", {**ADDRESS, "known_since": THEN})
    migrate(place)
    with psycopg.connect(place) as connection:
        assert connection.execute("SELECT failed_at, task_id FROM message_address").fetchall() == [(None, None)]
        connection.execute("UPDATE message_address SET failed_at = now(), fault = '550'")
    command.downgrade(alembic_config(place), "0042")
    migrate(place)
    command.check(alembic_config(place))


def test_what_waits_for_a_notification_is_texted_by_an_earlier_release(databases: Databases) -> None:
    place = databases.create_empty()
    migrate(place)
    waiting = {**ROW, "channel": "push", "patient_until": THEN, "tries": 0}
    with psycopg.connect(place) as connection:
        insert(connection, "message", waiting)
        insert(connection, "message", {**waiting, "id": UUID(int=42), "channel": "phone", "kind": "moved"})
        insert(connection, "message_address", {**ADDRESS, "channel": "phone", "known_since": THEN})
        insert(connection, "message_stop", STOP)
    command.downgrade(alembic_config(place), "0047")
    with psycopg.connect(place) as connection:
        assert connection.execute("SELECT channel FROM message").fetchall() == [("sms",), ("sms",)]
        assert connection.execute("SELECT count(*) FROM message_address").fetchone() == (0,)
    migrate(place)
    command.check(alembic_config(place))
    with psycopg.connect(place) as connection:
        insert(connection, "message", {**waiting, "id": UUID(int=43), "state": "sent", "receipt": "delivered"})
    with pytest.raises(RuntimeError, match="by notification or call"):
        command.downgrade(alembic_config(place), "0047")

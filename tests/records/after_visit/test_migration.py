"""A clinic at work gets after-visit summaries, and gives them up again."""

from uuid import UUID

import psycopg
import pytest

from alembic import command
from tests.architecture.test_migrations import AT_WORK, CLINICIAN, PATIENT, THEN, UNDER_WAY, VISIT, insert
from tests.kit.database import Databases, alembic_config, migrate


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_what_was_signed_can_be_released_and_links_of_then_lead_to_nothing_yet(empty: str) -> None:
    migrate(empty, "0037")
    note = {"id": UUID(int=11), "visit_id": VISIT, "patient_id": PATIENT, "clinician_id": CLINICIAN, "state": "signed"}
    text, times = {"kind": "11506-3", "content": b"sealed"}, {"created_at": THEN, "saved_at": THEN}
    version = {"note_id": UUID(int=11), "author_id": CLINICIAN, "author_name": "A", "sha256": "x", "signed_at": THEN}
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:5]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        insert(connection, "note", {**note, **text, **times, "revision": 1})
        insert(connection, "note_version", {**version, **text, "id": UUID(int=12), "version": 1})
    migrate(empty)
    command.check(alembic_config(empty))
    summary = {name: note[name] for name in ("visit_id", "patient_id", "clinician_id")}
    spoken = dict.fromkeys(("language", "note_language", "words_language"), "es")
    told = {"content": b"sealed", "sha256": "x", "author_name": "A", "released_at": THEN, "number": 1, **spoken}
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT reads_until FROM participant").fetchall() == [(None,)]
        released = {**summary, **told, "id": UUID(int=13), "note_version_id": UUID(int=12)}
        insert(connection, "after_visit_summary", released)
        connection.execute("UPDATE after_visit_summary SET content = 'sealed again'")  # with another key
    with pytest.raises(psycopg.errors.RaiseException), psycopg.connect(empty) as connection:
        connection.execute("UPDATE after_visit_summary SET number = 2")
    with pytest.raises(RuntimeError, match="given summaries"):
        command.downgrade(alembic_config(empty), "0037")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM after_visit_summary").fetchall() == [(UUID(int=13),)]


def test_what_nobody_was_given_is_given_up_with_every_message_about_it(empty: str) -> None:
    migrate(empty)
    states = ("pending", "sending", "dead", "sent")
    row = {"channel": "email", "recipient_role": "patient", "recipient_id": PATIENT, "attempt": 0}
    when = {"due_at": THEN, "next_attempt_at": THEN}
    with psycopg.connect(empty) as connection:
        for number, state in enumerate(states):
            about = {"id": UUID(int=20 + number), "subject_id": UUID(int=30 + number), "state": state}
            settled = {"settled_at": THEN} if state in ("dead", "sent") else {}
            insert(connection, "message", {**row, **when, **about, **settled, "kind": "after_visit_summary"})
        other = {"id": UUID(int=40), "subject_id": VISIT, "state": "pending", "kind": "reminder"}
        insert(connection, "message", {**row, **when, **other})
    command.downgrade(alembic_config(empty), "0037")
    with psycopg.connect(empty) as connection:
        kept = connection.execute("SELECT state, settled_at IS NOT NULL FROM message ORDER BY id").fetchall()
    assert kept == [("dropped", True)] * 3 + [("sent", True), ("pending", False)]
    migrate(empty)
    command.check(alembic_config(empty))

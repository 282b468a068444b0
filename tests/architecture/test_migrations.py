"""Migrations: from nothing, from a clinic that is at work, and back; and they make what the tables say."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder

from alembic import command
from telehealth.catalogue import read_catalogue
from tests.kit.database import Databases, alembic_config, migrate

OLDER, BEFORE_HELD_UP = "0002", "0025"
PATIENT, CLINICIAN, KIND, VISIT, PARTICIPANT = (UUID(int=number) for number in range(1, 6))
THEN = "2026-03-02T09:00:00+00:00"
AT_WORK: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (
        "patient",
        {
            "id": PATIENT,
            "identifier": "urn:mrn|1",
            "given": "Rosa",
            "family": "Moreno",
            "birth_date": "1947-06-05",
            "language": "es",
            "time_zone": "America/Chicago",
            "registered_at": THEN,
        },
    ),
    (
        "clinician",
        {
            "id": CLINICIAN,
            "given": "Ada",
            "family": "Lindqvist",
            "prefix": "Dr.",
            "email": "ada@clinic.example",
            "time_zone": "UTC",
            "languages": ["en"],
            "added_at": THEN,
        },
    ),
    (
        "visit_type",
        {
            "id": KIND,
            "code": "video",
            "name": "Video visit",
            "minutes": 20,
            "buffer_before": 0,
            "buffer_after": 0,
            "grid": 20,
            "grid_offset": 0,
            "notice": 0,
            "horizon_days": 60,
            "opens_before": 15,
            "closes_after": 15,
        },
    ),
    (
        "visit",
        {
            "id": VISIT,
            "patient_id": PATIENT,
            "clinician_id": CLINICIAN,
            "visit_type_id": KIND,
            "visit_type": "video",
            "status": "booked",
            "starts_at": "2026-03-02T10:00:00+00:00",
            "ends_at": "2026-03-02T10:20:00+00:00",
            "opens_at": "2026-03-02T09:45:00+00:00",
            "closes_at": "2026-03-02T10:35:00+00:00",
            "time_zone": "UTC",
            "revision": 1,
            "created_at": THEN,
            "changed_at": THEN,
        },
    ),
    (
        "participant",
        {"id": PARTICIPANT, "visit_id": VISIT, "role": "clinician", "person_id": CLINICIAN, "created_at": THEN},
    ),
    ("outbox", {"kind": "VisitBooked", "body": "{}", "emitted_at": THEN, "due_at": THEN}),
)


UNDER_WAY = {"status": "interrupted", "revision": 2, "local_start": "2026-03-02T10:00", "tzdata": "2026a"}


TEXT = {"kind": "11506-3", "content": b"sealed"}
NOTE = {"id": UUID(int=11), "visit_id": VISIT, "patient_id": PATIENT, "clinician_id": CLINICIAN, "state": "signed"}
VERSION = {"author_id": CLINICIAN, "author_name": "A", "sha256": "x", "signed_at": THEN, "note_id": NOTE["id"], **TEXT}


@pytest.fixture
def empty(databases: Databases) -> str:
    return databases.create_empty()


def test_from_nothing_to_what_the_tables_say(empty: str) -> None:
    migrate(empty)
    command.check(alembic_config(empty))
    assert tables(empty) == set(read_catalogue().tables.tables)


def test_a_clinic_at_work_keeps_its_rows(empty: str) -> None:
    migrate(empty, OLDER)
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK:
            insert(connection, table, row)
    before = list(rows(empty))
    migrate(empty)
    after = list(rows(empty))
    assert [set(old.items()) <= set(new.items()) for old, new in zip(before, after, strict=True)] == [True] * 6
    command.check(alembic_config(empty))


@pytest.mark.parametrize(("zone", "read"), [("America/Chicago", "04:00"), ("Mars/Olympus_Mons", "10:00")])
def test_a_zone_the_database_lacks_keeps_no_migration_up(empty: str, zone: str, read: str) -> None:
    migrate(empty, OLDER)
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK:
            insert(connection, table, {**row, "time_zone": zone} if table == "visit" else row)
    migrate(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT local_start, time_zone FROM visit").fetchall() == [
            (f"2026-03-02T{read}", zone)
        ]


def test_histories_of_then_keep_how_the_visit_stood_and_what_is_under_way_gets_its_timer(empty: str) -> None:
    migrate(empty, "0012")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        for seq, steps in ((1, ("book", None, "booked")), (2, ("drop", "in_progress", "interrupted"))):
            told = dict(zip(("command", "before", "after"), steps, strict=True))
            entry = {"visit_id": VISIT, "seq": seq, "at": THEN, "role": "system", "purpose": "TREAT", "cause": ""}
            insert(connection, "visit_event", {**entry, **told})
    migrate(empty)
    with psycopg.connect(empty) as connection:
        first, last = connection.execute("SELECT changes FROM visit_event ORDER BY seq").fetchall()
        (timer,) = connection.execute("SELECT visit_id, kind, due_at - interval '5 minutes' FROM timer").fetchall()
    assert first == ({},)
    assert (last[0]["patient_id"], last[0]["starts_at"]) == (str(PATIENT), "2026-03-02T10:00:00+00:00")
    assert {"id", "status", "revision", "created_at", "changed_at"}.isdisjoint(last[0])
    assert timer == (VISIT, "grace", datetime.fromisoformat(THEN))


def test_participants_are_where_their_visit_is(empty: str) -> None:
    migrate(empty, OLDER)
    came = {"visit_id": VISIT, "role": "patient", "created_at": THEN, "verified_at": THEN}
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK:
            insert(connection, table, {**row, **({"status": "in_progress"} if table == "visit" else {})})
        insert(connection, "participant", {**came, "id": UUID(int=6), "person_id": PATIENT})
        insert(connection, "participant", {**came, "id": UUID(int=7), "person_id": KIND, "revoked_at": THEN})
    migrate(empty)
    with psycopg.connect(empty) as connection:
        found = connection.execute("SELECT state, since = created_at FROM participant ORDER BY id").fetchall()
        told = connection.execute("SELECT seq, step, before, after FROM participant_event ORDER BY 1, 4").fetchall()
    assert found == [("connected", True), ("connected", True), ("revoked", True)]
    assert told[:3] == [(1, "invite", None, "invited")] * 3
    assert [(step, after) for _, step, _, after in told[3:]] == [
        ("carry_over", "connected"),
        ("carry_over", "connected"),
        ("carry_over", "revoked"),
    ]


def test_alerts_that_were_taken_on_are_kept_and_one_of_the_house_has_no_patient(empty: str) -> None:
    migrate(empty, "0020")
    told = {"alert_id": UUID(int=8), "rung": 0, "number": 0, "at": THEN, "whom": "board", "way": "board"}
    taken = {"acknowledged_at": THEN, "acknowledged_by": UUID(int=9), "since": THEN, "raised_at": THEN, "step": 1}
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **({**UNDER_WAY, "status": "ready"} if table == "visit" else {})})
        about = {"id": UUID(int=8), "kind": "waiting", "visit_id": VISIT, "patient_id": PATIENT}
        insert(connection, "alert", {**about, **taken})
        insert(connection, "alert_step", told)
        insert(connection, "escalation_rule", {"kind": "waiting", "rung": 0, "after": 0, "whom": "board"})
    migrate(empty)
    house = {"id": UUID(int=10), "kind": "house", "affected": 212, "since": THEN, "raised_at": THEN}
    with psycopg.connect(empty) as connection:
        kept = connection.execute("SELECT acknowledged_by, resumed_from, affected FROM alert").fetchall()
        insert(connection, "alert", house)
        insert(connection, "alert_step", {**told, "alert_id": UUID(int=10)})
        insert(connection, "escalation_rule", {"kind": "house", "rung": 0, "after": 0, "whom": "board"})
    assert kept == [(UUID(int=9), None, None)]
    command.downgrade(alembic_config(empty), "0020")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM alert").fetchall() == [(UUID(int=8),)]
        assert connection.execute("SELECT alert_id FROM alert_step").fetchall() == [(UUID(int=8),)]
    migrate(empty)
    command.check(alembic_config(empty))


def test_who_was_held_up_is_forgotten_on_the_way_back_and_the_others_are_kept(empty: str) -> None:
    migrate(empty, BEFORE_HELD_UP)
    told = {"rung": 0, "number": 0, "at": THEN, "whom": "board", "way": "board"}
    about = {"visit_id": VISIT, "patient_id": PATIENT, "since": THEN, "raised_at": THEN, "step": 1}
    rule, again = {"rung": 0, "after": 0, "whom": "board"}, {"after": 60}

    def write(kind: str, alert_id: UUID) -> None:
        with psycopg.connect(empty) as connection:
            insert(connection, "alert", {**about, "id": alert_id, "kind": kind})
            insert(connection, "alert_step", {**told, "alert_id": alert_id})
            insert(connection, "escalation_rule", {**rule, "kind": kind})
            insert(connection, "escalation_reopening", {**again, "kind": kind})

    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **({**UNDER_WAY, "status": "arrived"} if table == "visit" else {})})
    write("waiting", UUID(int=8))
    with pytest.raises(psycopg.errors.CheckViolation):
        write("held_up", UUID(int=9))
    migrate(empty)
    write("held_up", UUID(int=9))
    command.downgrade(alembic_config(empty), BEFORE_HELD_UP)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id, kind FROM alert").fetchall() == [(UUID(int=8), "waiting")]
        assert connection.execute("SELECT alert_id FROM alert_step").fetchall() == [(UUID(int=8),)]
        for table in ("escalation_rule", "escalation_reopening"):
            kept = connection.execute(SQL("SELECT kind FROM {}").format(Identifier(table))).fetchall()
            assert kept == [("waiting",)]
    with pytest.raises(psycopg.errors.RaiseException), psycopg.connect(empty) as connection:
        connection.execute("DELETE FROM alert_step")
    migrate(empty)
    command.check(alembic_config(empty))


def test_notes_that_were_signed_stand_and_one_that_was_amended_is_not_given_up(empty: str) -> None:
    migrate(empty, "0027")
    with psycopg.connect(empty) as connection:
        insert_signed(connection)
    migrate(empty)
    command.check(alembic_config(empty))
    with psycopg.connect(empty) as connection:
        stands = connection.execute("SELECT note_version_id, status, changed_at FROM note_standing").fetchall()
    assert stands == [(UUID(int=12), "current", datetime.fromisoformat(THEN))]
    command.downgrade(alembic_config(empty), "0027")
    migrate(empty)
    with psycopg.connect(empty) as connection:
        addendum = {"id": UUID(int=13), "version": 2, "relation": "appends", "relates_to": 1}
        insert(connection, "note_version", {**VERSION, **addendum})
    with pytest.raises(RuntimeError, match="amended"):
        command.downgrade(alembic_config(empty), "0027")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM note_version").fetchall() == [(2,)]


def test_messages_keep_what_became_of_them_on_the_way_back_too(empty: str) -> None:
    migrate(empty, "0030")
    row = {"kind": "reminder", "channel": "email", "subject_id": VISIT, "recipient_role": "patient", "state": "sent"}
    told = {**row, "recipient_id": PATIENT, "due_at": THEN, "next_attempt_at": THEN, "attempt": 1}

    def kept() -> list[tuple[str, str]]:
        with psycopg.connect(empty) as connection:
            return connection.execute("SELECT channel, state FROM message ORDER BY id").fetchall()

    with psycopg.connect(empty) as connection:
        insert(connection, "message", {**told, "id": UUID(int=21)})
    migrate(empty)
    command.check(alembic_config(empty))
    with psycopg.connect(empty) as connection:
        insert(connection, "message", {**told, "id": UUID(int=22), "kind": "moved", "state": "rerouted"})
        insert(connection, "message", {**told, "id": UUID(int=23), "kind": "moved", "channel": "sms"})
    assert kept() == [("email", "sent"), ("email", "rerouted"), ("sms", "sent")]
    command.downgrade(alembic_config(empty), "0030")
    assert kept() == [("email", "sent"), ("email", "dead")]


def test_follow_ups_keep_their_owner_and_fire_when_they_would_have(empty: str) -> None:
    migrate(empty, "0032")
    known = {
        "visit_id": VISIT,
        "patient_id": PATIENT,
        "clinician_id": CLINICIAN,
        "title": b"sealed",
        "planned_at": THEN,
    }
    states = ("planned", "due", "reminded", "escalated", "done", "cancelled")
    with psycopg.connect(empty) as connection:
        for table, row in AT_WORK[:4]:
            insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
        for number, status in enumerate(states, start=20):
            closed = {"closed_at": THEN} if status in ("done", "cancelled") else {}
            task = {"id": UUID(int=number), "status": status, "due_at": THEN, "moved_at": THEN}
            insert(connection, "follow_up_task", {**known, **task, **closed})
    migrate(empty)
    with psycopg.connect(empty) as connection:
        found = connection.execute(
            "SELECT status, kind, pool, owner_id, extract(day FROM next_at - due_at)::int,"
            " extract(day FROM ends_at - due_at)::int FROM follow_up_task ORDER BY id"
        ).fetchall()
        told = {"task_id": UUID(int=20), "seq": 1, "at": THEN, "command": "plan", "after": "planned", "role": "system"}
        insert(connection, "follow_up_step", told)
        connection.execute("UPDATE follow_up_task SET status = 'skipped' WHERE status = 'done'")
    looks = dict(zip(states, (0, 1, 3, None, None, None), strict=True))
    assert found == [(status, "custom", "clinicians", CLINICIAN, days, 3) for status, days in looks.items()]
    command.downgrade(alembic_config(empty), "0032")
    with psycopg.connect(empty) as connection:
        kept = connection.execute("SELECT status FROM follow_up_task ORDER BY id").fetchall()
    assert [status for (status,) in kept] == [*states[:4], "cancelled", "cancelled"]
    migrate(empty)
    command.check(alembic_config(empty))


def test_notes_begin_as_their_kind_of_visit_says_and_one_version_is_in_force(empty: str) -> None:
    migrate(empty, "0035")
    with psycopg.connect(empty) as connection:
        insert(connection, *AT_WORK[2])
    migrate(empty)
    template = {"content": "## Plan", "phrases": "[]", "published_at": THEN}
    with psycopg.connect(empty) as connection:
        for number, kind in enumerate((None, KIND), start=31):
            insert(
                connection, "note_template", {**template, "id": UUID(int=number), "visit_type_id": kind, "version": 1}
            )
    for kind in (None, KIND):
        with pytest.raises(psycopg.errors.UniqueViolation), psycopg.connect(empty) as connection:
            insert(connection, "note_template", {**template, "id": UUID(int=33), "visit_type_id": kind, "version": 2})
    command.downgrade(alembic_config(empty), "0035")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM visit_type").fetchall() == [(KIND,)]


def test_deliveries_of_notes_go_on_beside_those_of_visits(empty: str) -> None:
    migrate(empty, "0036")
    way = {"destination": "north", "state": "pending", "attempt": 0, "since": THEN, "next_attempt_at": THEN}
    with psycopg.connect(empty) as connection:
        insert_signed(connection)
        insert(connection, "record_delivery", {**way, "id": UUID(int=20), "note_version_id": UUID(int=12)})
    migrate(empty)
    of_visit = {**way, "id": UUID(int=21), "visit_id": VISIT, "resource_type": "Encounter", "revision": 2}
    with psycopg.connect(empty) as connection:
        insert(connection, "record_delivery", of_visit)
    for wrong in ({"revision": None}, {"resource_type": "DocumentReference"}, {}):
        with psycopg.connect(empty) as connection, pytest.raises(psycopg.errors.IntegrityError):
            insert(connection, "record_delivery", {**of_visit, "id": UUID(int=22), **wrong})
    command.downgrade(alembic_config(empty), "0036")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM record_delivery").fetchall() == [(UUID(int=20),)]
    migrate(empty)
    command.check(alembic_config(empty))


def test_what_was_signed_needs_no_co_signature_and_what_awaits_one_is_not_given_up(empty: str) -> None:
    migrate(empty, "0039")
    with psycopg.connect(empty) as connection:
        insert_signed(connection)
    migrate(empty)
    command.downgrade(alembic_config(empty), "0039")
    migrate(empty)
    with psycopg.connect(empty) as connection:
        assert connection.execute("UPDATE note SET state = 'preliminary'").rowcount == 1
    with pytest.raises(RuntimeError, match="co-signature"):
        command.downgrade(alembic_config(empty), "0039")


def test_the_way_back_leaves_nothing(empty: str) -> None:
    migrate(empty)
    command.downgrade(alembic_config(empty), "base")
    assert tables(empty) == set()
    migrate(empty)
    command.check(alembic_config(empty))


def insert_signed(connection: psycopg.Connection[Any]) -> None:
    """A visit under way, with a note whose first version was signed."""
    for table, row in AT_WORK[:4]:
        insert(connection, table, {**row, **(UNDER_WAY if table == "visit" else {})})
    insert(connection, "note", {**NOTE, **TEXT, "created_at": THEN, "saved_at": THEN, "revision": 1})
    insert(connection, "note_version", {**VERSION, "id": UUID(int=12), "version": 1})


def insert(connection: psycopg.Connection[Any], table: str, row: Mapping[str, Any]) -> None:
    statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(
        Identifier(table), SQL(", ").join(map(Identifier, row)), SQL(", ").join(map(Placeholder, row))
    )
    connection.execute(statement, row)


def rows(url: str) -> Iterator[Mapping[str, Any]]:
    """The one row of each table, with what can be compared."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        for table, _ in AT_WORK:
            (found,) = connection.execute(SQL("SELECT * FROM {}").format(Identifier(table))).fetchall()
            yield {name: str(value) for name, value in found.items()}


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {str(name) for (name,) in found} - {"alembic_version"}

"""A database that a test leaves is like new for the next, or is not given to it."""

import psycopg
import pytest

from tests.kit.database import Databases

ACCOUNT = (
    "INSERT INTO account (id, email, password, role, created_at) VALUES (gen_random_uuid(), %s, '', 'admin', now())"
)
MANY = (
    "INSERT INTO account (id, email, password, role, created_at) "
    "SELECT gen_random_uuid(), n, repeat('x', 1000), 'admin', now() FROM generate_series(1, 10000) n"
)
ROWS = "SELECT (SELECT count(*) FROM account), nextval('outbox_position_seq'), nextval('resource_version')"


def used(url: str) -> tuple[int, ...]:
    """Rows of accounts and the next numbers; it leaves a row, and sequences that have advanced."""
    with psycopg.connect(url) as connection:
        found = connection.execute(ROWS).fetchone()
        connection.execute(ACCOUNT, [f"{found}@clinic.example"])
    assert found is not None
    return tuple(found)


def name_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def test_rows_and_numbers_do_not_reach_the_next(databases: Databases) -> None:
    names = []
    for _ in range(3):
        with databases.clone() as url:
            names.append(name_of(url))
            assert used(url) == (0, 1, 1)
    assert names == names[:1] * 3


def test_a_connection_that_was_forgotten_is_ended(databases: Databases) -> None:
    with databases.clone() as url:
        forgotten = psycopg.connect(url)
        forgotten.execute("LOCK TABLE account")
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    forgotten.close()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE account ADD COLUMN nickname text",
        "ALTER TABLE account ALTER COLUMN email DROP NOT NULL",
        "ALTER TABLE audit_event DISABLE TRIGGER append_only",
        "CREATE SCHEMA elsewhere",
        "DROP INDEX ix_outbox_due",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'Asia/Tokyo'); END $$",
        MANY,
    ],
)
def test_what_cannot_be_emptied_is_not_used_again(databases: Databases, change: str) -> None:
    with databases.clone() as url, psycopg.connect(url) as connection:
        connection.execute(change.encode())
        name = name_of(url)
    with databases.clone() as url:
        assert name_of(url) != name

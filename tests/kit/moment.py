"""Time that a test moves: the clock of the house and the database's own now(), together.

As with the built-in, now() is one and the same throughout a transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

SCHEMA = """
CREATE SCHEMA moment;
CREATE TABLE moment.moved (since timestamptz PRIMARY KEY, at timestamptz NOT NULL);
INSERT INTO moment.moved VALUES (clock_timestamp(), clock_timestamp());
CREATE FUNCTION moment.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT at FROM moment.moved WHERE since <= transaction_timestamp() ORDER BY since DESC LIMIT 1';
"""


class Moment:
    """A clock that stands still until it is moved, and the database with it: its now() comes before the built-in."""

    def __init__(self, connection: psycopg.Connection[Any], at: datetime) -> None:
        self._connection = connection
        self.move(at)

    def now(self) -> datetime:
        return self._at

    def move(self, at: datetime) -> None:
        """For every transaction that begins after this."""
        self._connection.execute("INSERT INTO moment.moved VALUES (clock_timestamp(), %s)", (at,))
        self._at = at.astimezone(UTC)


@contextmanager
def standing_still(database: str, at: datetime) -> Iterator[Moment]:
    """Connections opened from now on to this database read the moment's time."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET search_path = moment, pg_catalog, public").format(name))
        try:
            yield Moment(connection, at)
        finally:  # with its own time again the database serves another test
            with suppress(psycopg.errors.LockNotAvailable):
                connection.execute("SET lock_timeout = '1s'")
                connection.execute("DROP SCHEMA moment CASCADE")
                connection.execute(sql.SQL("ALTER DATABASE {} RESET search_path").format(name))

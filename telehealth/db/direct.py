"""Statements that are sent for every search and booking: compiled once, prepared by the server, sent by the driver.

For these few SQLAlchemy's way from a statement to its rows takes longer than the database does. They run on the
connection of the session, so in its transaction, and fail as any other statement does.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

HERE = "telehealth.db.direct"


class Direct:
    """One statement. Its parameters are named by `bindparam` and are given as the driver takes them."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._sql: bytes | None = None
        self._fixed: Mapping[str, Any] = {}

    async def run(self, session: AsyncSession, given: Mapping[str, Any]) -> list[Any]:
        """Its rows, as named tuples; [] for a statement that has none. Raises DBAPIError."""
        if session.new or session.dirty or session.deleted:
            await session.flush()  # as before any other statement
        connection = await _connection(session)
        if self._sql is None:
            self._compile(connection)
        sql, whole = self._sql or b"", {**self._fixed, **given}
        connection.dispatch.before_cursor_execute(connection, None, sql.decode(), whole, None, False)
        driver: psycopg.AsyncConnection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        cursor = driver.cursor(row_factory=namedtuple_row)
        try:
            await cursor.execute(sql, whole, prepare=True)
            return await cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
        except psycopg.Error as error:
            raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from None

    def _compile(self, connection: Connection) -> None:
        compiled = self._statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
        self._sql, self._fixed = str(compiled).encode(), compiled.params


async def _connection(session: AsyncSession) -> Connection:
    """The connection of the session's transaction, asked for once in each savepoint: it is only set by asking."""
    nested = session.sync_session.get_nested_transaction()
    asked_in, known = session.info.get(HERE, (None, None))
    if known is None or known.closed or asked_in is not nested:
        known = (await session.connection()).sync_connection
        session.info[HERE] = nested, known
    if not isinstance(known, Connection):
        raise TypeError("unreachable: a session that has begun has a connection")
    return known

"""A database that ends a connection in the middle of a transaction, as one that is killed does."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, event

from telehealth.db.unit import UnitOfWork

COMMIT = "COMMIT"
GONE = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s"


@contextmanager
def severed(unit_of_work: UnitOfWork, where: Callable[[str], bool]) -> Iterator[list[str]]:
    """PostgreSQL ends the connection just before the first statement that `where` says yes to; COMMIT is the last of a
    transaction. Yields what was sent or would have been.
    """
    seen: list[str] = []
    done = False

    def come(connection: Connection, statement: str) -> None:
        nonlocal done
        seen.append(statement)
        if not done and where(statement):
            done = True
            pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
            _end(unit_of_work, pid)

    def before_statement(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        come(connection, statement)

    def before_commit(connection: Connection) -> None:
        come(connection, COMMIT)

    engine = unit_of_work.engine.sync_engine
    event.listen(engine, "before_cursor_execute", before_statement)
    event.listen(engine, "commit", before_commit)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before_statement)
        event.remove(engine, "commit", before_commit)


def _end(unit_of_work: UnitOfWork, pid: int) -> None:
    url = unit_of_work.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        while connection.execute(GONE, (pid,)).fetchone() != (True,):
            time.sleep(0.005)

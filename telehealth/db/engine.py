"""The engine: psycopg 3, no parameter values in errors, statement and lock limits set on every connection."""

import select
from typing import Any

from psycopg._preparing import PrepareManager
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

DRIVER = "postgresql+psycopg"
LIMITS = "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c timezone=UTC"


class Prepared(PrepareManager):
    """Prepared statements outlive a rollback, as they do in the server: most of what a crowd gets are refusals.

    psycopg drops them all then, in case the transaction had created tables. None of ours does.
    """

    def clear(self) -> bool:
        return False


def open_engine(url: str, *, pool_size: int = 10, patience: float = 10) -> AsyncEngine:
    """An engine for `postgresql://…`; the driver is always psycopg 3. `patience`: seconds to wait for a connection."""
    engine = create_async_engine(
        make_url(url).set(drivername=DRIVER),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=patience,
        hide_parameters=True,  # SQLAlchemy prints values in errors otherwise, and here they are health data
        connect_args={"options": LIMITS, "connect_timeout": 5, "application_name": "telehealth"},
    )
    event.listen(engine.sync_engine, "connect", _keep_prepared)
    event.listen(engine.sync_engine, "checkout", _check)
    return engine


def _keep_prepared(connection: Any, _: object) -> None:
    connection.driver_connection._prepared = Prepared()  # noqa: SLF001 -- it has no public name


def _check(connection: Any, *_: object) -> None:
    """Refuses a connection the server has closed, and with it all of its age.

    A server that nothing was asked says nothing but good-bye: so the socket tells, without the round trip of a ping.
    """
    socket = select.poll()
    socket.register(connection.driver_connection.fileno(), select.POLLIN)
    if socket.poll(0):
        raise InvalidatePoolError

"""A unit of work that gives up its wait for a lock at once, and what holds one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import Connection, event, text

from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork


@asynccontextmanager
async def giving_up_soon(unit_of_work: UnitOfWork, database: str) -> AsyncIterator[UnitOfWork]:
    """The same with connections of its own."""
    engine = open_engine(database)
    event.listen(engine.sync_engine, "begin", _soon)
    try:
        yield replace(unit_of_work, engine=engine)
    finally:
        await engine.dispose()


@asynccontextmanager
async def holding(unit_of_work: UnitOfWork, statement: str, **values: object) -> AsyncIterator[None]:
    """In a transaction that ends with this."""
    async with unit_of_work.engine.connect() as connection, connection.begin():
        await connection.execute(text(statement), values)
        yield


def _soon(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL lock_timeout = '20ms'")

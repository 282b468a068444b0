"""Statements sent by the driver: in the session's transaction, with the session's errors, and prepared for good."""

import pytest
from sqlalchemy import Integer, bindparam, column, select, table, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from telehealth.core.errors import NotFound
from telehealth.db.direct import Direct
from telehealth.db.engine import open_engine
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import DatabaseFault, Unit, UnitOfWork

NUMBER = Direct(select((bindparam("given", type_=Integer()) + 1).label("more")))
DIVIDED = Direct(select(1 / bindparam("given", type_=Integer())))
HOW_MANY_TOLD = Direct(select(text("count(*) AS n")).select_from(table("outbox", column("position"))))
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS more%'"


async def test_rows_have_names(unit_of_work: UnitOfWork) -> None:
    async def ask(unit: Unit) -> list[int]:
        return [row.more for given in (1, 2) for row in await NUMBER.run(unit.session, {"given": given})]

    assert await unit_of_work.run(ask) == [2, 3]


async def test_what_the_session_has_not_written_yet_is_written_first(unit_of_work: UnitOfWork) -> None:
    async def ask(unit: Unit) -> tuple[int, int]:
        [before] = await HOW_MANY_TOLD.run(unit.session, {})
        unit.session.add(OutboxRow(kind="Rang", body={}, emitted_at=unit.now, due_at=unit.now))
        [after] = await HOW_MANY_TOLD.run(unit.session, {})
        return before.n, after.n

    before, after = await unit_of_work.run(ask)
    assert after == before + 1


async def test_an_error_is_the_sessions_and_holds_no_value(unit_of_work: UnitOfWork) -> None:
    async def divide(unit: Unit) -> None:
        with pytest.raises(DBAPIError) as caught:
            await DIVIDED.run(unit.session, {"given": 0})
        assert getattr(caught.value.orig, "sqlstate", None) == "22012"
        raise caught.value

    with pytest.raises(DatabaseFault, match="22012"):
        await unit_of_work.run(divide)
    refused = Direct(text("INSERT INTO visit_type (id) VALUES (:id)").bindparams(id=None))
    with pytest.raises(DatabaseFault, match=IntegrityError.__name__):
        await unit_of_work.run(lambda unit: refused.run(unit.session, {"id": None}))


async def test_a_savepoint_undoes_it(unit_of_work: UnitOfWork) -> None:
    async def undo(unit: Unit) -> int:
        await NUMBER.run(unit.session, {"given": 1})
        async with unit.session.begin_nested() as savepoint:
            await Direct(text("CREATE TABLE gone (id int)")).run(unit.session, {})
            await savepoint.rollback()
        [row] = await Direct(text("SELECT count(*) AS n FROM pg_class WHERE relname = 'gone'")).run(unit.session, {})
        return int(row.n)

    assert await unit_of_work.run(undo) == 0


async def _refused(unit: Unit) -> None:
    await NUMBER.run(unit.session, {"given": 1})
    raise NotFound


async def test_a_refusal_keeps_what_is_prepared(database: str) -> None:
    engine = open_engine(database, pool_size=1)
    async with AsyncSession(engine) as session:
        await NUMBER.run(session, {"given": 1})
        await session.rollback()
        assert await session.scalar(text(PREPARED)) == 1
        assert [row.more for row in await NUMBER.run(session, {"given": 5})] == [6]
    await engine.dispose()


async def test_connections_the_server_closed_are_replaced(database: str) -> None:
    engine, other = open_engine(database, pool_size=2), open_engine(database, pool_size=1)
    try:
        assert await _both(engine) == 2
        async with other.begin() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    " AND datname = current_database()"
                )
            )
        assert await _both(engine) == 2
    finally:
        await engine.dispose()
        await other.dispose()


async def _both(engine: AsyncEngine) -> int:
    """Both connections of the pool at once: how many servers answer."""
    async with engine.connect() as one, engine.connect() as another:
        backends = {await each.scalar(text("SELECT pg_backend_pid()")) for each in (one, another)}
    return len(backends)

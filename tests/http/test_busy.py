"""Refusals in a busy house: their traces wait as requests do, and who cannot be served in time hears so."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from starlette.responses import Response

from telehealth.core.actors import SYSTEM, Actor, Role, Scope
from telehealth.core.errors import NotFound
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.call import Call
from telehealth.http.operation import PUBLIC, operation, page
from telehealth.http.schemas import Message
from telehealth.http.turns import Turns
from telehealth.visits.lifecycle.rules import LinkOver
from tests.kit.patience import until_it
from tests.kit.web import bearer, client_of

PLATFORM = Actor(UUID(int=1), Role.INTEGRATION, frozenset({Scope.SELF}))
NURSE = Actor(UUID(int=2), Role.CLINICIAN, frozenset({Scope.VISITS_READ}))
KNOWN = {"platform": PLATFORM, "nurse": NURSE}
TRACING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
MANY = 20


class Found(Message):
    count: int


async def count_visits(call: Call) -> Found:
    """How many there are."""
    return Found(count=await call.run(_count))


async def _count(unit: Unit) -> int:
    return int(await unit.session.scalar(text("SELECT count(*) FROM visit")) or 0)


async def read_nothing(call: Call, visit: UUID) -> Found:
    """What is not there."""
    del call, visit
    raise NotFound


async def show(call: Call) -> Response:
    """What a patient has a link for."""
    return call.redirect("/")


async def show_no_more(call: Call) -> Response:
    """What there was."""
    del call
    raise LinkOver


OPERATIONS = (
    page("GET", "/mine", show, needs=Scope.VISITS_JOIN),
    page("GET", "/past", show_no_more, needs=PUBLIC),
    operation("GET", "/v1/counts", count_visits, needs=Scope.VISITS_READ),
    operation("GET", "/v1/counts/{visit:uuid}", read_nothing, needs=Scope.VISITS_READ),
)


@asynccontextmanager
async def no_traces_yet(unit_of_work: UnitOfWork) -> AsyncIterator[None]:
    """Whoever leaves a trace meanwhile waits with a connection."""
    async with unit_of_work.engine.connect() as connection, connection.begin():
        await connection.execute(text("LOCK TABLE audit_event IN SHARE MODE"))
        yield


async def test_who_may_nothing_waits_for_its_own_traces_and_nobody_else_does(
    database: str, unit_of_work: UnitOfWork
) -> None:
    engine = open_engine(database, pool_size=4)
    house = replace(unit_of_work, engine=engine)

    async def waiting() -> int:
        async with unit_of_work.engine.connect() as connection:
            return int(await connection.scalar(text(TRACING)) or 0)

    async def all_there() -> bool:
        return await waiting() >= 2

    async with client_of(house, OPERATIONS, KNOWN, turns=Turns(longest=2)) as client:
        async with no_traces_yet(unit_of_work):
            asking = [client.get("/v1/counts", headers=bearer("platform")) for _ in range(MANY)]
            answers = asyncio.gather(*asking)
            await until_it(all_there)
            assert (await client.get("/v1/counts", headers=bearer("nurse"))).status_code == 200
            assert await waiting() == 2
        told = Counter((each.status_code, each.headers.get("retry-after")) for each in await answers)
    assert told == {(403, None): 2, (429, "1"): MANY - 2}
    await engine.dispose()


async def test_who_is_refused_and_leaves_no_trace_in_time_is_told_to_come_again(
    database: str, unit_of_work: UnitOfWork
) -> None:
    engine = open_engine(database, pool_size=1, patience=0.05)
    crowded = replace(unit_of_work, engine=engine)

    async def ask(unit: Unit) -> httpx.Response:
        await _count(unit)  # takes the one connection that there is
        return await client.get(f"/v1/counts/{UUID(int=9)}", headers=bearer("nurse"))

    async with client_of(crowded, OPERATIONS, KNOWN) as client:
        answer = await crowded.run(ask, SYSTEM)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["type"] == "/problems/overloaded"
        assert (await client.get(f"/v1/counts/{UUID(int=9)}", headers=bearer("nurse"))).status_code == 404
    await engine.dispose()


ALONE = {"/mine": (401, "Open your link again"), "/past": (410, "This link is no longer used")}


@pytest.mark.parametrize("path", ALONE)
async def test_a_page_that_has_no_number_to_call_says_all_the_same_what_is_wrong(
    database: str, unit_of_work: UnitOfWork, path: str
) -> None:
    full, away = open_engine(database, pool_size=1, patience=0.05), open_engine(f"{database}_which_is_not_there")

    async def look(house: UnitOfWork) -> tuple[int, str]:
        async with client_of(house, OPERATIONS, {}) as client:
            answer = await client.get(path, headers={"Accept-Language": "en"})
            return answer.status_code, answer.text

    async def crowded(unit: Unit) -> tuple[int, str]:
        await _count(unit)  # takes the one connection that there is
        return await look(replace(unit_of_work, engine=full))

    told = await replace(unit_of_work, engine=full).run(crowded), await look(replace(unit_of_work, engine=away))
    for status, words in told:
        assert (status, ALONE[path][1] in words) == (ALONE[path][0], True)
    await full.dispose()
    await away.dispose()

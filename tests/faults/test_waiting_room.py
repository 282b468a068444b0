"""Processes die under people who wait: nobody loses their place, and what is due happens once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest

from tests.kit.event_stream import EventStream
from tests.kit.full_room import Headers, Room, Waiter, filled
from tests.kit.house import environment_of
from tests.kit.processes import BEAT, WORKER, Process, WebProcess, running, running_webs
from tests.kit.valkey import mortal_valkey

PLACES = "SELECT id, waiting_since, status, revision, away_since FROM visit ORDER BY waiting_since, id"
FIRED = "SELECT visit_id, count(*) FROM visit_event WHERE command = 'no_answer' GROUP BY visit_id"
SETTLED = "SELECT visit_id, count(*) FROM timer WHERE kind = 'answer' AND outcome = 'fired' GROUP BY visit_id"
LATER = (
    "UPDATE visit SET changed_at = changed_at - interval '2 minutes' WHERE status = 'admitting'",
    "UPDATE timer SET due_at = due_at - interval '2 minutes' WHERE kind = 'answer' AND settled_at IS NULL",
)


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


async def post(web: WebProcess, path: str, headers: Headers) -> None:
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=60, trust_env=False) as client:
        (await client.post(path)).raise_for_status()


@asynccontextmanager
async def pages_of(patients: Sequence[Waiter], webs: Sequence[WebProcess]) -> AsyncIterator[list[EventStream]]:
    """Their pages, open at one process after the other; all have heard where they stand."""
    async with AsyncExitStack() as stack:
        pages = []
        for number, each in enumerate(patients):
            first = number % len(webs)
            origins = [web.url for web in (*webs[first:], *webs[:first])]
            page = EventStream(origins, f"/v1/visits/{each.visit}/stream", each.headers)
            pages.append(await stack.enter_async_context(page))
        for page in pages:
            await page.after(0)
        yield pages


async def all_ready(room: Room, web: WebProcess) -> None:
    for each in room.patients:
        await post(web, f"/v1/visits/{each.visit}/ready", each.headers)


async def until(question: Any, *, within: float = 90) -> None:
    async with asyncio.timeout(within):
        while not question():  # noqa: ASYNC110 -- what is asked is in another process
            await asyncio.sleep(0.2)


@pytest.mark.timeout(300)
async def test_a_page_whose_process_is_killed_goes_on_at_another(database: str) -> None:
    with mortal_valkey() as valkey, running_webs(environment_of(database, valkey.url), 2) as webs:
        room = await filled(database, patients=3, clinicians=1)
        await all_ready(room, webs[1])
        before = rows(database, PLACES)
        async with pages_of(room.patients[:1], webs) as (page,):
            webs[0].kill()
            await until(lambda: page.connected == 2)
            seen = "SELECT seen_until FROM presence"
            noted = rows(database, seen)
            await until(lambda: rows(database, seen) > noted)
            assert rows(database, PLACES) == before
            await post(webs[1], f"/v1/visits/{room.patients[0].visit}/admit", room.clinicians[0])
            await page.after(1)


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_fifty_wait_while_every_process_dies(database: str) -> None:
    with mortal_valkey() as valkey:
        settings = environment_of(database, valkey.url)
        behind = [Process(settings, argv) for argv in (WORKER, WORKER, BEAT)]
        with running_webs(settings, 2) as webs, running(*behind):
            room = await filled(database, patients=50, clinicians=2)
            await all_ready(room, webs[0])
            before = rows(database, PLACES)
            for each in room.patients[:5]:
                await post(webs[1], f"/v1/visits/{each.visit}/admit", room.clinicians[each.clinician])
            async with pages_of(room.patients, webs) as pages:
                heard = [len(each.heard) for each in pages]
                valkey.kill()
                for process in (*webs, *behind):
                    process.kill()
                two_minutes_pass(database)
                valkey.begin()
                for process in (*webs, *behind):
                    process.begin()
                await until(lambda: all(each.connected == 2 for each in pages))
                await until(lambda: len(rows(database, FIRED)) == 5)
                for page, count in zip(pages[:5], heard, strict=False):
                    await page.after(count)
                await asyncio.sleep(5)  # sweeps of both workers go on
                told = [len(each.heard) for each in pages]
    admitted = {each.visit for each in room.patients[:5]}
    once = dict.fromkeys(admitted, 1)
    assert (dict(rows(database, FIRED)), dict(rows(database, SETTLED))) == (once, once)
    after = rows(database, PLACES)
    assert [row[:3] for row in after] == [row[:3] for row in before]
    assert [row for row in after if row[0] not in admitted] == [row for row in before if row[0] not in admitted]
    assert told[5:] == heard[5:]


def two_minutes_pass(database: str) -> None:
    """For those who were admitted just before."""
    with psycopg.connect(database) as connection:
        for statement in LATER:
            connection.execute(statement.encode())

"""Another: a job of procrastinate, scheduled for each row. `python -m tests.bench.due_procrastinate` is a worker."""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

import psycopg_pool
from procrastinate import App, PsycopgConnector
from procrastinate.types import JSONDict

from tests.bench.due_rows import MOVE

AT_ONCE, POLL, BATCH = 10, 1.0, 1_000  # jobs of a process, seconds, letters
pools: list[psycopg_pool.AsyncConnectionPool] = []


def open_app(url: str) -> App:
    app = App(connector=PsycopgConnector(conninfo=url))
    app.task(name="move")(move)
    return app


async def move(task_id: str) -> None:
    async with pools[0].connection() as connection:
        await connection.execute(MOVE, [task_id])


async def send(url: str, rows: Sequence[tuple[UUID, datetime]]) -> None:
    """One job for each row."""
    async with open_app(url).open_async() as app:
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        for at, together in groupby(rows, key=lambda row: row[1]):
            jobs: list[JSONDict] = [{"task_id": str(task_id)} for task_id, _ in together]
            for first in range(0, len(jobs), BATCH):
                await app.configure_task("move", schedule_at=at).batch_defer_async(*jobs[first : first + BATCH])


async def work(url: str) -> None:
    async with psycopg_pool.AsyncConnectionPool(url, max_size=AT_ONCE) as pool, open_app(url).open_async() as app:
        pools.append(pool)
        await app.run_worker_async(concurrency=AT_ONCE, fetch_job_polling_interval=POLL)


if __name__ == "__main__":
    asyncio.run(work(os.environ["DATABASE_URL"]))

"""One sweep, of the lane of messages, that leaves a mark in Valkey: `celery -A tests.kit.noting_sweep worker`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from telehealth.core.ports import Ports
from telehealth.core.time import SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.tasks.app import build_celery
from telehealth.tasks.work import Lane, Work, sweep

MARKS = "marks"


async def leave_a_mark(_: Work) -> int:
    async with Redis.from_url(os.environ["VALKEY_URL"]) as valkey:
        return int(await valkey.incr(MARKS))


@asynccontextmanager
async def open_work() -> AsyncIterator[Work]:
    """With a database that nobody asks."""
    engine = open_engine(os.environ["DATABASE_URL"])
    yield Work(UnitOfWork(engine, SystemClock(), Vault({"k1": b"k" * 32}), {}, _unheard), Ports({}), SystemClock())


async def _unheard(_: object) -> None:
    return


app = build_celery(
    os.environ.get("BROKER_URL", ""), [sweep("noted", leave_a_mark, every=1.0, lane=Lane.MESSAGES)], open_work
)

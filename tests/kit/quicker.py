"""Somebody who takes no locks writes a time first: the race that only the exclusion constraint decides."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text

from telehealth.core.actors import SYSTEM
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.availability.rules import to_minute
from telehealth.scheduling.booking import rows

T = TypeVar("T")
WAITED_FOR = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def beaten(unit_of_work: UnitOfWork, resource_id: UUID, start: datetime, act: Coroutine[Any, Any, T]) -> T:
    """What `act` answers when the time it looked at and found free is committed by somebody else as it writes."""
    written, awaited = asyncio.Event(), asyncio.Event()

    async def take(unit: Unit) -> None:
        at = to_minute(start)
        part = rows.Part(resource_id, "host")
        await rows.put(unit, rows.Claim("visit", unit.new_id()), [(part, Interval(at, at + 20), 0)])
        written.set()
        await awaited.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(unit_of_work.run(take, SYSTEM))
        await written.wait()
        acting = group.create_task(act)
        while not acting.done() and not await unit_of_work.run(waiting, SYSTEM):  # noqa: ASYNC110 -- PostgreSQL tells nobody
            await asyncio.sleep(0.02)
        awaited.set()
    return acting.result()


async def waiting(unit: Unit) -> int:
    """How many sessions of this database wait for a lock."""
    return int(await unit.session.scalar(WAITED_FOR) or 0)

"""The outbox relay: each event reaches each subscriber once in effect, whatever dies in between."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.events import Event
from telehealth.db.outbox import HandledRow, OutboxRow
from telehealth.db.unit import Unit
from telehealth.tasks.work import Subscription, Work

BATCH = 50
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 12
LONGEST_WAIT = timedelta(minutes=5)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One claimed outbox row."""

    position: int
    kind: str
    body: dict[str, Any]
    attempts: int


class Relay:
    """Rows are claimed with a lease, so a relay that dies loses nothing; handled marks make repeats harmless."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self._subscribers: Mapping[str, list[Subscription]] = defaultdict(list)
        for each in subscriptions:
            self._subscribers[each.event.__name__].append(each)

    async def sweep(self, work: Work) -> int:
        """Deliver what is due. Answers how many rows were claimed."""
        delivered = 0
        while letters := await work.run(_claim):
            for letter in letters:
                await self._deliver(work, letter)
            delivered += len(letters)
        return delivered

    async def _deliver(self, work: Work, letter: Letter) -> None:
        faults = []
        for subscriber in self._subscribers[letter.kind]:
            try:
                await work.run(_handle, letter, subscriber)
            except Exception as error:  # noqa: BLE001 -- one subscriber's fault stops no other; it is kept with the row
                log.warning("outbox %d: %s failed with %s", letter.position, subscriber.name, type(error).__name__)
                faults.append(f"{subscriber.name}: {type(error).__name__}")
        await work.run(_settle, letter, "; ".join(faults))


async def _claim(unit: Unit) -> list[Letter]:
    due = (
        select(OutboxRow.position)
        .where(OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None), OutboxRow.due_at <= unit.now)
        .order_by(OutboxRow.position)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .cte("due")  # read once; a subquery may be read again with each row, and claim more than a batch
    )
    poison = OutboxRow.attempts >= MAX_ATTEMPTS  # it may have killed its reader before a fault could be written
    await unit.session.execute(
        update(OutboxRow)
        .where(OutboxRow.done_at.is_(None), OutboxRow.parked_at.is_(None), OutboxRow.due_at <= unit.now, poison)
        .values(parked_at=unit.now)
    )
    claimed = await unit.session.execute(
        update(OutboxRow)
        .where(OutboxRow.position.in_(select(due.c.position)))
        .values(due_at=unit.now + LEASE, attempts=OutboxRow.attempts + 1)
        .returning(OutboxRow.position, OutboxRow.kind, OutboxRow.body, OutboxRow.attempts)
    )
    return sorted((Letter(*row) for row in claimed), key=lambda letter: letter.position)


async def _handle(unit: Unit, letter: Letter, subscriber: Subscription) -> None:
    mark = {"position": letter.position, "handler": subscriber.name, "handled_at": unit.now}
    marked = await unit.session.execute(
        insert(HandledRow).values(mark).on_conflict_do_nothing().returning(HandledRow.position)
    )
    if marked.first() is not None:
        await subscriber.handle(unit, from_body(subscriber.event, letter.body))


async def _settle(unit: Unit, letter: Letter, fault: str) -> None:
    values: dict[str, Any] = {"fault": fault or None}
    if not fault:
        values["done_at"] = unit.now
    elif letter.attempts >= MAX_ATTEMPTS:
        values["parked_at"] = unit.now
    else:
        values["due_at"] = unit.now + min(timedelta(seconds=2**letter.attempts), LONGEST_WAIT)
    await unit.session.execute(update(OutboxRow).where(OutboxRow.position == letter.position).values(values))


async def count_parked(unit: Unit) -> int:
    """Rows that were given up and wait for a person."""
    return await unit.session.scalar(select(func.count()).where(OutboxRow.parked_at.is_not(None))) or 0


async def redrive(unit: Unit) -> int:
    """Parked rows become due now, with all their attempts again; subscribers that handled one are passed over."""
    again = {"parked_at": None, "due_at": unit.now, "attempts": 0}
    rows = await unit.session.execute(
        update(OutboxRow).where(OutboxRow.parked_at.is_not(None)).values(again).returning(OutboxRow.position)
    )
    redriven = len(rows.all())
    if redriven:
        unit.audit("execute", "outbox", None, outcome="redriven")
    return redriven


def from_body(event: type[Event], body: Mapping[str, Any]) -> Event:
    """The event again, from its JSON fields. Fields added since the row was written take their defaults."""
    hints = get_type_hints(event)
    return event(
        **{each.name: _from_json(hints[each.name], body[each.name]) for each in fields(event) if each.name in body}
    )


def _from_json(hint: Any, value: Any) -> Any:
    if get_origin(hint) in (UnionType, Union):
        return None if value is None else _from_json(get_args(hint)[0], value)
    bare = getattr(hint, "__supertype__", hint)
    if bare is UUID:
        return UUID(value)
    return datetime.fromisoformat(value) if bare is datetime else value

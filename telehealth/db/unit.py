"""The unit of work: the only thing in the house that can write, and the only place that commits."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import Overloaded, Refusal
from telehealth.core.events import Event
from telehealth.core.ids import uuid7
from telehealth.core.time import Clock
from telehealth.db import audit
from telehealth.db.audit import Trace
from telehealth.db.outbox import OutboxRow, to_body
from telehealth.db.vault import Vault

P = ParamSpec("P")
R = TypeVar("R")
Conflicts = Mapping[str, type[Refusal]]
Nudge = Callable[[Sequence[Event]], Awaitable[None]]

SERIALIZATION_FAILURE, DEADLOCK, LOCK_NOT_AVAILABLE = "40001", "40P01", "55P03"
PASSING = frozenset({SERIALIZATION_FAILURE, DEADLOCK, LOCK_NOT_AVAILABLE})  # somebody was in the way, and will be gone
ATTEMPTS = 4

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class DatabaseFault(Exception):
    """The database failed: kind, SQLSTATE and constraint. PostgreSQL's own text repeats row values, so it ends here."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One transaction: `now` is read once, because an action lives in one instant."""

    session: AsyncSession
    actor: Actor
    now: datetime
    vault: Vault
    events: list[Event] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)

    def new_id(self) -> UUID:
        return uuid7(self.now)

    def emit(self, event: Event) -> None:
        """Tell higher floors: an outbox row in this transaction."""
        self.events.append(event)

    def audit(
        self,
        action: str,
        entity: str,
        entity_id: UUID | None,
        *,
        patient_id: UUID | None = None,
        outcome: str = "ok",
    ) -> None:
        """Leave a trace: `action` is read, create, update, delete or execute (FHIR AuditEvent.action in words)."""
        self.traces.append(
            Trace(
                at=self.now,
                actor_id=self.actor.id,
                role=self.actor.role,
                action=action,
                entity=entity,
                entity_id=entity_id,
                patient_id=patient_id,
                purpose=self.actor.purpose,
                outcome=outcome,
                request_id=request_id.get(),
            )
        )


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """`conflicts` maps a constraint's name to what its violation means to a person."""

    engine: AsyncEngine
    clock: Clock
    vault: Vault
    conflicts: Conflicts
    nudge: Nudge

    async def run(
        self,
        action: Callable[Concatenate[Unit, P], Awaitable[R]],
        actor: Actor = SYSTEM,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run one action in one transaction and commit it.

        Serialization failures, deadlocks and locks that did not come are tried again, four times in all; a lock that
        never came is Overloaded, as is no connection. A violated constraint that is known by name becomes its domain
        error. Whoever listens is nudged after the commit; losing the nudge loses no event.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                result, events = await self._once(action, actor, *args, **kwargs)
            except NoConnection:  # every connection of this process was in use for as long as one waits
                raise Overloaded(retry_after=1) from None
            except DBAPIError as error:
                self._refuse_known(error)
                if _sqlstate(error) == LOCK_NOT_AVAILABLE and attempt == ATTEMPTS:
                    raise Overloaded(retry_after=1) from None
                if _sqlstate(error) not in PASSING or attempt == ATTEMPTS:
                    raise DatabaseFault(type(error).__name__, _sqlstate(error), constraint_of(error)) from None
                await asyncio.sleep(random.uniform(0, 0.05) * attempt)  # noqa: S311 -- jitter, not a secret
            else:
                if events:
                    await self.nudge(events)
                return result
        raise AssertionError("unreachable")

    async def _once(
        self,
        action: Callable[Concatenate[Unit, P], Awaitable[R]],
        actor: Actor,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[R, list[Event]]:
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            unit = Unit(session, actor, self.clock.now(), self.vault)
            result = await action(unit, *args, **kwargs)
            await audit.write(session, unit.traces)
            if unit.events:
                rows = [
                    {"kind": type(event).__name__, "body": to_body(event), "emitted_at": unit.now, "due_at": unit.now}
                    for event in unit.events
                ]
                await session.execute(insert(OutboxRow), rows)
        return result, unit.events

    def _refuse_known(self, error: DBAPIError) -> None:
        refusal = self.conflicts.get(constraint_of(error) or "")
        if refusal is not None:
            raise refusal from None


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def constraint_of(error: DBAPIError) -> str | None:
    """The name of the constraint that was violated."""
    return getattr(getattr(error.orig, "diag", None), "constraint_name", None)

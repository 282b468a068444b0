"""The house of a made-up clinic day: what beat and the workers do by themselves, and who is told of those who wait."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from telehealth.access import service as access
from telehealth.access.rules import SCOPES
from telehealth.core.actors import Actor, Role
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.tasks.work import Work
from telehealth.visits.escalation import queries as alerts
from telehealth.visits.escalation import tasks as escalation
from telehealth.visits.escalation.rules import AlertKind, Audience, Rung, counts_from
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import tasks as lifecycle
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.waiting_room import tasks as waiting_room

ABOUT_WAITING = (AlertKind.WAITING, AlertKind.HELD_UP, AlertKind.QUEUED)
SWEEP = timedelta(minutes=1)
REACTION = timedelta(
    minutes=7
)  # whoever is told last takes four at the most; they, it and the house look once a minute


@dataclass(frozen=True, slots=True)
class House:
    """The sweeps of visits, one after another. Nothing is relayed: they hold whatever is lost on the way."""

    unit_of_work: UnitOfWork
    clock: FixedClock

    async def sweep(self) -> None:
        work = Work(self.unit_of_work, Ports({}), self.clock)
        for each in (
            lifecycle.fire_timers,
            waiting_room.end_gone,
            waiting_room.watch_all,
            escalation.watch_all,
            escalation.watch_held_up,
            escalation.escalate,
        ):
            await each(work)


async def open_desk(unit: Unit) -> Actor:
    """The account of the front desk, as who acts with it."""
    password = "a made-up day at the desk"  # noqa: S105 -- of a database that is gone in the evening
    account = await access.create_account(unit, email="desk@clinic.example", password=password, role=Role.FRONT_DESK)
    return Actor(account.id, Role.FRONT_DESK, SCOPES[Role.FRONT_DESK])


async def told_to_the_desk(unit: Unit) -> list[UUID]:
    """The alerts about who waits of which the desk was told by mail, and which nobody has taken on."""
    return [
        each.alert.id
        for each in await alerts.on_board(unit)
        if each.alert.kind in ABOUT_WAITING
        and each.alert.acknowledged_at is None
        and any(telling.whom is Audience.COORDINATOR for telling in each.tellings)
    ]


async def answered(unit: Unit, waited: Mapping[UUID, timedelta], lost: Collection[UUID]) -> tuple[int, int]:
    """How many alerts about waiting there were, and how many people waited past the last step of theirs with nobody
    having taken it on; whoever waited longer than a sweep takes without an alert is one of them. `waited`: by visit or
    entry; `lost`: visits whose patient needed help to get ready.
    """
    ladders = (await alerts.rules(unit)).ladders
    rows = await alerts.ever(unit, ABOUT_WAITING)
    raised = {row.visit_id or row.queue_entry_id for row in rows if row.kind is not AlertKind.HELD_UP}
    held_up = {row.visit_id for row in rows if row.kind is AlertKind.HELD_UP}
    late = 0
    for row in rows:
        visit = None if row.visit_id is None else await visits.find(unit, row.visit_id)
        ladder = ladders[row.kind]
        begun = counts_from(row.kind, row.resumed_from or row.since, None if visit is None else visit.starts_at)
        last = _last(ladder, begun)
        waiting = row.kind is AlertKind.WAITING
        absent = waiting and visit is not None and visit.status is VisitStatus.PROVIDER_NO_SHOW
        waits = (row.closed_at or unit.now) > last
        late += waits and not absent and (row.acknowledged_at is None or row.acknowledged_at > last)
    unwatched = sum(each not in raised and time > SWEEP for each, time in waited.items())
    return len(rows), late + unwatched + len(set(lost) - held_up)


def _last(ladder: tuple[Rung, ...], begun: datetime) -> datetime:
    return begun + timedelta(seconds=ladder[-1].after) + REACTION

"""The rows of `timer`: planned anew with each transition, claimed by the sweep one at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, update

from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.deadlines import Deadline, Outcome, deadlines_of
from telehealth.visits.lifecycle.models import TimerRow, VisitRow
from telehealth.visits.lifecycle.rules import Visit, VisitStatus

ROW = TimerRow
AGAIN_AFTER = timedelta(seconds=10)  # who fails is tried again after this, twice this, three times this, …
LONGEST_PAUSE = 360
TIMED = (VisitStatus.ADMITTING, VisitStatus.INTERRUPTED)
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Claimed:
    """A timer that is due. Its row and that of its visit are locked until the transaction ends."""

    id: UUID
    visit_id: VisitId
    kind: Deadline


async def plan(unit: Unit, visit: Visit, *, as_before: bool) -> None:
    """Make the open timers of a visit what is due for it now. `as_before`: what is due already keeps its instant.

    Under the lock of the visit's row.
    """
    due = deadlines_of(visit)
    its_own = (ROW.visit_id == visit.id, ROW.settled_at.is_(None), ROW.kind.in_(Deadline))
    found = await unit.session.scalars(select(ROW).where(*its_own).execution_options(populate_existing=True))
    open_ones = {Deadline(row.kind): row for row in found}
    for kind, row in open_ones.items():
        if kind not in due:
            await settle(unit, row.id, Outcome.MOOT)
        elif not as_before and row.due_at != due[kind]:
            await put_off(unit, row.id, due[kind])
    fresh = [_row(unit, visit, kind, due[kind]) for kind in due if kind not in open_ones]
    if fresh:
        await unit.session.execute(insert(ROW), fresh)


async def plan_first(unit: Unit, visits: Iterable[Visit]) -> None:
    """The timers of visits that have none yet."""
    fresh = [_row(unit, visit, kind, at) for visit in visits for kind, at in deadlines_of(visit).items()]
    if fresh:
        await unit.session.execute(insert(ROW), fresh)


async def due(unit: Unit) -> list[UUID]:
    """Timers whose time has come, longest ago first."""
    query = select(ROW.id).where(ROW.settled_at.is_(None), ROW.due_at <= unit.now).order_by(ROW.due_at)
    return list(await unit.session.scalars(query.limit(AT_ONCE)))


async def claim(unit: Unit, timer_id: UUID) -> Claimed | None:
    """The timer, with its visit locked; None when it is not due any more, or another process has it or its visit."""
    row = await unit.session.scalar(
        select(ROW)
        .join(VisitRow, VisitRow.id == ROW.visit_id)
        .where(ROW.id == timer_id, ROW.settled_at.is_(None), ROW.due_at <= unit.now)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return None if row is None else Claimed(row.id, VisitId(row.visit_id), Deadline(row.kind))


async def settle(unit: Unit, timer_id: UUID, outcome: Outcome) -> None:
    await _set(unit, timer_id, settled_at=unit.now, outcome=outcome)


async def put_off(unit: Unit, timer_id: UUID, until: datetime) -> None:
    await _set(unit, timer_id, due_at=until, settled_at=None, outcome=None)


async def note_failure(unit: Unit, timer_id: UUID) -> None:
    """It is tried again after a pause that grows to an hour."""
    pause = AGAIN_AFTER * func.least(ROW.tries + 1, LONGEST_PAUSE)
    await _set(unit, timer_id, tries=ROW.tries + 1, due_at=unit.now + pause)


async def forgotten(unit: Unit) -> list[VisitId]:
    """Visits that need a timer and have none: written by a process of an earlier release. Their rows are locked."""
    has_one = select(ROW.id).where(ROW.visit_id == VisitRow.id, ROW.settled_at.is_(None)).exists()
    found = await unit.session.scalars(
        select(VisitRow.id).where(VisitRow.status.in_(TIMED), ~has_one).limit(AT_ONCE).with_for_update(skip_locked=True)
    )
    return [VisitId(each) for each in found]


def _row(unit: Unit, visit: Visit, kind: Deadline, due_at: datetime) -> dict[str, object]:
    return {"id": unit.new_id(), "visit_id": visit.id, "kind": kind, "due_at": due_at}


async def _set(unit: Unit, timer_id: UUID, **values: object) -> None:
    await unit.session.execute(update(ROW).where(ROW.id == timer_id).values(values))

"""The board, limited to what the actor may see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.queries import visible, visit_of
from telehealth.visits.lifecycle.rules import UNFINISHED, Visit, VisitStatus

OLDER = 50  # of the visits of earlier days of which staff have to say what became of them
TO_SETTLE = [VisitStatus.BOOKED.value, VisitStatus.ENDED.value]  # nobody came; or only the note is missing
WITH_PEOPLE_IN_IT = [status.value for status in UNFINISHED if status is not VisitStatus.ENDED]
Day = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Board:
    """The visits of one day and whatever is unfinished, in order of time. `version` changes when any of them does."""

    version: str
    visits: list[Visit]


@dataclass(frozen=True, slots=True)
class Mark:
    """Changes when one of some rows does, comes or goes: their number, the sum of their revisions, the last change."""

    rows: int
    revisions: int
    changed_at: datetime


def version_of(day: Day, marks: Iterable[Mark]) -> str:
    """One word for the marks of everyone whose visits a board shows."""
    known = list(marks)
    last = max((mark.changed_at.timestamp() for mark in known), default=0)
    rows, revisions = sum(mark.rows for mark in known), sum(mark.revisions for mark in known)
    return f"{day[0]:%Y%m%d}-{rows}-{revisions}-{int(last * 1000)}"


async def board(unit: Unit, day: Day) -> Board:
    """The board of [start, end) for the actor: a clinician's own visits, all for the front desk. Audited per visit.

    Of the visits of earlier days that nobody came to, or that only wait for their note, the oldest fifty: more come as
    staff settle them.
    """
    shown = await _on_board(unit, day)
    query = select(VisitRow).where(shown).order_by(VisitRow.starts_at, VisitRow.id)
    visits = [visit_of(row) for row in await unit.session.scalars(query)]
    for visit in visits:
        unit.audit("read", "visit", visit.id, patient_id=visit.patient_id)
    return Board(version_of(day, (await marks(unit, day)).values()), visits)


async def marks(unit: Unit, day: Day) -> Mapping[UUID, Mark]:
    """By clinician, for as many boards as are open: one query. Leaves no audit row."""
    columns = func.count(), func.sum(VisitRow.revision), func.max(VisitRow.changed_at)
    start, end = day
    seen = or_(_today(start, end), VisitRow.status.in_(WITH_PEOPLE_IN_IT), _to_settle(start))
    query = select(VisitRow.clinician_id, *columns).where(seen, await visible(unit)).group_by(VisitRow.clinician_id)
    return {row[0]: Mark(*row[1:]) for row in await unit.session.execute(query)}


def _today(start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(VisitRow.starts_at >= start, VisitRow.starts_at < end)


def _to_settle(start: datetime) -> ColumnElement[bool]:
    return and_(VisitRow.status.in_(TO_SETTLE), VisitRow.starts_at < start)


async def _on_board(unit: Unit, day: Day) -> ColumnElement[bool]:
    own, (start, end) = await visible(unit), day
    older = select(VisitRow.id).where(_to_settle(start), own).order_by(VisitRow.starts_at, VisitRow.id).limit(OLDER)
    return and_(own, or_(_today(start, end), VisitRow.status.in_(WITH_PEOPLE_IN_IT), VisitRow.id.in_(older)))

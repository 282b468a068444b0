"""The board, limited to what the actor may see."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.queries import visible, visit_of
from telehealth.visits.lifecycle.rules import UNFINISHED, Visit


@dataclass(frozen=True, slots=True)
class Board:
    """The visits of one day and whatever is unfinished, in order of time. `version` changes when any of them does."""

    version: str
    visits: list[Visit]


def _on_board(day: tuple[datetime, datetime]) -> ColumnElement[bool]:
    start, end = day
    today = and_(VisitRow.starts_at >= start, VisitRow.starts_at < end)
    return or_(today, VisitRow.status.in_([status.value for status in UNFINISHED]))


async def board(unit: Unit, day: tuple[datetime, datetime]) -> Board:
    """The board of [start, end) for the actor: a clinician's own visits, all for the front desk. Audited per visit."""
    query = select(VisitRow).where(_on_board(day), await visible(unit)).order_by(VisitRow.starts_at, VisitRow.id)
    visits = [visit_of(row) for row in await unit.session.scalars(query)]
    for visit in visits:
        unit.audit("read", "visit", visit.id, patient_id=visit.patient_id)
    return Board(await board_version(unit, day), visits)


async def board_version(unit: Unit, day: tuple[datetime, datetime]) -> str:
    """Changes when a visit comes to the board, leaves it or changes."""
    seen = select(func.count(), func.coalesce(func.sum(VisitRow.revision), 0), func.max(VisitRow.changed_at))
    count, revisions, changed = (await unit.session.execute(seen.where(_on_board(day), await visible(unit)))).one()
    return f"{day[0]:%Y%m%d}-{count}-{revisions}-{int(changed.timestamp() * 1000) if changed else 0}"

"""Every visit against its history: what the entries rebuild is what the row holds, or the columns that differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import select

from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.histories import Step, rebuilt, written
from telehealth.visits.lifecycle.models import VisitEventRow, VisitRow
from telehealth.visits.lifecycle.rules import Command, VisitStatus

VISIT, EVENT = VisitRow.__table__, VisitEventRow.__table__
COLUMNS = tuple(column for column in VISIT.columns if column.name != "id")
PAGE = 500
START = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Difference:
    """`columns` are those whose value the history does not lead to, `fault` says why it leads nowhere. No values."""

    visit_id: UUID
    columns: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """`last` is the visit after which the next page begins, None when there is none."""

    visits: int
    events: int
    differences: tuple[Difference, ...]
    last: UUID | None


async def compare(unit: Unit, after: UUID = START, *, limit: int = PAGE) -> Page:
    """So many visits in the order of their ids, each with its whole history, read in one statement: what is written
    meanwhile is seen with its entry or not at all.
    """
    page = select(VISIT.c.id).where(VISIT.c.id > after).order_by(VISIT.c.id).limit(limit)
    both = select(VISIT, EVENT).join(EVENT, EVENT.c.visit_id == VISIT.c.id, isouter=True)
    found = await unit.session.execute(both.where(VISIT.c.id.in_(page)).order_by(VISIT.c.id, EVENT.c.seq))
    rows = found.mappings().all()
    lives = [(visit_id, list(life)) for visit_id, life in groupby(rows, key=lambda row: row["id"])]
    return Page(
        visits=len(lives),
        events=sum(row["seq"] is not None for row in rows),
        differences=tuple(each for life in lives for each in _differences(*life)),
        last=lives[-1][0] if len(lives) == limit else None,
    )


def _differences(visit_id: UUID, rows: Sequence[Mapping[Any, Any]]) -> Iterator[Difference]:
    try:
        told = rebuilt([_step(row) for row in rows if row["seq"] is not None])
        wrong = tuple(each.name for each in COLUMNS if not _agree(each.name, told, rows[0][each.name]))
    except ValueError as fault:
        yield Difference(visit_id, fault=str(fault))
        return
    if wrong:
        yield Difference(visit_id, columns=wrong)


def _step(row: Mapping[Any, Any]) -> Step:
    return Step(
        seq=row["seq"],
        command=Command(row["command"]),
        before=None if row["before"] is None else VisitStatus(row["before"]),
        after=VisitStatus(row["after"]),
        at=row["at"],
        changes=row["changes"],
    )


def _agree(name: str, told: Mapping[str, Any], held: Any) -> bool:
    """A column that is younger than the history has the value it was added with, which the entries cannot tell. The
    database writes instants with other digits than we do.
    """
    if name not in told:
        return True
    if isinstance(held, datetime):
        return _instant(told[name]) == held
    return bool(told[name] == written({name: held}).get(name, held))


def _instant(told: Any) -> datetime | None:
    return datetime.fromisoformat(told) if isinstance(told, str) else told

"""The rules of the clinic for its alerts, and what new ones mean for those that stand open."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, String, case, cast, column, delete, func, select, update, values
from sqlalchemy import Integer as Whole
from sqlalchemy.dialects.postgresql import insert

from telehealth.db.unit import Unit
from telehealth.visits.escalation import queries
from telehealth.visits.escalation.models import AlertRow, EscalationReopeningRow, EscalationRuleRow
from telehealth.visits.escalation.rules import AlertKind, Rung, check_ladder
from telehealth.visits.lifecycle.models import VisitRow

NONE: Mapping[AlertKind, int] = MappingProxyType({})


async def set_rules(
    unit: Unit, ladders: Mapping[AlertKind, Sequence[Rung]], reopen_after: Mapping[AlertKind, int] = NONE
) -> None:
    """From now on it goes like this, for alerts that stand open too; a kind that is not named goes by the defaults.

    Raises UnfitLadder.
    """
    for kind, ladder in ladders.items():
        check_ladder(kind, ladder)
    await unit.session.execute(delete(EscalationRuleRow))
    await unit.session.execute(delete(EscalationReopeningRow))
    rows = [
        {"kind": kind, "rung": number, "after": rung.after, "whom": rung.whom, "address": rung.address}
        for kind, ladder in ladders.items()
        for number, rung in enumerate(ladder)
    ]
    if rows:
        await unit.session.execute(insert(EscalationRuleRow), rows)
    if reopen_after:
        again = [{"kind": kind, "after": after} for kind, after in reopen_after.items()]
        await unit.session.execute(insert(EscalationReopeningRow), again)
    unit.audit("update", "escalation_rule", None)
    await replan(unit)


async def replan(unit: Unit) -> int:
    """Every open alert has its next rung when the rules in force say. Answers for how many that was another time."""
    said = (await queries.rules(unit)).ladders
    rungs = [(str(kind), at, rung.after) for kind, ladder in said.items() for at, rung in enumerate(ladder)]
    due = _counted_from() + func.make_interval(0, 0, 0, 0, 0, 0, cast(_after(rungs), Whole))
    changed = (AlertRow.closed_at.is_(None), AlertRow.next_at.is_distinct_from(due))
    found = await unit.session.execute(update(AlertRow).where(*changed).values(next_at=due).returning(AlertRow.id))
    return len(found.all())


def _counted_from() -> ColumnElement[Any]:
    """As rules.counts_from: nobody is late for a patient who is early."""
    starts_at = select(VisitRow.starts_at).where(VisitRow.id == AlertRow.visit_id).scalar_subquery()
    early = case((AlertRow.kind == AlertKind.WAITING, starts_at))
    return func.greatest(func.coalesce(AlertRow.resumed_from, AlertRow.since), early)


def _after(rungs: Sequence[tuple[str, int, int]]) -> ColumnElement[Any]:
    """Seconds of the rung that is next; none at the top of the ladder."""
    listed = values(column("kind", String), column("rung", Whole), column("after", Whole), name="ladder").data(rungs)
    which = (listed.c.kind == AlertRow.kind, listed.c.rung == AlertRow.step)
    return select(listed.c.after).where(*which).correlate(AlertRow).scalar_subquery()

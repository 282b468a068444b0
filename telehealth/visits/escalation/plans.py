"""The rules of the clinic for its alerts, and what new ones mean for those that stand open."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, String, case, cast, column, delete, func, select, text, update, values
from sqlalchemy import Integer as Whole
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.errors import Stale
from telehealth.db.unit import Unit
from telehealth.visits.escalation import queries
from telehealth.visits.escalation.models import AlertRow, EscalationReopeningRow, EscalationRuleRow
from telehealth.visits.escalation.rules import (
    DEFAULT_LADDERS,
    REOPEN_AFTER,
    AlertKind,
    Rung,
    check_ladder,
    fingerprint,
)
from telehealth.visits.lifecycle.models import VisitRow

ONE_AT_A_TIME = text("LOCK TABLE escalation_rule IN SHARE ROW EXCLUSIVE MODE")  # who reads goes on
NONE: Mapping[AlertKind, int] = MappingProxyType({})


async def set_rules(
    unit: Unit, ladders: Mapping[AlertKind, Sequence[Rung]], reopen_after: Mapping[AlertKind, int] = NONE
) -> None:
    """From now on it goes like this, for alerts that stand open too; a kind that is not named goes by the defaults.

    Raises UnfitLadder.
    """
    for kind, ladder in ladders.items():
        check_ladder(kind, ladder)
    await unit.session.execute(ONE_AT_A_TIME)
    for kind in AlertKind:
        await _write(unit, kind, ladders.get(kind), reopen_after.get(kind))
    unit.audit("update", "escalation_rule", None)
    await replan(unit)


async def set_kind(
    unit: Unit, kind: AlertKind, ladder: Sequence[Rung] | None, reopen_after: int | None, *, seen: str
) -> None:
    """The same for one kind; None: by the defaults. `seen` is the `fingerprint` of what was changed.

    Raises UnfitLadder; Stale when somebody else has changed it since.
    """
    if ladder is not None:
        check_ladder(kind, ladder)
    await unit.session.execute(ONE_AT_A_TIME)
    known = await queries.rules(unit)
    if seen != fingerprint(known.ladders[kind], known.reopen_after[kind]):
        raise Stale
    await _write(unit, kind, ladder, reopen_after)
    unit.audit("update", "escalation_rule", None)
    await replan(unit)


async def _write(unit: Unit, kind: AlertKind, ladder: Sequence[Rung] | None, reopen_after: int | None) -> None:
    rule, reopening = EscalationRuleRow, EscalationReopeningRow
    await unit.session.execute(delete(rule).where(rule.kind == kind))
    await unit.session.execute(delete(reopening).where(reopening.kind == kind))
    if ladder is not None and tuple(ladder) != DEFAULT_LADDERS[kind]:
        rows = [
            {"kind": kind, "rung": number, "after": rung.after, "whom": rung.whom, "address": rung.address}
            for number, rung in enumerate(ladder)
        ]
        await unit.session.execute(insert(rule), rows)
    if reopen_after is not None and reopen_after != REOPEN_AFTER[kind]:
        await unit.session.execute(insert(reopening), {"kind": kind, "after": reopen_after})


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

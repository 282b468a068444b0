"""How a visit changes: one command to the machine, its history entry, its event and its trace, in one transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update

from telehealth.access.guests import shorten_guest_sessions
from telehealth.core.actors import Role
from telehealth.core.errors import Stale
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rows import attempt
from telehealth.scheduling.booking.rules import Occupied, Wanted
from telehealth.visits.lifecycle import check_in, queries, timers
from telehealth.visits.lifecycle.deadlines import IN_PASSING
from telehealth.visits.lifecycle.events import VisitHandedOver
from telehealth.visits.lifecycle.histories import written
from telehealth.visits.lifecycle.joining import LAST_PAGE
from telehealth.visits.lifecycle.models import VisitEventRow, VisitRow
from telehealth.visits.lifecycle.rules import (
    HEIR_LICENSED,
    LICENSED,
    OVER,
    WAITING,
    Command,
    Decision,
    NotNow,
    Situation,
    Visit,
    decide,
    situation_of,
)

BEGINNING = frozenset({Command.MAKE_READY, Command.ADMIT})


async def try_to_occupy(unit: Unit, wanted: Wanted, owner_id: VisitId) -> Occupied:
    """`booking.occupy` where a refusal is not the end: it leaves the owner's time, and what is told, as they were."""
    async with attempt(unit):
        return await booking.occupy(unit, wanted, owner_id)


async def change(
    unit: Unit,
    visit_id: UUID,
    command: Command,
    *,
    cause: str = "",
    revision: int | None = None,
    values: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    told_by: VisitId | None = None,
) -> Visit:
    """Give one command to the machine, with the visit's row locked. Raises NotFound, Stale, NotNow.

    `values` are columns it writes, `facts` what the caller has found for the guards: fields of `Situation`; a guard
    whose fact is missing refuses. `cause` is a code.
    """
    visit = await queries.find(unit, visit_id, lock=True)
    if revision is not None and revision != visit.revision:
        raise Stale(revision=visit.revision, visit_status=visit.status)
    earlier = await queries.earlier_status(unit, visit_id) if command is Command.CORRECT else None
    situation = situation_of(visit, unit.now, reason=cause, earlier=earlier)
    decision = await decided(unit, visit, command, replace(situation, **(facts or {})))
    columns = {**_own_licence(visit, values or {}), **_away(unit, visit, decision)}
    changed = await _write(unit, visit, decision, columns, cause=cause)
    await timers.plan(unit, changed, as_before=command in IN_PASSING)
    _tell(unit, changed, decision, told_by)
    if changed.clinician_id != visit.clinician_id:
        unit.emit(VisitHandedOver(visit_id=visit.id, patient_id=visit.patient_id, clinician_id=visit.clinician_id))
    if decision.transition.frees_time:
        await booking.release(unit, visit_id)
    if changed.status in OVER:
        await shorten_guest_sessions(unit, changed.id, unit.now + LAST_PAGE)  # as long as its last page is shown
    return changed


async def _write(unit: Unit, visit: Visit, decision: Decision, columns: Mapping[str, Any], *, cause: str) -> Visit:
    """The row as it is from now on, and the entry that says so."""
    own: dict[str, Any] = {"status": decision.after, "revision": visit.revision + 1, "changed_at": unit.now}
    changed = replace(visit, **{name: columns[name] for name in columns if name != "override"}, **own)
    await unit.session.execute(update(VisitRow).where(VisitRow.id == visit.id).values(_columns({**columns, **own})))
    await unit.session.execute(insert(VisitEventRow), [_entry(unit, changed, decision, columns, cause=cause)])
    return changed


def _own_licence(visit: Visit, values: Mapping[str, Any]) -> dict[str, Any]:
    """A clinician answers for their own licence alone: what was set aside by one is not by the next."""
    handed_over = values.get("clinician_id", visit.clinician_id) != visit.clinician_id
    return {**values, "waived_location": None} if handed_over and visit.waived_location is not None else {**values}


def _away(unit: Unit, visit: Visit, decision: Decision) -> dict[str, Any]:
    """Who does something is here again, and who does not wait is not away."""
    if decision.transition.command is Command.AWAY:
        return {"away_since": unit.now}
    is_here = unit.actor.role is Role.PATIENT or decision.transition.command is Command.BACK
    if visit.away_since is not None and (is_here or decision.after not in WAITING):
        return {"away_since": None}
    return {}


async def decided(unit: Unit, visit: Visit, command: Command, situation: Situation) -> Decision:
    """The decision, with the licence as it is now where it matters. Raises NotNow, LocationRequired,
    JurisdictionMismatch.
    """
    if command in BEGINNING:
        licensed = await check_in.is_licensed(unit, visit, visit.location)
        situation = replace(situation, location_licensed=visit.place_waived or licensed is not False)
    try:
        return decide(command, visit.status, unit.actor.role, situation)
    except NotNow as refused:
        if refused.extras.get("reason") in {LICENSED.name, HEIR_LICENSED.name}:
            raise await check_in.refusal(unit, visit) from None
        raise


async def begin(
    unit: Unit,
    command: Command,
    visits: Iterable[Visit],
    *,
    facts: Mapping[str, Any],
    override: bytes | None = None,
    as_one: bool = False,
    told: bool = False,
) -> None:
    """Visits that come to be by one command, their first entry with them. `facts` as of `change`, of all of them.
    `as_one`: the first tells of all of them; `told`: everyone knows already.
    """
    role, now = unit.actor.role, unit.now
    begun = [(visit, decide(command, None, role, replace(situation_of(visit, now), **facts))) for visit in visits]
    rows = [_row(unit, visit, override) for visit, _ in begun]
    await unit.session.execute(insert(VisitRow), rows)
    entries = [_entry(unit, *each, row, cause="") for each, row in zip(begun, rows, strict=True)]
    await unit.session.execute(insert(VisitEventRow), entries)
    await timers.plan_first(unit, [visit for visit, _ in begun])
    first = begun[0][0].id
    for visit, decision in begun:
        by_first = first if as_one and visit.id != first else None
        _tell(unit, visit, decision, visit.id if told else by_first)


def _row(unit: Unit, visit: Visit, override: bytes | None) -> dict[str, Any]:
    return _columns({**asdict(visit), "created_at": unit.now, "override": override})


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _entry(unit: Unit, visit: Visit, decision: Decision, columns: Mapping[str, Any], *, cause: str) -> dict[str, Any]:
    return {
        "visit_id": visit.id,
        "seq": visit.revision,
        "at": unit.now,
        "command": decision.transition.command,
        "actor_id": unit.actor.id,
        "role": unit.actor.role,
        "purpose": unit.actor.purpose,
        "cause": cause,
        "before": decision.before,
        "after": decision.after,
        "changes": written(columns),
    }


def _tell(unit: Unit, visit: Visit, decision: Decision, told_by: VisitId | None) -> None:
    action = "create" if decision.before is None else "update"
    unit.audit(action, "visit", visit.id, patient_id=visit.patient_id, outcome="ok")
    happened = decision.transition.event
    unit.emit(
        happened(visit_id=visit.id, patient_id=visit.patient_id, clinician_id=visit.clinician_id, told_by=told_by)
    )

"""Raise an alert, tell the next in turn, take it on, close it. Each is one short transaction under the alert's lock."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import AccountId, AlertId, ClinicianId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.escalation import queries, waiting
from telehealth.visits.escalation.events import AlertAcknowledged, AlertClosed, AlertRaised, AlertTold
from telehealth.visits.escalation.models import AlertRow, AlertStepRow
from telehealth.visits.escalation.rules import (
    STAYS,
    Alert,
    AlertKind,
    AlertOver,
    AlreadyAcknowledged,
    Audience,
    Closing,
    Fault,
    Rung,
    Subject,
    counts_from,
    next_at,
    resumed,
)
from telehealth.visits.lifecycle import check_in
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import OVER, Visit

ROW = AlertRow


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told by mail: a clinician, or somebody at the front desk by address."""

    role: Role
    id: UUID
    address: str | None = None


# Raising


async def watch(unit: Unit, visit_id: UUID) -> None:
    """There is an alert as long as the patient of that visit waits to be let in, or is held up, and none afterwards."""
    visit = await visits.find(unit, visit_id, lock=True)
    moved_on = [kind for kind, status in STAYS.items() if visit.status is not status]
    await _close_all(unit, ROW.visit_id == visit.id, ROW.kind.in_(moved_on))
    await raise_alerts(unit, AlertKind.WAITING, await waiting.to_be_let_in(unit, visit.id))
    await raise_alerts(unit, AlertKind.HELD_UP, await waiting.held_up(unit, visit.id))


async def watch_waiting(unit: Unit) -> int:
    """Every patient who waits has an alert, whatever became of the event that should have raised it."""
    return await raise_alerts(unit, AlertKind.WAITING, await waiting.to_be_let_in(unit))


async def watch_held_up(unit: Unit) -> int:
    """Every patient whose time has begun, and who is there and not ready, has an alert."""
    return await raise_alerts(unit, AlertKind.HELD_UP, await waiting.held_up(unit))


async def watch_entries(unit: Unit, about: Sequence[Subject]) -> int:
    """These wait in the queue; the caller holds their locks. Answers how many had no alert."""
    return await raise_alerts(unit, AlertKind.QUEUED, about)


async def entries_over(unit: Unit, entry_ids: Collection[UUID]) -> int:
    """These do not wait in the queue any more. Answers how many alerts that closed."""
    return await _close_all(unit, ROW.queue_entry_id.in_(entry_ids)) if entry_ids else 0


async def entry_locked(unit: Unit, about: Subject) -> None:
    """Somebody who waits in the queue cannot get in by their link."""
    await raise_alerts(unit, AlertKind.LOCKED_LINK, [about])


async def link_locked(unit: Unit, visit_id: UUID) -> None:
    """Somebody cannot get in by their link: the front desk hears of it, once until it is taken on."""
    visit = await visits.find(unit, visit_id)
    if visit.status not in OVER:
        await raise_alerts(unit, AlertKind.LOCKED_LINK, [_subject(visit, since=unit.now)])


async def raise_alerts(unit: Unit, kind: AlertKind, about: Sequence[Subject], faults: Sequence[Fault] = ()) -> int:
    """The first rung, the boards, is told in the same transaction. Without effect where there is one about the same;
    answers how many there were not.
    """
    if not about:
        return 0
    ladder = await queries.ladder(unit, kind)
    rows = [_fresh(unit, kind, each, ladder) | {"faults": list(faults)} for each in about]
    added = insert(ROW).on_conflict_do_nothing().returning(ROW.id, ROW.visit_id, ROW.patient_id)
    raised = (await unit.session.execute(added, rows)).all()
    clinicians: dict[UUID | None, ClinicianId | None] = {each.visit_id: each.clinician_id for each in about}
    first = {"rung": 0, "number": 0, "at": unit.now, "whom": ladder[0].whom, "way": ladder[0].way}
    if raised:
        await unit.session.execute(insert(AlertStepRow), [first | {"alert_id": alert_id} for alert_id, _, _ in raised])
    for alert_id, visit_id, patient_id in raised:
        unit.audit("create", "alert", alert_id, patient_id=patient_id)
        unit.emit(AlertRaised(alert_id=AlertId(alert_id), clinician_id=clinicians.get(visit_id)))
    return len(raised)


def _fresh(unit: Unit, kind: AlertKind, about: Subject, ladder: Sequence[Rung]) -> dict[str, Any]:
    """An alert with its first rung behind it."""
    return {
        "id": unit.new_id(),
        "kind": kind,
        "visit_id": about.visit_id,
        "queue_entry_id": about.queue_entry_id,
        "patient_id": about.patient_id,
        "affected": about.affected,
        "place": about.place,
        "since": about.since,
        "raised_at": unit.now,
        "step": 1,
        "next_at": next_at(ladder, 1, counts_from(kind, about.since, about.starts_at)),
    }


def _subject(visit: Visit, *, since: datetime) -> Subject:
    return Subject(
        patient_id=visit.patient_id,
        since=since,
        visit_id=visit.id,
        clinician_id=visit.clinician_id,
        starts_at=visit.starts_at,
    )


# Escalating


async def escalate(unit: Unit, alert_id: UUID) -> bool:
    """Tell whoever is next, if it is time and what the alert says is still so. False when another process has it, or
    somebody took it on.
    """
    waiting = (ROW.id == alert_id, ROW.closed_at.is_(None), ROW.acknowledged_at.is_(None), ROW.next_at <= unit.now)
    query = select(ROW).where(*waiting).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    row = await unit.session.scalar(query)
    if row is None:
        return False
    alert = queries.alert_of(row)
    if not await queries.is_wanted(unit, alert.id):
        await close(unit, alert, Closing.OVER)
        return True
    await _climb(unit, alert, await queries.ladder(unit, alert.kind))
    return True


async def reopen(unit: Unit, alert_id: UUID) -> bool:
    """Raise it again at the rung it had, when whoever took it on has had their time and what it says is still so. From
    there it goes on as it did at first. False when another process has it, or the time is not over.
    """
    taken = (ROW.id == alert_id, ROW.closed_at.is_(None), ROW.acknowledged_at.is_not(None))
    query = select(ROW).where(*taken).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    row = await unit.session.scalar(query)
    alert, rules = None if row is None else queries.alert_of(row), await queries.rules(unit)
    if alert is None or alert.acknowledged_at is None:
        return False
    if unit.now < alert.acknowledged_at + timedelta(seconds=rules.reopen_after[alert.kind]):
        return False
    if not await queries.holds(unit, alert.id):
        await close(unit, alert, Closing.OVER)
        return True
    ladder, visit = rules.ladders[alert.kind], await _visit(unit, alert)
    last, counted = resumed(ladder, alert.step, unit.now)
    unit.audit("update", "alert", alert.id, patient_id=alert.patient_id)
    await _tell(unit, alert, (last, ladder[last]), visit)
    if ladder[last].whom is not Audience.BOARD:  # which hear of it by being told
        unit.emit(AlertRaised(alert_id=alert.id, clinician_id=None if visit is None else visit.clinician_id))
    due = next_at(ladder, last + 1, _counts_from(alert.kind, counted, visit))
    again = {"acknowledged_at": None, "acknowledged_by": None, "resumed_from": counted}
    await set_alert(unit, alert.id, step=last + 1, next_at=due, **again)
    return True


async def _climb(unit: Unit, alert: Alert, ladder: Sequence[Rung]) -> None:
    """Every rung that is due: one that is late, because nothing ran meanwhile, is not late by another turn."""
    step, due = alert.step, alert.next_at
    visit = await _visit(unit, alert)
    counted = _counts_from(alert.kind, alert.resumed_from or alert.since, visit)
    while due is not None and due <= unit.now and step < len(ladder):
        await _tell(unit, alert, (step, ladder[step]), visit)
        step += 1
        due = next_at(ladder, step, counted)
    await set_alert(unit, alert.id, step=step, next_at=due if step < len(ladder) else None)


async def _visit(unit: Unit, alert: Alert) -> Visit | None:
    return None if alert.visit_id is None else await visits.find(unit, alert.visit_id)


def _counts_from(kind: AlertKind, since: datetime, visit: Visit | None) -> datetime:
    return counts_from(kind, since, None if visit is None else visit.starts_at)


async def _tell(unit: Unit, alert: Alert, turn: tuple[int, Rung], visit: Visit | None) -> None:
    """One rung: who was told is written down, also that there was nobody to tell, and who had it when it is told
    again.
    """
    number, rung = turn
    told = await _recipients(unit, alert, rung, visit)
    row = {"alert_id": alert.id, "rung": number, "at": unit.now, "whom": rung.whom, "way": rung.way}
    row |= {"had_by": alert.acknowledged_by}
    unnamed: list[dict[str, Any]] = [{"role": None, "recipient_id": None, "address": None}]
    named = [{"role": each.role, "recipient_id": each.id, "address": each.address} for each in told] or unnamed
    before = await queries.told_at(unit, alert.id, number)
    await unit.session.execute(
        insert(AlertStepRow), [{**row, **each, "number": at} for at, each in enumerate(named, start=before)]
    )
    if rung.whom is Audience.BOARD:
        unit.emit(AlertRaised(alert_id=alert.id, clinician_id=None if visit is None else visit.clinician_id))
    for each in told:
        unit.emit(AlertTold(alert_id=alert.id, kind=alert.kind, whom=rung.whom, role=each.role, recipient_id=each.id))


async def _recipients(unit: Unit, alert: Alert, rung: Rung, visit: Visit | None) -> list[Recipient]:
    match rung.whom:
        case Audience.BOARD:
            return []
        case Audience.CLINICIAN:
            return [] if visit is None else [Recipient(Role.CLINICIAN, visit.clinician_id)]
        case Audience.POOL:
            able = await _pool(unit, alert, visit)
            return [Recipient(Role.CLINICIAN, each) for each in sorted(able)]
        case Audience.COORDINATOR if rung.address:
            return [Recipient(Role.FRONT_DESK, unit.new_id(), rung.address)]
        case Audience.COORDINATOR:
            desk = await access.staff(unit, Role.FRONT_DESK)
            return [Recipient(Role.FRONT_DESK, each.id, each.email) for each in desk]


async def _pool(unit: Unit, alert: Alert, visit: Visit | None) -> set[ClinicianId]:
    """Clinicians with an account who may treat this patient where they are; not who gives the visit: they were told."""
    signing_in = await access.staff(unit, Role.CLINICIAN)
    able = {ClinicianId(each.person_id) for each in signing_in if each.person_id is not None}
    if visit is None:
        return able & await people.may_treat(unit, alert.place, unit.now) if alert.place else able
    able.discard(visit.clinician_id)
    place = await check_in.whereabouts(unit, visit) if await check_in.needs_licence(unit, visit) else None
    return able & await people.may_treat(unit, place, unit.now) if place else able


# Taking on, closing


async def acknowledge(unit: Unit, alert_id: UUID) -> Alert:
    """The actor sees to it: nobody else is told until it is raised again (`reopen`). Doing it again changes nothing.
    Raises NotFound, AlertOver; AlreadyAcknowledged with the name of who was quicker.
    """
    alert = await queries.find(unit, alert_id)
    if unit.actor.id is None:
        raise NotFound
    if alert.acknowledged_by is not None and alert.acknowledged_by != unit.actor.id:
        at = None if alert.acknowledged_at is None else alert.acknowledged_at.isoformat()
        names = await access.account_names(unit, [alert.acknowledged_by])
        raise AlreadyAcknowledged(by=names.get(alert.acknowledged_by, ""), at=at)
    if alert.acknowledged_by is not None:
        return alert
    if alert.closed_at is not None:
        raise AlertOver
    taken = await set_alert(unit, alert.id, acknowledged_at=unit.now, acknowledged_by=AccountId(unit.actor.id))
    unit.audit("update", "alert", alert.id, patient_id=alert.patient_id)
    unit.emit(AlertAcknowledged(alert_id=alert.id, clinician_id=await _clinician_of(unit, alert)))
    if alert.kind is AlertKind.LOCKED_LINK:  # whoever took it on calls them; a link that is locked again is another
        return await close(unit, taken, Closing.TAKEN_ON)
    return taken


async def take_over(unit: Unit, visit_id: UUID, *, revision: int | None = None, of: ClinicianId | None = None) -> Visit:
    """The patient waits and the colleague does not come: the actor, who was told of it, gives the visit from now on.

    `of` is the colleague from whom it is taken. Doing it again changes nothing. Raises NotFound, also for who was not
    told, and when the patient does not wait any more; Stale when another has it meanwhile, NotNow, LocationRequired,
    JurisdictionMismatch.
    """
    if unit.actor.role is not Role.CLINICIAN or unit.actor.person_id is None:
        raise NotFound
    own = ClinicianId(unit.actor.person_id)
    alert = await queries.unheard(unit, visit_id)
    opened = replace(unit, actor=replace(unit.actor, visit_id=visit_id))
    visit = await visits.find(opened, visit_id, lock=True)
    if visit.clinician_id == own:
        return visit
    if of not in (None, visit.clinician_id):
        raise Stale
    if (await queries.find(unit, alert.id)).wants_someone:
        await acknowledge(unit, alert.id)
    return await lifecycle.hand_over(opened, visit_id, own, revision=revision)


async def close_moot(unit: Unit, alert_id: UUID) -> bool:
    """Close an alert that is not so any more; False when another process has it."""
    query = select(ROW).where(ROW.id == alert_id, ROW.closed_at.is_(None), ~queries.still_so())
    row = await unit.session.scalar(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    if row is not None:
        await close(unit, queries.alert_of(row), Closing.OVER)
    return row is not None


async def _close_all(unit: Unit, *which: ColumnElement[bool]) -> int:
    """Close those that are open; answers how many there were."""
    closed = update(ROW).where(ROW.closed_at.is_(None), *which).values(_closed(unit, Closing.OVER))
    found = (await unit.session.execute(closed.returning(ROW.id, ROW.visit_id))).all()
    clinicians = await queries.clinicians_of(unit, {visit_id for _, visit_id in found if visit_id is not None})
    for alert_id, visit_id in found:
        unit.emit(AlertClosed(alert_id=AlertId(alert_id), clinician_id=clinicians.get(visit_id)))
    return len(found)


async def close(unit: Unit, alert: Alert, closing: Closing) -> Alert:
    unit.emit(AlertClosed(alert_id=alert.id, clinician_id=await _clinician_of(unit, alert)))
    return await set_alert(unit, alert.id, **_closed(unit, closing))


def _closed(unit: Unit, closing: Closing) -> dict[str, Any]:
    return {"closed_at": unit.now, "closing": closing, "next_at": None}


async def _clinician_of(unit: Unit, alert: Alert) -> ClinicianId | None:
    visit_id = alert.visit_id
    return None if visit_id is None else (await queries.clinicians_of(unit, [visit_id])).get(visit_id)


async def set_alert(unit: Unit, alert_id: AlertId, **values: Any) -> Alert:
    query = update(ROW).where(ROW.id == alert_id).values(values).returning(ROW)
    row = (await unit.session.scalars(query, execution_options={"populate_existing": True})).one()
    return queries.alert_of(row)

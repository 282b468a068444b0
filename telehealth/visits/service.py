"""Commands on visits. Each transition writes its history entry and its event in the transaction that makes it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from telehealth.access.rules import digest, new_secret
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId, PatientId, VisitId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.scheduling.booking import service as scheduling
from telehealth.scheduling.booking.rules import Occupied, Wanted
from telehealth.visits import check_in, guests, queries
from telehealth.visits.models import ParticipantRow, VisitEventRow, VisitRow
from telehealth.visits.rules import (
    GRACE,
    IN_CALL,
    LICENSED,
    OVER,
    WAITING,
    Command,
    Decision,
    DeviceCheck,
    NotNow,
    Situation,
    Visit,
    VisitStatus,
    decide,
    situation_of,
)

CLAIMED_AT_ONCE = 50
BEGINNING = frozenset({Command.MAKE_READY, Command.ADMIT})


async def open_visit(unit: Unit, visit_id: UUID, *, action: str = "read") -> Visit:
    """The way to a visit: load it if it is the actor's to see, and leave a trace. Raises NotFound.

    A clinician sees their own visits, the front desk all, a guest the one visit they were invited to, an integration
    what was granted.
    """
    visit = await queries.find(unit, visit_id)
    unit.audit(action, "visit", visit.id, patient_id=visit.patient_id)
    return visit


# Booking


@dataclass(frozen=True, slots=True)
class Booked:
    """`link_secret` opens the personal link; after this it is to be had only sealed (queries.link_of)."""

    visit: Visit
    link_secret: str


async def book(
    unit: Unit, *, patient_id: PatientId, clinician_id: ClinicianId, visit_type_id: VisitTypeId, start: datetime
) -> Booked:
    """Book a visit and invite the patient and the clinician.

    A clinician books with themselves. Raises NotFound, SlotTaken, NotOffered, TooSoon, TooFar, PatientConflict,
    CalendarBusy.
    """
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id != clinician_id:
        raise NotFound
    patient = await people.patient(unit, patient_id)
    clinician = await people.clinician(unit, clinician_id)
    visit_id = VisitId(unit.new_id())
    wanted = Wanted(visit_type_id=visit_type_id, patient_id=patient.id, start=start, clinician_ids=(clinician.id,))
    occupied = await scheduling.occupy(unit, wanted, visit_id)
    visit = Visit(
        id=visit_id,
        patient_id=patient.id,
        clinician_id=clinician.id,
        visit_type_id=occupied.visit_type.id,
        visit_type=occupied.visit_type.code,
        status=VisitStatus.BOOKED,
        revision=1,
        changed_at=unit.now,
        **_times(occupied),
    )
    decision = decide(Command.BOOK, None, unit.actor.role, situation_of(visit, unit.now))
    await unit.session.execute(insert(VisitRow), {**asdict(visit), "created_at": unit.now})
    await _remember(unit, visit, decision, cause="")
    await _invite(unit, visit, Role.CLINICIAN, clinician.id)
    return Booked(visit, await _invite(unit, visit, Role.PATIENT, patient.id))


async def reschedule(unit: Unit, visit_id: UUID, *, start: datetime, revision: int | None = None) -> Visit:
    """Move a booked visit: same visit, same links, and the old time is given up only when the new one is taken.

    Raises like `book`, and NotNow, Stale.
    """
    visit = await queries.find(unit, visit_id, lock=True)
    decide(Command.RESCHEDULE, visit.status, unit.actor.role, situation_of(visit, unit.now))
    wanted = Wanted(
        visit_type_id=visit.visit_type_id,
        patient_id=visit.patient_id,
        start=start,
        clinician_ids=(visit.clinician_id,),
    )
    occupied = await scheduling.occupy(unit, wanted, visit.id)
    return await _change(unit, visit_id, Command.RESCHEDULE, revision=revision, values=_times(occupied))


def _times(occupied: Occupied) -> dict[str, Any]:
    kind = occupied.visit_type
    return {
        "starts_at": occupied.start,
        "ends_at": occupied.end,
        "opens_at": occupied.start - timedelta(minutes=kind.opens_before),
        "closes_at": occupied.end + timedelta(minutes=kind.closes_after),
        "time_zone": occupied.time_zone,
    }


async def _invite(unit: Unit, visit: Visit, role: Role, person_id: PatientId | ClinicianId) -> str:
    """A participant; a patient gets a personal link, whose secret is the answer (empty for staff)."""
    participant_id = unit.new_id()
    row: dict[str, Any] = {
        "id": participant_id,
        "visit_id": visit.id,
        "role": role,
        "person_id": person_id,
        "created_at": unit.now,
    }
    secret = new_secret() if role is Role.PATIENT else ""
    if secret:
        sealed = unit.vault.seal(("participant", "link", participant_id), secret)
        row |= {"link_hash": digest(secret), "link": sealed}
    await unit.session.execute(insert(ParticipantRow), row)
    return secret


# Transitions


async def arrive(unit: Unit, visit_id: UUID) -> Visit:
    """The patient is on the page of the visit. Arriving again changes nothing. Raises NotNow outside the window."""
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status in WAITING | IN_CALL:
        return visit
    return await _change(unit, visit_id, Command.ARRIVE)


async def record_check(unit: Unit, visit_id: UUID, check: DeviceCheck, *, cause: str = "") -> Visit:
    """How the patient's devices and network did; `cause` is a code, such as why it was waived."""
    await arrive(unit, visit_id)
    return await _change(unit, visit_id, Command.CHECK, cause=cause, values={"check": check})


async def attest_location(unit: Unit, visit_id: UUID, jurisdiction: str) -> Visit:
    """The patient says where they are now. It stands also when the clinician may not treat them there: the visit then
    waits, its time kept, for what staff decide. Raises NotNow, UnfitPlace.
    """
    visit = await arrive(unit, visit_id)
    await registration.attest_at(unit, visit.patient_id, jurisdiction, unit.now)
    values = {
        "location": jurisdiction,
        "location_attested_at": unit.now,
        "licensed_there": await check_in.is_licensed(unit, visit, jurisdiction),
    }
    return await _change(unit, visit_id, Command.ATTEST, values=values)


async def make_ready(unit: Unit, visit_id: UUID) -> Visit:
    """Into the waiting room. Who goes there with failing devices waives the check; the clinician sees it failed.

    Raises NotNow; LocationRequired and JurisdictionMismatch for a kind of visit that needs a licence.
    """
    visit = await arrive(unit, visit_id)
    cause = "check-failed" if visit.check is DeviceCheck.FAILED else ""
    return await _change(unit, visit_id, Command.MAKE_READY, cause=cause, values={"waiting_since": unit.now})


async def admit(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The clinician takes the patient in; of two who try at once, one does.

    Raises NotNow, Stale; LocationRequired and JurisdictionMismatch for a kind of visit that needs a licence.
    """
    return await _change(unit, visit_id, Command.ADMIT, revision=revision)


async def connected(unit: Unit, visit_id: UUID) -> Visit:
    """Both sides are in media: the visit begins, or goes on after an interruption. Again changes nothing."""
    visit = await queries.find(unit, visit_id, lock=True)
    match visit.status:
        case VisitStatus.IN_PROGRESS:
            return visit
        case VisitStatus.INTERRUPTED:
            return await _change(unit, visit_id, Command.RESUME)
        case _:
            return await _change(unit, visit_id, Command.CONNECT, values={"started_at": unit.now})


async def interrupted(unit: Unit, visit_id: UUID, *, cause: str = "") -> Visit:
    """Nobody is in media any more; `cause` is a code. Again changes nothing."""
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status is VisitStatus.INTERRUPTED:
        return visit
    return await _change(unit, visit_id, Command.DROP, cause=cause)


async def end(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The clinician finishes the visit. Hanging up does not."""
    return await _change(unit, visit_id, Command.END, revision=revision, values={"ended_at": unit.now})


async def complete(unit: Unit, visit_id: UUID) -> Visit:
    """The signed note is in the record."""
    return await _change(unit, visit_id, Command.COMPLETE)


async def cancel(unit: Unit, visit_id: UUID, *, reason: str, revision: int | None = None) -> Visit:
    """Give up the visit before it begins; `reason` is a code. The time is free again at once."""
    return await _change(unit, visit_id, Command.CANCEL, cause=reason, revision=revision)


async def leave(unit: Unit, visit_id: UUID) -> Visit:
    """The patient goes without having been seen."""
    return await _change(unit, visit_id, Command.LEAVE)


async def note_patient_no_show(unit: Unit, visit_id: UUID) -> Visit:
    return await _change(unit, visit_id, Command.PATIENT_NO_SHOW)


async def note_provider_no_show(unit: Unit, visit_id: UUID) -> Visit:
    return await _change(unit, visit_id, Command.PROVIDER_NO_SHOW)


async def fail(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """No clinical contact was possible; `reason` is technical or clinical."""
    return await _change(unit, visit_id, Command.FAIL, cause=reason)


async def mark_error(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """The visit should never have been entered. Its history stays."""
    return await _change(unit, visit_id, Command.MARK_ERROR, cause=reason)


async def correct(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """Take back a wrong ending, in time."""
    return await _change(unit, visit_id, Command.CORRECT, cause=reason)


async def end_abandoned(unit: Unit) -> int:
    """End the calls that did not come back within the grace time. Answers how many."""
    due = await unit.session.scalars(
        select(VisitRow.id)
        .where(VisitRow.status == VisitStatus.INTERRUPTED, VisitRow.changed_at <= unit.now - GRACE)
        .limit(CLAIMED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    visit_ids = due.all()
    for visit_id in visit_ids:
        await _change(unit, visit_id, Command.END, cause="grace-over", values={"ended_at": unit.now})
    return len(visit_ids)


async def _change(
    unit: Unit,
    visit_id: UUID,
    command: Command,
    *,
    cause: str = "",
    revision: int | None = None,
    values: Mapping[str, Any] | None = None,
) -> Visit:
    """Give one command to the machine, with the visit's row locked. Raises NotFound, Stale, NotNow."""
    visit = await queries.find(unit, visit_id, lock=True)
    if revision is not None and revision != visit.revision:
        raise Stale
    earlier = await queries.earlier_status(unit, visit_id) if command is Command.CORRECT else None
    situation = situation_of(visit, unit.now, reason=cause, earlier=earlier)
    decision = await _decided(unit, visit, command, situation)
    changes: dict[str, Any] = {
        **(values or {}),
        "status": decision.after,
        "revision": visit.revision + 1,
        "changed_at": unit.now,
    }
    changed = replace(visit, **changes)
    await unit.session.execute(update(VisitRow).where(VisitRow.id == visit_id).values(changes))
    await _remember(unit, changed, decision, cause=cause)
    if decision.transition.frees_time:
        await scheduling.release(unit, visit_id)
    if changed.status in OVER:
        await guests.see_out(unit, changed)
    return changed


async def _decided(unit: Unit, visit: Visit, command: Command, situation: Situation) -> Decision:
    """The decision, with the licence as it is now where it matters. Raises NotNow, LocationRequired,
    JurisdictionMismatch.
    """
    if command in BEGINNING:
        licensed = await check_in.is_licensed(unit, visit, visit.location)
        situation = replace(situation, location_licensed=licensed is not False)
    try:
        return decide(command, visit.status, unit.actor.role, situation)
    except NotNow as refused:
        if refused.extras.get("reason") == LICENSED.name:
            raise await check_in.refusal(unit, visit) from None
        raise


async def _remember(unit: Unit, visit: Visit, decision: Decision, *, cause: str) -> None:
    entry = {
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
    }
    await unit.session.execute(insert(VisitEventRow), entry)
    action = "create" if decision.before is None else "update"
    unit.audit(action, "visit", visit.id, patient_id=visit.patient_id, outcome="ok")
    emitted = decision.transition.event
    unit.emit(emitted(visit_id=visit.id, patient_id=visit.patient_id, clinician_id=visit.clinician_id))

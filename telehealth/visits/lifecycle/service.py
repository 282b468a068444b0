"""Commands on visits. Each transition writes its history entry and its event in the transaction that makes it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.failpoints import Failpoint
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.scheduling.booking import service as booking
from telehealth.visits.lifecycle import attendance, check_in, guests, queries, timers
from telehealth.visits.lifecycle.deadlines import CONSEQUENCES, Deadline, Outcome, deadlines_of, patience
from telehealth.visits.lifecycle.models import DeviceCheckRow, VisitRow
from telehealth.visits.lifecycle.rules import (
    IN_CALL,
    WAITING,
    Checked,
    Command,
    DeviceCheck,
    NotNow,
    Visit,
    VisitStatus,
    situation_of,
)
from telehealth.visits.lifecycle.steps import change, decided

TOGETHER = {"both_sides_in_media": True}
FIRED = Failpoint("visits.timer_fired")


async def open_visit(unit: Unit, visit_id: UUID, *, action: str = "read") -> Visit:
    """The way to a visit: load it if it is the actor's to see, and leave a trace. Raises NotFound.

    A clinician sees their own visits, the front desk all, a guest the one visit they were invited to, an integration
    what was granted.
    """
    visit = await queries.find(unit, visit_id)
    unit.audit(action, "visit", visit.id, patient_id=visit.patient_id)
    return visit


async def open_known(unit: Unit, visit_id: UUID, *, action: str = "read") -> Visit:
    """The same for whom the caller has found another right to it, such as answering for what a trainee wrote there.

    Raises NotFound.
    """
    row = await unit.session.get(VisitRow, visit_id, populate_existing=True)
    if row is None:
        raise NotFound
    unit.audit(action, "visit", row.id, patient_id=row.patient_id)
    return queries.visit_of(row)


async def arrive(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The patient is on the page of the visit, or the front desk checks them in. Arriving again changes nothing. Raises
    NotNow outside the window.
    """
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status in WAITING | IN_CALL:
        return visit
    by_link = unit.actor.visit_id == visit_id  # such a session begins with the identity step
    facts = {"identified": by_link or unit.actor.role is Role.FRONT_DESK}
    return await change(unit, visit_id, Command.ARRIVE, revision=revision, facts=facts)


async def record_check(
    unit: Unit, visit_id: UUID, check: DeviceCheck, *, cause: str = "", report: Mapping[str, Any] | None = None
) -> Visit:
    """How the patient's devices and network did; `cause` is a code, such as why it was waived, `report` what was
    found, kept with the visit.
    """
    await arrive(unit, visit_id)
    if report is not None:
        kept = DeviceCheckRow(
            id=unit.new_id(), visit_id=visit_id, at=unit.now, verdict=check.value, report=dict(report)
        )
        unit.session.add(kept)
    return await change(unit, visit_id, Command.CHECK, cause=cause, values={"check": check})


async def read_checks(unit: Unit, visit_id: UUID) -> list[Checked]:
    """What the patient's checks found, the newest first. Raises NotFound."""
    return await queries.checks_of(unit, (await open_visit(unit, visit_id)).id)


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
    return await change(unit, visit_id, Command.ATTEST, values=values)


async def admit(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The clinician takes the patient in. Doing it again, as long as they have not found each other, changes nothing.

    Raises NotNow, Stale; LocationRequired and JurisdictionMismatch for a kind of visit that needs a licence.
    """
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status is VisitStatus.ADMITTING and visit.clinician_id == unit.actor.person_id:
        return visit
    return await change(unit, visit_id, Command.ADMIT, revision=revision)


async def no_answer(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The patient was admitted and does not come: they wait on, in the same place."""
    return await change(unit, visit_id, Command.NO_ANSWER, cause="by-hand", revision=revision)


async def put_back(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """Something else comes first: the admitted patient waits on, in the same place."""
    return await change(unit, visit_id, Command.PUT_BACK, revision=revision)


async def hand_over(
    unit: Unit, visit_id: UUID, clinician_id: ClinicianId, *, override: str = "", revision: int | None = None
) -> Visit:
    """Another clinician gives the visit from now on, at its time, and is invited in the place of the one who did.

    Before the patient is there it takes a free time or an `override`, the reason to lay it over another; afterwards it
    is never refused for time. To who gives it already it changes nothing. Raises NotFound, NotNow, Stale, SlotTaken,
    JurisdictionMismatch.
    """
    visit = await queries.find(unit, visit_id, lock=True)
    if revision is not None and revision != visit.revision:
        raise Stale(revision=visit.revision, visit_status=visit.status)
    heir = await people.clinician(unit, clinician_id)
    if heir.id == visit.clinician_id:
        return visit
    there = replace(visit, clinician_id=heir.id, location=await check_in.whereabouts(unit, visit))
    licensed = await check_in.is_licensed(unit, there, there.location) if there.location else None
    facts: dict[str, Any] = {"heir_licensed": licensed is not False}
    await decided(unit, there, Command.HAND_OVER, replace(situation_of(visit, unit.now), **facts))
    over = bool(override) or visit.status is not VisitStatus.BOOKED
    values: dict[str, Any] = {
        "clinician_id": heir.id,
        "overbooked": await booking.change_host(unit, visit.id, heir.id, over=over),
        "licensed_there": licensed if visit.location else visit.licensed_there,
    }
    if override:
        values["override"] = unit.vault.seal(("visit", "override", visit.id), override)
    await guests.change_host(unit, visit, heir.id)
    return await change(unit, visit_id, Command.HAND_OVER, values=values, facts=facts)


async def connected(unit: Unit, visit_id: UUID) -> Visit:
    """Both sides are in media: the visit begins, or goes on after an interruption. Again changes nothing."""
    visit = await queries.find(unit, visit_id, lock=True)
    match visit.status:
        case VisitStatus.IN_PROGRESS:
            return visit
        case VisitStatus.INTERRUPTED:
            return await change(unit, visit_id, Command.RESUME, facts=TOGETHER)
        case _:
            return await change(unit, visit_id, Command.CONNECT, values={"started_at": unit.now}, facts=TOGETHER)


async def interrupted(unit: Unit, visit_id: UUID, *, cause: str = "") -> Visit:
    """Nobody is in media any more; `cause` is a code. Again changes nothing."""
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status is VisitStatus.INTERRUPTED:
        return visit
    return await change(unit, visit_id, Command.DROP, cause=cause)


async def end(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The clinician finishes the visit. Hanging up does not."""
    return await change(unit, visit_id, Command.END, revision=revision, values={"ended_at": unit.now})


async def complete(unit: Unit, visit_id: UUID) -> Visit:
    """The signed note is in the record."""
    return await change(unit, visit_id, Command.COMPLETE, facts={"note_in_record": True})


async def cancel(unit: Unit, visit_id: UUID, *, reason: str, revision: int | None = None) -> Visit:
    """Give up the visit before it begins; `reason` is a code. The time is free again at once."""
    return await change(unit, visit_id, Command.CANCEL, cause=reason, revision=revision)


async def leave(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The patient goes without having been seen."""
    return await change(unit, visit_id, Command.LEAVE, revision=revision)


async def note_patient_no_show(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The patient did not come."""
    facts = await _met(unit, await queries.find(unit, visit_id, lock=True))
    return await change(unit, visit_id, Command.PATIENT_NO_SHOW, revision=revision, facts=facts)


async def _met(unit: Unit, visit: Visit) -> dict[str, Any]:
    """Whether a patient who had come would have met somebody."""
    return {"clinician_there": await attendance.was_there(unit, visit)}


async def note_provider_no_show(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The patient came, and nobody came to them."""
    return await change(unit, visit_id, Command.PROVIDER_NO_SHOW, revision=revision)


async def fail(unit: Unit, visit_id: UUID, *, reason: str, revision: int | None = None) -> Visit:
    """No clinical contact was possible; `reason` is technical or clinical."""
    return await change(unit, visit_id, Command.FAIL, cause=reason, revision=revision)


async def mark_error(unit: Unit, visit_id: UUID, *, reason: str, revision: int | None = None) -> Visit:
    """The visit should never have been entered; `reason` is a code. Its history stays."""
    return await change(unit, visit_id, Command.MARK_ERROR, cause=reason, revision=revision)


async def correct(unit: Unit, visit_id: UUID, *, reason: str, revision: int | None = None) -> Visit:
    """Take back a wrong ending, in time; `reason` is a code. The visit stands again where it stood before."""
    return await change(unit, visit_id, Command.CORRECT, cause=reason, revision=revision)


async def away(unit: Unit, visit_id: UUID) -> Visit:
    """The page of a waiting patient is gone. They keep their place; once grace is over they have left."""
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status not in WAITING or visit.away_since is not None:
        return visit
    return await change(unit, visit_id, Command.AWAY)


async def back(unit: Unit, visit_id: UUID) -> Visit:
    """They are here again. Who was not away, or does not wait any more, stays as they are."""
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status not in WAITING or visit.away_since is None:
        return visit
    return await change(unit, visit_id, Command.BACK)


# Timers


async def fire(unit: Unit, timer_id: UUID) -> Outcome | None:
    """Do what a timer is for, and settle it in the same transaction; None when it is not due, or not ours to fire.

    The machine decides again, from the visit as it is now. After a time in which nobody could reach the house everyone
    has their whole time again. A process that dies before the commit leaves the timer to the next one.
    """
    claimed = await timers.claim(unit, timer_id)
    if claimed is None:
        return None
    visit = await queries.find(unit, claimed.visit_id)
    fair = await _fair(unit, visit, claimed.kind)
    if fair > unit.now:
        await timers.put_off(unit, claimed.id, fair)
        return None
    what = CONSEQUENCES[claimed.kind]
    values = {"ended_at": unit.now} if what.command is Command.END else {}
    facts = await _met(unit, visit) if claimed.kind is Deadline.PATIENT_NO_SHOW else {}
    await timers.settle(unit, claimed.id, Outcome.FIRED)  # first, or the transition would find it open and moot
    try:
        await change(unit, claimed.visit_id, what.command, cause=what.cause, values=values, facts=facts)
        FIRED()
    except NotNow:
        return await _not_fired(unit, claimed, deadlines_of(visit).get(claimed.kind))
    return Outcome.FIRED


async def _fair(unit: Unit, visit: Visit, kind: Deadline) -> datetime:
    """The earliest that this may be held against anybody."""
    since = await attendance.open_since(unit)
    return unit.now if since is None else since + patience(visit, kind)


async def _not_fired(unit: Unit, claimed: timers.Claimed, due: datetime | None) -> Outcome | None:
    """What is still due is asked again: when it is, or, after that, in as long as it has been due already."""
    if due is not None:
        await timers.put_off(unit, claimed.id, max(due, unit.now + max(timers.AGAIN_AFTER, unit.now - due)))
        return None
    await timers.settle(unit, claimed.id, Outcome.MOOT)
    return Outcome.MOOT


async def mend_timers(unit: Unit) -> int:
    """Give a timer to every visit that needs one and has none. Answers how many there were."""
    visit_ids = await timers.forgotten(unit)
    for visit_id in visit_ids:
        await timers.plan(unit, await queries.find(unit, visit_id, lock=True), as_before=False)
    return len(visit_ids)

"""Commands on visits. Each transition writes its history entry and its event in the transaction that makes it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from telehealth.core.actors import Role
from telehealth.core.errors import NotAllowed, NotFound, Stale
from telehealth.core.ids import ClinicianId, PatientId, VisitId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.scheduling.booking import queries as slots
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Asked, Occupied, SlotRefused, TooSoon
from telehealth.visits import check_in, guests, queries
from telehealth.visits.events import VisitHandedOver
from telehealth.visits.models import VisitRow
from telehealth.visits.rules import (
    GRACE,
    IN_CALL,
    STAFF,
    WAITING,
    Command,
    DeviceCheck,
    Visit,
    VisitStatus,
    decide,
    situation_of,
)
from telehealth.visits.steps import begin, change, try_to_occupy
from telehealth.visits.wishes import Wish, others, placed, visit_for, wanted, wish_of

CLAIMED_AT_ONCE = 50


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
    """`appoint` with one clinician."""
    wish = Wish(patient_id=patient_id, clinician_ids=(clinician_id,), visit_type_id=visit_type_id, start=start)
    return await appoint(unit, wish)


async def appoint(unit: Unit, wish: Wish) -> Booked:
    """Book a visit and invite the patient and the clinician: of several, the one with the least to do.

    A clinician books with themselves. Raises NotFound, a SlotRefused that says why, CalendarBusy; NotAllowed when
    someone who is not staff sets the rules aside.
    """
    wish = await checked(unit, wish)
    visit_id = VisitId(unit.new_id())
    occupied = await booking.occupy(unit, wanted(wish, unit.actor.role), visit_id, fresh=True)
    return await _booked(unit, visit_for(wish, visit_id, occupied, now=unit.now), override=wish.override)


async def book_hold(unit: Unit, hold_id: UUID, *, patient_id: PatientId, location: str | None = None) -> Booked:
    """Book the time that a hold keeps. Raises HoldExpired, NotFound for somebody else's, and like `appoint`."""
    visit_id = VisitId(unit.new_id())
    occupied, held_for = await booking.convert(unit, hold_id, visit_id, jurisdiction=location)
    if held_for != patient_id:
        raise NotFound
    wish = Wish(
        patient_id=held_for,
        visit_type_id=occupied.visit_type.id,
        start=occupied.start,
        clinician_ids=(occupied.clinician_id,),
        also=others(occupied),
        location=location,
    )
    return await _booked(unit, visit_for(await checked(unit, wish), visit_id, occupied, now=unit.now))


async def request(unit: Unit, wish: Wish) -> Visit:
    """Ask for a visit at a time without taking it: staff confirm, and of two who ask for one time one gets it.

    Until then it stands with the first clinician who could, or the first who was asked for. Raises NotFound; TooSoon
    for what is over.
    """
    wish = await checked(unit, wish)
    if wish.start < unit.now:
        raise TooSoon(alternatives=[])
    kind = await slots.visit_type(unit, wish.visit_type_id)
    host = await _likely_host(unit, wish)
    occupied = Occupied(
        start=wish.start,
        end=wish.start + timedelta(minutes=kind.minutes),
        time_zone=(await people.clinician(unit, host)).time_zone,
        visit_type=kind,
        clinician_id=host,
        resources=(host, *wish.also),
    )
    visit = visit_for(wish, unit.new_id(), occupied, now=unit.now, status=VisitStatus.REQUESTED)
    await begin(unit, Command.REQUEST, [visit])
    return visit


async def confirm(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Booked:
    """Staff give a requested visit its time. Raises like `appoint`, and NotNow, Stale."""
    visit = await _to_change(unit, visit_id, Command.BOOK, revision)
    if unit.actor.role not in STAFF:
        raise NotAllowed
    wish = wish_of(visit)
    if unit.actor.role is Role.CLINICIAN:
        wish = replace(wish, clinician_ids=(visit.clinician_id,))
    occupied = await booking.occupy(unit, wanted(wish, unit.actor.role), visit.id)
    booked = await change(unit, visit_id, Command.BOOK, values=placed(visit, occupied))
    return Booked(booked, await invite_both(unit, booked))


async def reschedule(
    unit: Unit,
    visit_id: UUID,
    *,
    start: datetime,
    revision: int | None = None,
    clinician_ids: Sequence[ClinicianId] = (),
    override: str = "",
    location: str | None = None,
) -> Visit:
    """Move a booked visit: same visit, same link, and the old time is given up only when the new one is taken.

    The clinician stays the same when they can; else, for a visit booked with a team, another of the team gives it.
    `clinician_ids` are those it is to move to instead, `location` is where the patient will be then (`wish_at` without
    it). Raises like `appoint`, and NotNow, Stale.
    """
    visit = await _to_change(unit, visit_id, Command.RESCHEDULE, revision)
    visit = visit if location is None else replace(visit, planned_location=location)
    wish = wish_of(visit, start) if location else await wish_at(unit, visit, start)
    wish = replace(wish, override=override)
    wish = await checked(unit, replace(wish, clinician_ids=tuple(clinician_ids) or (visit.clinician_id,)))
    try:
        occupied = await try_to_occupy(unit, wanted(wish, unit.actor.role), visit.id)
    except SlotRefused:
        if clinician_ids or visit.team is None or unit.actor.role is Role.CLINICIAN:
            raise
        occupied = await booking.occupy(
            unit, wanted(replace(wish, clinician_ids=visit.team), unit.actor.role), visit.id
        )
    return await move(unit, visit, occupied, override=override)


async def wish_at(unit: Unit, visit: Visit, start: datetime) -> Wish:
    """The same at another time. What the patient attested for then counts before where they were to be when it was
    booked.
    """
    wish = wish_of(visit, start)
    told = await people.location_at(unit, visit.patient_id, start)
    return wish if told is None else replace(wish, location=None)


async def move(
    unit: Unit,
    visit: Visit,
    occupied: Occupied,
    *,
    override: str = "",
    local_start: str = "",
    told_by: VisitId | None = None,
) -> Visit:
    """Write down that the visit has another time now, and another clinician perhaps. `occupied` has been taken."""
    values = {**placed(visit, occupied, local_start), "planned_location": visit.planned_location, "override": None}
    if override:
        values["override"] = unit.vault.seal(("visit", "override", visit.id), override)
    if occupied.clinician_id != visit.clinician_id:
        await guests.change_host(unit, visit, occupied.clinician_id)
        unit.emit(VisitHandedOver(visit_id=visit.id, patient_id=visit.patient_id, clinician_id=visit.clinician_id))
    return await change(unit, visit.id, Command.RESCHEDULE, values=values, told_by=told_by)


async def checked(unit: Unit, wish: Wish) -> Wish:
    """The wish, if it is the actor's to have. Raises NotFound, NotAllowed."""
    role = unit.actor.role
    if role is Role.CLINICIAN:
        own = () if unit.actor.person_id is None else (ClinicianId(unit.actor.person_id),)
        if wish.clinician_ids not in ((), own):
            raise NotFound
        wish = replace(wish, clinician_ids=own)
    if role is Role.PATIENT and unit.actor.person_id != wish.patient_id:
        raise NotFound
    if (wish.override and role not in STAFF) or (wish.no_show_risk and role is Role.PATIENT):
        raise NotAllowed
    await people.patient(unit, wish.patient_id)
    if wish.clinician_ids:
        await people.clinician(unit, wish.clinician_ids[0])
    return wish


async def _booked(unit: Unit, visit: Visit, *, override: str = "") -> Booked:
    sealed = unit.vault.seal(("visit", "override", visit.id), override) if override else None
    await begin(unit, Command.BOOK, [visit], override=sealed)
    return Booked(visit, await invite_both(unit, visit))


async def invite_both(unit: Unit, visit: Visit) -> str:
    """The clinician and the patient; answers the secret of the patient's link."""
    await guests.invite(unit, visit, Role.CLINICIAN, visit.clinician_id)
    return await guests.invite(unit, visit, Role.PATIENT, visit.patient_id)


async def _likely_host(unit: Unit, wish: Wish) -> ClinicianId:
    asked = Asked(
        visit_type_id=wish.visit_type_id,
        clinician_ids=wish.clinician_ids,
        also=wish.also,
        patient_id=wish.patient_id,
        jurisdiction=wish.location,
    )
    free = await slots.search(unit, asked, Interval(wish.start, wish.start + timedelta(minutes=1)), 1)
    candidates = [each.clinician_id for each in free] or list(wish.clinician_ids)
    candidates = candidates or [each.id for each in await people.clinicians(unit)]
    if not candidates:
        raise NotFound
    return candidates[0]


async def _to_change(unit: Unit, visit_id: UUID, command: Command, revision: int | None) -> Visit:
    """The visit, locked, when that command may be given. What the machine says comes before what calendars say."""
    visit = await queries.find(unit, visit_id, lock=True)
    if revision is not None and revision != visit.revision:
        raise Stale
    decide(command, visit.status, unit.actor.role, situation_of(visit, unit.now))
    return visit


# Transitions


async def arrive(unit: Unit, visit_id: UUID) -> Visit:
    """The patient is on the page of the visit. Arriving again changes nothing. Raises NotNow outside the window."""
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status in WAITING | IN_CALL:
        return visit
    return await change(unit, visit_id, Command.ARRIVE)


async def record_check(unit: Unit, visit_id: UUID, check: DeviceCheck, *, cause: str = "") -> Visit:
    """How the patient's devices and network did; `cause` is a code, such as why it was waived."""
    await arrive(unit, visit_id)
    return await change(unit, visit_id, Command.CHECK, cause=cause, values={"check": check})


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


async def make_ready(unit: Unit, visit_id: UUID) -> Visit:
    """Into the waiting room. Who goes there with failing devices waives the check; the clinician sees it failed.

    Raises NotNow; LocationRequired and JurisdictionMismatch for a kind of visit that needs a licence.
    """
    visit = await arrive(unit, visit_id)
    cause = "check-failed" if visit.check is DeviceCheck.FAILED else ""
    return await change(unit, visit_id, Command.MAKE_READY, cause=cause, values={"waiting_since": unit.now})


async def admit(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """The clinician takes the patient in; of two who try at once, one does.

    Raises NotNow, Stale; LocationRequired and JurisdictionMismatch for a kind of visit that needs a licence.
    """
    return await change(unit, visit_id, Command.ADMIT, revision=revision)


async def connected(unit: Unit, visit_id: UUID) -> Visit:
    """Both sides are in media: the visit begins, or goes on after an interruption. Again changes nothing."""
    visit = await queries.find(unit, visit_id, lock=True)
    match visit.status:
        case VisitStatus.IN_PROGRESS:
            return visit
        case VisitStatus.INTERRUPTED:
            return await change(unit, visit_id, Command.RESUME)
        case _:
            return await change(unit, visit_id, Command.CONNECT, values={"started_at": unit.now})


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
    return await change(unit, visit_id, Command.COMPLETE)


async def cancel(unit: Unit, visit_id: UUID, *, reason: str, revision: int | None = None) -> Visit:
    """Give up the visit before it begins; `reason` is a code. The time is free again at once."""
    return await change(unit, visit_id, Command.CANCEL, cause=reason, revision=revision)


async def leave(unit: Unit, visit_id: UUID) -> Visit:
    """The patient goes without having been seen."""
    return await change(unit, visit_id, Command.LEAVE)


async def note_patient_no_show(unit: Unit, visit_id: UUID) -> Visit:
    return await change(unit, visit_id, Command.PATIENT_NO_SHOW)


async def note_provider_no_show(unit: Unit, visit_id: UUID) -> Visit:
    return await change(unit, visit_id, Command.PROVIDER_NO_SHOW)


async def fail(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """No clinical contact was possible; `reason` is technical or clinical."""
    return await change(unit, visit_id, Command.FAIL, cause=reason)


async def mark_error(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """The visit should never have been entered. Its history stays."""
    return await change(unit, visit_id, Command.MARK_ERROR, cause=reason)


async def correct(unit: Unit, visit_id: UUID, *, reason: str) -> Visit:
    """Take back a wrong ending, in time."""
    return await change(unit, visit_id, Command.CORRECT, cause=reason)


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
        await change(unit, visit_id, Command.END, cause="grace-over", values={"ended_at": unit.now})
    return len(visit_ids)

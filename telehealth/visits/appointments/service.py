"""Commands on the time of a visit: book it, ask for it, confirm it, move it, give it up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, true

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import NotAllowed, NotFound, Stale
from telehealth.core.ids import ClinicianId, PatientId, VisitId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries as slots
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Asked, Occupied, SlotRefused, TooSoon, check_company
from telehealth.visits.appointments.models import CalledOffRow
from telehealth.visits.appointments.wishes import Wish, able, free, others, placed, visit_for, wanted, wish_of
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.guests import change_host
from telehealth.visits.lifecycle.joining import may_call_off
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.rules import Command, NotNow, Visit, VisitStatus, expect, situation_of
from telehealth.visits.lifecycle.steps import begin, change, try_to_occupy
from telehealth.visits.participants import guests

SAID = ("called_off", "words")


@dataclass(frozen=True, slots=True)
class Booked:
    """`link_secret` opens the personal link; after this it is to be had only sealed (by whoever sends it)."""

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
    return await _booked(unit, visit_for(wish, visit_id, occupied, now=unit.now), occupied, override=wish.override)


async def booked_already(unit: Unit, wish: Wish) -> Visit | None:
    """The visit that the same wish has booked before, if it is the actor's to see; leaves a trace."""
    row = VisitRow
    same = (row.patient_id == wish.patient_id, row.starts_at == wish.start, row.visit_type_id == wish.visit_type_id)
    whose = row.clinician_id.in_(wish.clinician_ids) if wish.clinician_ids else true()
    query = select(row).where(*same, whose, row.status == VisitStatus.BOOKED, await queries.visible(unit))
    found = await unit.session.scalar(query.order_by(row.id).limit(1))
    if found is None:
        return None
    unit.audit("read", "visit", found.id, patient_id=found.patient_id)
    return queries.visit_of(found)


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
    return await _booked(unit, visit_for(await checked(unit, wish), visit_id, occupied, now=unit.now), occupied)


async def request(unit: Unit, wish: Wish) -> Visit:
    """Ask for a visit at a time without taking it: staff confirm, and of two who ask for one time one gets it.

    Until then it stands with the first clinician who could, or the first who was asked for. Raises NotFound; TooSoon
    for what is over; ResourceTaken for what a group visit could never bring along.
    """
    wish = await checked(unit, wish)
    if wish.start < unit.now:
        raise TooSoon(alternatives=[])
    kind = await slots.visit_type(unit, wish.visit_type_id)
    check_company(kind, wish.also)
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
    await begin(unit, Command.REQUEST, [visit], facts={"service_open": True})  # somebody was found who could give it
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
    booked = await change(unit, visit_id, Command.BOOK, values=placed(visit, occupied), facts=free(occupied))
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


def one_clinician(visit: Visit) -> ClinicianId | None:
    """With whom the visit is, also at another time; None when that can be several."""
    found = able(visit)
    return found[0] if len(found) == 1 else None


async def move_from(unit: Unit, visit_id: UUID, *, was: datetime, who: ClinicianId | None, start: datetime) -> Visit:
    """`reschedule` for whoever saw both times, and with whom (`one_clinician`). To the time it has already it changes
    nothing; raises Stale when somebody else has given it another time or clinician meanwhile.
    """
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status is VisitStatus.BOOKED and visit.starts_at == start:
        return visit
    if visit.status is VisitStatus.BOOKED and (visit.starts_at, one_clinician(visit)) != (was, who):
        raise Stale
    return await reschedule(unit, visit_id, start=start)


async def call_off(unit: Unit, visit_id: UUID, *, words: str = "") -> Visit:
    """The patient cancels their visit themselves, in time (`may_call_off`); `words` are why, sealed. What is cancelled
    already stays as it is. Raises NotFound, NotNow.
    """
    visit = await queries.find(unit, visit_id, lock=True)
    if visit.status is VisitStatus.CANCELLED:
        return visit
    if not may_call_off(visit, unit.actor.role, unit.now):
        raise NotNow(allowed=[])
    cancelled = await lifecycle.cancel(unit, visit_id, reason="patient_request")
    if words.strip():
        sealed = unit.vault.seal((*SAID, visit.id), words.strip())
        unit.session.add(CalledOffRow(visit_id=visit.id, at=unit.now, words=sealed))
    return cancelled


async def said(unit: Unit, visit: Visit) -> str:
    """Why the patient cancelled the visit, in their words. Whoever asks has opened the visit."""
    row = await unit.session.get(CalledOffRow, visit.id)
    return "" if row is None else unit.vault.open((*SAID, visit.id), row.words)


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
        await change_host(unit, visit, occupied.clinician_id)
    return await change(unit, visit.id, Command.RESCHEDULE, values=values, facts=free(occupied), told_by=told_by)


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


async def _booked(unit: Unit, visit: Visit, occupied: Occupied, *, override: str = "") -> Booked:
    sealed = unit.vault.seal(("visit", "override", visit.id), override) if override else None
    await begin(unit, Command.BOOK, [visit], facts=free(occupied), override=sealed)
    return Booked(visit, await invite_both(unit, visit))


async def invite_both(unit: Unit, visit: Visit) -> str:
    """The clinician and the patient; answers the secret of the patient's link."""
    await guests.invite(unit, visit, ParticipantKind.CLINICIAN, visit.clinician_id)
    return await guests.invite(unit, visit, ParticipantKind.PATIENT, visit.patient_id)


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
    expect(command, visit.status, unit.actor.role, situation_of(visit, unit.now))
    return visit

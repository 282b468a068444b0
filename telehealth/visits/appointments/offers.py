"""Offers of the waitlist become visits here: a new one, or the one the patient has, moved to the earlier time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select

from telehealth.access.rules import SCOPES
from telehealth.core.actors import Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ParticipantId, PatientId, VisitId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Audience, HoldExpired, Occupied, SlotRefused, Wanted
from telehealth.scheduling.waitlist import service as waitlist
from telehealth.scheduling.waitlist.rules import Entry, Offer, OfferGone, OfferMode, Terms
from telehealth.scheduling.waitlist.service import Present
from telehealth.visits.appointments import service
from telehealth.visits.appointments.wishes import Wish, free, others, visit_for
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import Command, Visit, VisitStatus, expect, situation_of
from telehealth.visits.lifecycle.steps import begin
from telehealth.visits.participants import queries as participants


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an offer became. `link_secret` opens the personal link of a new visit; empty when a visit moved."""

    visit: Visit
    link_secret: str


async def join(
    unit: Unit, patient_id: PatientId, visit_type_id: VisitTypeId, terms: Terms, *, visit_id: UUID | None = None
) -> Entry:
    """Wait for a time; with a visit, for one earlier than it has, with the same clinician.

    Raises NotFound, UnfitWish, AlreadyListed; NotNow for a visit that cannot be moved.
    """
    if visit_id is None:
        return await waitlist.join(unit, patient_id, visit_type_id, terms)
    visit = await _to_move(unit, visit_id)
    if visit.patient_id != patient_id or visit.visit_type_id != visit_type_id:
        raise NotFound
    own = replace(terms, clinician_ids=frozenset({visit.clinician_id}))
    return await waitlist.join(unit, patient_id, visit_type_id, own, present=Present(visit.id, visit.starts_at))


async def accept(unit: Unit, offer_id: UUID) -> Accepted:
    """Take the offered time: of several who accept at once one has it, and nobody has two visits of it.

    Raises NotFound, OfferExpired, OfferGone (its cause is what booking said, if it did), and NotNow when the visit that
    was to move has begun. After the last two the offer is still open, and `waitlist.give_up` passes it on.
    """
    taken = await waitlist.take(unit, offer_id)
    try:
        accepted = await _fulfil(unit, taken.offer, taken.entry)
    except (SlotRefused, HoldExpired) as refusal:
        raise OfferGone from refusal
    await waitlist.fulfil(unit, offer_id, accepted.visit.id)
    return accepted


async def as_patient(unit: Unit, offer: Offer, entry: Entry) -> Unit:
    """The same transaction, in which the patient acts who has shown that the offer is theirs."""
    person = Actor(offer.id, Role.PATIENT, SCOPES[Role.PATIENT], person_id=offer.patient_id)
    if entry.visit_id is not None:
        participant = await _participant(unit, entry)
        person = replace(person, id=participant, visit_id=entry.visit_id)
    return replace(unit, actor=replace(person, purpose=unit.actor.purpose))


async def movable(unit: Unit, patient_id: PatientId) -> Sequence[Visit]:
    """A patient's visits that are booked and ahead, in order of time: what could be given up for an earlier one."""
    row = VisitRow
    ahead = (row.patient_id == patient_id, row.status == VisitStatus.BOOKED, row.starts_at > unit.now)
    rows = await unit.session.scalars(select(row).where(*ahead, await queries.visible(unit)).order_by(row.starts_at))
    visits = [queries.visit_of(each) for each in rows]
    for visit in visits:
        unit.audit("read", "visit", visit.id, patient_id=patient_id)
    return visits


async def _fulfil(unit: Unit, offer: Offer, entry: Entry) -> Accepted:
    if entry.visit_id is None:
        return await _book(unit, offer)
    visit = await _to_move(unit, entry.visit_id)
    if offer.start >= visit.starts_at:  # it has moved since, and nobody asked to come later
        raise OfferGone
    occupied = await _time(unit, offer, visit.id)
    return Accepted(await service.move(unit, visit, occupied), "")


async def _to_move(unit: Unit, visit_id: UUID) -> Visit:
    """The visit, locked. Raises NotFound, NotNow."""
    visit = await queries.find(unit, visit_id, lock=True)
    expect(Command.RESCHEDULE, visit.status, unit.actor.role, situation_of(visit, unit.now))
    return visit


async def _book(unit: Unit, offer: Offer) -> Accepted:
    visit_id = VisitId(unit.new_id())
    occupied = await _time(unit, offer, visit_id)
    wish = Wish(
        patient_id=offer.patient_id,
        visit_type_id=offer.visit_type_id,
        start=occupied.start,
        clinician_ids=(occupied.clinician_id,),
        also=others(occupied),
    )
    visit = visit_for(wish, visit_id, occupied, now=unit.now)
    await begin(unit, Command.BOOK, [visit], facts=free(occupied))
    return Accepted(visit, await service.invite_both(unit, visit))


async def _time(unit: Unit, offer: Offer, visit_id: VisitId) -> Occupied:
    """What the offer has kept becomes the visit's; a broadcast has kept nothing, and the first who comes has it."""
    if offer.mode is OfferMode.EXCLUSIVE:
        return await booking.claim(unit, offer.id, visit_id)
    wanted = Wanted(
        visit_type_id=offer.visit_type_id,
        patient_id=offer.patient_id,
        start=offer.start,
        clinician_ids=(offer.clinician_id,),
        audience=Audience.WAITLIST,
    )
    return await booking.occupy(unit, wanted, visit_id)


async def _participant(unit: Unit, entry: Entry) -> ParticipantId:
    found = None if entry.visit_id is None else await participants.patients_own(unit, entry.visit_id, entry.patient_id)
    if found is None:
        raise OfferGone
    return found

"""The ways in to the waitlist. Joining it and accepting an offer are with visits, which they are about."""

from uuid import UUID

from telehealth.core.actors import Purpose, Role, Scope
from telehealth.core.errors import NotFound, Refusal
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import operation
from telehealth.scheduling.booking.rules import SLOT_REFUSALS, CalendarBusy
from telehealth.scheduling.waitlist import queries, service
from telehealth.scheduling.waitlist.rules import (
    MINUTE,
    AlreadyOffered,
    FreeTime,
    NotWaiting,
    Offer,
    OfferExpired,
    OfferGone,
    UnfitWish,
)
from telehealth.scheduling.waitlist.schemas import (
    ChangeEntry,
    EntryView,
    OfferAround,
    OfferTime,
    OfferView,
    RoundView,
    Waitlist,
)
from telehealth.scheduling.waitlist.service import Time


async def list_waiting(call: Call) -> Waitlist:
    """Everyone who waits for a time, first whose turn it is."""
    return await call.run(_waiting)


async def read_entry(call: Call, wait: UUID) -> EntryView:
    """One who waits, or waited."""
    return await call.run(_entry, wait)


async def change_entry(call: Call, wait: UUID, body: ChangeEntry) -> EntryView:
    """Wish for something else; the place in the queue is kept."""
    return EntryView.of(await call.run(service.change, wait, body.terms()))


async def withdraw_entry(call: Call, wait: UUID) -> None:
    """Leave the waitlist. An offer that was open goes to the next."""
    await call.run(service.withdraw, wait)


async def offer_time(call: Call, wait: UUID, body: OfferTime) -> OfferView:
    """Offer a free time to one who waits, out of turn."""
    return OfferView.model_validate(await call.run(_promote, wait, body))


async def offer_around(call: Call, body: OfferAround) -> RoundView:
    """Offer free time to whoever's turn it is, as happens by itself when a time comes free."""
    return await call.run(_refill, body)


async def read_offer(call: Call, offer: UUID) -> OfferView:
    """One offer."""
    return OfferView.model_validate(await call.run(queries.offer, offer))


async def decline_offer(call: Call, offer: UUID) -> OfferView:
    """Say no for the patient; the next one is asked, and the place is kept."""
    return OfferView.model_validate(await call.run(service.decline, offer))


async def _waiting(unit: Unit) -> Waitlist:
    entries = await queries.waiting(unit)
    return Waitlist.of(entries, await queries.open_offers(unit, entries))


async def _entry(unit: Unit, entry_id: UUID) -> EntryView:
    entry = await queries.entry(unit, entry_id)
    return EntryView.of(entry, (await queries.open_offers(unit, [entry])).get(entry.id))


async def _promote(unit: Unit, entry_id: UUID, asked: OfferTime) -> Offer:
    clinician_id = _own(unit, asked.clinician_id)
    time = Time(clinician_id, asked.start, within=asked.minutes_to_answer * MINUTE)
    return await service.promote(unit, entry_id, time)


async def _refill(unit: Unit, asked: OfferAround) -> RoundView:
    free = FreeTime(_own(unit, asked.clinician_id), asked.start, asked.end)
    made = await service.refill(unit, free, asked.mode)
    return RoundView(offers=[OfferView.model_validate(each) for each in made.offers], skipped=dict(made.skipped))


def _own(unit: Unit, clinician_id: UUID) -> ClinicianId:
    """A clinician offers their own time. Raises NotFound."""
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id != clinician_id:
        raise NotFound
    return ClinicianId(clinician_id)


_BOOK, _CARE = Scope.VISITS_BOOK, Purpose.TREATMENT
_ENTRY, _OFFER = "/v1/waitlist/{wait:uuid}", "/v1/offers/{offer:uuid}"
_OFFERING: tuple[type[Refusal], ...] = (NotFound, NotWaiting, AlreadyOffered, *SLOT_REFUSALS, CalendarBusy)
_ANSWERING = (NotFound, OfferExpired, OfferGone)
OPERATIONS = (
    operation("GET", "/v1/waitlist", list_waiting, needs=_BOOK, purpose=_CARE),
    operation("GET", _ENTRY, read_entry, needs=_BOOK, purpose=_CARE, errors=(NotFound,)),
    operation("PUT", _ENTRY, change_entry, needs=_BOOK, purpose=_CARE, errors=(NotFound, NotWaiting, UnfitWish)),
    operation("DELETE", _ENTRY, withdraw_entry, needs=_BOOK, purpose=_CARE, status=204, errors=(NotFound,)),
    operation("POST", f"{_ENTRY}/offer", offer_time, needs=_BOOK, purpose=_CARE, status=201, errors=_OFFERING),
    operation("POST", "/v1/offers", offer_around, needs=_BOOK, purpose=_CARE, status=201, errors=(NotFound,)),
    operation("GET", _OFFER, read_offer, needs=_BOOK, purpose=_CARE, errors=(NotFound,)),
    operation("POST", f"{_OFFER}/decline", decline_offer, needs=_BOOK, purpose=_CARE, errors=_ANSWERING),
)

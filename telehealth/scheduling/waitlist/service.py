"""Commands of the waitlist: wait, be offered a time, take it or leave it.

Rows are locked in one order everywhere: offers of a round by id, then the entry, then the calendars.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, insert, or_, select, update

from telehealth.access.rules import digest, new_secret
from telehealth.core.ids import ClinicianId, OfferId, PatientId, VisitId, VisitTypeId, WaitlistEntryId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries as times
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.events import TimeFreed
from telehealth.scheduling.booking.rows import attempt
from telehealth.scheduling.booking.rules import Audience, SlotRefused, Wanted
from telehealth.scheduling.waitlist import queries
from telehealth.scheduling.waitlist.events import OfferMade
from telehealth.scheduling.waitlist.models import WaitlistEntryRow, WaitlistOfferRow
from telehealth.scheduling.waitlist.rules import (
    ASKED_AT_ONCE,
    MINUTE,
    TIME_TO_ANSWER,
    Entry,
    EntryState,
    FreeTime,
    NotWaiting,
    Offer,
    OfferExpired,
    OfferGone,
    OfferMode,
    OfferState,
    Skip,
    Terms,
    UnfitWish,
    mode_for,
    time_to_answer,
    wish_fault,
)

SETTLED_AT_ONCE = 50
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Present:
    """The visit a patient has already and would give up for an earlier one."""

    visit_id: VisitId
    start: datetime


# Waiting


async def join(
    unit: Unit,
    patient_id: PatientId,
    visit_type_id: VisitTypeId,
    terms: Terms,
    *,
    present: Present | None = None,
) -> Entry:
    """Wait for a time. Raises NotFound, UnfitWish, AlreadyListed (for a visit that is on the list)."""
    patient = await people.patient(unit, patient_id)
    kind = await times.visit_type(unit, visit_type_id)
    entry_id = WaitlistEntryId(unit.new_id())
    values = {
        "id": entry_id,
        "patient_id": patient.id,
        "visit_type_id": kind.id,
        "joined_at": unit.now,
        "visit_id": present.visit_id if present else None,
        "earlier_than": present.start if present else None,
        **await _kept(unit, terms),
    }
    await unit.session.execute(insert(WaitlistEntryRow), values)
    unit.audit("create", "waitlist_entry", entry_id, patient_id=patient.id)
    return queries.entry_of(await unit.session.get_one(WaitlistEntryRow, entry_id))


async def change(unit: Unit, entry_id: UUID, terms: Terms) -> Entry:
    """Wish for something else at the same place in the queue. Raises NotFound, NotWaiting, UnfitWish."""
    entry = await queries.entry(unit, entry_id, lock=True)
    if entry.state is not EntryState.WAITING:
        raise NotWaiting
    await _write(unit, WaitlistEntryRow.id == entry_id, **await _kept(unit, terms))
    unit.audit("update", "waitlist_entry", entry_id, patient_id=entry.patient_id)
    return await queries.entry(unit, entry_id)


async def withdraw(unit: Unit, entry_id: UUID) -> Entry:
    """Leave the waitlist; an open offer goes to the next. Again changes nothing. Raises NotFound."""
    await queries.entry(unit, entry_id)
    for each in await _lock(unit, WaitlistOfferRow.entry_id == entry_id):
        await _settle(unit, each, OfferState.DECLINED)
    entry = await queries.entry(unit, entry_id, lock=True)
    if entry.state is EntryState.WAITING:
        await _write(unit, WaitlistEntryRow.id == entry_id, state=EntryState.WITHDRAWN, changed_at=unit.now)
        unit.audit("delete", "waitlist_entry", entry_id, patient_id=entry.patient_id)
    return await queries.entry(unit, entry_id)


async def follow_visit(unit: Unit, visit_id: UUID, start: datetime | None) -> None:
    """The visit somebody would give up has moved, or is no more (None): so is the wish to come earlier."""
    waiting = (WaitlistEntryRow.visit_id == visit_id) & (WaitlistEntryRow.state == EntryState.WAITING)
    if start is not None:
        await _write(unit, waiting, earlier_than=start, changed_at=unit.now)
        return
    for entry_id in (await unit.session.scalars(select(WaitlistEntryRow.id).where(waiting))).all():
        await withdraw(unit, entry_id)


async def lapse(unit: Unit) -> int:
    """Nobody waits for a day that is over in every zone, or for a time before one that has come. Answers how many."""
    row = WaitlistEntryRow
    over = or_(row.last < (unit.now - A_DAY).date(), row.earlier_than <= unit.now)
    written = await unit.session.scalars(
        update(row).where(row.state == EntryState.WAITING, over).values(state=EntryState.LAPSED).returning(row.id)
    )
    return len(written.all())


# Offering


@dataclass(frozen=True, slots=True)
class Round:
    """What came of offering a time: the offers made, and why others were passed over."""

    offers: tuple[Offer, ...] = ()
    skipped: dict[WaitlistEntryId, Skip] = field(default_factory=dict)


async def refill(unit: Unit, free: FreeTime, mode: OfferMode | None = None) -> Round:
    """Offer free time to those whose turn it is: one after the other, or several at once when it begins soon.

    Time that is taken or over is offered to nobody. What one offer leaves of it is offered to others.
    """
    ahead = free.ahead(unit.now)
    if ahead.start >= ahead.end:
        return Round()
    mode = mode or mode_for(ahead.start, unit.now)
    made, skipped = await _ask(unit, ahead, mode)
    rounds = [Round(tuple(made), skipped)]
    if made and mode is OfferMode.EXCLUSIVE:
        kept = made[0]
        rounds.append(await refill(unit, replace(ahead, end=max(ahead.start, kept.start)), mode))
        rounds.append(await refill(unit, replace(ahead, start=min(kept.end, ahead.end)), mode))
    return _together(rounds)


async def _ask(unit: Unit, free: FreeTime, mode: OfferMode) -> tuple[list[Offer], dict[WaitlistEntryId, Skip]]:
    """The first who can have it; of a broadcast, the first few. However long the queue is, its end is reached."""
    most = 1 if mode is OfferMode.EXCLUSIVE else ASKED_AT_ONCE
    offers: list[Offer] = []
    skipped: dict[WaitlistEntryId, Skip] = {}
    round_id = unit.new_id()
    async with aclosing(queries.matching(unit, free)) as pages:
        async for found in pages:
            skipped |= found.skipped
            for entry, start in found.suited:
                made = await _try(unit, entry, Time(free.clinician_id, start, mode, round_id))
                if isinstance(made, Skip):
                    skipped[entry.id] = made
                    continue
                offers.append(made)
                if len(offers) == most:
                    return offers, skipped
    return offers, skipped


def _together(rounds: Sequence[Round]) -> Round:
    offers = tuple(offer for each in rounds for offer in each.offers)
    asked = {each.entry_id for each in offers}
    skipped = {entry: why for each in reversed(rounds) for entry, why in each.skipped.items() if entry not in asked}
    return Round(offers, skipped)


@dataclass(frozen=True, slots=True)
class Time:
    """What is offered, how, and for how long it can be answered."""

    clinician_id: ClinicianId
    start: datetime
    mode: OfferMode = OfferMode.EXCLUSIVE
    round_id: UUID | None = None
    within: timedelta = TIME_TO_ANSWER


async def promote(unit: Unit, entry_id: UUID, time: Time) -> Offer:
    """Staff offer a time by hand, out of turn. Raises NotFound, NotWaiting, AlreadyOffered, and like booking it."""
    await _expire(unit, WaitlistOfferRow.entry_id == entry_id)
    entry = await queries.entry(unit, entry_id, lock=True)
    if entry.state is not EntryState.WAITING:
        raise NotWaiting
    return await _offer(unit, entry, time)


async def _try(unit: Unit, entry: Entry, time: Time) -> Offer | Skip:
    objection = await queries.objection(unit, entry, time.clinician_id, time.start)
    if objection is not None:
        return objection
    if not await queries.can_be_asked(unit, entry.id):
        return Skip.NOT_FREE
    try:
        async with attempt(unit):
            return await _offer(unit, entry, time)
    except SlotRefused:
        return Skip.NOT_FREE


async def _offer(unit: Unit, entry: Entry, time: Time) -> Offer:
    offer_id, secret = OfferId(unit.new_id()), new_secret()
    kind = await times.visit_type(unit, entry.visit_type_id)
    now: datetime = (await unit.session.execute(select(func.now()))).scalar_one()
    expires_at = now + time_to_answer(time.start, unit.now, time.within)
    row = WaitlistOfferRow(
        id=offer_id,
        round_id=time.round_id or offer_id,
        entry_id=entry.id,
        mode=time.mode,
        clinician_id=time.clinician_id,
        visit_type_id=entry.visit_type_id,
        starts_at=time.start,
        ends_at=time.start + kind.minutes * MINUTE,
        offered_at=unit.now,
        expires_at=expires_at,
        state=OfferState.OPEN,
        link_hash=digest(secret),
        link=unit.vault.seal(("waitlist_offer", "link", offer_id), secret),
    )
    unit.session.add(row)
    await unit.session.flush()
    if time.mode is OfferMode.EXCLUSIVE:
        await booking.reserve(
            unit, _wanted(entry, time), owner_id=offer_id, expires_at=expires_at, instead_of=entry.visit_id
        )
    unit.audit("create", "waitlist_offer", offer_id, patient_id=entry.patient_id)
    unit.emit(OfferMade(offer_id=offer_id, patient_id=entry.patient_id))
    return queries.offer_of(row, entry.patient_id)


def _wanted(entry: Entry, time: Time) -> Wanted:
    return Wanted(
        visit_type_id=entry.visit_type_id,
        patient_id=entry.patient_id,
        start=time.start,
        clinician_ids=(time.clinician_id,),
        audience=Audience.WAITLIST,
    )


# Answering


@dataclass(frozen=True, slots=True)
class Taken:
    """An offer that has been accepted, and the entry it fulfils."""

    offer: Offer
    entry: Entry


async def take(unit: Unit, offer_id: UUID) -> Taken:
    """Accept, as a compare-and-swap: of several who do, one does. The time has still to be made a visit's.

    Raises NotFound, OfferExpired, OfferGone; whoever hears that keeps their place.
    """
    offer = await queries.offer(unit, offer_id)
    await _lock(unit, WaitlistOfferRow.round_id == offer.round_id)
    row = WaitlistOfferRow
    taken = await unit.session.scalar(
        update(row)
        .where(row.id == offer_id, queries.is_open())
        .values(state=OfferState.ACCEPTED, settled_at=unit.now)
        .returning(row.id)
    )
    if taken is None:
        raise await _refusal(unit, offer_id)
    entry = await queries.entry(unit, offer.entry_id, lock=True)
    if entry.state is not EntryState.WAITING:
        raise OfferGone
    await _write(unit, WaitlistEntryRow.id == entry.id, state=EntryState.BOOKED, changed_at=unit.now)
    await unit.session.execute(
        update(row)
        .where(row.round_id == offer.round_id, row.state == OfferState.OPEN)
        .values(state=OfferState.GONE, settled_at=unit.now)
    )
    unit.audit("update", "waitlist_offer", offer_id, patient_id=offer.patient_id)
    return Taken(offer, entry)


async def fulfil(unit: Unit, offer_id: UUID, visit_id: VisitId) -> None:
    """Note which visit an accepted offer became."""
    await unit.session.execute(
        update(WaitlistOfferRow).where(WaitlistOfferRow.id == offer_id).values(visit_id=visit_id)
    )


async def decline(unit: Unit, offer_id: UUID) -> Offer:
    """No, thank you: the next one is asked, and the place is kept. Again changes nothing.

    Raises NotFound, OfferExpired, OfferGone.
    """
    offer = await queries.offer(unit, offer_id)
    await _lock(unit, WaitlistOfferRow.round_id == offer.round_id)
    row = await unit.session.get_one(WaitlistOfferRow, offer_id)
    if await queries.is_over(unit, offer_id) and row.state != OfferState.DECLINED:
        raise await _refusal(unit, offer_id)
    if row.state == OfferState.OPEN:
        await _settle(unit, row, OfferState.DECLINED)
    return await queries.offer(unit, offer_id)


async def give_up(unit: Unit, offer_id: UUID) -> None:
    """An open offer that cannot be kept goes to the next; the place is kept. One that is over is left as it is."""
    for row in await _lock(unit, WaitlistOfferRow.id == offer_id):
        await _settle(unit, row, OfferState.GONE)


async def expire_due(unit: Unit) -> int:
    """Settle offers nobody answered in time; each time goes to the next. Answers how many."""
    return await _expire(unit)


async def _expire(unit: Unit, *which: ColumnElement[bool]) -> int:
    over = WaitlistOfferRow.expires_at <= func.now()
    rows = await _lock(unit, over, *which, skip_locked=True)
    for row in rows:
        await _settle(unit, row, OfferState.EXPIRED)
    return len(rows)


async def _lock(unit: Unit, *which: ColumnElement[bool], skip_locked: bool = False) -> Sequence[WaitlistOfferRow]:
    """Open offers, kept from others."""
    query = (
        select(WaitlistOfferRow)
        .where(WaitlistOfferRow.state == OfferState.OPEN, *which)
        .order_by(WaitlistOfferRow.id)
        .limit(SETTLED_AT_ONCE)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
    return (await unit.session.scalars(query)).all()


async def _settle(unit: Unit, row: WaitlistOfferRow, state: OfferState) -> None:
    """An open offer is over, and its time is there for the next: when it was kept, by giving it back."""
    row.state, row.settled_at = state, unit.now
    await unit.session.flush()
    if row.mode == OfferMode.EXCLUSIVE:
        await booking.release(unit, row.id)
        return
    others = exists().where(WaitlistOfferRow.round_id == row.round_id, WaitlistOfferRow.state == OfferState.OPEN)
    if not await unit.session.scalar(select(others)):
        unit.emit(
            TimeFreed(
                resource_id=row.clinician_id,
                visit_type_id=VisitTypeId(row.visit_type_id),
                start=row.starts_at,
                end=row.ends_at,
            )
        )


async def _refusal(unit: Unit, offer_id: UUID) -> OfferExpired | OfferGone:
    state = await unit.session.scalar(select(WaitlistOfferRow.state).where(WaitlistOfferRow.id == offer_id))
    return OfferExpired() if state in (OfferState.OPEN, OfferState.EXPIRED) else OfferGone()


async def _kept(unit: Unit, terms: Terms) -> dict[str, Any]:
    fault = wish_fault(terms.wishes, terms.first, terms.last)
    if fault is not None:
        raise UnfitWish(field=fault)
    for each in terms.clinician_ids:
        await people.clinician(unit, each)
    return {
        "clinician_ids": sorted(terms.clinician_ids),
        "first": terms.first,
        "last": terms.last,
        "wishes": [{"start": w.start, "end": w.end, "weekdays": sorted(w.weekdays)} for w in terms.wishes],
        "min_lead": terms.min_lead,
        "priority": terms.priority,
        "changed_at": unit.now,
    }


async def _write(unit: Unit, which: ColumnElement[bool], **values: Any) -> None:
    await unit.session.execute(update(WaitlistEntryRow).where(which).values(values))

"""SELECTs over the waitlist, limited to what the actor may see. Absent and not-yours are the same NotFound."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select, true, tuple_

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, OfferId, PatientId, VisitId, VisitTypeId, WaitlistEntryId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import Asked, Audience, VisitType
from telehealth.scheduling.waitlist.models import WaitlistEntryRow, WaitlistOfferRow
from telehealth.scheduling.waitlist.rules import (
    MINUTE,
    ONE_BY_ONE,
    Candidate,
    Entry,
    EntryState,
    FreeTime,
    Match,
    Offer,
    OfferMode,
    OfferState,
    Skip,
    Wish,
    match,
    mode_for,
    skip_of,
)

LINK_PATH = "/offers/"
MOST_LISTED = 500
ASKED_AT_A_TIME = 500
A_DAY = timedelta(days=1)
NOT_ASKED_AGAIN = (OfferState.OPEN, OfferState.DECLINED, OfferState.EXPIRED)


def visible(unit: Unit) -> ColumnElement[bool]:
    """Which entries the actor may see: a clinician those who would come to them, a patient their own."""
    match unit.actor.role:
        case Role.SYSTEM | Role.FRONT_DESK:
            return true()
        case Role.CLINICIAN:
            anyone = func.cardinality(WaitlistEntryRow.clinician_ids) == 0
            return or_(anyone, WaitlistEntryRow.clinician_ids.contains([unit.actor.person_id]))
        case Role.PATIENT:
            return WaitlistEntryRow.patient_id == unit.actor.person_id
        case _:
            return false()


async def entry(unit: Unit, entry_id: UUID, *, lock: bool = False) -> Entry:
    """One who waits or waited. Audited. `lock` keeps others from changing the entry. Raises NotFound."""
    query = select(WaitlistEntryRow).where(WaitlistEntryRow.id == entry_id, visible(unit))
    found = await unit.session.scalar(
        (query.with_for_update(key_share=True) if lock else query).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    unit.audit("read", "waitlist_entry", found.id, patient_id=found.patient_id)
    return entry_of(found)


async def waiting(unit: Unit) -> list[Entry]:
    """Everyone who waits, first whose turn it is; one audit row for each. At most 500."""
    row = WaitlistEntryRow
    query = select(row).where(row.state == EntryState.WAITING, visible(unit))
    rows = await unit.session.scalars(query.order_by(row.priority.desc(), row.joined_at, row.id).limit(MOST_LISTED))
    entries = [entry_of(each) for each in rows]
    for each in entries:
        unit.audit("read", "waitlist_entry", each.id, patient_id=each.patient_id)
    return entries


async def offer(unit: Unit, offer_id: UUID) -> Offer:
    """One offer; a clinician answers for their own time alone. Raises NotFound. Audited."""
    query = (
        select(WaitlistOfferRow, WaitlistEntryRow)
        .join(WaitlistEntryRow, WaitlistEntryRow.id == WaitlistOfferRow.entry_id)
        .where(WaitlistOfferRow.id == offer_id, visible(unit))
    )
    if unit.actor.role is Role.CLINICIAN:
        query = query.where(WaitlistOfferRow.clinician_id == unit.actor.person_id)
    found = (await unit.session.execute(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound
    row, waits = found
    unit.audit("read", "waitlist_offer", row.id, patient_id=waits.patient_id)
    return offer_of(row, PatientId(waits.patient_id))


async def open_offers(unit: Unit, entries: Collection[Entry]) -> Mapping[WaitlistEntryId, Offer]:
    """The offer that each of the entries can still answer, if any."""
    patients = {each.id: each.patient_id for each in entries}
    row = WaitlistOfferRow
    rows = await unit.session.scalars(select(row).where(row.entry_id.in_(patients), is_open()))
    found = [offer_of(each, patients[WaitlistEntryId(each.entry_id)]) for each in rows]
    return {each.entry_id: each for each in found}


def is_open() -> ColumnElement[bool]:
    """An offer that can be answered: the database's clock says so, swept or not."""
    return and_(WaitlistOfferRow.state == OfferState.OPEN, WaitlistOfferRow.expires_at > func.now())


async def is_over(unit: Unit, offer_id: UUID) -> bool:
    """Whether there is nothing left to answer."""
    return not (await unit.session.scalar(select(exists().where(WaitlistOfferRow.id == offer_id, is_open()))))


async def link_of(unit: Unit, offer_id: UUID) -> str:
    """The path of an offer's personal link, `/offers/<secret>`. Raises NotFound. Audited."""
    await offer(unit, offer_id)
    row = await unit.session.get_one(WaitlistOfferRow, offer_id)
    return LINK_PATH + unit.vault.open(("waitlist_offer", "link", row.id), row.link)


# Matching


async def matching(unit: Unit, free: FreeTime) -> AsyncGenerator[Match]:
    """Whom free time suits by what they wish, in the order of the queue, by pages. Whoever was asked is left out.

    So is who waits for somebody else, for other days, or for an earlier time: they are no part of this, however many.
    """
    kinds = {kind.id: kind for kind in await booking.visit_types(unit)}
    starts: dict[VisitTypeId, Sequence[datetime]] = {}
    after: Entry | None = None
    possible = list(kinds.values())
    while entries := await _askable(unit, free, possible, after):
        for kind in {each.visit_type_id for each in entries} - starts.keys():
            starts[kind] = await _starts(unit, free, kinds[kind])
        menu = {each: (kinds[each], starts[each]) for each in starts}
        yield match(await _candidates(unit, free, entries, menu), free, starts, unit.now)
        after = entries[-1]
        possible = [kind for kind in kinds.values() if starts.get(kind.id, (free.start,))]


async def anyone_waits(unit: Unit, clinician_id: ClinicianId) -> bool:
    """Whether anybody would come to that clinician."""
    row = WaitlistEntryRow
    anyone = or_(func.cardinality(row.clinician_ids) == 0, row.clinician_ids.contains([clinician_id]))
    return bool(await unit.session.scalar(select(exists().where(row.state == EntryState.WAITING, anyone))))


async def _candidates(
    unit: Unit,
    free: FreeTime,
    entries: Sequence[Entry],
    menu: Mapping[VisitTypeId, tuple[VisitType, Sequence[datetime]]],
) -> list[Candidate]:
    """Those who wait, but for who was asked for all of what could be booked.

    To who has a visit already its own time is free, for they would give it up.
    """
    patients = await people.patients(unit, {each.patient_id for each in entries})
    asked = await _asked_for(unit, free, entries)
    found = []
    for each in entries:
        kind, own = menu[each.visit_type_id]
        if each.earlier_than is not None and each.earlier_than < free.end + 2 * _reach(kind):
            own = await _starts(unit, free, kind, instead_of=each.visit_id)
        length, before = kind.minutes * MINUTE, asked.get(each.id, ())
        left = [at for at in own if not any(at < end and start < at + length for start, end in before)]
        if left or not before:
            found.append(Candidate(each, kind.minutes, patients[each.patient_id].time_zone, starts=left))
    return found


async def _asked_for(
    unit: Unit, free: FreeTime, entries: Sequence[Entry]
) -> Mapping[WaitlistEntryId, list[tuple[datetime, datetime]]]:
    """The times near the free time that each was offered and did not take."""
    row, found = WaitlistOfferRow, dict[WaitlistEntryId, list[tuple[datetime, datetime]]]()
    rows = await unit.session.execute(
        select(row.entry_id, row.starts_at, row.ends_at).where(
            row.entry_id.in_([each.id for each in entries]),
            row.clinician_id == free.clinician_id,
            row.starts_at < free.end + A_DAY,
            row.ends_at > free.start - A_DAY,
            or_(row.state.in_(NOT_ASKED_AGAIN), _could_not_be_kept()),
        )
    )
    for entry_id, start, end in rows:
        found.setdefault(WaitlistEntryId(entry_id), []).append((start, end))
    return found


async def can_be_asked(unit: Unit, entry_id: WaitlistEntryId) -> bool:
    """Whether they wait and have no offer to answer; then nobody else can ask them before this transaction is over.
    False too when somebody else is about to.
    """
    row, asked = WaitlistEntryRow, WaitlistOfferRow
    waits = select(row.id).where(row.id == entry_id, row.state == EntryState.WAITING)
    if await unit.session.scalar(waits.with_for_update(skip_locked=True, key_share=True)) is None:
        return False
    answering = exists().where(asked.entry_id == entry_id, asked.state == OfferState.OPEN)  # by who had the lock before
    return not await unit.session.scalar(select(answering))


async def objection(unit: Unit, entry: Entry, clinician_id: ClinicianId, start: datetime) -> Skip | None:
    """What booking says against this patient at this time: licence, another visit, a cap; None when nothing."""
    asked = Asked(
        visit_type_id=entry.visit_type_id,
        clinician_ids=(clinician_id,),
        patient_id=entry.patient_id,
        audience=Audience.WAITLIST,
        except_owner=entry.visit_id,
        booking=True,
    )
    return skip_of(await booking.explain(unit, asked, start))


async def _askable(unit: Unit, free: FreeTime, kinds: Collection[VisitType], after: Entry | None) -> Sequence[Entry]:
    """The next who wait for such a visit and have no offer to answer, behind `after` in the queue."""
    row, asked = WaitlistEntryRow, WaitlistOfferRow
    answering = exists().where(asked.entry_id == row.id, asked.state == OfferState.OPEN)
    such = or_(row.visit_type_id.in_([each.id for each in kinds]), row.visit_id.is_not(None))
    earliest = free.start - max((_reach(each) for each in kinds), default=A_DAY)
    which = [row.state == EntryState.WAITING, such, ~answering, *_concerned(free, earliest)]
    if after is not None:
        same = and_(row.priority == after.priority, tuple_(row.joined_at, row.id) > (after.joined_at, after.id))
        which.append(or_(row.priority < after.priority, same))
    query = select(row).where(*which).order_by(row.priority.desc(), row.joined_at, row.id).limit(ASKED_AT_A_TIME)
    return [entry_of(each) for each in await unit.session.scalars(query)]


def _could_not_be_kept() -> ColumnElement[bool]:
    """Nobody was quicker, for it was kept: the patient could not have it."""
    return and_(WaitlistOfferRow.state == OfferState.GONE, WaitlistOfferRow.mode == OfferMode.EXCLUSIVE)


def _concerned(free: FreeTime, earliest: datetime) -> list[ColumnElement[bool]]:
    """Who might come at such a time at all. Dates are each patient's own, a day at most from those of UTC."""
    row = WaitlistEntryRow
    return [
        or_(func.cardinality(row.clinician_ids) == 0, row.clinician_ids.contains([free.clinician_id])),
        or_(row.first.is_(None), row.first <= (free.end + A_DAY).date()),
        or_(row.last.is_(None), row.last >= (free.start - A_DAY).date()),
        or_(row.earlier_than.is_(None), row.earlier_than > earliest),
        true() if free.before is None else row.joined_at < free.before,
    ]


def _reach(kind: VisitType) -> timedelta:
    """The longest time from the beginning of a visit to the end of what it occupies, and from there to its begin."""
    return (kind.buffer_before + kind.minutes + kind.buffer_after) * MINUTE


async def _starts(
    unit: Unit, free: FreeTime, kind: VisitType, *, instead_of: VisitId | None = None
) -> Sequence[datetime]:
    """What can be booked that takes some of the free time, and maybe of what was free beside it before.

    Free time that leaves room to ask one after the other is not joined with what begins too soon for that.
    """
    asked = Asked(
        visit_type_id=kind.id,
        clinician_ids=(free.clinician_id,),
        audience=Audience.WAITLIST,
        except_owner=instead_of,
    )
    soonest = unit.now + ONE_BY_ONE if mode_for(free.start, unit.now) is OfferMode.EXCLUSIVE else unit.now
    first = max(free.start - (kind.minutes + kind.buffer_after - 1) * MINUTE, soonest)
    span = Interval(first, free.end + kind.buffer_before * MINUTE)
    found = await booking.free_starts(unit, asked, span)
    return found.get(free.clinician_id, ())


# Rows as values


def entry_of(row: WaitlistEntryRow) -> Entry:
    return Entry(
        id=WaitlistEntryId(row.id),
        patient_id=PatientId(row.patient_id),
        visit_type_id=VisitTypeId(row.visit_type_id),
        joined_at=row.joined_at,
        clinician_ids=frozenset(map(ClinicianId, row.clinician_ids)),
        first=row.first,
        last=row.last,
        wishes=tuple(_wish_of(each) for each in row.wishes),
        min_lead=row.min_lead,
        priority=row.priority,
        visit_id=None if row.visit_id is None else VisitId(row.visit_id),
        earlier_than=row.earlier_than,
        state=EntryState(row.state),
    )


def _wish_of(kept: Mapping[str, Any]) -> Wish:
    return Wish(start=kept["start"], end=kept["end"], weekdays=frozenset(kept["weekdays"]))


def offer_of(row: WaitlistOfferRow, patient_id: PatientId) -> Offer:
    return Offer(
        id=OfferId(row.id),
        round_id=row.round_id,
        entry_id=WaitlistEntryId(row.entry_id),
        patient_id=patient_id,
        mode=OfferMode(row.mode),
        clinician_id=ClinicianId(row.clinician_id),
        visit_type_id=VisitTypeId(row.visit_type_id),
        start=row.starts_at,
        end=row.ends_at,
        expires_at=row.expires_at,
        state=OfferState(row.state),
        visit_id=None if row.visit_id is None else VisitId(row.visit_id),
    )

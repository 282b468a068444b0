"""Who is on the page of their visit. Presence is not status: it says only whether a patient who waits has gone."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, select, update

from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.visits.lifecycle import guests
from telehealth.visits.lifecycle.models import ParticipantRow, PresenceRow, VisitRow
from telehealth.visits.lifecycle.parts import PATIENT_SIDE
from telehealth.visits.lifecycle.rules import WAITING
from telehealth.visits.waiting_room.models import QueueEntryRow

# Without scripts a page that waits reloads three times in this; with them its stream takes over.
RELOADED = timedelta(seconds=60)


async def note(unit: Unit, participants: Collection[UUID], until: datetime) -> None:
    """They are here, and count as here until then; what was noted of them before no longer counts."""
    await guests.note_here(unit, participants, until)
    entry = QueueEntryRow
    theirs = select(entry.id).where(entry.participant_id.in_(participants), _waits()).order_by(entry.id)
    found = (await unit.session.scalars(theirs.with_for_update())).all()  # in one order, whichever process it is
    if found:
        await unit.session.execute(update(entry).where(entry.id.in_(found)).values(seen_until=until))


async def gone_from_queue(unit: Unit) -> list[VisitId]:
    """Places in the queue whose patient was on the page, and is there no more."""
    entry = QueueEntryRow
    query = select(entry.id).where(_waits(), entry.dropped_at.is_(None), entry.seen_until <= unit.now)
    return [VisitId(each) for each in await unit.session.scalars(query)]


async def returned_to_queue(unit: Unit) -> list[VisitId]:
    """Places in the queue whose patient had gone, and is on the page again."""
    entry = QueueEntryRow
    query = select(entry.id).where(_waits(), entry.dropped_at.is_not(None), entry.seen_until > unit.now)
    return [VisitId(each) for each in await unit.session.scalars(query)]


def _waits() -> ColumnElement[bool]:
    return and_(QueueEntryRow.taken_at.is_(None), QueueEntryRow.left_at.is_(None))


async def gone(unit: Unit) -> list[VisitId]:
    """Visits whose patient has come, prepares or waits, was on the page once, and is there no more. Not those who
    never were: staff may have checked them in.
    """
    query = select(VisitRow.id).where(VisitRow.away_since.is_(None), _seen(unit, here=False), ~_seen(unit, here=True))
    return [VisitId(each) for each in await unit.session.scalars(query.where(VisitRow.status.in_(WAITING)))]


async def returned(unit: Unit) -> list[VisitId]:
    """Visits whose patient had gone, and is on the page again."""
    query = select(VisitRow.id).where(VisitRow.away_since.is_not(None), _seen(unit, here=True))
    return [VisitId(each) for each in await unit.session.scalars(query.where(VisitRow.status.in_(WAITING)))]


async def is_here(unit: Unit, visit_id: UUID) -> bool:
    """Whether the page of the patient's side is open now."""
    query = select(VisitRow.id).where(VisitRow.id == visit_id, _seen(unit, here=True))
    return await unit.session.scalar(query) is not None


def _seen(unit: Unit, *, here: bool) -> ColumnElement[bool]:
    """The patient of the visit, or who acts for them, has been seen, and, with `here`, counts as here now."""
    seen = (
        exists()
        .where(PresenceRow.participant_id == ParticipantRow.id, ParticipantRow.visit_id == VisitRow.id)
        .where(ParticipantRow.role.in_(PATIENT_SIDE), ParticipantRow.revoked_at.is_(None))
    )
    return seen.where(PresenceRow.seen_until > unit.now) if here else seen

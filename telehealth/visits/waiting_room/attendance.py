"""Who is on the page of their visit. Presence is not status: it says only whether a patient who waits has gone."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, literal, select
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.models import ParticipantRow, VisitRow
from telehealth.visits.lifecycle.rules import WAITING, VisitStatus
from telehealth.visits.participants.rules import PATIENT_SIDE
from telehealth.visits.waiting_room.models import PresenceRow


async def note(unit: Unit, participants: Collection[UUID], until: datetime) -> None:
    """They are here, and count as here until then; what was noted of them before no longer counts."""
    known = select(ParticipantRow.id, literal(until)).where(ParticipantRow.id.in_(participants))
    seen = insert(PresenceRow).from_select(["participant_id", "seen_until"], known.order_by(ParticipantRow.id))
    await unit.session.execute(
        seen.on_conflict_do_update(
            index_elements=[PresenceRow.participant_id], set_={"seen_until": seen.excluded.seen_until}
        )
    )


async def gone(unit: Unit) -> list[VisitId]:
    """Visits whose patient is in the waiting room, was on the page once, and is there no more. Not those who never
    were: staff may have checked them in.
    """
    query = select(VisitRow.id).where(VisitRow.away_since.is_(None), _seen(unit, here=False), ~_seen(unit, here=True))
    return [VisitId(each) for each in await unit.session.scalars(query.where(VisitRow.status == VisitStatus.READY))]


async def returned(unit: Unit) -> list[VisitId]:
    """Visits whose patient had gone, and is on the page again."""
    query = select(VisitRow.id).where(VisitRow.away_since.is_not(None), _seen(unit, here=True))
    return [VisitId(each) for each in await unit.session.scalars(query.where(VisitRow.status.in_(WAITING)))]


def _seen(unit: Unit, *, here: bool) -> ColumnElement[bool]:
    """The patient of the visit, or who acts for them, has been seen, and, with `here`, counts as here now."""
    seen = (
        exists()
        .where(PresenceRow.participant_id == ParticipantRow.id, ParticipantRow.visit_id == VisitRow.id)
        .where(ParticipantRow.role.in_(PATIENT_SIDE), ParticipantRow.revoked_at.is_(None))
    )
    return seen.where(PresenceRow.seen_until > unit.now) if here else seen

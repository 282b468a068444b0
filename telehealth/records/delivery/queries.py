"""Reading deliveries: whether a note has arrived, and what waits for a person."""

from uuid import UUID

from sqlalchemy import func, select

from telehealth.db.unit import Unit
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.models import NoteRow, NoteVersionRow


async def note_is_in_record(unit: Unit, visit_id: UUID) -> bool:
    """Whether a signed version of the visit's note has reached the record. Tells nothing of what is in it."""
    delivered = (
        select(RecordDeliveryRow.id)
        .join(NoteVersionRow, NoteVersionRow.id == RecordDeliveryRow.note_version_id)
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(NoteRow.visit_id == visit_id, RecordDeliveryRow.state == DeliveryState.DELIVERED)
    )
    return await unit.session.scalar(delivered.limit(1)) is not None


GIVEN_UP = (DeliveryState.HELD, DeliveryState.DEAD)


async def count_given_up(unit: Unit) -> int:
    """Deliveries that wait for a person: a number for whoever runs the house, of no patient, so it is not audited."""
    query = select(func.count()).where(RecordDeliveryRow.state.in_(GIVEN_UP))
    return await unit.session.scalar(query) or 0

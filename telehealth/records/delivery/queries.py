"""Reading deliveries: whether a note has arrived, and what waits for a person."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from telehealth.db.unit import Unit
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.models import NoteRow, NoteVersionRow


def _earlier_under_way() -> ColumnElement[bool]:
    """Whether an earlier version of the same note has not reached the same destination."""
    mine, theirs, earlier = aliased(NoteVersionRow), aliased(NoteVersionRow), aliased(RecordDeliveryRow)
    return (
        select(earlier.id)
        .join(theirs, theirs.id == earlier.note_version_id)
        .join(mine, mine.note_id == theirs.note_id)
        .where(
            mine.id == RecordDeliveryRow.note_version_id,
            theirs.version < mine.version,
            earlier.destination == RecordDeliveryRow.destination,
            earlier.state != DeliveryState.DELIVERED,
        )
        .correlate(RecordDeliveryRow)
        .exists()
    )


EARLIER_UNDER_WAY = _earlier_under_way()


async def note_is_in_record(unit: Unit, visit_id: UUID) -> bool:
    """Whether all that was signed of the visit's note has arrived everywhere. Tells nothing of what is in it."""
    arrived = (
        select(func.bool_and(RecordDeliveryRow.state == DeliveryState.DELIVERED))
        .join(NoteVersionRow, NoteVersionRow.id == RecordDeliveryRow.note_version_id)
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(NoteRow.visit_id == visit_id)
    )
    return bool(await unit.session.scalar(arrived))


GIVEN_UP = (DeliveryState.HELD, DeliveryState.DEAD)


async def count_given_up(unit: Unit) -> int:
    """Deliveries that wait for a person: a number for whoever runs the house, of no patient, so it is not audited."""
    query = select(func.count()).where(RecordDeliveryRow.state.in_(GIVEN_UP))
    return await unit.session.scalar(query) or 0


async def ways(unit: Unit, note_version_id: UUID) -> list[tuple[DeliveryState, int]]:
    """How far a version is with each destination: its state and the tries begun."""
    query = select(RecordDeliveryRow.state, RecordDeliveryRow.attempt).where(
        RecordDeliveryRow.note_version_id == note_version_id
    )
    return [(DeliveryState(state), attempt) for state, attempt in await unit.session.execute(query)]


async def remote_ids(unit: Unit, destination: str, note_id: UUID) -> Mapping[int, str]:
    """By version, the ids of a note's documents that have arrived at a destination."""
    query = (
        select(NoteVersionRow.version, RecordDeliveryRow.remote_id)
        .join(RecordDeliveryRow, RecordDeliveryRow.note_version_id == NoteVersionRow.id)
        .where(
            NoteVersionRow.note_id == note_id,
            RecordDeliveryRow.destination == destination,
            RecordDeliveryRow.remote_id.is_not(None),
        )
    )
    return {version: remote_id for version, remote_id in await unit.session.execute(query) if remote_id}

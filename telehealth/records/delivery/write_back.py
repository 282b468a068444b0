"""How visits went becomes due at the record services that take it: one row for each of their resources, kept up."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, case, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.ids import DeliveryId
from telehealth.db.unit import Unit
from telehealth.records.delivery.models import RecordDeliveryRow, VisitToWriteRow
from telehealth.records.delivery.profiles import ResourceType
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.delivery.statuses import to_be_written
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.events import VisitEvent
from telehealth.visits.lifecycle.rules import Visit

EACH = 50
Takers = Mapping[str, Sequence[ResourceType]]  # by destination, what it takes of visits


async def note_change(unit: Unit, event: VisitEvent) -> None:
    """The visit is to be written, as it stands when its turn comes."""
    row = insert(VisitToWriteRow).values(visit_id=event.visit_id, changed_at=unit.now)
    # An update, because it waits for whoever is about to delete the row after having read the visit as it was.
    await unit.session.execute(row.on_conflict_do_update(index_elements=["visit_id"], set_={"changed_at": unit.now}))


async def queue_visits(unit: Unit, takers: Takers) -> int:
    """Visits that changed are due at each destination that takes them. Answers how many visits there were."""
    some = select(VisitToWriteRow.visit_id).order_by(VisitToWriteRow.changed_at).limit(EACH)
    waiting = await unit.session.scalars(some.with_for_update(skip_locked=True))
    changed = waiting.all()
    for visit_id in changed:
        visit = await visits.find(unit, visit_id)
        for destination, taken in takers.items():
            for resource_type in taken:
                await _queue(unit, visit, destination, resource_type)
    if changed:
        await unit.session.execute(delete(VisitToWriteRow).where(VisitToWriteRow.visit_id.in_(changed)))
    return len(changed)


async def _queue(unit: Unit, visit: Visit, destination: str, resource_type: ResourceType) -> None:
    """What is on its way already goes on with the later revision; whoever carries it now sends that one afterwards."""
    row = RecordDeliveryRow
    mine = (row.destination == destination, row.visit_id == visit.id, row.resource_type == resource_type)
    settled = row.settled_at.is_not(None)
    again: dict[str, Any] = {
        "revision": visit.revision,
        "state": case((settled, DeliveryState.PENDING), else_=row.state),
        "since": case((settled, unit.now), else_=row.since),
        "next_attempt_at": case((settled, unit.now), else_=row.next_attempt_at),
        "settled_at": None,
    }
    found = await unit.session.scalar(update(row).where(*mine).values(again).returning(row.id))
    if found is None and to_be_written(resource_type, visit.status, already=False):
        unit.session.add(
            RecordDeliveryRow(
                id=unit.new_id(),
                destination=destination,
                resource_type=resource_type,
                visit_id=visit.id,
                revision=visit.revision,
                state=DeliveryState.PENDING,
                since=unit.now,
                next_attempt_at=unit.now,
                attempt=0,
            )
        )
        await unit.session.flush()


async def forget_untaken(unit: Unit, takers: Takers) -> int:
    """What was to be written of visits and is not taken there any more waits for nobody. Answers how many there were.

    What is under way settles first; what has arrived stays known.
    """
    row = RecordDeliveryRow
    taken = [and_(row.destination == name, row.resource_type.in_(types)) for name, types in takers.items()]
    waiting = and_(row.visit_id.is_not(None), row.state.not_in([DeliveryState.SENDING, DeliveryState.DELIVERED]))
    gone = await unit.session.scalars(
        delete(row).where(row.destination.in_(takers), waiting, ~or_(*taken)).returning(row.id)
    )
    return len(gone.all())


async def send_later_revision(unit: Unit, delivery_id: DeliveryId, revision: int) -> None:
    """The visit changed while that revision was on its way: what has settled is due again at once."""
    row = RecordDeliveryRow
    again = {"state": DeliveryState.PENDING, "since": unit.now, "next_attempt_at": unit.now, "settled_at": None}
    behind = (row.id == delivery_id, row.settled_at.is_not(None), row.revision > revision)
    await unit.session.execute(update(row).where(*behind).values(again))

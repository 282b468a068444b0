"""The queue's ways in: staff put patients into it, clinicians take them out."""

from uuid import UUID

from telehealth.core.ids import PatientId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.visits.waiting_room import waiting
from telehealth.visits.waiting_room.queue import Standing
from telehealth.visits.waiting_room.schemas import Enqueue, QueueEntryView, QueueQuery, QueueView, TakeNext


async def enqueue(call: Call, body: Enqueue) -> QueueEntryView:
    """Let a patient who came without a time wait for whoever is free."""
    return QueueEntryView.of(await call.run(_enqueue, body))


async def read_queue(call: Call, query: QueueQuery) -> QueueView:
    """Who waits, next first."""
    kind = None if query.visit_type_id is None else VisitTypeId(query.visit_type_id)
    return QueueView(items=[QueueEntryView.of(each) for each in await call.run(waiting.everyone, kind)])


async def take_next(call: Call, body: TakeNext) -> QueueEntryView:
    """Your next patient. Of two who ask at once each gets another; who may not be treated by you keeps their place."""
    kind = None if body.visit_type_id is None else VisitTypeId(body.visit_type_id)
    return QueueEntryView.of(Standing(await call.run(waiting.take_next, kind), None, None))


async def read_queue_entry(call: Call, entry: UUID) -> QueueEntryView:
    """Where a patient stands, and about how long it takes."""
    return QueueEntryView.of(await call.run(waiting.standing, entry))


async def leave_queue(call: Call, entry: UUID) -> None:
    """The patient does not want to wait any longer."""
    await call.run(waiting.leave, entry)


async def drop_from_queue(call: Call, entry: UUID) -> QueueEntryView:
    """The patient's connection is gone: nobody takes them, and their place is kept for five minutes."""
    return QueueEntryView.of(await call.run(_dropped, entry))


async def return_to_queue(call: Call, entry: UUID) -> QueueEntryView:
    """The patient is back: in the same place, or behind everyone of the same priority when it took too long."""
    return QueueEntryView.of(await call.run(_returned, entry))


async def _enqueue(unit: Unit, asked: Enqueue) -> Standing:
    return await waiting.enqueue(
        unit,
        patient_id=PatientId(asked.patient_id),
        visit_type_id=VisitTypeId(asked.visit_type_id),
        jurisdiction=asked.jurisdiction,
        priority=asked.priority,
    )


async def _dropped(unit: Unit, entry: UUID) -> Standing:
    await waiting.drop(unit, entry)
    return await waiting.standing(unit, entry)


async def _returned(unit: Unit, entry: UUID) -> Standing:
    await waiting.come_back(unit, entry)
    return await waiting.standing(unit, entry)

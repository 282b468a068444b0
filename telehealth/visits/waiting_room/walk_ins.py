"""The queue's ways in: staff put patients into it, clinicians take them out, patients see where they stand."""

from datetime import datetime
from uuid import UUID

from telehealth.core.ids import PatientId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.schemas import VisitView
from telehealth.visits.waiting_room import service, standings, waiting
from telehealth.visits.waiting_room.queue import Standing
from telehealth.visits.waiting_room.schemas import (
    Enqueue,
    QueuedView,
    QueueEntryView,
    QueueQuery,
    QueueView,
    TakeNext,
)


async def enqueue(call: Call, body: Enqueue) -> QueuedView:
    """Let a patient who came without a time wait for whoever is free. The answer carries their personal link."""
    queued = await call.run(_enqueue, body)
    link = f"{call.kit.public_url}{waiting.LINK_PATH}{queued.link_secret}"
    return QueuedView(entry=QueueEntryView.of(queued.standing), link=link)


async def read_queue(call: Call, query: QueueQuery) -> QueueView:
    """Who waits, next first."""
    kind = None if query.visit_type_id is None else VisitTypeId(query.visit_type_id)
    return QueueView(items=[QueueEntryView.of(each) for each in await call.run(standings.everyone, kind)])


async def take_next(call: Call, body: TakeNext) -> Reply[VisitView]:
    """Your next patient, whose visit begins. Of two who ask at once each gets another; who may not be treated by you
    keeps their place.
    """
    visit, now = await call.run(_take_next, body)
    return Reply(VisitView.of(visit, call.actor.role, now), headers=etag(visit.revision))


async def read_queue_entry(call: Call, entry: UUID) -> QueueEntryView:
    """Where a patient stands, and about how long it takes."""
    return QueueEntryView.of(await call.run(standings.standing, entry))


async def leave_queue(call: Call, entry: UUID) -> None:
    """The patient does not want to wait any longer."""
    await call.run(waiting.leave, entry)


async def drop_from_queue(call: Call, entry: UUID) -> QueueEntryView:
    """The patient's connection is gone: nobody takes them, and their place is kept for five minutes."""
    return QueueEntryView.of(await call.run(_dropped, entry))


async def return_to_queue(call: Call, entry: UUID) -> QueueEntryView:
    """The patient is back: in the same place, or behind everyone of the same priority when it took too long."""
    return QueueEntryView.of(await call.run(_returned, entry))


async def _enqueue(unit: Unit, asked: Enqueue) -> waiting.Queued:
    return await waiting.enqueue(
        unit,
        patient_id=PatientId(asked.patient_id),
        visit_type_id=VisitTypeId(asked.visit_type_id),
        jurisdiction=asked.jurisdiction,
        priority=asked.priority,
    )


async def _take_next(unit: Unit, asked: TakeNext) -> tuple[Visit, datetime]:
    kind = None if asked.visit_type_id is None else VisitTypeId(asked.visit_type_id)
    return await service.take_next(unit, kind), unit.now


async def _dropped(unit: Unit, entry: UUID) -> Standing:
    await waiting.drop(unit, entry)
    return await standings.standing(unit, entry)


async def _returned(unit: Unit, entry: UUID) -> Standing:
    await waiting.come_back(unit, entry)
    return await standings.standing(unit, entry)

"""What the queue has others do: somebody is told when nobody takes who waits in it."""

from telehealth.db.unit import Unit
from telehealth.tasks.work import subscription
from telehealth.visits.escalation import service as escalation
from telehealth.visits.waiting_room import standings
from telehealth.visits.waiting_room.events import QueueMoved


async def watch_queue(unit: Unit, event: QueueMoved) -> None:
    """Who lost the connection still waits; being back later than the grace time changes the place, not the alert."""
    entry = await standings.find(unit, event.entry_id)
    about = escalation.Subject(patient_id=entry.patient_id, queue_entry_id=entry.id, place=entry.jurisdiction)
    await escalation.watch_entry(unit, about, entry.came_at if entry.waits else None)


SUBSCRIPTIONS = (subscription(QueueMoved, watch_queue),)

"""What the queue has others do, and by itself: somebody is told when nobody takes who waits in it, or who waits cannot
get in; the places of those who are gone for good end.
"""

from telehealth.db.unit import Unit
from telehealth.tasks.work import Work, subscription, sweep
from telehealth.visits.escalation import service as escalation
from telehealth.visits.waiting_room import standings, waiting
from telehealth.visits.waiting_room.events import QueueLinkLocked, QueueMoved
from telehealth.visits.waiting_room.queue import QueueEntry


async def watch_queue(unit: Unit, event: QueueMoved) -> None:
    """Who lost the connection still waits; being back later than the grace time changes the place, not the alert."""
    entry = await standings.find(unit, event.entry_id, lock=True)  # or who is taken meanwhile leaves an alert behind
    await escalation.watch_entry(unit, _about(entry), entry.came_at if entry.waits else None)


async def tell_locked(unit: Unit, event: QueueLinkLocked) -> None:
    entry = await standings.find(unit, event.entry_id, lock=True)
    if entry.waits:
        await escalation.entry_locked(unit, _about(entry))


async def end_gone(work: Work) -> int:
    return await work.run(waiting.end_gone)


def _about(entry: QueueEntry) -> escalation.Subject:
    return escalation.Subject(patient_id=entry.patient_id, queue_entry_id=entry.id, place=entry.jurisdiction)


SUBSCRIPTIONS = (subscription(QueueMoved, watch_queue), subscription(QueueLinkLocked, tell_locked))
SWEEPS = (sweep("waiting_room.end_gone", end_gone, every=30.0),)

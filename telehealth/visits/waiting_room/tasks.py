"""What the queue has others do, and by itself: somebody is told when nobody takes who waits in it, or who waits cannot
get in; the places of those who are gone for good end.
"""

from datetime import datetime

from telehealth.db.unit import Unit
from telehealth.tasks.work import Work, subscription, sweep
from telehealth.visits.escalation import queries as alerts
from telehealth.visits.escalation import service as escalation
from telehealth.visits.escalation.rules import AlertKind, Subject
from telehealth.visits.waiting_room import standings, waiting
from telehealth.visits.waiting_room.events import QueueLinkLocked, QueueMoved
from telehealth.visits.waiting_room.queue import QueueEntry


async def watch_queue(unit: Unit, event: QueueMoved) -> None:
    """Who lost the connection still waits; being back later than the grace time changes the place, not the alert."""
    entry = await standings.find(unit, event.entry_id, lock=True)  # or who is taken meanwhile leaves an alert behind
    if entry.waits:
        await escalation.watch_entries(unit, [_about(entry, entry.came_at)])


async def watch_all(work: Work) -> int:
    """Whoever waits in the queue has an alert and nobody else has, whatever became of the event that should have raised
    it. Answers how many alerts that made or closed.
    """
    return await work.run(_watch_all)


async def _watch_all(unit: Unit) -> int:
    watched = await alerts.watched_entries(unit)
    unwatched = await standings.waiting_besides(unit, watched.get(AlertKind.QUEUED, set()))
    raised = await escalation.watch_entries(unit, [_about(each, each.came_at) for each in unwatched])
    over = await standings.over_among(unit, set().union(*watched.values()))
    return raised + await escalation.entries_over(unit, over)


async def tell_locked(unit: Unit, event: QueueLinkLocked) -> None:
    entry = await standings.find(unit, event.entry_id, lock=True)
    if entry.waits:
        await escalation.entry_locked(unit, _about(entry, unit.now))


async def end_gone(work: Work) -> int:
    return await work.run(waiting.end_gone)


def _about(entry: QueueEntry, since: datetime) -> Subject:
    return Subject(patient_id=entry.patient_id, since=since, queue_entry_id=entry.id, place=entry.jurisdiction)


SUBSCRIPTIONS = (subscription(QueueMoved, watch_queue), subscription(QueueLinkLocked, tell_locked))
SWEEPS = (
    sweep("waiting_room.end_gone", end_gone, every=30.0),
    sweep("waiting_room.watch_all", watch_all, every=10.0),
)

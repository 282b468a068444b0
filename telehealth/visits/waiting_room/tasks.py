"""What the queue has others do, and by itself: somebody is told when nobody takes who waits in it; the places of those
who are gone for good end.
"""

from telehealth.db.unit import Unit
from telehealth.tasks.work import Work, subscription, sweep
from telehealth.visits.escalation import queries as alerts
from telehealth.visits.escalation import service as escalation
from telehealth.visits.escalation.rules import AlertKind
from telehealth.visits.waiting_room import standings, waiting
from telehealth.visits.waiting_room.events import QueueMoved
from telehealth.visits.waiting_room.standings import about


async def watch_queue(unit: Unit, event: QueueMoved) -> None:
    """Who lost the connection still waits; being back later than the grace time changes the place, not the alert."""
    entry = await standings.find(unit, event.entry_id, lock=True)  # or who is taken meanwhile leaves an alert behind
    if entry.waits:
        await escalation.watch_entries(unit, [about(entry, entry.came_at)])


async def watch_all(work: Work) -> int:
    """Whoever waits in the queue has an alert and nobody else has, whatever became of the event that should have raised
    it. Answers how many alerts that made or closed.
    """
    return await work.run(_watch_all)


async def _watch_all(unit: Unit) -> int:
    watched = await alerts.watched_entries(unit)
    unwatched = await standings.waiting_besides(unit, watched.get(AlertKind.QUEUED, set()))
    raised = await escalation.watch_entries(unit, [about(each, each.came_at) for each in unwatched])
    over = await standings.over_among(unit, set().union(*watched.values()))
    return raised + await escalation.entries_over(unit, over)


async def end_gone(work: Work) -> int:
    return await work.run(waiting.end_gone)


SUBSCRIPTIONS = (subscription(QueueMoved, watch_queue),)
SWEEPS = (
    sweep("waiting_room.end_gone", end_gone, every=30.0),
    sweep("waiting_room.watch_all", watch_all, every=10.0),
)

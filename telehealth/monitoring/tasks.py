"""Patients are asked when a task that names questions falls due, and once more when half of its time has gone by."""

from telehealth.db.unit import Unit
from telehealth.followups.events import FollowUpDue, FollowUpReminded
from telehealth.monitoring import service
from telehealth.tasks.work import subscription


async def due(unit: Unit, event: FollowUpDue) -> None:
    if event.asks_patient:
        await service.ask(unit, event.task_id)


async def reminded(unit: Unit, event: FollowUpReminded) -> None:
    if event.asks_patient:
        await service.remind(unit, event.task_id)


SUBSCRIPTIONS = (subscription(FollowUpDue, due), subscription(FollowUpReminded, reminded))

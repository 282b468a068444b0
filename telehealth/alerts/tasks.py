"""A task that is opened again after all its alerts were over is done by that."""

from telehealth.alerts import service
from telehealth.db.unit import Unit
from telehealth.followups.events import FollowUpReopened
from telehealth.tasks.work import subscription


async def reopened(unit: Unit, event: FollowUpReopened) -> None:
    await service.reopened(unit, event.task_id, event.patient_id)


SUBSCRIPTIONS = (subscription(FollowUpReopened, reopened),)

"""What staff close and open again: an alert that they cannot have read is left to nobody's luck."""

from telehealth.alerts import service
from telehealth.db.unit import Unit
from telehealth.followups.events import (
    FollowUpCancelled,
    FollowUpDone,
    FollowUpEvent,
    FollowUpReopened,
    FollowUpSkipped,
)
from telehealth.tasks.work import subscription


async def reopened(unit: Unit, event: FollowUpReopened) -> None:
    await service.reopened(unit, event.task_id, event.patient_id)


async def closed(unit: Unit, event: FollowUpEvent) -> None:
    await service.closed(unit, event.task_id, event.patient_id)


SUBSCRIPTIONS = (
    subscription(FollowUpReopened, reopened),
    subscription(FollowUpDone, closed),
    subscription(FollowUpSkipped, closed),
    subscription(FollowUpCancelled, closed),
)

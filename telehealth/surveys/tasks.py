"""Patients are asked how a visit was when it is complete, and what they answer is counted."""

from telehealth.db.unit import Unit
from telehealth.monitoring.events import QuestionsAnswered
from telehealth.surveys import service
from telehealth.tasks.work import subscription
from telehealth.visits.lifecycle.events import VisitCompleted


async def completed(unit: Unit, event: VisitCompleted) -> None:
    await service.plan(unit, event.visit_id)


async def answered(unit: Unit, event: QuestionsAnswered) -> None:
    await service.count(unit, event.request_id)


SUBSCRIPTIONS = (subscription(VisitCompleted, completed), subscription(QuestionsAnswered, answered))

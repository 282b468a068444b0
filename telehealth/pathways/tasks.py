"""Pathways start when a visit ends or a note is signed, and end with what they were started for."""

from telehealth.db.unit import Unit
from telehealth.pathways import service
from telehealth.pathways.rules import Cause
from telehealth.records.notes.events import NoteSigned
from telehealth.tasks.work import subscription
from telehealth.visits.lifecycle.events import VisitCancelled, VisitEnded, VisitExpired, VisitMarkedAsError


async def visit_ended(unit: Unit, event: VisitEnded) -> None:
    await service.settle(unit, event.visit_id, Cause.VISIT_TYPE)


async def note_signed(unit: Unit, event: NoteSigned) -> None:
    """Amended and retracted too: each is a signed version."""
    await service.settle(unit, event.visit_id, Cause.DIAGNOSIS)


async def cancelled(unit: Unit, event: VisitCancelled) -> None:
    await service.settle(unit, event.visit_id)


async def expired(unit: Unit, event: VisitExpired) -> None:
    await service.settle(unit, event.visit_id)


async def mistaken(unit: Unit, event: VisitMarkedAsError) -> None:
    await service.settle(unit, event.visit_id)


SUBSCRIPTIONS = (
    subscription(VisitEnded, visit_ended),
    subscription(NoteSigned, note_signed),
    subscription(VisitCancelled, cancelled),
    subscription(VisitExpired, expired),
    subscription(VisitMarkedAsError, mistaken),
)

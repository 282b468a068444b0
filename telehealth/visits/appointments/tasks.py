"""Tell the waitlist whose visit has moved."""

from telehealth.db.unit import Unit
from telehealth.scheduling.waitlist import service as waitlist
from telehealth.tasks.work import subscription
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.events import VisitCancelled, VisitMarkedAsError, VisitRescheduled


async def follow_move(unit: Unit, event: VisitRescheduled) -> None:
    """Who waits to come earlier waits for what is earlier than now."""
    visit = await lifecycle.open_visit(unit, event.visit_id)
    await waitlist.follow_visit(unit, visit.id, visit.starts_at)


async def follow_cancellation(unit: Unit, event: VisitCancelled) -> None:
    """There is no visit left to come earlier for."""
    await waitlist.follow_visit(unit, event.visit_id, None)


async def follow_error(unit: Unit, event: VisitMarkedAsError) -> None:
    """There never was a visit to come earlier for."""
    await waitlist.follow_visit(unit, event.visit_id, None)


SUBSCRIPTIONS = (
    subscription(VisitRescheduled, follow_move),
    subscription(VisitCancelled, follow_cancellation),
    subscription(VisitMarkedAsError, follow_error),
)

"""What raises and closes alerts, and the sweeps that make it true whatever was lost on the way."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.tasks.work import Work, subscription, sweep
from telehealth.visits.escalation import outlook, plans, queries, service
from telehealth.visits.escalation.ports import Lacking
from telehealth.visits.lifecycle.events import (
    NobodyAnswered,
    PatientBack,
    PatientPutBack,
    PatientReady,
    VisitAdmitted,
    VisitCorrected,
)
from telehealth.visits.participants.events import LinkLocked

log = logging.getLogger(__name__)


async def watch_waiting(unit: Unit, event: PatientReady) -> None:
    await service.watch(unit, event.visit_id)


async def watch_unanswered(unit: Unit, event: NobodyAnswered) -> None:
    await service.watch(unit, event.visit_id)


async def watch_put_back(unit: Unit, event: PatientPutBack) -> None:
    await service.watch(unit, event.visit_id)


async def watch_back(unit: Unit, event: PatientBack) -> None:
    await service.watch(unit, event.visit_id)


async def watch_corrected(unit: Unit, event: VisitCorrected) -> None:
    await service.watch(unit, event.visit_id)


async def watch_admitted(unit: Unit, event: VisitAdmitted) -> None:
    await service.watch(unit, event.visit_id)


async def tell_locked(unit: Unit, event: LinkLocked) -> None:
    await service.link_locked(unit, event.visit_id)


LOOKED_AFTER = (
    (queries.due, service.escalate),
    (queries.neglected, service.reopen),
    (queries.moot, service.close_moot),
)


async def escalate(work: Work) -> int:
    """Whoever is next is told; what was taken on long ago is raised again; alerts that are not so any more are closed.
    Each in its own transaction.
    """
    settled = 0
    for find, settle in LOOKED_AFTER:
        for alert_id in await work.run(find):
            settled += await _settled(work, settle, alert_id)
    return settled


async def _settled(work: Work, settle: Callable[[Unit, UUID], Coroutine[Any, Any, bool]], alert_id: UUID) -> bool:
    """One alert's fault keeps no other from being told; it is tried again at the next sweep."""
    try:
        return await work.run(settle, alert_id)
    except Exception as error:  # noqa: BLE001 -- see above
        log.warning("alert %s failed with %s", alert_id, type(error).__name__)
        return False


async def watch_all(work: Work) -> int:
    """Every patient who waits has an alert, and every alert its next turn by the rules in force, whatever became of the
    event that should have raised it.
    """
    return await work.run(service.watch_waiting) + await work.run(plans.replan)


async def watch_held_up(work: Work) -> int:
    """No event tells that a time has begun."""
    return await work.run(service.watch_held_up)


async def look_ahead(work: Work) -> int:
    """Visits of the next day that nobody could join, a page at a time."""
    changed, after = await work.run(outlook.look_at_house, work.port(Lacking)), None
    while True:
        settled, after = await work.run(outlook.look_ahead, after)
        changed += settled
        if after is None:
            return changed


SUBSCRIPTIONS = (
    subscription(PatientReady, watch_waiting),
    subscription(NobodyAnswered, watch_unanswered),
    subscription(PatientPutBack, watch_put_back),
    subscription(PatientBack, watch_back),
    subscription(VisitCorrected, watch_corrected),
    subscription(VisitAdmitted, watch_admitted),
    subscription(LinkLocked, tell_locked),
)
SWEEPS = (
    sweep("visits.escalate", escalate, every=1.0),
    sweep("visits.watch_all", watch_all, every=60.0),
    sweep("visits.watch_held_up", watch_held_up, every=10.0),
    sweep("visits.look_ahead", look_ahead, every=60.0),
)

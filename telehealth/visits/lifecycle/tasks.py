"""What visits do by themselves: what is due, when it is due."""

import logging

from telehealth.tasks.work import Work, sweep
from telehealth.visits.lifecycle import service, timers

log = logging.getLogger(__name__)


async def fire_timers(work: Work) -> int:
    """Everything that is due, each in its own transaction. Answers how many took effect or had become moot."""
    settled = 0
    for timer_id in await work.run(timers.due):
        try:
            settled += await work.run(service.fire, timer_id) is not None
        except Exception as error:  # noqa: BLE001 -- one visit's fault stops no other's timer; it is tried again later
            log.warning("timer %s failed with %s", timer_id, type(error).__name__)
            await work.run(timers.note_failure, timer_id)
    return settled


async def mend_timers(work: Work) -> int:
    """Visits a process of an earlier release has written get the timers they need."""
    return await work.run(service.mend_timers)


SWEEPS = (
    sweep("visits.fire_timers", fire_timers, every=1.0),
    sweep("visits.mend_timers", mend_timers, every=60.0),
)

"""Background work of video: tickets that open nothing any more are forgotten."""

from telehealth.tasks.work import Work, sweep
from telehealth.video.service import forget_tickets

TICKETS_EVERY_SECONDS = 600.0


async def sweep_tickets(work: Work) -> int:
    return await work.run(forget_tickets)


SWEEPS = (sweep("video.tickets", sweep_tickets, every=TICKETS_EVERY_SECONDS),)

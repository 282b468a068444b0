"""Background work of video: tickets that open nothing are forgotten, calls that everybody fell out of interrupted."""

from contextlib import suppress

from telehealth.tasks.work import Work, sweep
from telehealth.video.ports import RoomBus
from telehealth.video.room import silent
from telehealth.video.service import forget_tickets, interrupt_silent
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import NotNow

TICKETS_EVERY_SECONDS = 600.0
SILENCE_EVERY_SECONDS = 15.0


async def sweep_tickets(work: Work) -> int:
    return await work.run(forget_tickets)


async def sweep_silence(work: Work) -> int:
    """Browsers that crash report nothing, and a room without anybody has no events: so somebody has to look.

    Whoever comes back resumes the visit. Raises RoomsAway: without a look nobody counts as gone.
    """
    rooms, settled = work.port(RoomBus), 0
    for visit_id in await work.run(visits.in_progress):
        if silent(await rooms.look(visit_id), work.clock.now()):
            with suppress(NotNow):  # ended while we looked
                await work.run(interrupt_silent, visit_id)
                settled += 1
    return settled


SWEEPS = (
    sweep("video.tickets", sweep_tickets, every=TICKETS_EVERY_SECONDS),
    sweep("video.silence", sweep_silence, every=SILENCE_EVERY_SECONDS),
)

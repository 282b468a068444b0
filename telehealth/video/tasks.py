"""Background work of video: tickets that open nothing are forgotten, calls that everybody fell out of interrupted,
rooms on media nodes kept where they can be.
"""

from contextlib import suppress
from typing import Literal

from telehealth.tasks.work import Work, sweep
from telehealth.video import places
from telehealth.video.language import Placed, Unplaced
from telehealth.video.placement import REPORTS_EVERY, Standing
from telehealth.video.ports import MediaRooms, RoomBus
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


async def sweep_places(work: Work) -> int:
    """Nodes report, leases are renewed; a room whose node died or drains goes elsewhere, and hears so.

    Raises RoomsAway; what was not told is told by the next place, or found by whoever offers to the old one.
    """
    now, rooms = work.clock.now(), work.port(RoomBus)
    await work.run(places.note_reports, await work.port(MediaRooms).reports(now))
    moved = await work.run(places.renew_all)
    for each in moved:
        if each.place is not None:
            why: Literal["lost", "drained"] = "drained" if each.why is Standing.DRAINED else "lost"
            await rooms.apply(each.visit_id, Placed(now, each.place.epoch, why))
        elif each.why is Standing.LOST:
            await rooms.apply(each.visit_id, Unplaced(now, each.old_epoch))
    return len(moved)


SWEEPS = (
    sweep("video.tickets", sweep_tickets, every=TICKETS_EVERY_SECONDS),
    sweep("video.places", sweep_places, every=REPORTS_EVERY.total_seconds()),
    sweep("video.silence", sweep_silence, every=SILENCE_EVERY_SECONDS),
)

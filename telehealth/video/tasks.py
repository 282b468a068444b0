"""Background work of video: tickets that open nothing are forgotten, calls that everybody fell out of interrupted,
rooms on media nodes kept where they can be.
"""

import asyncio
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from telehealth.tasks.work import Work, sweep
from telehealth.video import credentials, ingress, places, recordings, takings
from telehealth.video.language import Finish, Placed, Unplaced
from telehealth.video.placement import REPORTS_EVERY, Standing
from telehealth.video.ports import Captioners, MediaAway, MediaRooms, Recorders, RoomBus, TakingLost
from telehealth.video.room import Tap, silent
from telehealth.video.service import forget_tickets, interrupt_silent
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import NotNow

TICKETS_EVERY_SECONDS = 600.0
SILENCE_EVERY_SECONDS = 15.0
CONNECTIONS_EVERY_SECONDS = 1.0
CREDENTIALS_EVERY_SECONDS = 15.0
RECORDINGS_EVERY_SECONDS = 5.0
EXPIRED_EVERY_SECONDS = 3600.0


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


async def sweep_connections(work: Work) -> int:
    """Devices and observers: their connections go on as long as everybody sees them in the room. Raises RoomsAway.

    All at once: a node that is silent for seconds costs none of another node's the word that keeps it.
    """
    held = await work.run(credentials.with_sessions)
    if not held:
        return 0
    async with work.port(MediaRooms).line(len(held)) as nodes:
        reached = replace(work, ports=work.ports.having(MediaRooms, nodes))
        found = await asyncio.gather(*(ingress.look_after(reached, each) for each in held), return_exceptions=True)
    for fault in found:  # only once the others have come back: nobody is left half-way when this ends
        if isinstance(fault, BaseException):
            raise fault
    return len(held)


async def sweep_credentials(work: Work) -> int:
    """Devices and observers whose credentials have expired make room for others."""
    return await work.run(credentials.put_out_expired)


async def sweep_recordings(work: Work) -> int:
    """A recording that nobody keeps alive any more, or whose visit is over, is over too: what it wrote is noted."""
    recorders, settled = work.port(Recorders), 0
    for taking, visit_id in await work.run(takings.left_open, Tap.RECORDING):
        recording, end = taking.id, Finish(taking, 0, None, "over")
        with suppress(MediaAway, TakingLost):
            place = await work.run(places.last_place, visit_id)
            async with recorders.line() as line:
                tracks = await line.stop(place, recording, work.clock.now())
            await work.run(recordings.note, recording, tracks)
        await work.run(recordings.finish, visit_id, end, kept_for=recorders.kept_for)
        settled += 1
    return settled


async def sweep_captions(work: Work) -> int:
    """Captions that nobody keeps alive any more, or whose visit is over, are over too."""
    captioners, settled = work.port(Captioners), 0
    for taking, visit_id in await work.run(takings.left_open, Tap.CAPTIONS):
        with suppress(MediaAway):
            place = await work.run(places.last_place, visit_id)
            async with captioners.line() as line:
                await line.stop(place, taking.id, work.clock.now())
        await work.run(takings.finish, visit_id, Finish(taking, 0, None, "over"))
        settled += 1
    return settled


async def sweep_expired(work: Work) -> int:
    """Recordings whose time is over: first what opens them, then the files."""
    directory, gone = work.port(Recorders).directory, 0
    for recording in await work.run(recordings.expired) if directory is not None else ():
        await work.run(recordings.delete, recording)
        await asyncio.to_thread(shutil.rmtree, Path(directory or "", str(recording)), ignore_errors=True)
        gone += 1
    return gone


SWEEPS = (
    sweep("video.tickets", sweep_tickets, every=TICKETS_EVERY_SECONDS),
    sweep("video.places", sweep_places, every=REPORTS_EVERY.total_seconds()),
    sweep("video.connections", sweep_connections, every=CONNECTIONS_EVERY_SECONDS),
    sweep("video.credentials", sweep_credentials, every=CREDENTIALS_EVERY_SECONDS),
    sweep("video.recordings", sweep_recordings, every=RECORDINGS_EVERY_SECONDS),
    sweep("video.captions", sweep_captions, every=RECORDINGS_EVERY_SECONDS),
    sweep("video.expired", sweep_expired, every=EXPIRED_EVERY_SECONDS),
    sweep("video.silence", sweep_silence, every=SILENCE_EVERY_SECONDS),
)

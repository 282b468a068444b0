"""The sweep that reads other people's calendars: claim (tx), fetch and understand (no tx), settle (tx)."""

import asyncio
import logging
from datetime import timedelta
from functools import partial

from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import to_minute, zone_on
from telehealth.scheduling.calendars import service
from telehealth.scheduling.calendars.ical import UnreadableCalendar
from telehealth.scheduling.calendars.ports import OwnDomain
from telehealth.scheduling.calendars.reading import View, read_calendar
from telehealth.scheduling.calendars.rules import AHEAD, BEHIND, Errand, Failed, Outcome, Read, Unchanged
from telehealth.tasks.outbound import Fetcher, NotFetched
from telehealth.tasks.work import Lane, Work, sweep

ROUND = timedelta(seconds=15)  # with the longest read after it, still less than a sweep may take
log = logging.getLogger(__name__)


async def read_due(work: Work) -> int:
    """Read what is due, a few at a time; one that cannot be read stops no other."""
    until, done = work.clock.now() + ROUND, 0
    while work.clock.now() < until and (errands := await work.run(service.claim_due)):
        await asyncio.gather(*(_read(work, errand) for errand in errands))
        done += len(errands)
    return done


async def _read(work: Work, errand: Errand) -> None:
    outcome = await _outcome(work, errand)
    if isinstance(outcome, Failed):
        log.warning("calendar %s not read: %s", errand.feed_id, outcome.fault)
    await work.run(service.settle, errand, outcome)


async def _outcome(work: Work, errand: Errand) -> Outcome:
    try:
        fetched = await work.port(Fetcher).fetch(errand.url, etag=errand.etag, modified=errand.modified)
        if fetched.body is None:
            return Unchanged(fetched.etag, fetched.modified)
        text = fetched.body.decode("utf-8", errors="replace")
        busy = await asyncio.to_thread(read_calendar, text, _view(work, errand))
        return Read(busy, fetched.etag, fetched.modified)
    except NotFetched as fault:
        return Failed(fault.obstacle)
    except UnreadableCalendar as fault:
        return Failed(fault.fault)
    except Exception as error:  # noqa: BLE001 -- one calendar's fault stops no other, and its text may be private
        log.warning("calendar %s: %s", errand.feed_id, type(error).__name__)
        return Failed("unexpected")


def _view(work: Work, errand: Errand) -> View:
    span = Interval(to_minute(errand.at - BEHIND), to_minute(errand.at + AHEAD))
    return View(zone_on=partial(zone_on, errand.resource), span=span, domain=work.port(OwnDomain))


SWEEPS = (sweep("calendars.read_due", read_due, every=10.0, lane=Lane.PARTNERS),)

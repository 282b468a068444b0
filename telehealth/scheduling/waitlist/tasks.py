"""What the waitlist does by itself: offer time that came free, and go on to the next when nobody answers."""

from itertools import pairwise

from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.events import TimeOpened
from telehealth.scheduling.availability.rules import to_instant
from telehealth.scheduling.booking.events import TimeFreed
from telehealth.scheduling.waitlist import queries, service
from telehealth.scheduling.waitlist.rules import ONE_BY_ONE, FreeTime
from telehealth.tasks.work import Work, subscription, sweep


async def refill(unit: Unit, event: TimeFreed) -> None:
    await service.refill(unit, FreeTime(ClinicianId(event.resource_id), event.start, event.end))


async def open_up(unit: Unit, event: TimeOpened) -> None:
    """Each stretch as if it came free. Of one that begins now, what leaves time to ask in turn is offered that way."""
    clinician_id, soon = ClinicianId(event.resource_id), unit.now + ONE_BY_ONE
    if not await queries.anyone_waits(unit, clinician_id):
        return
    for each in event.spans:
        start, end = to_instant(each.start), to_instant(each.end)
        for first, last in pairwise([start, *([soon] if start < soon < end else []), end]):
            await service.refill(unit, FreeTime(clinician_id, first, last, event.opened_at))


async def go_on(work: Work) -> int:
    """Settle offers nobody answered; their times come back as freed."""
    return await work.run(service.expire_due)


async def lapse(work: Work) -> int:
    return await work.run(service.lapse)


SUBSCRIPTIONS = (subscription(TimeFreed, refill), subscription(TimeOpened, open_up))
SWEEPS = (sweep("waitlist.go_on", go_on, every=2.0), sweep("waitlist.lapse", lapse, every=600.0))

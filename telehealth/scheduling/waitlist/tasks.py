"""What the waitlist does by itself: offer time that came free, and go on to the next when nobody answers."""

from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.scheduling.booking.events import TimeFreed
from telehealth.scheduling.waitlist import service
from telehealth.scheduling.waitlist.rules import FreeTime
from telehealth.tasks.work import Work, subscription, sweep


async def refill(unit: Unit, event: TimeFreed) -> None:
    await service.refill(unit, FreeTime(ClinicianId(event.resource_id), event.start, event.end))


async def go_on(work: Work) -> int:
    """Settle offers nobody answered; their times come back as freed."""
    return await work.run(service.expire_due)


async def lapse(work: Work) -> int:
    return await work.run(service.lapse)


SUBSCRIPTIONS = (subscription(TimeFreed, refill),)
SWEEPS = (sweep("waitlist.go_on", go_on, every=2.0), sweep("waitlist.lapse", lapse, every=600.0))

"""What booking does by itself: give back what holds kept too long, and forget time that was given back."""

from sqlalchemy import delete

from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import DAY, to_minute
from telehealth.scheduling.booking import service
from telehealth.scheduling.booking.models import OccupancyRow
from telehealth.tasks.work import Work, sweep

KEPT_DAYS = 30  # a visit's own history says who had which time; this is only for those who look into the table


async def expire_holds(work: Work) -> int:
    return await work.run(service.expire_due)


async def forget_released(work: Work) -> int:
    """Delete what was given back and lies more than a month in the past."""
    return await work.run(_forget_released)


async def _forget_released(unit: Unit) -> int:
    table = OccupancyRow
    long_ago = to_minute(unit.now) - KEPT_DAYS * DAY
    gone = await unit.session.execute(
        delete(table).where(table.state == "released", table.e < long_ago).returning(table.id)
    )
    return len(gone.all())


SWEEPS = (
    sweep("occupancy.expire", expire_holds, every=5.0),
    sweep("occupancy.forget", forget_released, every=3600.0),
)

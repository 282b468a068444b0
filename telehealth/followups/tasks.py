"""Follow-up tasks fall due by themselves: a sweep over rows, every second."""

from telehealth.followups import service
from telehealth.followups.ports import FollowUpSpeed
from telehealth.tasks.work import Work, sweep


async def fire_due(work: Work) -> int:
    """Move tasks whose time has come until there are none; answers how many moved."""
    speed = work.port(FollowUpSpeed).factor
    total = 0
    while moved := await work.run(service.fire_all, speed=speed):
        total += moved
    return total


SWEEPS = (sweep("followups.fire_due", fire_due, every=1.0),)

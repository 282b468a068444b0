"""What visits do by themselves: end the calls that did not come back."""

from telehealth.tasks.work import Work, sweep
from telehealth.visits.lifecycle import service


async def end_abandoned(work: Work) -> int:
    return await work.run(service.end_abandoned)


SWEEPS = (sweep("visits.end_abandoned", end_abandoned, every=10.0),)

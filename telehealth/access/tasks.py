"""Background work of access."""

from telehealth.access.service import forget_ended
from telehealth.tasks.work import Work, sweep


async def forget(work: Work) -> int:
    return await work.run(forget_ended)


SWEEPS = (sweep("access.forget_ended", forget, every=600.0),)

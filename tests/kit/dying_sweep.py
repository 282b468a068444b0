"""The sweep of timers in a process of its own, killed at a failpoint.

`python -m tests.kit.dying_sweep <plan> <database> <now>`, now being ISO 8601.
"""

import asyncio
import sys
from datetime import datetime

from telehealth.catalogue import read_catalogue
from telehealth.core import failpoints
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.tasks.work import Work
from telehealth.visits.lifecycle.tasks import fire_timers


async def nobody_listens(_: object) -> None:
    return


async def sweep(database: str, now: datetime) -> None:
    clock, engine = FixedClock(now), open_engine(database)
    vault = Vault({"test": b"k" * 32})
    unit_of_work = UnitOfWork(engine, clock, vault, read_catalogue().conflicts, nobody_listens)
    await fire_timers(Work(unit_of_work, Ports({}), clock))
    await engine.dispose()


if __name__ == "__main__":
    failpoints.arm(sys.argv[1])
    asyncio.run(sweep(sys.argv[2], datetime.fromisoformat(sys.argv[3])))

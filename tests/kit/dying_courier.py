"""A worker's delivery in a process of its own, killed at a failpoint: database, record service and key by argument.

`python -m tests.kit.dying_courier <plan>` with the rest as one JSON object on standard input.
"""

import asyncio
import json
import sys
from datetime import datetime

from telehealth.catalogue import read_catalogue
from telehealth.core import failpoints
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock, SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.records.delivery.destinations import RECORD_SERVICE, Target
from telehealth.records.delivery.fhir_client import open_record_service
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.tasks import Courier
from telehealth.tasks.work import Work


async def nobody_listens(_: object) -> None:
    return


async def deliver(given: dict[str, str]) -> None:
    clock = FixedClock(datetime.fromisoformat(given["now"]))
    engine = open_engine(given["database"])
    unit_of_work = UnitOfWork(engine, clock, Vault({"test": b"k" * 32}), read_catalogue().conflicts, nobody_listens)
    target = Target(
        name=RECORD_SERVICE, url=given["base_url"], client_id=given["client_id"], private_key=given["private_key"]
    )
    async with open_record_service(target, SystemClock()) as records:
        destinations = Destinations((Destination(target.name, target.profile, records),))
        await Courier().sweep(Work(unit_of_work, Ports({Destinations: destinations}), clock))
    await engine.dispose()


if __name__ == "__main__":
    failpoints.arm(sys.argv[1])
    asyncio.run(deliver(json.load(sys.stdin)))

"""What carries notes, as real processes that can be killed one by one: worker, beat, Valkey, PostgreSQL, sekmet.

The record service stands behind a fault proxy, so that everybody sees who asks for what and when.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from telehealth.catalogue import read_catalogue
from telehealth.core.time import Clock, SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault, parse_key_ring
from telehealth.records.delivery.rules import document_identifiers
from tests.kit.fault_proxy import FaultProxy, fault_proxy
from tests.kit.house import environment_of, settings_of
from tests.kit.mortal_postgres import Postgres, mortal_postgres
from tests.kit.processes import BEAT, WORKER, Process
from tests.kit.record_service import RunningRecordService, record_service
from tests.kit.valkey import Valkey, mortal_valkey

WRITTEN = "SELECT note_id, version FROM note_version"
LEFT = "SELECT count(*) FROM record_delivery WHERE state <> 'delivered'"


@dataclass(frozen=True, slots=True)
class NoteHouse:
    """`worker` has two children, `log` is what worker and beat said."""

    postgres: Postgres
    valkey: Valkey
    records: RunningRecordService
    proxy: FaultProxy
    worker: Process
    beat: Process
    log: Path

    def use_key(self, key: Mapping[str, object]) -> None:
        """From the worker's next beginning on."""
        self.worker.settings = {**self.worker.settings, "TELEHEALTH_RECORD_PRIVATE_KEY": json.dumps(dict(key))}

    def left(self) -> int:
        """How many deliveries have not arrived; -1 while the database does not answer."""
        try:
            with psycopg.connect(self.postgres.url, connect_timeout=2) as connection:
                ((count,),) = connection.execute(LEFT).fetchall()
        except psycopg.OperationalError:
            return -1
        return int(count)

    def patients(self, count: int) -> list[str]:
        """Identifiers that exactly one patient of the record service has."""
        values = [f"patient-{number}" for number in range(count)]
        for value in values:
            self.records.add_patient(system="urn:example:mrn", value=value)
        return values


@contextmanager
def note_house(
    directory: Path, *, token_seconds: int = 3600, key: Mapping[str, object] | None = None, proxied: bool = True
) -> Iterator[NoteHouse]:
    """Everything runs but worker and beat, which the caller begins. `key`: signs in place of the registered one.
    `proxied`: the worker asks through the proxy, which takes time of its own.
    """
    with ExitStack() as stack:
        postgres = stack.enter_context(mortal_postgres())
        valkey = stack.enter_context(mortal_valkey())
        proxy = stack.enter_context(fault_proxy(""))
        public = proxy.url if proxied else None
        records = stack.enter_context(record_service(directory, token_seconds=token_seconds, public=public))
        proxy.upstream = records.origin
        settings = environment_of(postgres.url, valkey.url, RECORD_SERVICE_URL=f"{public or records.origin}/fhir")
        log = directory / "house.log"
        worker, beat = Process(settings, WORKER, log), Process(settings, BEAT, log)
        house = NoteHouse(postgres, valkey, records, proxy, worker, beat, log)
        house.use_key(key or records.private_key)
        stack.callback(beat.kill)
        stack.callback(worker.kill)
        yield house


@asynccontextmanager
async def signing(house: NoteHouse, clock: Clock | None = None) -> AsyncIterator[UnitOfWork]:
    """What a web process signs with."""
    async with unit_of_work_on(house.postgres.url, house.valkey.url, clock) as unit_of_work:
        yield unit_of_work


@asynccontextmanager
async def unit_of_work_on(database: str, valkey: str, clock: Clock | None = None) -> AsyncIterator[UnitOfWork]:
    """What a process with the settings of `environment_of` writes with."""
    settings = settings_of(database, valkey)
    engine = open_engine(database, pool_size=4)
    vault = Vault(parse_key_ring(settings.data_keys.get_secret_value()))
    try:
        yield UnitOfWork(engine, clock or SystemClock(), vault, read_catalogue().conflicts, _unheard)
    finally:
        await engine.dispose()


async def settled(house: NoteHouse, *, within: float) -> float:
    """Seconds until everything that was signed had arrived."""
    begun = time.monotonic()
    while left := await asyncio.to_thread(house.left):
        assert time.monotonic() < begun + within, f"{left} are left"
        await asyncio.sleep(0.2)
    return time.monotonic() - begun


def verdict(house: NoteHouse) -> Counter[str]:
    """What the record has of each version that was signed."""
    found = Counter(lost=0, duplicated=0)
    with psycopg.connect(house.postgres.url) as connection:
        signed = connection.execute(WRITTEN).fetchall()
    for note_id, version in signed:
        key = document_identifiers(note_id, version).version
        copies = len(house.records.documents(system=key.system, value=key.value))
        found["lost"] += copies == 0
        found["duplicated"] += max(0, copies - 1)
    found["notes"] = len(signed)
    return found


async def _unheard(_: object) -> None:
    """Nobody is nudged: the ticks of beat make it true."""

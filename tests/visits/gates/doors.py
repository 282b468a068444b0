"""The whole house in the middle of a clinic's day, behind a server that can be stopped and begun again."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import uvicorn

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM, Role
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.db.vault import Vault, parse_key_ring
from telehealth.settings.house import Settings
from tests.kit.house import open_house, settings_of
from tests.kit.staff import open_account
from tests.visits.gates.arriving import Arrival, arrive, ask_consent, ask_questions

R = TypeVar("R")
EARLY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Day:
    """Rosa's visit is in five minutes, a text and questions are asked; `clinician` is the secret of Ada's session,
    `desk` that of the front desk, `admin` that of who administers.
    """

    arrival: Arrival
    clinician: str
    desk: str
    admin: str


async def begin_day(unit_of_work: UnitOfWork, clock: FixedClock) -> Day:
    arrival = await arrive(unit_of_work, clock)
    await unit_of_work.run(ask_consent)
    await unit_of_work.run(ask_questions, SYSTEM, arrival)

    async def signed_in(unit: Unit) -> tuple[str, str, str]:
        clinician = await open_account(unit, Role.CLINICIAN, arrival.clinic.clinician.id)
        desk = await open_account(unit, Role.FRONT_DESK, None)
        return clinician, desk, await open_account(unit, Role.ADMIN, None)

    return Day(arrival, *await unit_of_work.run(signed_in))


@dataclass
class Doors:
    """`stop` leaves nobody an answer; `begin` takes the same address again."""

    settings: Settings
    clock: FixedClock
    day: Day | None = None
    port: int = 0
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def begin(self) -> None:
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(started,))
        self._thread.start()
        started.result(60)

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(60)

    def _serve(self, started: "Future[None]") -> None:
        try:
            asyncio.run(self._run(started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _run(self, started: "Future[None]") -> None:
        async with open_house(self.settings, self.clock) as (app, unit_of_work):
            if self.day is None:
                self.day = await begin_day(unit_of_work, self.clock)
            self._server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False))
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                door.bind(("127.0.0.1", self.port))
                door.listen()
                self.port = door.getsockname()[1]
                started.set_result(None)
                await self._server.serve([door])


@contextmanager
def open_doors(database: str, valkey: str) -> Iterator[Doors]:
    doors = Doors(settings_of(database, valkey), FixedClock(EARLY))
    doors.begin()
    try:
        yield doors
    finally:
        doors.stop()


def behind(doors: Doors, action: Callable[[UnitOfWork], Awaitable[R]]) -> R:
    """What a worker does, or somebody before the story begins, while a browser has the loop of this thread."""

    async def unheard(_: Sequence[Event]) -> None:
        """Nobody waits for a nudge here."""

    async def run() -> R:
        engine = open_engine(doors.settings.database_url.get_secret_value())
        vault = Vault(parse_key_ring(doors.settings.data_keys.get_secret_value()))
        try:
            return await action(UnitOfWork(engine, doors.clock, vault, read_catalogue().conflicts, unheard))
        finally:
            await engine.dispose()

    with ThreadPoolExecutor() as beside:
        return beside.submit(lambda: asyncio.run(run())).result()

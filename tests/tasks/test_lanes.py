"""Who waits for another's server holds up nobody: each lane of the Procfile has a queue and workers of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import psycopg
import pytest
from redis import Redis

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM
from telehealth.core.time import SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.tasks.work import Lane
from tests.kit.clinic import book, open_clinic
from tests.kit.demo import eventually
from tests.kit.house import environment_of
from tests.kit.noting_sweep import MARKS
from tests.kit.processes import BEAT, WORKER, Process, line, running
from tests.kit.valkey import running_valkey

CHILDREN = 2  # of the line that sends messages
TRIES = 3
LETTERS, A_LETTER_IS_WORTH = 3, 1.0  # seconds


@dataclass
class SilentServer:
    """Takes connections and says nothing. How many are held now, and how many were given up."""

    url: str = ""
    held: int = 0
    ended: int = 0

    async def keep(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.held += 1
        await reader.read()
        self.held, self.ended = self.held - 1, self.ended + 1
        writer.close()


@asynccontextmanager
async def silent_server() -> AsyncIterator[SilentServer]:
    silent = SilentServer()
    async with await asyncio.start_server(silent.keep, "127.0.0.1", 0) as server:
        silent.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield silent


def is_noted(database: str, visit_id: UUID) -> bool:
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT FROM message WHERE subject_id = %s", [visit_id]).fetchone() is not None


async def within_a_minute(question: Callable[[], bool]) -> None:
    await asyncio.to_thread(eventually, question, within=60)


@pytest.mark.timeout(300)
async def test_a_mail_server_that_says_nothing_delays_mail_alone(database: str) -> None:
    """While it holds all who send, what happens is taken up: of each visit a message is noted."""
    engine = open_engine(database)
    unit_of_work = UnitOfWork(engine, SystemClock(), Vault({"k1": b"k" * 32}), {}, _unheard)
    clinic = await unit_of_work.run(open_clinic)
    today = datetime.now(UTC).date()
    first = datetime.combine(today + timedelta(days=8 - today.weekday()), time(18), UTC)  # a Tuesday, in Chicago too
    starts = iter(first + timedelta(minutes=20 * number) for number in range(12))  # three hours of its afternoon

    async def taken_up(silent: SilentServer) -> bool:
        """Whether one more visit was, before any of those who send was let go."""
        for _ in range(CHILDREN):
            await unit_of_work.run(book, SYSTEM, clinic, next(starts))
        await within_a_minute(lambda: silent.held == CHILDREN)
        ended, booked = silent.ended, await unit_of_work.run(book, SYSTEM, clinic, next(starts))
        await within_a_minute(lambda: is_noted(database, booked.visit.id))
        return silent.ended == ended

    with running_valkey() as valkey:
        async with silent_server() as silent:
            settings = environment_of(database, valkey, SMTP_URL=silent.url)
            with running(*(line(name, settings) for name in ("worker", "messenger", "beat"))):
                for _ in range(TRIES):  # on a busy machine they may have been let go meanwhile
                    if found := await taken_up(silent):
                        break
    assert found
    await engine.dispose()


async def test_what_goes_outside_is_in_no_lane_of_the_house() -> None:
    lanes = {each.name: each.lane for each in read_catalogue().sweeps}
    assert {name for name, lane in lanes.items() if lane is Lane.MESSAGES} == {"notifications.send_due"}
    assert {name for name, lane in lanes.items() if lane is Lane.PARTNERS} == {
        "calendars.read_due",
        "records.deliver",
        "records.reconcile",
        "records.settle_files",
    }


async def test_a_lane_that_comes_back_works_off_no_letters_of_before() -> None:
    """A letter is worth as long as it takes until the next: thousands that lie there are thrown away unread."""
    with running_valkey() as url, Redis.from_url(url) as valkey:
        settings = environment_of("postgresql:///nobody", url)
        worker, beat = (Process(settings, [*argv[:3], "tests.kit.noting_sweep", *argv[4:]]) for argv in (WORKER, BEAT))
        with running(beat):
            await within_a_minute(lambda: valkey.llen(Lane.MESSAGES.value) >= LETTERS)
        await asyncio.sleep(A_LETTER_IS_WORTH)
        with running(worker):
            await within_a_minute(lambda: not valkey.llen(Lane.MESSAGES.value) and not valkey.hlen("unacked"))
            assert valkey.get(MARKS) is None
            with running(beat):
                await within_a_minute(lambda: valkey.get(MARKS) is not None)


async def _unheard(_: object) -> None:
    """Nobody is nudged: the ticks of beat make it true."""

"""Everything between a signature and the record is killed, at every step: nothing lost, nothing twice, nothing stuck.

208 kills: `python -m pytest tests/faults/test_note_delivery.py -m soak -n 0`. Two workers of two processes each. What
waits for a minute of the breaker or for its next try waits no longer than the next kill; a lease takes its time.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import event
from starlette.requests import Request

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import Overloaded, Stale
from telehealth.db.unit import DatabaseFault, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import service as charting
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.rules import PROBE_EVERY
from telehealth.records.delivery.service import LEASE
from telehealth.records.notes.rules import NoteKind
from tests.kit.fault_proxy import Moment
from tests.kit.note_house import NoteHouse, note_house, settled, signing, verdict
from tests.kit.processes import WORKER, Process
from tests.kit.signed import MRN
from tests.kit.tell import tell
from tests.kit.visits import arrange_visit

T = TypeVar("T")
HURRY = (
    "UPDATE record_destination SET probe_at = now()",
    "UPDATE record_delivery SET next_attempt_at = now() + interval '1 s' WHERE next_attempt_at IS NOT NULL",
)
OVERDUE = (
    "SELECT coalesce(max(extract(epoch FROM now() - lease_until)), 0) FROM record_delivery WHERE state = 'sending'"
)
DELIVERED = "SELECT count(*) FROM record_delivery WHERE state = 'delivered'"
PATIENCE = 150.0
STARTS_WITHIN = 30.0  # a worker, on a machine that has other work too


class Step(StrEnum):
    """From the signature to the record, in order; what is not at the proxy is seen in the database."""

    SIGNING = "before the commit of the signature"
    SIGNED = "after it"
    TOKEN = "a token is asked for"
    PATIENT = "the patient is asked for"
    CREATE = "the document has been sent"
    CREATED = "it is in the record"
    ANSWERED = "the record has said so"
    SETTLED = "the worker has written it down"


AT_THE_PROXY = {
    (Moment.CAME, "POST", "/auth/token"): Step.TOKEN,
    (Moment.CAME, "POST", "/fhir/Patient/_search"): Step.PATIENT,
    (Moment.CAME, "POST", "/fhir/DocumentReference"): Step.CREATE,
    (Moment.DONE, "POST", "/fhir/DocumentReference"): Step.CREATED,
    (Moment.ANSWERED, "POST", "/fhir/DocumentReference"): Step.ANSWERED,
}


@dataclass(slots=True)
class Victim:
    name: str
    kill: Callable[[], None]
    begin: Callable[[], object] = lambda: None


def victims_of(house: NoteHouse, workers: Sequence[Process]) -> Sequence[Victim]:
    """Workers and beat are brought back by whoever supervises them, a child by its worker."""
    turns = cycle(workers)
    return (
        Victim("worker", lambda: next(turns).kill()),
        Victim("worker's child", lambda: kill_a_child(next(turns))),
        Victim("beat", house.beat.kill),
        Victim("broker", house.valkey.kill, house.valkey.begin),
        Victim("database", house.postgres.kill, house.postgres.begin),
        Victim("record service", house.records.kill, house.records.start),
    )


def kill_a_child(worker: Process) -> None:
    assert worker.process is not None
    parent = worker.process.pid
    with suppress(FileNotFoundError, ProcessLookupError):  # the worker itself may just have ended
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[:1]:
            os.kill(int(child), signal.SIGKILL)


@dataclass(slots=True)
class Trigger:
    """Kills once it is armed and its step is come to."""

    at: Step | None = None
    victim: Victim | None = None
    killed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def arm(self, victim: Victim, at: Step) -> None:
        self.victim, self.at = victim, at

    def come(self, step: Step | None) -> None:
        if step is not None and step is self.at and self.victim is not None:
            self.at = None
            self.victim.kill()
            self.killed[self.victim.name, step.name] += 1

    def watch(self, moment: Moment, request: Request) -> None:
        self.come(AT_THE_PROXY.get((moment, request.method, request.url.path)))


async def insisting(act: Callable[[], Awaitable[T]]) -> T | None:
    """As a person does whose page says that it could not be saved. None when it was, and only the answer was lost."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return await act()
        except Stale:
            return None
        except (DatabaseFault, Overloaded):
            assert time.monotonic() < end
            await asyncio.sleep(0.2)


async def sign(unit_of_work: UnitOfWork, patient: str, trigger: Trigger) -> None:
    """A note of a visit of its own; it is signed when this returns."""
    run, words = unit_of_work.run, f"For {patient}."
    arranged = await insisting(lambda: run(arrange_visit, SYSTEM, identifier=f"{MRN}|{patient}"))
    assert arranged is not None
    mine = arranged.clinician, arranged.visit_id
    await insisting(lambda: run(charting.save_draft, *mine, version=0, content=words, kind=NoteKind.PROGRESS))
    to, tasks = (RECORD_SERVICE,), CosignatureTasks()
    await insisting(lambda: run(charting.sign, *mine, version=1, destinations=to, tasks=tasks))
    trigger.come(Step.SIGNED)


def number(house: NoteHouse, query: str) -> float:
    """Negative while the database does not answer."""
    try:
        with psycopg.connect(house.postgres.url, connect_timeout=2) as connection:
            row = connection.execute(query.encode()).fetchone()
    except psycopg.OperationalError:
        return -1
    return float(row[0]) if row else -1


async def until(question: Callable[[], bool], *, within: float) -> bool:
    end = time.monotonic() + within
    while not question() and time.monotonic() < end:  # noqa: ASYNC110 -- what is asked is in another process
        await asyncio.sleep(0.03)
    return question()


async def killed(house: NoteHouse, unit_of_work: UnitOfWork, trigger: Trigger, patients: Iterator[str]) -> None:
    """Notes are signed until the armed kill has happened."""
    before = number(house, DELIVERED)
    for _ in range(15):
        await sign(unit_of_work, next(patients), trigger)

        def done() -> bool:
            if trigger.at is Step.SETTLED and number(house, DELIVERED) > before:
                trigger.come(Step.SETTLED)
            return trigger.at is None

        if await until(done, within=15):
            return
    raise AssertionError(f"nothing came to {trigger.at}")


async def overdue(house: NoteHouse) -> float:
    """The most seconds by which any lease had run out and nobody had taken over, looked at four times a second."""
    worst = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            worst = max(worst, await asyncio.to_thread(number, house, OVERDUE))
            await asyncio.sleep(0.25)
    return worst


async def supervise(*processes: Process) -> int:
    """What `telehealth up` and systemd do: begin again what has ended, for whatever reason. Answers how often."""
    times = 0
    with suppress(asyncio.CancelledError):
        while True:
            for each in processes:
                if each.process is None or each.process.poll() is not None:
                    each.begin()
                    times += 1
            await asyncio.sleep(0.5)
    return times


def hurry(house: NoteHouse) -> None:
    with psycopg.connect(house.postgres.url) as connection:
        for statement in HURRY:
            connection.execute(statement.encode())


async def kill_all(
    house: NoteHouse, victims: Mapping[str, Victim], plan: Sequence[tuple[str, Step]], say: Callable[[str], None]
) -> Trigger:
    """One after the other, while notes are signed and delivered."""
    trigger, patients = Trigger(), iter(house.patients(2 * len(plan)))
    house.proxy.watch = trigger.watch
    async with signing(house) as unit_of_work:

        def signs(_: object, __: object, statement: str, *___: object) -> None:
            trigger.come(Step.SIGNING if "INSERT INTO record_delivery" in statement else None)

        event.listen(unit_of_work.engine.sync_engine, "before_cursor_execute", signs)
        for name, step in plan:
            trigger.arm(victims[name], step)
            async with asyncio.TaskGroup() as group:
                group.create_task(killed(house, unit_of_work, trigger, patients))
                await until(lambda: trigger.at is None, within=PATIENCE + 60)
                await asyncio.to_thread(victims[name].begin)
            await asyncio.to_thread(hurry, house)
            if trigger.killed.total() % 26 == 0:
                say(f"{trigger.killed.total()} kills, {house.left()} on their way")
        await settled(house, within=(LEASE + 2 * PROBE_EVERY).total_seconds())
    return trigger


NAMES = ("worker", "worker's child", "beat", "broker", "database", "record service")
EVERYWHERE = [(name, step) for name in NAMES for step in Step]
KILLS = 208


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_nothing_is_lost_twice_or_stuck_whatever_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    plan = random.Random(6).sample(EVERYWHERE * 5, KILLS)
    assert set(plan) == set(EVERYWHERE)
    with note_house(tmp_path, token_seconds=8) as house:
        second = Process(house.worker.settings, WORKER, house.log)
        supervising = asyncio.create_task(supervise(house.worker, second, house.beat))
        watching = asyncio.create_task(overdue(house))
        victims = {each.name: each for each in victims_of(house, (house.worker, second))}
        try:
            trigger = await kill_all(house, victims, plan, lambda line: tell(request.config, line))
        finally:
            supervising.cancel()
            watching.cancel()
            begun, worst = await supervising, await watching
            second.kill()
        found = await asyncio.to_thread(verdict, house)
    by_victim, by_step = Counter[str](), Counter[str]()
    for (name, step), times in trigger.killed.items():
        by_victim[name] += times
        by_step[step] += times
    tell(request.config, f"{trigger.killed.total()} kills, {dict(found)}, {dict(by_victim)}, {dict(by_step)}")
    ended = begun - 3 - by_victim["worker"] - by_victim["beat"]
    tell(request.config, f"worker and beat were begun again {begun - 3} times, {ended} of them unkilled")
    tell(request.config, f"the longest that a lease lay open after its end: {worst:.1f} s")
    assert trigger.killed.total() == KILLS
    assert (found["lost"], found["duplicated"]) == (0, 0)
    assert found["notes"] >= len(plan)
    assert worst < PROBE_EVERY.total_seconds() + STARTS_WITHIN

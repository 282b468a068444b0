"""How fast follow-up tasks fall due, and how late: `python -m tests.bench.followups`.

Rows of mixed kinds and states on a real PostgreSQL, moved by our sweep, by a Celery task with an ETA for each row and
by a job of procrastinate for each, with one and with two worker processes. Each looks whether a row still applies,
moves it, and writes its history and its event; the contenders do that in one statement, and their letters are
in the queue before the clock starts. When a row was moved is when its commit was (`track_commit_timestamp`); a commit
waits for no disk (`fsync=off`), for all alike. A contender is stopped after a while, and its rate is that of what was
moved. Then 200 rows a second fall due, and it is measured how late each is moved; and both again, ours alone, with a
million rows ahead, between two looks without.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from redis import Redis

from telehealth.core.time import FixedClock, SystemClock
from tests.bench import due_celery, due_procrastinate
from tests.bench.due_rows import DueRows, move_in
from tests.bench.figures import Report, Times
from tests.kit.house import environment_of
from tests.kit.mortal_postgres import mortal_postgres
from tests.kit.note_house import unit_of_work_on
from tests.kit.processes import BEAT, WORKER, Process, running
from tests.kit.valkey import mortal_valkey

A_SECOND = 200
WORKERS = (1, 2)
FROM_THEN = timedelta(seconds=5)  # after the letters of what falls due are sent
A_MONTH = timedelta(days=30)
PATIENCE = 1_800  # seconds
Row = tuple[UUID, datetime]


@dataclass(frozen=True)
class Contender:
    """`send` queues rows, `processes` are so many workers and what drives them. It is stopped after `longest` seconds,
    if given.
    """

    name: str
    send: Callable[[Sequence[Row]], None]
    processes: Callable[[int], Sequence[Process]]
    longest: float | None = None


@dataclass(frozen=True)
class Course:
    rows: DueRows
    broker: str
    settings: dict[str, str]
    log: Path
    longest: float
    began: Callable[[], datetime] = SystemClock().now

    def contenders(self) -> tuple[Contender, ...]:
        url = self.rows.url
        return (
            Contender("our sweep", lambda _: None, self._ours),
            Contender("Celery ETA", lambda rows: due_celery.send(self.broker, rows), self._celery, self.longest),
            Contender(
                "procrastinate",
                lambda rows: asyncio.run(due_procrastinate.send(url, rows)),
                self._procrastinate,
                self.longest,
            ),
        )

    def _ours(self, workers: int) -> Sequence[Process]:
        worker, beat = _celery("tests.bench.due_ours", WORKER, workers), _celery("tests.bench.due_ours", BEAT, 0)
        return Process(self.settings, worker, self.log), Process(self.settings, beat, self.log)

    def _celery(self, workers: int) -> Sequence[Process]:
        return (Process(self.settings, _celery("tests.bench.due_celery", WORKER, workers), self.log),)

    def _procrastinate(self, workers: int) -> Sequence[Process]:
        return tuple(Process(self.settings, ("tests.bench.due_procrastinate",), self.log) for _ in range(workers))

    def throughput(self, contender: Contender, rows: int, workers: int) -> float:
        """Rows a second, all due at once: of those that were moved before it was stopped."""
        contender.send(self.rows.plant(rows, self.began()))
        with running(*contender.processes(workers)):
            self._until_moved(within=contender.longest)
        return self.rows.rate()

    def lateness(self, contender: Contender, seconds: int) -> Times:
        """Of rows that fall due one after the other, while the workers run."""
        with running(*contender.processes(2)):
            contender.send(self.rows.plant(1, self.began()))
            self._until_moved()
            self.rows.forget()
            count = A_SECOND * seconds
            sending = timedelta(seconds=count / 500)
            contender.send(self.rows.plant(count, self.began() + FROM_THEN + sending, timedelta(seconds=1 / A_SECOND)))
            self._until_moved()
        return self.rows.lateness()

    def clear(self) -> None:
        """Nothing is left of what was measured before, in the queue either."""
        self.rows.clear()
        with Redis.from_url(self.settings["VALKEY_URL"]) as valkey:
            valkey.flushall()

    def _until_moved(self, *, within: float | None = None) -> None:
        end = time.monotonic() + (within or PATIENCE)
        while (left := self.rows.left()) and time.monotonic() < end:
            time.sleep(0.5)
        assert not left or within, f"{left} are left"


def main(
    *,
    rows: Annotated[int, typer.Option(help="How many are due at once.")] = 100_000,
    seconds: Annotated[int, typer.Option(help="How long 200 a second fall due.")] = 30,
    future: Annotated[int, typer.Option(help="How many lie ahead, for the second look at ours.")] = 1_000_000,
    longest: Annotated[float, typer.Option(help="After so many seconds the others are stopped.")] = 150,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report(f"Follow-up tasks: {rows:,} due at once, then {A_SECOND} a second")
    with open_course(longest) as course:
        ours, *peers = course.contenders()
        rates = {(ours.name, workers): _rate(course, report, ours, (rows, workers)) for workers in WORKERS}
        late = _late(course, report, ours, seconds)
        if future:
            _with_a_future(course, report, (rows, seconds, future), (rates[ours.name, 2], late))
        for each in peers:
            for workers in WORKERS:
                ratio = rates[ours.name, workers] / _rate(course, report, each, (rows, workers))
                report.at_least(f"ours to {each.name}, {_processes(workers)}", ratio, 1.0)
            _late(course, report, each, seconds)
    report.show(json)


def _rate(course: Course, report: Report, contender: Contender, how_many: tuple[int, int]) -> float:
    rows, workers = how_many
    course.clear()
    rate = course.throughput(contender, rows, workers)
    name = f"{contender.name}, {_processes(workers)}"
    report.note(f"{name}: rows a second", round(rate, 1))
    report.row(name, f"{rate:,.0f} rows a second", "")
    return rate


def _late(course: Course, report: Report, contender: Contender, seconds: int) -> Times:
    course.clear()
    late = course.lateness(contender, seconds)
    report.times(f"{contender.name}: how late", late)
    return late


def _with_a_future(
    course: Course, report: Report, how_many: tuple[int, int, int], without: tuple[float, Times]
) -> None:
    """Ours alone; `without` is what was found before, and is looked at again after it: a machine has other work too."""
    (rows, seconds, future), ours = how_many, course.contenders()[0]
    course.clear()
    course.rows.plant(future, course.began() + timedelta(days=30), timedelta(seconds=10))
    course.rows.forget()
    name, ahead = f"{ours.name}, {future:,} ahead", f"with {future:,} ahead to without"
    rate = course.throughput(ours, rows, 2)
    report.row(f"{name}, {_processes(2)}", f"{rate:,.0f} rows a second", "")
    course.rows.forget()
    late = course.lateness(ours, seconds)
    report.times(f"{name}: how late", late)
    again = _rate(course, report, ours, (rows, 2)), _late(course, report, ours, seconds)
    report.at_least(f"throughput {ahead}", 2 * rate / (without[0] + again[0]), 0.9)
    all_without = Times([*without[1].taken, *again[1].taken])
    for part in (0.5, 0.99):
        ratio = round(late.percentile(part) / all_without.percentile(part), 3)
        report.at_most(f"lateness p{part * 100:.0f} {ahead}", ratio, 1.1)


def _celery(module: str, command: Sequence[str], workers: int) -> tuple[str, ...]:
    argv = [module if each == "telehealth.celery" else each for each in command]
    if workers:
        argv[argv.index("--concurrency") + 1] = str(workers)
    return tuple(argv)


def _processes(workers: int) -> str:
    return f"{workers} worker process{'es' * (workers > 1)}"


@contextmanager
def open_course(longest: float) -> Iterator[Course]:
    """A PostgreSQL that keeps commit times, a Valkey, and visits for tasks to be about."""
    with ExitStack() as stack:
        postgres = stack.enter_context(mortal_postgres())
        with psycopg.connect(postgres.maintenance, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        postgres.stop()
        postgres.begin()
        valkey = stack.enter_context(mortal_valkey())
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="th-"))) / "log"
        settings = environment_of(postgres.url, valkey.url)
        asyncio.run(_move_in(postgres.url, valkey.url))
        rows = DueRows(postgres.url)
        rows.prepare()
        yield Course(rows, settings["BROKER_URL"], settings, log, longest)


async def _move_in(database: str, valkey: str) -> None:
    """A month ago, so that no task is done by a booking."""
    async with unit_of_work_on(database, valkey, FixedClock(SystemClock().now() - A_MONTH)) as unit_of_work:
        await unit_of_work.run(move_in)


if __name__ == "__main__":
    typer.run(main)

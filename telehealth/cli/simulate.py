"""`telehealth simulate`: a made-up clinic day on a PostgreSQL of its own, which is gone when the day is over."""

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from alembic import command
from telehealth.catalogue import read_catalogue
from telehealth.cli.clinic_day import ClinicDay, Day
from telehealth.cli.clinic_plan import OPENS, Plan
from telehealth.cli.errors import told_in_words
from telehealth.cli.migrate import alembic_config
from telehealth.cli.postgres import open_database, prepare_cluster, server
from telehealth.cli.state import open_state
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault

console = Console(highlight=False)


def simulate(
    *,
    seed: Annotated[int, typer.Option(help="The same number is the same day")] = 1,
    hours: Annotated[int, typer.Option(min=2, max=12, help="How long the clinic is open")] = 6,
    on_call: Annotated[int, typer.Option(min=0, max=50, help="Clinicians who serve the queue")] = 3,
    booked: Annotated[int, typer.Option(min=0, max=50, help="Clinicians whose visits are on the clock")] = 2,
    walk_ins: Annotated[int, typer.Option(min=0, max=1000, help="Patients who come without a time")] = 60,
) -> None:
    """Play a made-up clinic day through the real services, and say who waited how long and what they were told."""
    plan = Plan(seed=seed, hours=hours, on_call=on_call, booked=booked, walk_ins=walk_ins)
    with told_in_words(), _database() as url:
        _migrate(url)
        console.print(_told(asyncio.run(_played(url, plan))))


async def _played(url: str, plan: Plan) -> Day:
    engine = open_engine(url)
    clock = FixedClock(OPENS)
    try:
        unit_of_work = UnitOfWork(engine, clock, Vault({"made-up": bytes(32)}), read_catalogue().conflicts, _unheard)
        return await ClinicDay(unit_of_work, clock, plan).play()
    finally:
        await engine.dispose()


@contextmanager
def _database() -> Iterator[str]:
    """The embedded server in a directory of its own."""
    with TemporaryDirectory(prefix="th-") as directory:
        root = Path(directory)
        root.chmod(0o755)  # the server's account is not ours when we are root
        cluster = prepare_cluster(open_state(root / "state"), environ)
        program = server(cluster, environ)
        process = subprocess.Popen(  # noqa: S603 -- the embedded server
            [*program.argv, "-c", "fsync=off"],
            cwd="/",
            user=program.user,
            group=program.group,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            asyncio.run(open_database(cluster))
            yield cluster.url
        finally:
            process.send_signal(program.stop_signal)
            process.wait(20)


def _migrate(url: str) -> None:
    config = alembic_config()
    config.attributes["url"] = url
    command.upgrade(config, "head")


async def _unheard(_: Sequence[Event]) -> None:
    """No page is open on this day."""


def _told(day: Day) -> Table:
    kept = day.kept()
    table = Table("what", "how much", title="A made-up clinic day")
    for name, walk_in in (("without a time", True), ("with a time", False)):
        waits = day.minutes(walk_in=walk_in)
        if waits:
            middle, late = waits[len(waits) // 2], waits[int(len(waits) * 0.9)]
            table.add_row(f"waited {name}", f"{len(waits)} seen, half within {middle:.0f} min, 9 in 10 {late:.0f} min")
    table.add_row("left the queue", str(sum(wait.left_at is not None for wait in day.waits.values())))
    for status, number in sorted(day.ended.items()):
        table.add_row(f"visits {status}", str(number))
    if kept:
        table.add_row("estimates that held", f"{sum(kept)} of {len(kept)}, {sum(kept) / len(kept):.0%}")
    table.add_row("nobody could say", str(day.unknown()))
    table.add_row("alerts about who waits", str(day.alerts))
    table.add_row("past escalation, unanswered", str(day.unanswered))
    table.add_row("forgotten", str(day.forgotten))
    return table

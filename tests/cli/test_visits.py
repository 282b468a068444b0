"""`telehealth visits replay` on a real database."""

import asyncio

import psycopg

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import UnitOfWork
from tests.cli.test_accounts import Tell, telehealth
from tests.kit.clinic import book, open_clinic

__all__ = ["telehealth"]  # the fixture


async def test_every_visit_is_what_its_history_says(telehealth: Tell, unit_of_work: UnitOfWork, database: str) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    visit = (await unit_of_work.run(book, SYSTEM, clinic)).visit
    good = await asyncio.to_thread(telehealth, "visits", "replay", "--check")
    assert (good.exit_code, good.output) == (0, "1 visits, 1 events, 0 differences\n")
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE visit SET status = 'ended', overbooked = true")
    assert (await asyncio.to_thread(telehealth, "visits", "replay")).exit_code == 0
    spoilt = await asyncio.to_thread(telehealth, "visits", "replay", "--check")
    assert spoilt.exit_code == 1
    assert spoilt.output == f"{visit.id}  status, overbooked\n1 visits, 1 events, 1 differences\n"

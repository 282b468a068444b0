"""How fast signed notes reach the record: `python -m tests.bench.deliveries`.

A real PostgreSQL, Valkey and record service; the worker has two processes. The notes are signed first, then worker and
beat begin: a minute counts from the first note that arrives to the last. Beside it, before and after, a plain loop of
`httpx.post` of the same resources to the same record service: one after the other, nothing looked up, nothing kept.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import psycopg
import typer

from telehealth.db.unit import UnitOfWork
from telehealth.records.delivery.documents import References, document_reference
from telehealth.records.delivery.rules import Identifier
from tests.bench.figures import Report
from tests.kit.note_house import NoteHouse, note_house, settled, signing
from tests.kit.notes import a_document
from tests.kit.signed import MRN, signed_note

SPAN = "SELECT count(*), extract(epoch FROM max(settled_at) - min(settled_at)) FROM record_delivery"
COPIES = 2


def main(
    *,
    notes: Annotated[int, typer.Option(help="How many are signed.")] = 600,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report("Deliveries: from signed to in the record")
    with tempfile.TemporaryDirectory(prefix="th-") as directory, note_house(Path(directory), proxied=False) as house:
        patients = house.patients(notes)
        asyncio.run(_sign(house, patients))
        plain = [_posted(house, notes // COPIES)]
        house.worker.begin()
        house.beat.begin()
        asyncio.run(settled_all(house))
        house.beat.kill()
        house.worker.kill()
        ours = _delivered(house)
        plain.append(_posted(house, notes // COPIES))
    loop = sum(plain) / len(plain)
    for number, rate in enumerate(plain, 1):
        report.row(f"plain loop of httpx.post, {number} of {COPIES}", f"{rate:,.0f} a minute", "")
    report.note("plain loop a minute", plain)
    report.note("delivered a minute", ours)
    report.row("delivered by two worker processes", f"{ours:,.0f} a minute", "")
    report.at_least("delivered to posted", ours / loop, 1.0)
    report.show(json)


async def _sign(house: NoteHouse, patients: list[str]) -> None:
    async with signing(house) as unit_of_work:
        for first in range(0, len(patients), 4):
            await asyncio.gather(*(_signed(unit_of_work, each) for each in patients[first : first + 4]))


async def _signed(unit_of_work: UnitOfWork, patient: str) -> None:
    await signed_note(unit_of_work, Identifier(MRN, patient))


async def settled_all(house: NoteHouse) -> None:
    await settled(house, within=1_200)


def _delivered(house: NoteHouse) -> float:
    """A minute."""
    with psycopg.connect(house.postgres.url) as connection:
        ((count, seconds),) = connection.execute(SPAN).fetchall()
    return float((count - 1) / float(seconds) * 60)


def _posted(house: NoteHouse, count: int) -> float:
    """A minute. Resources as ours are, of notes of their own."""
    patient = house.records.add_patient(system=MRN, value=str(uuid4()))
    documents = [a_document(Identifier(MRN, "1"), text="CANARY. Rest.\n") for _ in range(count)]
    resources: list[dict[str, Any]] = [document_reference(each, References(patient)) for each in documents]
    headers = {"authorization": f"Bearer {house.records.admin_token}"}
    address = f"{house.records.base_url}/DocumentReference"
    begun = time.perf_counter()
    for resource in resources:
        httpx.post(address, json=resource, headers=headers, timeout=30, trust_env=False).raise_for_status()
    return count / (time.perf_counter() - begun) * 60


if __name__ == "__main__":
    typer.run(main)

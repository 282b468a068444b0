"""Signatures in processes of their own, each killed (`kill -9`) at another statement of its transaction.

`python -m tests.kit.dying_signer` with one JSON object on standard input: `database`, and `notes`, of which the n-th is
signed by a process that dies as it is about to send its n-th statement; COMMIT is the last. Prints the exit codes up to
the first that lived.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import configure_mappers

from telehealth.access.rules import SCOPES
from telehealth.catalogue import read_catalogue
from telehealth.core.actors import Actor, Purpose, Role
from telehealth.core.ids import ClinicianId
from telehealth.core.time import SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import service as charting
from telehealth.records.delivery.destinations import RECORD_SERVICE


async def nobody_listens(_: object) -> None:
    return


CONFLICTS = read_catalogue().conflicts


async def sign(database: str, note: Mapping[str, str], *, dies_at: int) -> None:
    engine = open_engine(database, pool_size=1)
    come = 0

    def next_statement(*_: Any) -> None:
        nonlocal come
        come += 1
        if come == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    vault = Vault({"test": b"k" * 32})
    unit_of_work = UnitOfWork(engine, SystemClock(), vault, CONFLICTS, nobody_listens)
    author = ClinicianId(UUID(note["author"]))
    actor = Actor(author, Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=author, purpose=Purpose.TREATMENT)
    event.listen(engine.sync_engine, "before_cursor_execute", next_statement)
    event.listen(engine.sync_engine, "commit", next_statement)
    await unit_of_work.run(
        charting.sign, actor, UUID(note["visit"]), version=1, destinations=(RECORD_SERVICE,), tasks=CosignatureTasks()
    )
    await engine.dispose()


def ended(database: str, note: Mapping[str, str], *, dies_at: int) -> int:
    """The exit code of a child, negative for a signal."""
    child = os.fork()
    if child == 0:
        asyncio.run(sign(database, note, dies_at=dies_at))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    configure_mappers()  # once, not in each child
    given = json.load(sys.stdin)
    codes: list[int] = []
    for number, note in enumerate(given["notes"], 1):
        codes.append(ended(given["database"], note, dies_at=number))
        if codes[-1] == 0:
            break
    sys.stdout.write(json.dumps(codes))

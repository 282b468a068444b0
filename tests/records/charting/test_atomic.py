"""A signature is there whole or not at all, wherever the database or the process that signs is killed.

Amendments and retractions too, and the process itself: `./deploy/test -m soak tests/records/charting/test_atomic.py`.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import text

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import DatabaseFault, Unit, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import queries as charting_read
from telehealth.records.charting import service as charting
from telehealth.records.notes import service as notes
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import NoteKind
from tests.kit.severed import COMMIT, severed
from tests.kit.signed import drafted_note, signed_note
from tests.kit.visits import Arranged

DESTINATIONS = ("here", "there")
KEPT = text(
    """
    SELECT n.state, n.relation, n.revision,
        (SELECT count(*) FROM note_version v WHERE v.note_id = n.id),
        (SELECT count(*) FROM note_version v JOIN record_delivery d ON d.note_version_id = v.id WHERE v.note_id = n.id),
        (SELECT string_agg(s.status, ' ' ORDER BY v.version)
         FROM note_version v JOIN note_standing s ON s.note_version_id = v.id WHERE v.note_id = n.id),
        (SELECT count(*) FROM outbox o WHERE o.kind = 'NoteSigned' AND o.body ->> 'note_id' = n.id::text),
        (SELECT count(*) FROM audit_event a WHERE a.action = 'execute' AND a.entity_id = n.visit_id)
    FROM note n WHERE n.visit_id = :visit
    """
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that a signature writes; `standing` is how each document stands, in the order of versions."""

    state: str
    relation: str | None
    revision: int
    versions: int
    deliveries: int
    standing: str | None
    events: int
    traces: int


async def kept(unit_of_work: UnitOfWork, arranged: Arranged) -> Kept:
    async def read(unit: Unit) -> Kept:
        return Kept(*(await unit.session.execute(KEPT, {"visit": arranged.visit_id})).one())

    return await unit_of_work.run(read, SYSTEM)


Act = Callable[[UnitOfWork, Arranged], Awaitable[object]]


async def sign(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)
    mine = arranged.clinician, arranged.visit_id
    await unit_of_work.run(
        charting.sign, *mine, version=note.version, destinations=DESTINATIONS, tasks=CosignatureTasks()
    )


async def retract(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)
    mine = arranged.clinician, arranged.visit_id
    await unit_of_work.run(
        charting.retract,
        *mine,
        version=note.version,
        signed=1,
        reason="Wrong patient.",
        destinations=DESTINATIONS,
    )


async def amending(unit_of_work: UnitOfWork, relation: Relation) -> Arranged:
    """A signed note with an amendment that is not signed yet."""
    arranged = await signed_note(unit_of_work, destinations=DESTINATIONS)
    mine = arranged.clinician, arranged.visit_id
    await unit_of_work.run(notes.amend, *mine, version=1, relation=relation)
    await unit_of_work.run(notes.save_draft, *mine, version=2, content="More.", kind=NoteKind.PROGRESS)
    return arranged


async def first(unit_of_work: UnitOfWork) -> Arranged:
    return await drafted_note(unit_of_work)


async def addendum(unit_of_work: UnitOfWork) -> Arranged:
    return await amending(unit_of_work, Relation.APPENDS)


async def replacement(unit_of_work: UnitOfWork) -> Arranged:
    return await amending(unit_of_work, Relation.REPLACES)


async def signed(unit_of_work: UnitOfWork) -> Arranged:
    return await signed_note(unit_of_work, destinations=DESTINATIONS)


@pytest.mark.parametrize(
    ("begun", "act", "standing"),
    [
        (first, sign, "current"),
        pytest.param(addendum, sign, "current current", marks=pytest.mark.soak),
        pytest.param(replacement, sign, "superseded current", marks=pytest.mark.soak),
        pytest.param(signed, retract, "entered-in-error", marks=pytest.mark.soak),
    ],
)
async def test_a_signature_whose_connection_ends_is_not_there_and_is_repeated_whole(
    unit_of_work: UnitOfWork, *, begun: Callable[[UnitOfWork], Awaitable[Arranged]], act: Act, standing: str
) -> None:
    """At each statement in turn, the commit included, until one goes through."""
    for place in count(1):
        arranged = await begun(unit_of_work)
        before = await kept(unit_of_work, arranged)
        number = count(1)
        with severed(unit_of_work, lambda _, at=place, number=number: next(number) == at) as sent:  # type: ignore[misc]
            try:
                await act(unit_of_work, arranged)
            except DatabaseFault:
                assert await kept(unit_of_work, arranged) == before
                await act(unit_of_work, arranged)
            else:
                assert place > len(sent)
        after = await kept(unit_of_work, arranged)
        assert (after.state, after.relation, after.standing) == ("signed", None, standing)
        grown = (after.versions - before.versions, after.deliveries - before.deliveries, after.events - before.events)
        assert grown == (1, len(DESTINATIONS), 1)
        assert after.traces > before.traces
        if place > len(sent):
            break
    assert place > 12  # loads, locks, version, standing, deliveries, traces, event, commit
    assert sent[-1] == COMMIT


@pytest.mark.soak
async def test_a_process_killed_while_it_signs_leaves_no_half_signature(
    unit_of_work: UnitOfWork, database: str
) -> None:
    arranged = [await drafted_note(unit_of_work) for _ in range(30)]
    drafted = await kept(unit_of_work, arranged[0])
    given = [{"visit": str(each.visit_id), "author": str(each.clinician.person_id)} for each in arranged]
    codes = await asyncio.to_thread(killed, json.dumps({"database": database, "notes": given}))
    whole = len(codes) - 1
    assert codes == [-signal.SIGKILL] * whole + [0]
    assert whole > 12
    for each in arranged[:whole]:
        assert await kept(unit_of_work, each) == drafted
    assert (await kept(unit_of_work, arranged[whole])).versions == 1


def killed(given: str) -> list[int]:
    argv = [sys.executable, "-m", "tests.kit.dying_signer"]
    done = subprocess.run(argv, input=given, text=True, capture_output=True, timeout=100, check=True)
    codes: list[int] = json.loads(done.stdout)
    return codes

"""Releasing on a real database: from signed words alone, once, and for whom."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import func, select, text

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.after_visit import queries, service
from telehealth.records.after_visit.events import SummaryReleased
from telehealth.records.after_visit.rules import (
    READABLE_FOR,
    NoteAmended,
    NothingSigned,
    Release,
    Standing,
    SummaryWithdrawn,
    Wanted,
    WordsNotCosigned,
)
from telehealth.records.charting import service as charting
from telehealth.records.charting.rules import NoteRetracted
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import NoteKind
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.participants import guests
from telehealth.visits.participants import service as participants
from tests.kit.summaries import BORN, Tasks, ToDo, entered, linked, retracted, signed
from tests.kit.visits import Arranged, arrange_visit
from tests.records.charting.test_cosigning import add_supervisor

NOTE = "# Findings\n\nSecret thing.\n\n# Plan\n\nKeep the dose,  5 mg.\n"
PLAN = Wanted(note_version=1, sections=(1,))


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
async def noted(unit_of_work: UnitOfWork, arranged: Arranged) -> Arranged:
    """With a signed note."""
    await unit_of_work.run(signed, arranged.clinician, arranged, NOTE)
    return arranged


async def release(unit_of_work: UnitOfWork, arranged: Arranged, wanted: Wanted, tasks: Tasks = Tasks()) -> Release:  # noqa: B008
    return await unit_of_work.run(service.release, arranged.clinician, arranged.visit_id, wanted, tasks)


async def patient(unit_of_work: UnitOfWork, arranged: Arranged) -> Actor:
    secret = await unit_of_work.run(linked, SYSTEM, arranged)
    return (await unit_of_work.run(entered, SYSTEM, secret))[0]


def told(nudged: list[Event]) -> list[int]:
    return [each.number for each in nudged if isinstance(each, SummaryReleased)]


async def test_nothing_is_released_before_it_is_signed(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    with pytest.raises(NothingSigned):
        await release(unit_of_work, arranged, PLAN)
    await unit_of_work.run(
        charting.save_draft,
        arranged.clinician,
        arranged.visit_id,
        version=0,
        content=NOTE,
        kind=NoteKind.PROGRESS,
    )
    with pytest.raises(NothingSigned):
        await release(unit_of_work, arranged, PLAN)


async def test_what_awaits_a_co_signature_is_not_released(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await unit_of_work.run(add_supervisor, SYSTEM, arranged.clinician, "Berg")
    await unit_of_work.run(signed, arranged.clinician, arranged, NOTE)
    with pytest.raises(NothingSigned):
        await release(unit_of_work, arranged, PLAN)


async def test_a_trainee_releases_what_is_signed_and_no_words_beside_it(
    unit_of_work: UnitOfWork, noted: Arranged, nudged: list[Event]
) -> None:
    await unit_of_work.run(add_supervisor, SYSTEM, noted.clinician, "Berg")
    with pytest.raises(WordsNotCosigned):
        await release(unit_of_work, noted, Wanted(note_version=1, sections=(1,), words="Double the dose."))
    assert (await unit_of_work.run(_count, SYSTEM), told(nudged)) == (0, [])
    made = await release(unit_of_work, noted, PLAN)
    assert (made.standing, told(nudged)) == (Standing.CURRENT, [1])


async def test_the_patient_reads_what_was_released_and_nothing_else(
    unit_of_work: UnitOfWork, noted: Arranged, nudged: list[Event]
) -> None:
    reader = await patient(unit_of_work, noted)
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.own_summary, reader)
    task = ToDo("Blood test", unit_of_work.clock.now() + timedelta(days=3))
    wanted = Wanted(note_version=1, sections=(1,), words="Descanse.", words_language="es", tasks=(task.id,))
    made = await release(unit_of_work, noted, wanted, Tasks([task]))
    found = await unit_of_work.run(queries.own_summary, reader)
    assert found == made
    assert found.contents is not None
    assert [(each.title, each.text) for each in found.contents.passages] == [("Plan", "Keep the dose,  5 mg.")]
    assert (found.contents.words, found.words_language, found.note_version) == ("Descanse.", "es", 1)
    assert [each.title for each in found.contents.tasks] == ["Blood test"]
    assert told(nudged) == [1]
    seen = await unit_of_work.run(_traces, SYSTEM, noted)
    assert seen == [("clinician", "create"), ("clinician", "read"), ("patient", "read")]


async def _traces(unit: Unit, arranged: Arranged) -> list[tuple[str, str]]:
    row = AuditRow
    about = (row.entity == "after_visit_summary", row.patient_id == arranged.patient_id)
    found = await unit.session.execute(
        select(row.role, row.action).where(*about).distinct().order_by(row.role, row.action)
    )
    return [(role, action) for role, action in found]


async def test_the_same_again_is_not_another_release_and_other_words_are(
    unit_of_work: UnitOfWork, noted: Arranged, nudged: list[Event]
) -> None:
    first = await release(unit_of_work, noted, PLAN)
    again = await asyncio.gather(*(release(unit_of_work, noted, PLAN) for _ in range(4)))
    assert {each.id for each in again} == {first.id}
    other = await release(unit_of_work, noted, Wanted(note_version=1, sections=(1,), words="Rest."))
    assert (other.number, told(nudged)) == (2, [1, 2])
    both = await unit_of_work.run(queries.releases, noted.clinician, noted.visit_id)
    assert [(each.number, each.standing) for each in both] == [(2, Standing.CURRENT), (1, Standing.SUPERSEDED)]


async def test_an_amended_note_supersedes_and_a_newer_summary_takes_its_place(
    unit_of_work: UnitOfWork, noted: Arranged
) -> None:
    reader = await patient(unit_of_work, noted)
    await release(unit_of_work, noted, PLAN)
    await unit_of_work.run(signed, noted.clinician, noted, "# Plan\n\nHalf the dose.", Relation.REPLACES)
    old = await unit_of_work.run(queries.own_summary, reader)
    assert (old.number, old.note_version, old.standing) == (1, 1, Standing.SUPERSEDED)
    with pytest.raises(NoteAmended):
        await release(unit_of_work, noted, PLAN)
    await release(unit_of_work, noted, Wanted(note_version=2, sections=(0,)))
    new = await unit_of_work.run(queries.own_summary, reader)
    assert new.contents is not None
    assert (new.number, new.note_version, new.standing) == (2, 2, Standing.CURRENT)
    assert [each.text for each in new.contents.passages] == ["Half the dose."]


async def test_a_retracted_note_takes_the_words_away_from_everybody(unit_of_work: UnitOfWork, noted: Arranged) -> None:
    reader = await patient(unit_of_work, noted)
    await release(unit_of_work, noted, PLAN)
    await unit_of_work.run(retracted, noted.clinician, noted, 1)
    found = await unit_of_work.run(queries.own_summary, reader)
    assert (found.standing, found.contents) == (Standing.WITHDRAWN, None)
    (listed,) = await unit_of_work.run(queries.releases, noted.clinician, noted.visit_id)
    assert listed.contents is None
    with pytest.raises(NoteRetracted):
        await release(unit_of_work, noted, PLAN)
    assert SummaryWithdrawn.kind == NoteRetracted.kind


async def test_a_retracted_addendum_leaves_a_note_to_release(
    unit_of_work: UnitOfWork, noted: Arranged, nudged: list[Event]
) -> None:
    reader = await patient(unit_of_work, noted)
    for words in ("# Wrong\n\nOther patient.", "# Plan\n\nWalk."):
        await unit_of_work.run(signed, noted.clinician, noted, words, Relation.APPENDS)
    old = await release(unit_of_work, noted, Wanted(note_version=3, sections=(1,)))
    await unit_of_work.run(retracted, noted.clinician, noted, 2)
    stands = await unit_of_work.run(queries.own_summary, reader)
    assert (stands.id, stands.standing) == (old.id, Standing.WITHDRAWN)
    with pytest.raises(NoteAmended):  # ticked when the second section was another
        await release(unit_of_work, noted, Wanted(note_version=3, sections=(2,)))
    offer = await unit_of_work.run(queries.offer, noted.clinician, noted.visit_id, Tasks())
    assert (offer.note_version, offer.in_force, [each.version for each in offer.passages]) == (4, 3, [1, 1, 3])
    made = await release(unit_of_work, noted, Wanted(note_version=4, sections=(1,)))  # the same words once more
    assert (made.number, made.standing, made.note_version) == (2, Standing.CURRENT, 3)
    assert await unit_of_work.run(queries.own_summary, reader) == made
    assert await unit_of_work.run(queries.worth_reading, SYSTEM, made.id) == noted.visit_id
    again = await release(unit_of_work, noted, Wanted(note_version=4, sections=(1,)))
    assert (again.id, told(nudged)) == (made.id, [1, 2])


async def test_others_neither_release_nor_read(unit_of_work: UnitOfWork, noted: Arranged) -> None:
    other = await unit_of_work.run(arrange_visit)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.release, other.clinician, noted.visit_id, PLAN, Tasks())
    await release(unit_of_work, noted, PLAN)
    stranger = await patient(unit_of_work, other)
    secret = await unit_of_work.run(linked, SYSTEM, noted, ParticipantKind.PROXY)
    proxy, page = await unit_of_work.run(entered, SYSTEM, secret)
    assert page == "/visit"
    desk = Actor(noted.clinician.id, Role.FRONT_DESK, frozenset(), visit_id=noted.visit_id)
    for reader in (stranger, proxy, noted.clinician, desk):
        with pytest.raises(NotFound):
            await unit_of_work.run(queries.own_summary, reader)


async def test_the_link_leads_to_it_until_it_is_revoked_or_over(
    unit_of_work: UnitOfWork, noted: Arranged, clock: FixedClock
) -> None:
    secret = await unit_of_work.run(linked, SYSTEM, noted)
    await release(unit_of_work, noted, PLAN)
    reader, page = await unit_of_work.run(entered, SYSTEM, secret)
    assert page == "/visit"  # the visit is under way
    await unit_of_work.run(_end, SYSTEM, noted)
    clock.advance(READABLE_FOR - timedelta(minutes=1))
    assert (await unit_of_work.run(entered, SYSTEM, secret))[1] == "/visit/summary"
    assert (await unit_of_work.run(queries.own_summary, reader)).number == 1
    clock.advance(timedelta(minutes=1))
    assert isinstance(await unit_of_work.run(guests.identify_guest, SYSTEM, secret, BORN), guests.Closed)
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.own_summary, reader)
    await release(unit_of_work, noted, PLAN)  # the same again is open again
    assert (await unit_of_work.run(queries.own_summary, reader)).number == 1
    assert reader.id is not None
    await unit_of_work.run(participants.revoke, SYSTEM, noted.visit_id, reader.id)
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.own_summary, reader)
    answer = await unit_of_work.run(guests.identify_guest, SYSTEM, secret, BORN)
    assert not isinstance(answer, guests.Identified)


async def _end(unit: Unit, arranged: Arranged) -> None:
    ended = "UPDATE visit SET status = 'ended', ended_at = :now WHERE id = :visit"
    await unit.session.execute(text(ended), {"now": unit.now, "visit": arranged.visit_id})


@pytest.mark.parametrize("change", ["UPDATE after_visit_summary SET sha256 = ''", "DELETE FROM after_visit_summary"])
async def test_the_database_keeps_what_was_released(
    unit_of_work: UnitOfWork, noted: Arranged, database: str, change: str
) -> None:
    await release(unit_of_work, noted, PLAN)
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(change.encode())
    with psycopg.connect(database) as connection:
        kept = connection.execute("SELECT content FROM after_visit_summary").fetchall()
    assert [b"dose" in content for (content,) in kept] == [False]
    assert await unit_of_work.run(_count, SYSTEM) == 1


async def _count(unit: Unit) -> int:
    return await unit.session.scalar(select(func.count()).select_from(text("after_visit_summary"))) or 0

"""Saving and signing on a real database."""

import asyncio
import hashlib
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.events import Event
from telehealth.db.audit import AuditRow
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import queries, service
from telehealth.records.charting.queries import Note
from telehealth.records.charting.rules import NoteStatus
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.notes.events import NoteSigned
from telehealth.records.notes.models import NoteRow, NoteVersionRow
from telehealth.records.notes.rules import AlreadySigned, NoteKind, NothingToSign, NotToBeSigned
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.visits import Arranged, arrange_visit


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


async def save(unit_of_work: UnitOfWork, arranged: Arranged, version: int, content: str) -> Note:
    return await unit_of_work.run(
        service.save_draft,
        arranged.clinician,
        arranged.visit_id,
        version=version,
        content=content,
        kind=NoteKind.PROGRESS,
    )


async def sign(unit_of_work: UnitOfWork, arranged: Arranged, version: int) -> Note:
    return await unit_of_work.run(
        service.sign,
        arranged.clinician,
        arranged.visit_id,
        version=version,
        destinations=(RECORD_SERVICE,),
        tasks=CosignatureTasks(),
    )


async def rows(unit: Unit, table: type) -> int:
    return (await unit.session.execute(select(func.count()).select_from(table))).scalar_one()


async def test_a_note_is_saved_again_and_again(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    empty = await unit_of_work.run(queries.open_note, arranged.clinician, arranged.visit_id)
    assert (empty.version, empty.content, empty.state) == (0, "", NoteStatus.DRAFT)
    first = await save(unit_of_work, arranged, 0, "Bet")
    second = await save(unit_of_work, arranged, first.version, "Better")
    assert (first.version, second.version) == (1, 2)
    assert await unit_of_work.run(queries.open_note, arranged.clinician, arranged.visit_id) == second


async def test_two_tabs_do_not_overwrite_each_other(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, "first")
    for version in (0, 2, 7):
        with pytest.raises(Stale):
            await save(unit_of_work, arranged, version, "other tab")
    results = await asyncio.gather(
        *(save(unit_of_work, arranged, 1, f"tab {tab}") for tab in range(8)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in results) == ["Note"] + ["Stale"] * 7


async def test_of_many_first_saves_one_wins(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    results = await asyncio.gather(
        *(save(unit_of_work, arranged, 0, f"tab {tab}") for tab in range(8)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in results) == ["Note"] + ["Stale"] * 7


async def test_signing_is_one_transaction(unit_of_work: UnitOfWork, arranged: Arranged, nudged: list[Event]) -> None:
    draft = await save(unit_of_work, arranged, 0, "## Plan\nRest.")
    signed = await sign(unit_of_work, arranged, draft.version)
    assert (signed.state, signed.in_record, signed.version) == (NoteStatus.DELIVERING, False, draft.version)
    event = next(each for each in nudged if isinstance(each, NoteSigned))
    assert event.topics() == (f"visit:{arranged.visit_id}", f"clinician:{arranged.clinician.person_id}")

    told = (await unit_of_work.run(queries.summary, SYSTEM, arranged.visit_id)).text
    assert told.text.endswith("\n\n## Plan\nRest.\n")
    assert told.sha256 == signed.sha256 == hashlib.sha256(told.text.encode()).hexdigest()
    assert told.author_name == "Dr. Grace Sample"


async def test_signing_twice_is_signing_once(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, "Rest.")
    answers = await asyncio.gather(*(sign(unit_of_work, arranged, 1) for _ in range(5)))
    assert len(set(answers)) == 1
    for table in (NoteVersionRow, RecordDeliveryRow, OutboxRow):
        assert await unit_of_work.run(rows, SYSTEM, table) == 1


async def test_what_is_signed_does_not_change(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, "Rest.")
    await sign(unit_of_work, arranged, 1)
    with pytest.raises(AlreadySigned):
        await save(unit_of_work, arranged, 1, "Something else.")


async def test_a_version_that_is_not_the_latest_is_not_signed(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, "one")
    await save(unit_of_work, arranged, 1, "two")
    with pytest.raises(Stale):
        await sign(unit_of_work, arranged, 1)
    assert await unit_of_work.run(rows, SYSTEM, NoteVersionRow) == 0


async def test_an_empty_note_is_not_signed(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, " \n")
    with pytest.raises(NothingToSign):
        await sign(unit_of_work, arranged, 1)


async def test_a_visit_that_has_not_begun_gets_no_signed_note(unit_of_work: UnitOfWork) -> None:
    arranged = await unit_of_work.run(arrange_visit, SYSTEM, status=VisitStatus.BOOKED)
    await save(unit_of_work, arranged, 0, "prepared")
    with pytest.raises(NotToBeSigned):
        await sign(unit_of_work, arranged, 1)


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.FRONT_DESK, Role.ADMIN, Role.PATIENT, Role.ANONYMOUS])
async def test_nobody_but_the_visits_clinician_gets_to_the_note(
    unit_of_work: UnitOfWork, arranged: Arranged, role: Role
) -> None:
    stranger = Actor(uuid4(), role, person_id=uuid4(), visit_id=arranged.visit_id)
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.open_note, stranger, arranged.visit_id)
    with pytest.raises(NotFound):
        await unit_of_work.run(
            service.sign,
            stranger,
            arranged.visit_id,
            version=1,
            destinations=(RECORD_SERVICE,),
            tasks=CosignatureTasks(),
        )


async def test_an_unsigned_note_has_no_summary(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, "draft")
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.summary, arranged.clinician, arranged.visit_id)


async def test_each_use_leaves_a_trace(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, "Rest.")
    await sign(unit_of_work, arranged, 1)
    await unit_of_work.run(queries.summary, arranged.clinician, arranged.visit_id)

    async def traces(unit: Unit) -> list[tuple[str, str, UUID | None]]:
        query = select(AuditRow.action, AuditRow.entity, AuditRow.patient_id).order_by(AuditRow.position)
        return [(row[0], row[1], row[2]) for row in await unit.session.execute(query)]

    patient = arranged.patient_id
    assert (await unit_of_work.run(traces))[-3:] == [
        ("update", "visit", patient),
        ("execute", "visit", patient),
        ("read", "note_version", patient),
    ]


async def test_words_are_sealed_in_the_database(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await save(unit_of_work, arranged, 0, "CANARY")
    await sign(unit_of_work, arranged, 1)

    async def everything(unit: Unit) -> str:
        tables = [NoteRow.__tablename__, NoteVersionRow.__tablename__, RecordDeliveryRow.__tablename__, "outbox"]
        found = [await unit.session.execute(text(f"SELECT t::text FROM {name} t")) for name in tables]  # noqa: S608
        return "\n".join(row[0] for result in found for row in result)

    stored = await unit_of_work.run(everything)
    assert "CANARY" not in stored
    assert b"CANARY".hex() not in stored


async def test_the_mark_of_a_note_changes_with_it(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    marks = [await unit_of_work.run(queries.note_mark, arranged.clinician, arranged.visit_id)]
    await save(unit_of_work, arranged, 0, "a")
    marks.append(await unit_of_work.run(queries.note_mark, arranged.clinician, arranged.visit_id))
    await sign(unit_of_work, arranged, 1)
    marks.append(await unit_of_work.run(queries.note_mark, arranged.clinician, arranged.visit_id))
    assert len(set(marks)) == 3

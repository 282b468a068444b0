"""Pathways start with what they are for, once, and end with it: over real visits and signed notes."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId, NoteId
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import queries as followups
from telehealth.followups import service as tasks_of
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.followups.parts import FollowUp, Pool, TaskKind, TaskStatus, Whose
from telehealth.pathways import queries, service, tasks
from telehealth.pathways.rules import (
    Cause,
    Content,
    PathwayRuns,
    Run,
    Step,
    UnfitPathway,
    VisitVoid,
    diagnoses,
)
from telehealth.records.charting import queries as charting_read
from telehealth.records.charting import service as charting
from telehealth.records.notes import service as notes
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.events import NoteSigned
from telehealth.records.notes.rules import NoteKind
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.events import VisitCancelled, VisitEnded, VisitExpired, VisitMarkedAsError
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.signed import retracted_note
from tests.kit.visits import Arranged, arrange_visit

READINGS = Step(kind=TaskKind.QUESTIONNAIRE, title="Blood pressure", due_in="1d", repeat="FREQ=DAILY;COUNT=3")
CALL = Step(kind=TaskKind.CALL, due_in="2d", owner=Whose.DESK, after=1, checklist=("Cuff",))
STEPS = (READINGS, CALL, Step(kind=TaskKind.REBOOK, due_in="3m"))


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit, SYSTEM, status=VisitStatus.ENDED)


async def published(unit_of_work: UnitOfWork, arranged: Arranged, code: str, *, written: str = "") -> None:
    """A pathway of the visit's kind, or of diagnoses."""
    kind = (await unit_of_work.run(visits.find, SYSTEM, arranged.visit_id)).visit_type
    content = Content(name=code, visit_types=() if written else (kind,), diagnoses=diagnoses(written), steps=STEPS)
    await unit_of_work.run(service.publish, SYSTEM, code, content, version=0)


def told(arranged: Arranged) -> dict[str, object]:
    clinician_id = ClinicianId(arranged.clinician.person_id or UUID(int=0))
    return {"visit_id": arranged.visit_id, "patient_id": arranged.patient_id, "clinician_id": clinician_id}


async def ended(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await unit_of_work.run(tasks.visit_ended, SYSTEM, VisitEnded(**told(arranged)))  # type: ignore[arg-type]


async def heard(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    event = NoteSigned(note_id=NoteId(UUID(int=1)), version=1, **told(arranged))  # type: ignore[arg-type]
    await unit_of_work.run(tasks.note_signed, SYSTEM, event)


async def became(unit_of_work: UnitOfWork, arranged: Arranged, status: VisitStatus) -> None:
    async def change(unit: Unit) -> None:
        await unit.session.execute(update(VisitRow).where(VisitRow.id == arranged.visit_id).values(status=status))

    await unit_of_work.run(change)


async def signed(unit_of_work: UnitOfWork, arranged: Arranged, words: str, relation: Relation | None = None) -> None:
    mine = arranged.clinician, arranged.visit_id
    version = (await unit_of_work.run(charting_read.open_note, *mine)).version
    if relation is not None:
        await unit_of_work.run(notes.amend, *mine, version=version, relation=relation)
        version += 1
    await unit_of_work.run(notes.save_draft, *mine, version=version, content=words, kind=NoteKind.PROGRESS)
    await unit_of_work.run(charting.sign, *mine, version=version + 1, destinations=(), tasks=CosignatureTasks())
    await heard(unit_of_work, arranged)


async def made(unit_of_work: UnitOfWork, arranged: Arranged) -> list[FollowUp]:
    return await unit_of_work.run(followups.follow_ups, SYSTEM, statuses=list(TaskStatus), visit_id=arranged.visit_id)


async def runs(unit_of_work: UnitOfWork, arranged: Arranged) -> list[Run]:
    return await unit_of_work.run(queries.runs_of, arranged.clinician, arranged.visit_id)


async def test_a_visit_that_ends_starts_its_pathway_once(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await published(unit_of_work, arranged, "aftercare")
    await published(unit_of_work, arranged, "pressure", written="ICD-10 I10")
    await asyncio.gather(*(ended(unit_of_work, arranged) for _ in range(4)))
    await heard(unit_of_work, arranged)
    (run,) = await runs(unit_of_work, arranged)
    assert (run.pathway.code, run.pathway.version, run.cause, run.started_by) == (
        "aftercare",
        1,
        Cause.VISIT_TYPE,
        None,
    )
    found: dict[UUID, FollowUp] = {each.id: each for each in await made(unit_of_work, arranged)}
    assert set(found) == set(run.tasks)
    first, second, third, call, rebook = (found[each] for each in run.tasks)
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    assert (call.owner.pool, call.after_id, [each.text for each in call.checklist]) == (Pool.DESK, third.id, ["Cuff"])
    assert (rebook.kind, rebook.owner.person_id) == (TaskKind.REBOOK, arranged.clinician.person_id)
    (step,) = await unit_of_work.run(tasks_of.history, SYSTEM, call.id)
    assert (step.note, step.role) == ("care_pathway", "system")

    async def traces(unit: Unit) -> list[str]:
        known = select(AuditRow.action).where(AuditRow.entity == "care_pathway_run", AuditRow.entity_id == run.id)
        return sorted(await unit.session.scalars(known))

    assert await unit_of_work.run(traces) == ["create", "read"]


async def test_a_visit_that_did_not_take_place_starts_none(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await published(unit_of_work, arranged, "aftercare")
    await became(unit_of_work, arranged, VisitStatus.PATIENT_NO_SHOW)
    await ended(unit_of_work, arranged)
    assert await runs(unit_of_work, arranged) == []


async def test_a_visit_in_error_cancels_what_nobody_has_begun(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await published(unit_of_work, arranged, "aftercare")
    await ended(unit_of_work, arranged)
    (before,) = await runs(unit_of_work, arranged)
    begun = before.tasks[0]
    await unit_of_work.run(tasks_of.note, arranged.clinician, begun, text="Asked already.")
    await became(unit_of_work, arranged, VisitStatus.ENTERED_IN_ERROR)
    await unit_of_work.run(tasks.mistaken, SYSTEM, VisitMarkedAsError(**told(arranged)))  # type: ignore[arg-type]
    kept = [each.id for each in await made(unit_of_work, arranged) if each.status is not TaskStatus.CANCELLED]
    assert kept == [begun]
    (run,) = await runs(unit_of_work, arranged)
    assert run.cancelled_at is not None
    await ended(unit_of_work, arranged)
    with pytest.raises(VisitVoid):
        await unit_of_work.run(service.start, arranged.clinician, arranged.visit_id, "aftercare")
    assert len(await runs(unit_of_work, arranged)) == 1


@pytest.mark.parametrize("status", [VisitStatus.CANCELLED, VisitStatus.EXPIRED])
async def test_what_was_started_ahead_of_a_visit_goes_with_it(
    unit_of_work: UnitOfWork, arranged: Arranged, status: VisitStatus
) -> None:
    await published(unit_of_work, arranged, "aftercare")
    await became(unit_of_work, arranged, VisitStatus.BOOKED)
    await unit_of_work.run(service.start, arranged.clinician, arranged.visit_id, "aftercare")
    await became(unit_of_work, arranged, status)
    for event in (VisitCancelled, VisitExpired):
        (hear,) = (each.handle for each in tasks.SUBSCRIPTIONS if each.event is event)
        await unit_of_work.run(hear, SYSTEM, event(**told(arranged)))  # type: ignore[arg-type]
    assert {each.status for each in await made(unit_of_work, arranged)} == {TaskStatus.CANCELLED}


async def test_begun_anew_a_task_in_somebodys_hands_is_not_made_twice(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    await published(unit_of_work, arranged, "aftercare")
    await ended(unit_of_work, arranged)
    (before,) = await runs(unit_of_work, arranged)
    rebook = before.tasks[-1]
    await unit_of_work.run(tasks_of.claim, arranged.clinician, rebook)
    await unit_of_work.run(service.stop, arranged.clinician, arranged.visit_id, before.id)
    await unit_of_work.run(service.start, arranged.clinician, arranged.visit_id, "aftercare")
    left = [each for each in await made(unit_of_work, arranged) if each.status is not TaskStatus.CANCELLED]
    assert sorted(each.kind for each in left) == ["call", *["questionnaire"] * 3, "rebook"]
    assert rebook in {each.id for each in left}


async def test_begun_anew_in_another_version_it_is_not_made_twice_either(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    await published(unit_of_work, arranged, "pressure", written="ICD-10 I10")
    await signed(unit_of_work, arranged, "ICD-10 I10")
    (run,) = await runs(unit_of_work, arranged)
    call = run.tasks[3]
    await unit_of_work.run(tasks_of.claim, arranged.clinician, call)
    other = Content(name="Other", diagnoses=diagnoses("ICD-10 I10"), steps=(*STEPS[:2], Step(kind=TaskKind.LAB)))
    await unit_of_work.run(service.publish, SYSTEM, "pressure", other, version=1)
    await signed(unit_of_work, arranged, "White coats only.", Relation.REPLACES)
    await signed(unit_of_work, arranged, "ICD-10 I10", Relation.APPENDS)
    left = [each for each in await made(unit_of_work, arranged) if each.status is not TaskStatus.CANCELLED]
    assert sorted(each.kind for each in left) == ["call", "lab", *["questionnaire"] * 3]
    assert (call, False) in {(each.id, each.blocked) for each in left}


async def test_a_diagnosis_of_the_signed_note_starts_and_ends_it(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await published(unit_of_work, arranged, "pressure", written="ICD-10 I1")
    await signed(unit_of_work, arranged, "Hypertension, ICD-10 I10.")
    await heard(unit_of_work, arranged)
    (run,) = await runs(unit_of_work, arranged)
    assert (run.cause, len(run.tasks)) == (Cause.DIAGNOSIS, 5)
    await signed(unit_of_work, arranged, "Still hypertension, ICD-10 I15.1.", Relation.REPLACES)
    assert [each.cancelled_at for each in await runs(unit_of_work, arranged)] == [None]
    await signed(unit_of_work, arranged, "White coats only.", Relation.REPLACES)
    assert {each.status for each in await made(unit_of_work, arranged)} == {TaskStatus.CANCELLED}
    await signed(unit_of_work, arranged, "After all: ICD-10 I10.", Relation.APPENDS)
    assert [each.cancelled_at is None for each in await runs(unit_of_work, arranged)] == [False, True]


async def test_a_retracted_note_takes_it_along(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await published(unit_of_work, arranged, "pressure", written="SNOMED CT 38341003")
    await signed(unit_of_work, arranged, "SNOMED CT 38341003")
    await retracted_note(unit_of_work, arranged, 1, ())
    await heard(unit_of_work, arranged)
    (run,) = await runs(unit_of_work, arranged)
    assert run.cancelled_at is not None
    assert {each.status for each in await made(unit_of_work, arranged)} == {TaskStatus.CANCELLED}


async def test_what_runs_goes_on_when_another_version_is_published(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    await published(unit_of_work, arranged, "pressure", written="ICD-10 I10")
    await signed(unit_of_work, arranged, "ICD-10 I10")
    other = Content(name="Other", diagnoses=diagnoses("ICD-10 J45"), steps=STEPS)
    again = await unit_of_work.run(service.publish, SYSTEM, "pressure", other, version=1)
    assert again.version == 2
    await heard(unit_of_work, arranged)
    (run,) = await runs(unit_of_work, arranged)
    assert (run.pathway.version, run.cancelled_at) == (1, None)
    with pytest.raises(Stale):
        await unit_of_work.run(service.publish, SYSTEM, "pressure", other, version=1)
    await unit_of_work.run(service.retire, SYSTEM, "pressure", version=2)
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.pathway, SYSTEM, "pressure")
    assert [each.version for each in await unit_of_work.run(queries.versions, SYSTEM, "pressure")] == [2, 1]


async def test_by_hand_it_is_started_and_stopped_by_who_gives_the_visit(
    unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    await published(unit_of_work, arranged, "pressure", written="ICD-10 I10")
    mine = arranged.clinician, arranged.visit_id
    run = await unit_of_work.run(service.start, *mine, "pressure")
    assert (run.cause, run.started_by) == (Cause.BY_HAND, arranged.clinician.id)
    with pytest.raises(PathwayRuns):
        await unit_of_work.run(service.start, *mine, "pressure")
    await ended(unit_of_work, arranged)  # which is no reason to end it
    assert (await runs(unit_of_work, arranged))[0].cancelled_at is None
    for _ in range(2):
        stopped = await unit_of_work.run(service.stop, *mine, run.id)
        assert (stopped.cancelled_at is not None, stopped.cancelled_by) == (True, arranged.clinician.id)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.stop, *mine, arranged.visit_id)
    stranger = await unit_of_work.run(arrange_visit)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.stop, stranger.clinician, stranger.visit_id, run.id)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.start, stranger.clinician, arranged.visit_id, "pressure")


async def test_what_a_person_stopped_is_started_by_a_person_alone(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await published(unit_of_work, arranged, "pressure", written="ICD-10 I10")
    await signed(unit_of_work, arranged, "ICD-10 I10")
    (run,) = await runs(unit_of_work, arranged)
    await unit_of_work.run(service.stop, arranged.clinician, arranged.visit_id, run.id)
    await signed(unit_of_work, arranged, "Drank too much coffee.", Relation.APPENDS)
    assert [each.cancelled_by for each in await runs(unit_of_work, arranged)] == [arranged.clinician.id]
    again = await unit_of_work.run(service.start, arranged.clinician, arranged.visit_id, "pressure")
    assert again.cancelled_at is None


async def test_a_repetition_may_begin_at_once_between_two_seconds(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    clock.advance(timedelta(microseconds=7))
    steps = (Step(kind=TaskKind.LAB, repeat="FREQ=DAILY;COUNT=2"),)
    await unit_of_work.run(service.publish, SYSTEM, "at-once", Content(name="x", steps=steps), version=0)
    run = await unit_of_work.run(service.start, arranged.clinician, arranged.visit_id, "at-once")
    assert len(run.tasks) == 2


async def test_a_pathway_that_makes_no_sense_is_refused(unit_of_work: UnitOfWork) -> None:
    content = Content(name="x", visit_types=("nowhere",), steps=STEPS)
    with pytest.raises(UnfitPathway) as refused:
        await unit_of_work.run(service.publish, SYSTEM, "Not a code", content, version=0)
    assert [each.field for each in refused.value.faults] == ["code", "visit_types"]

"""Publishing care pathways, and starting and stopping them for a visit."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import func, select, update

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.followups import keeping
from telehealth.followups import service as followups
from telehealth.monitoring import queries as monitoring
from telehealth.pathways import queries
from telehealth.pathways.models import CarePathwayRow, CarePathwayRunRow, CarePathwayTaskRow
from telehealth.pathways.rules import (
    CAUSE,
    Cause,
    Content,
    Diagnosis,
    Fault,
    Pathway,
    PathwayRuns,
    Run,
    Situation,
    UnfitPathway,
    VisitVoid,
    diagnoses,
    faults,
    is_code,
)
from telehealth.records.charting import queries as charting
from telehealth.records.charting.rules import NoteRetracted
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit, VisitStatus
from telehealth.visits.lifecycle.service import open_visit

TOOK_PLACE = frozenset({VisitStatus.ENDED, VisitStatus.COMPLETED})
VOID = frozenset({VisitStatus.CANCELLED, VisitStatus.EXPIRED, VisitStatus.ENTERED_IN_ERROR})


async def publish(unit: Unit, code: str, content: Content, *, version: int) -> Pathway:
    """The next version over the one that was read (0: none). What runs already goes on as it was begun.

    Raises UnfitPathway, Stale.
    """
    kinds = {each.code for each in await booking.visit_types(unit)}
    wrong = [] if is_code(code) else [Fault("code", "invalid")]
    if wrong := [*wrong, *faults(content, kinds, await monitoring.codes(unit))]:
        raise UnfitPathway(wrong)
    await _retire(unit, code, version)
    latest = select(func.coalesce(func.max(CarePathwayRow.version), 0)).where(CarePathwayRow.code == code)
    row = CarePathwayRow(
        id=unit.new_id(),
        code=code,
        version=(await unit.session.scalar(latest) or 0) + 1,
        content=asdict(content),
        published_at=unit.now,
        published_by=unit.actor.id,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "care_pathway", row.id)
    return await queries.pathway(unit, code)


async def retire(unit: Unit, code: str, *, version: int) -> None:
    """It is not started any more; what runs goes on. Raises NotFound, Stale."""
    found = await queries.pathway(unit, code)
    if found.version != version:
        raise Stale
    await _retire(unit, code, version)
    unit.audit("delete", "care_pathway", found.id)


async def _retire(unit: Unit, code: str, version: int) -> None:
    """Of 0 there is nothing to retire: that there is one in force after all, the new row hears from the table."""
    row = CarePathwayRow
    read = update(row).where(row.code == code, row.version == version, row.retired_at.is_(None))
    retired = await unit.session.scalar(read.values(retired_at=unit.now).returning(row.id))
    if retired is None and version:
        raise Stale


async def settle(unit: Unit, visit_id: UUID, starting: Cause | None = None) -> None:
    """Cancel what is no longer asked for, and start what is, if something of that sort has just happened.

    The visit is locked, so that what is told twice starts a pathway once. What a person has stopped last, only a person
    starts again.
    """
    visit = await visits.find(unit, visit_id, lock=True)
    known, runs = await queries.in_force(unit), await queries.runs(unit, visit_id)
    going = [each for each in runs if each.cancelled_at is None]
    asks = any(each.content.diagnoses for each in (*known, *(run.pathway for run in going)))
    found = Situation(
        visit_type=visit.visit_type if visit.status in TOOK_PLACE else "",
        diagnoses=await _diagnoses(unit, visit_id) if asks else (),
        void=visit.status in VOID,
    )
    wanted = [run for run in going if found.wants(run)]
    for run in going:
        if run not in wanted:
            await _cancel(unit, visit, run)
    if starting is None:
        return
    last = {run.pathway.code: run for run in runs}
    settled = {run.pathway.code for run in wanted} | {code for code, run in last.items() if run.cancelled_by}
    for each in known:
        if each.code not in settled and starting in found.causes(each.content):
            await _start(unit, visit, each, starting)


async def start(unit: Unit, visit_id: UUID, code: str) -> Run:
    """By hand. Raises NotFound, VisitVoid, PathwayRuns."""
    await open_visit(unit, visit_id)
    visit = await visits.find(unit, visit_id, lock=True)
    if visit.status in VOID:
        raise VisitVoid
    going = [each for each in await queries.runs(unit, visit_id) if each.cancelled_at is None]
    found = await queries.pathway(unit, code)
    if any(each.pathway.code == code for each in going):
        raise PathwayRuns
    return await _run(unit, visit_id, await _start(unit, visit, found, Cause.BY_HAND))


async def stop(unit: Unit, visit_id: UUID, run_id: UUID) -> Run:
    """Cancel what nobody has begun; once is enough. Raises NotFound."""
    visit = await open_visit(unit, visit_id)
    await visits.find(unit, visit_id, lock=True)
    run = await _run(unit, visit_id, run_id)
    if run.cancelled_at is None:
        await _cancel(unit, visit, run)
    return await _run(unit, visit_id, run_id)


async def _run(unit: Unit, visit_id: UUID, run_id: UUID) -> Run:
    found = next((each for each in await queries.runs(unit, visit_id) if each.id == run_id), None)
    if found is None:
        raise NotFound
    return found


async def _start(unit: Unit, visit: Visit, pathway: Pathway, cause: Cause) -> UUID:
    """Begun anew after it was cancelled, a step whose task somebody had begun keeps that task."""
    before = await queries.tasks_by_step(unit, visit.id, pathway.code)
    run = CarePathwayRunRow(
        id=unit.new_id(),
        pathway_id=pathway.id,
        code=pathway.code,
        visit_id=visit.id,
        cause=cause,
        started_at=unit.now,
        started_by=_person(unit),
    )
    unit.session.add(run)
    await unit.session.flush()
    unit.audit("create", "care_pathway_run", run.id, patient_id=visit.patient_id)
    last, rows = dict[int, UUID](), list[CarePathwayTaskRow]()
    for number, step in enumerate(pathway.content.steps, start=1):
        kept = [] if step.repeat else await keeping.not_cancelled(unit, before.get(number, ()), step.kind)
        if kept:
            last[number] = kept[-1]
            continue
        made = await followups.plan(unit, visit.id, step.wish(None if step.after is None else last[step.after]))
        last[number] = made[-1].id
        rows += [CarePathwayTaskRow(task_id=each.id, run_id=run.id, step=number) for each in made]
    for at, row in enumerate(rows, start=1):
        row.number = at
    unit.session.add_all(rows)
    await unit.session.flush()
    return run.id


async def _cancel(unit: Unit, visit: Visit, run: Run) -> None:
    row = await unit.session.get_one(CarePathwayRunRow, run.id)
    row.cancelled_at, row.cancelled_by = unit.now, _person(unit)
    await keeping.cancel_unbegun(unit, run.tasks, CAUSE)
    unit.audit("update", "care_pathway_run", run.id, patient_id=visit.patient_id)
    await unit.session.flush()


def _person(unit: Unit) -> UUID | None:
    return None if unit.actor.role is Role.SYSTEM else unit.actor.id


async def _diagnoses(unit: Unit, visit_id: UUID) -> tuple[Diagnosis, ...]:
    """Those of the note as it stands, with its addenda."""
    try:
        found = await charting.summary(unit, visit_id)
    except (NotFound, NoteRetracted):
        return ()
    return diagnoses("\n".join(each.text for each in found.all))

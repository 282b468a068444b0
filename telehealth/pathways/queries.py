"""Reading care pathways. What pathways there are is no patient's data; what runs for a visit is read with the visit."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import select

from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.followups.parts import Facing, Priority, TaskKind, Whose
from telehealth.pathways.models import CarePathwayRow, CarePathwayRunRow, CarePathwayTaskRow
from telehealth.pathways.rules import Cause, CodeSystem, Content, Diagnosis, Pathway, Run, Step, is_code
from telehealth.visits.lifecycle.service import open_visit


async def in_force(unit: Unit) -> list[Pathway]:
    """What may be started, by code."""
    query = select(CarePathwayRow).where(CarePathwayRow.retired_at.is_(None)).order_by(CarePathwayRow.code)
    return [_pathway_of(row) for row in await unit.session.scalars(query)]


async def pathway(unit: Unit, code: str) -> Pathway:
    """The version in force. Raises NotFound."""
    found = next((each for each in await in_force(unit) if each.code == code), None)
    if found is None:
        raise NotFound
    return found


async def versions(unit: Unit, code: str) -> list[Pathway]:
    """All there were, the latest first. Raises NotFound when there was none."""
    query = select(CarePathwayRow).where(CarePathwayRow.code == code).order_by(CarePathwayRow.version.desc())
    found = [_pathway_of(row) for row in await unit.session.scalars(query)] if is_code(code) else []
    if not found:
        raise NotFound
    return found


async def runs_of(unit: Unit, visit_id: UUID) -> list[Run]:
    """What was started for a visit, first things first; audited. Raises NotFound."""
    visit = await open_visit(unit, visit_id)
    found = await runs(unit, visit.id)
    for each in found:
        unit.audit("read", "care_pathway_run", each.id, patient_id=visit.patient_id)
    return found


async def runs(unit: Unit, visit_id: UUID) -> list[Run]:
    """The same, of a visit that the actor has already been allowed."""
    query = (
        select(CarePathwayRunRow, CarePathwayRow)
        .join(CarePathwayRow, CarePathwayRow.id == CarePathwayRunRow.pathway_id)
        .where(CarePathwayRunRow.visit_id == visit_id)
        .order_by(CarePathwayRunRow.started_at, CarePathwayRunRow.cancelled_at.nulls_last(), CarePathwayRunRow.id)
    )
    found = (await unit.session.execute(query.execution_options(populate_existing=True))).all()
    made = select(CarePathwayTaskRow).where(CarePathwayTaskRow.run_id.in_([run.id for run, _ in found]))
    tasks: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for each in await unit.session.scalars(made.order_by(CarePathwayTaskRow.number)):
        tasks[each.run_id].append(each.task_id)
    return [_run_of(run, _pathway_of(row), tasks[run.id]) for run, row in found]


async def tasks_by_step(unit: Unit, visit_id: UUID, code: str) -> dict[int, list[UUID]]:
    """What the pathway made for that visit before, in any version, by number of the step."""
    query = (
        select(CarePathwayTaskRow)
        .join(CarePathwayRunRow, CarePathwayRunRow.id == CarePathwayTaskRow.run_id)
        .where(CarePathwayRunRow.visit_id == visit_id, CarePathwayRunRow.code == code)
    )
    found: defaultdict[int, list[UUID]] = defaultdict(list)
    for each in await unit.session.scalars(query.order_by(CarePathwayRunRow.started_at, CarePathwayTaskRow.number)):
        found[each.step].append(each.task_id)
    return dict(found)


def _run_of(row: CarePathwayRunRow, of: Pathway, tasks: list[UUID]) -> Run:
    return Run(
        id=row.id,
        visit_id=row.visit_id,
        pathway=of,
        cause=Cause(row.cause),
        started_at=row.started_at,
        started_by=row.started_by,
        cancelled_at=row.cancelled_at,
        cancelled_by=row.cancelled_by,
        tasks=tasks,
    )


def _pathway_of(row: CarePathwayRow) -> Pathway:
    kept = row.content
    return Pathway(
        id=row.id,
        code=row.code,
        version=row.version,
        content=Content(
            name=kept["name"],
            visit_types=tuple(kept["visit_types"]),
            diagnoses=tuple(Diagnosis(CodeSystem(each["system"]), each["code"]) for each in kept["diagnoses"]),
            steps=tuple(_step_of(each) for each in kept["steps"]),
        ),
        published_at=row.published_at,
        published_by=row.published_by,
        retired_at=row.retired_at,
    )


def _step_of(kept: dict[str, object]) -> Step:
    words = {name: str(kept.get(name, "")) for name in ("title", "due_in", "window", "repeat", "questionnaire")}
    after, checklist, facing = kept["after"], kept["checklist"], kept["facing"]
    return Step(
        kind=TaskKind(str(kept["kind"])),
        owner=Whose(str(kept["owner"])),
        facing=None if facing is None else Facing(str(facing)),
        priority=Priority(str(kept["priority"])),
        after=after if isinstance(after, int) else None,
        checklist=tuple(checklist) if isinstance(checklist, list) else (),
        **words,
    )

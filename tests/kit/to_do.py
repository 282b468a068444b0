"""What a visit leaves to be done: a task of its own, and a care pathway that was started for it."""

from uuid import UUID

from telehealth.core.ids import TaskId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups import service as followups
from telehealth.followups.parts import TaskKind, Wish
from telehealth.pathways import queries, service
from telehealth.pathways.rules import Content, Step

PATHWAY = "aftercare"


async def left_to_do(unit: Unit, visit_id: VisitId) -> tuple[TaskId, UUID]:
    """A task and a run, by the clinician who acts."""
    (task,) = await followups.plan(unit, visit_id, Wish(title="Check blood pressure", due_in="2w", checklist=("Cuff",)))
    if not await queries.in_force(unit):
        await service.publish(unit, PATHWAY, Content(name="Aftercare", steps=(Step(kind=TaskKind.CALL),)), version=0)
    return task.id, (await service.start(unit, visit_id, PATHWAY)).id

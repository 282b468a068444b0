"""What a visit leaves to be done: a task of its own, a care pathway that was started for it, a mail nobody took."""

from uuid import UUID

from sqlalchemy import text

from telehealth.core.ids import TaskId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups import service as followups
from telehealth.followups.parts import TaskKind, Wish
from telehealth.pathways import queries, service
from telehealth.pathways.rules import Content, Step

PATHWAY = "aftercare"
GIVEN_UP = """INSERT INTO message
(id, kind, channel, subject_id, recipient_role, recipient_id, due_at, state, next_attempt_at, fault, settled_at)
VALUES (:id, 'follow_up_due', 'email', :id, 'clinician', :id, :now, 'dead', :now, '550', :now)"""


async def left_to_do(unit: Unit, visit_id: VisitId) -> tuple[TaskId, UUID]:
    """A task and a run, by the clinician who acts. A mail about the task, which has its id, was given up."""
    (task,) = await followups.plan(unit, visit_id, Wish(title="Check blood pressure", due_in="2w", checklist=("Cuff",)))
    if not await queries.in_force(unit):
        await service.publish(unit, PATHWAY, Content(name="Aftercare", steps=(Step(kind=TaskKind.CALL),)), version=0)
    about = {"id": task.id, "now": unit.now}
    await unit.session.execute(text(GIVEN_UP), about)
    return task.id, (await service.start(unit, visit_id, PATHWAY)).id

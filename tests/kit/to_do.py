"""What a visit leaves to be done: a task, a care pathway that was started, questions from home, a mail nobody took."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import text

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import TaskId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups import service as followups
from telehealth.followups.parts import TaskKind, Wish
from telehealth.monitoring import queries as monitoring
from telehealth.monitoring import service as asking
from telehealth.monitoring.rules import Content as Questions
from telehealth.monitoring.rules import Request
from telehealth.pathways import queries, service
from telehealth.pathways.rules import Content, Step

PATHWAY = CODE = "aftercare"
GIVEN_UP = """INSERT INTO message
(id, kind, channel, subject_id, recipient_role, recipient_id, due_at, state, next_attempt_at, fault, settled_at)
VALUES (:id, 'follow_up_due', 'email', :id, 'clinician', :id, :now, 'dead', :now, '550', :now)"""


class Left(TypedDict):
    """A task, a run, what the patient is asked, what they have answered before, and the questions.

    A mail about the task, which has its id, was given up.
    """

    task: TaskId
    run: UUID
    asked: UUID
    response: UUID
    questions: UUID


async def left_to_do(unit: Unit, visit_id: VisitId, questionnaire: Mapping[str, Any]) -> Left:
    """By the clinician who acts."""
    (task,) = await followups.plan(unit, visit_id, Wish(title="Check blood pressure", due_in="2w", checklist=("Cuff",)))
    if not await queries.in_force(unit):
        await service.publish(unit, PATHWAY, Content(name="Aftercare", steps=(Step(kind=TaskKind.CALL),)), version=0)
        await asking.publish(unit, CODE, Questions(resource=questionnaire), version=0)
    await unit.session.execute(text(GIVEN_UP), {"id": task.id, "now": unit.now})
    run = await service.start(unit, visit_id, PATHWAY)
    before, asked = [await _asked(unit, visit_id) for _ in range(2)]
    patient = Actor(None, Role.PATIENT, person_id=before.patient_id, visit_id=visit_id)
    await asking.answer(replace(unit, actor=patient), before.id, {"sleeps": "true"})
    response = (await monitoring.responses(unit, [before.id]))[before.id]
    return Left(task=task.id, run=run.id, asked=asked.id, response=response.id, questions=response.form.id)


async def _asked(unit: Unit, visit_id: VisitId) -> Request:
    (asks,) = await followups.plan(unit, visit_id, Wish(kind=TaskKind.QUESTIONNAIRE, questionnaire=CODE))
    await asking.ask(replace(unit, actor=SYSTEM), asks.id)
    asked = await monitoring.request_for(unit, asks.id)
    assert asked is not None
    return asked

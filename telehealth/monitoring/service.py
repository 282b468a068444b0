"""Publishing questions, asking patients, and taking their answers: the task is done, and whoever is needed is asked."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.access.rules import digest, new_secret
from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups import keeping
from telehealth.followups import service as followups
from telehealth.followups.rules import CLOSED
from telehealth.monitoring import queries
from telehealth.monitoring.events import AnswerAwaited, QuestionsAnswered, QuestionsAsked
from telehealth.monitoring.models import FormRow, RequestRow, ResponseRow
from telehealth.monitoring.queries import answers_place, link_place
from telehealth.monitoring.rules import (
    CAUSE,
    AlreadyAnswered,
    AnsweringOver,
    Content,
    Fault,
    Form,
    Request,
    Standing,
    UnfitThresholds,
    Window,
    crossed,
    faults,
    is_code,
    standing,
    task_of,
)
from telehealth.visits.gates.filling import Answers, kept, missing, read_typed, refuse, stored
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.service import open_visit

# What may be asked


async def publish(unit: Unit, code: str, content: Content, *, version: int) -> Form:
    """The next version over the one that was read (0: none); what was asked already stays as it was asked.

    Raises InvalidQuestionnaire, UnfitThresholds, Stale.
    """
    wrong = [] if is_code(code) else [Fault("code", "invalid")]
    if wrong := [*wrong, *faults(content)]:
        raise UnfitThresholds(wrong)
    await _retire(unit, code, version)
    newest = select(func.coalesce(func.max(FormRow.version), 0)).where(FormRow.code == code)
    row = FormRow(
        id=unit.new_id(),
        code=code,
        version=(await unit.session.scalar(newest) or 0) + 1,
        resource=dict(content.resource),
        thresholds=[asdict(each) for each in content.thresholds],
        published_at=unit.now,
        published_by=unit.actor.id,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "monitoring_form", row.id)
    return await queries.form(unit, code)


async def retire(unit: Unit, code: str, *, version: int) -> None:
    """No more tasks name it; what is planned is still asked. Raises NotFound, Stale."""
    found = await queries.form(unit, code)
    if found.version != version:
        raise Stale
    await _retire(unit, code, version)
    unit.audit("delete", "monitoring_form", found.id)


async def _retire(unit: Unit, code: str, version: int) -> None:
    """Of 0 there is nothing to retire: that there is one in force after all, the new row hears from the table."""
    row = FormRow
    read = update(row).where(row.code == code, row.version == version, row.retired_at.is_(None))
    retired = await unit.session.scalar(read.values(retired_at=unit.now).returning(row.id))
    if retired is None and version:
        raise Stale


# Asking


async def ask(unit: Unit, task_id: UUID) -> None:
    """A task of a patient's is due: they get a link to the questions that it names, or to what it asks of them, once
    for a task. Raises NotFound.
    """
    task = await keeping.locked(unit, task_id)
    asked = await queries.latest(unit, task.questionnaire) if task.questionnaire else None
    if task.status in CLOSED or (task.questionnaire and asked is None):
        return
    values = _request(unit, asked, task.visit_id, task.patient_id) | {"task_id": task.id}
    made = insert(RequestRow).values(values).on_conflict_do_nothing(index_elements=[RequestRow.task_id])
    request_id = await unit.session.scalar(made.returning(RequestRow.id))
    if request_id is not None:
        unit.audit("create", "monitoring_request", request_id, patient_id=task.patient_id)
        about = QuestionsAsked(request_id=request_id, visit_id=task.visit_id, patient_id=task.patient_id)
        unit.emit(replace(about, to_do=asked is None))


async def ask_alone(unit: Unit, visit_id: VisitId, code: str, *, at: datetime, until: datetime) -> Request:
    """What is asked of the visit's patient for its own sake, as no task of anybody's: whoever asks tells them of it.

    Raises NotFound for questions that are not in force.
    """
    asked, patient_id = await queries.form(unit, code), (await open_visit(unit, visit_id)).patient_id
    values = _request(unit, asked, visit_id, patient_id) | {"asked_at": at, "ends_at": until}
    row = RequestRow(**values)
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "monitoring_request", row.id, patient_id=patient_id)
    return queries.request_of(row)


def _request(unit: Unit, asked: Form | None, visit_id: VisitId, patient_id: PatientId) -> dict[str, Any]:
    request_id, secret = unit.new_id(), new_secret()
    return {
        "id": request_id,
        "visit_id": visit_id,
        "patient_id": patient_id,
        "form_id": None if asked is None else asked.id,
        "asked_at": unit.now,
        "link_hash": digest(secret),
        "link": unit.vault.seal(link_place(request_id), secret),
    }


async def remind(unit: Unit, task_id: UUID) -> None:
    """Half of the time has gone by and nobody has answered, or said that it is done. Who was never asked is asked now:
    the task was due when patients were not asked of such ones yet.
    """
    found = await queries.request_for(unit, task_id)
    if found is None:
        await ask(unit, task_id)
    elif not await queries.answered(unit, [found.id]):
        about = AnswerAwaited(request_id=found.id, visit_id=found.visit_id, patient_id=found.patient_id)
        unit.emit(replace(about, to_do=found.form_id is None))


# Answering


async def answer(unit: Unit, request_id: UUID, typed: Mapping[str, object]) -> None:
    """The patient's answers, once: the same again are no fault, others are refused. In one transaction the task is done
    and whoever a threshold asks for has a task.

    Raises NotFound, InvalidAnswers, AlreadyAnswered, AnsweringOver.
    """
    request, window = await own_request(unit, request_id, lock=True)
    asked = await queries.form_asked(unit, request)
    before = (await queries.responses(unit, [request.id])).get(request.id)
    answers, problems = read_typed(asked.questionnaire, typed)
    if before is not None:
        if problems or kept(asked.questionnaire, answers) != before.answers:
            raise AlreadyAnswered
        return
    stands = standing(window, unit.now, answered=False)
    if stands is not Standing.OPEN:
        raise AnsweringOver(standing=stands)
    said = {each.link_id for each in problems}
    refuse([*problems, *(each for each in missing(asked.questionnaire, answers) if each.link_id not in said)])
    await _keep(unit, request, asked, kept(asked.questionnaire, answers))


async def own_request(unit: Unit, request_id: UUID, *, lock: bool = False) -> tuple[Request, Window]:
    """What the patient was asked on whose link the actor came, and until when: locked, nobody else answers it or closes
    its task meanwhile.

    Raises NotFound.
    """
    request = await queries.request(unit, request_id)
    if request.visit_id != own_visit_id(unit):
        raise NotFound
    if lock and request.task_id is not None:
        return request, Window.of(await keeping.locked(unit, request.task_id))
    if lock:
        await unit.session.execute(select(RequestRow.id).where(RequestRow.id == request.id).with_for_update())
    return request, await queries.window(unit, request)


async def _keep(unit: Unit, request: Request, asked: Form, answers: Answers) -> None:
    last = await queries.last_answers(unit, request.patient_id, asked.code)
    response_id = unit.new_id()
    row = ResponseRow(
        id=response_id,
        request_id=request.id,
        patient_id=request.patient_id,
        form_id=asked.id,
        participant_id=unit.actor.id,
        answers=unit.vault.seal(answers_place(response_id), json.dumps(stored(answers))),
        answered_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "questionnaire_response", row.id, patient_id=request.patient_id)
    if request.task_id is not None:
        await keeping.fulfil(unit, request.task_id, CAUSE)
    for threshold, item in crossed(asked.content, answers, last):
        wish = task_of(threshold, item, answers[item.link_id], response_id)
        await followups.plan(replace(unit, actor=SYSTEM), request.visit_id, wish)
    unit.emit(QuestionsAnswered(request_id=request.id, visit_id=request.visit_id, patient_id=request.patient_id))

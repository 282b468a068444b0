"""Reading questions and answers. What may be asked is no patient's data; each answer that is read leaves its trace."""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, tuple_

from telehealth.access import queries as access
from telehealth.access.rules import Everyone, Granted
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId, TaskId, VisitId
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.followups.parts import FollowUp
from telehealth.monitoring.models import FormRow, RequestRow, ResponseRow
from telehealth.monitoring.rules import (
    ORIGIN,
    AskedTask,
    Content,
    Entry,
    Form,
    Request,
    Response,
    ResponseFilter,
    Series,
    Standing,
    Window,
    answers_before,
    entry_of,
    is_code,
    standing,
    stored_threshold,
)
from telehealth.visits.gates.filling import Answers, read_answers
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.lifecycle.service import open_known, open_visit

LINK_PATH = "/questions/"

# What may be asked


async def in_force(unit: Unit) -> list[Form]:
    """What patients may be asked, by code."""
    query = select(FormRow).where(FormRow.retired_at.is_(None)).order_by(FormRow.code)
    return [form_of(row) for row in await unit.session.scalars(query)]


async def codes(unit: Unit) -> frozenset[str]:
    return frozenset(await unit.session.scalars(select(FormRow.code).where(FormRow.retired_at.is_(None))))


async def form(unit: Unit, code: str) -> Form:
    """The version in force. Raises NotFound."""
    in_force = select(FormRow).where(FormRow.code == code, FormRow.retired_at.is_(None))
    found = await unit.session.scalar(in_force) if is_code(code) else None
    if found is None:
        raise NotFound
    return form_of(found)


async def versions(unit: Unit, code: str) -> list[Form]:
    """All there were, the latest first. Raises NotFound when there was none."""
    found = [form_of(row) for row in await unit.session.scalars(_versions(code))] if is_code(code) else []
    if not found:
        raise NotFound
    return found


async def latest(unit: Unit, code: str) -> Form | None:
    """The latest version, in force or not: what was planned to be asked is asked, though no more is planned."""
    row = await unit.session.scalar(_versions(code).limit(1))
    return None if row is None else form_of(row)


async def forms(unit: Unit, form_ids: Collection[UUID]) -> dict[UUID, Form]:
    """Versions by id."""
    return {row.id: form_of(row) for row in await unit.session.scalars(select(FormRow).where(FormRow.id.in_(form_ids)))}


async def form_asked(unit: Unit, asked: Request) -> Form:
    """The version that was asked. Raises NotFound for what is to be done and not answered."""
    found = None if asked.form_id is None else await unit.session.get(FormRow, asked.form_id)
    if found is None:
        raise NotFound
    return form_of(found)


async def all_versions(unit: Unit, *, after: UUID | None, limit: int) -> list[Form]:
    """Every version of all questions, those in force and those that were, in the order of their publication."""
    query = select(FormRow).order_by(FormRow.id).limit(limit)
    query = query if after is None else query.where(FormRow.id > after)
    return [form_of(row) for row in await unit.session.scalars(query)]


def _versions(code: str) -> Select[FormRow]:
    return select(FormRow).where(FormRow.code == code).order_by(FormRow.version.desc())


def form_of(row: FormRow) -> Form:
    return Form(
        id=row.id,
        code=row.code,
        version=row.version,
        content=Content(resource=row.resource, thresholds=tuple(map(stored_threshold, row.thresholds))),
        published_at=row.published_at,
        published_by=row.published_by,
        retired_at=row.retired_at,
    )


# What was asked


async def request(unit: Unit, request_id: UUID) -> Request:
    """Raises NotFound. The caller looks at the actor's right to the task."""
    row = await unit.session.get(RequestRow, request_id)
    if row is None:
        raise NotFound
    return request_of(row)


async def open_until(unit: Unit, asked: Request) -> datetime | None:
    """Until when it can be answered; None once it cannot or need not be."""
    open_in, done = await window(unit, asked), bool(await answered(unit, [asked.id]))
    return open_in.ends_at if standing(open_in, unit.now, answered=done) is Standing.OPEN else None


async def window(unit: Unit, asked: Request) -> Window:
    """When it can be answered: as its task says, or it itself; not of a visit that never was."""
    if asked.task_id is not None:
        return Window.of(await followups.follow_up(unit, asked.task_id))
    status = (await visits.statuses(unit, {asked.visit_id}))[asked.visit_id]
    return Window(asked.ends_at or asked.asked_at, status is VisitStatus.ENTERED_IN_ERROR)


async def closes_at(unit: Unit, asked: Request) -> datetime:
    """When the time to answer is over, for whoever is not known to be the patient yet; tells nothing else."""
    return await followups.window_end(unit, asked.task_id) if asked.task_id else asked.ends_at or asked.asked_at


async def request_for(unit: Unit, task_id: UUID) -> Request | None:
    """What the patient was asked for that task."""
    row = await unit.session.scalar(select(RequestRow).where(RequestRow.task_id == task_id))
    return None if row is None else request_of(row)


async def sent(unit: Unit, request_id: UUID) -> tuple[Request, str]:
    """A request and the path of its link, for the letter. Audited. Raises NotFound."""
    row = await unit.session.get(RequestRow, request_id)
    if row is None:
        raise NotFound
    unit.audit("read", "monitoring_link", row.id, patient_id=row.patient_id)
    return request_of(row), LINK_PATH + unit.vault.open(link_place(row.id), row.link)


async def requests(unit: Unit, task_ids: Collection[UUID]) -> dict[TaskId, Request]:
    """By task."""
    query = select(RequestRow).where(RequestRow.task_id.in_(task_ids))
    found = await unit.session.scalars(query)
    return {TaskId(row.task_id): request_of(row) for row in found if row.task_id is not None}


async def _of_no_task(unit: Unit, visit_id: UUID) -> list[Request]:
    """What was asked for its own sake, the earliest first."""
    query = select(RequestRow).where(RequestRow.visit_id == visit_id, RequestRow.task_id.is_(None))
    return [request_of(row) for row in await unit.session.scalars(query.order_by(RequestRow.asked_at))]


def request_of(row: RequestRow) -> Request:
    return Request(
        id=row.id,
        task_id=None if row.task_id is None else TaskId(row.task_id),
        visit_id=VisitId(row.visit_id),
        patient_id=PatientId(row.patient_id),
        form_id=row.form_id,
        asked_at=row.asked_at,
        ends_at=row.ends_at,
    )


def link_place(request_id: UUID) -> tuple[str, str, UUID]:
    """Where the secret of a link is sealed for."""
    return ("monitoring_request", "link", request_id)


# What was answered


async def answered(unit: Unit, request_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of them that have been answered; tells nothing of the answers."""
    query = select(ResponseRow.request_id).where(ResponseRow.request_id.in_(request_ids))
    return frozenset(await unit.session.scalars(query))


async def responses(unit: Unit, request_ids: Collection[UUID]) -> dict[UUID, Response]:
    """Answers by request; audited. The caller has looked at the actor's right to them."""
    query = _answers().where(ResponseRow.request_id.in_(request_ids))
    found = [response_of(unit, *rows) for rows in await unit.session.execute(query)]
    for each in found:
        unit.audit("read", "questionnaire_response", each.id, patient_id=each.request.patient_id)
    return {each.request.id: each for each in found}


async def responses_granted(
    unit: Unit, granted: Granted, after: tuple[datetime, UUID] | None = None, *, limit: int, where: ResponseFilter
) -> list[Response]:
    """Answers a grant opens, by (answered_at, id), after that position; each audited with the purpose of its grant.

    What was asked for its own sake is none of them: patients were told that who treats them reads it.
    """
    row = ResponseRow
    tests: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
        (where.ids, row.id.in_),
        (where.patient_id, row.patient_id.__eq__),
        (where.answered_from, row.answered_at.__ge__),
        (where.answered_before, row.answered_at.__lt__),
    ]
    conditions = [RequestRow.task_id.is_not(None), *(test(value) for value, test in tests if value is not None)]
    if not isinstance(covered := granted.patients, Everyone):
        conditions.append(row.patient_id.in_(covered))
    if after is not None:
        conditions.append(tuple_(row.answered_at, row.id) > after)
    query = _answers().where(*conditions).order_by(row.answered_at, row.id).limit(limit)
    found = [response_of(unit, *rows) for rows in await unit.session.execute(query)]
    for each in found:
        traced = access.acting_for(unit, granted.purpose(each.request.patient_id))
        traced.audit("read", "questionnaire_response", each.id, patient_id=each.request.patient_id)
    return found


def _answers() -> Select[ResponseRow, RequestRow, FormRow]:
    query = select(ResponseRow, RequestRow, FormRow).join(RequestRow, RequestRow.id == ResponseRow.request_id)
    return query.join(FormRow, FormRow.id == ResponseRow.form_id)


async def last_answers(unit: Unit, patient_id: PatientId, code: str) -> Answers:
    """The numbers a patient answered last to these questions, in whatever version."""
    query = select(ResponseRow).join(FormRow, FormRow.id == ResponseRow.form_id)
    query = query.where(ResponseRow.patient_id == patient_id, FormRow.code == code)
    row = await unit.session.scalar(query.order_by(ResponseRow.answered_at.desc(), ResponseRow.id.desc()).limit(1))
    return {} if row is None else answers_before(json.loads(unit.vault.open(answers_place(row.id), row.answers)))


def response_of(unit: Unit, row: ResponseRow, asked: RequestRow, of: FormRow) -> Response:
    found = form_of(of)
    kept: Mapping[str, object] = json.loads(unit.vault.open(answers_place(row.id), row.answers))
    return Response(
        id=row.id,
        request=request_of(asked),
        form=found,
        answers=read_answers(found.questionnaire, kept)[0],
        answered_at=row.answered_at,
    )


def answers_place(response_id: UUID) -> tuple[str, str, UUID]:
    """Where answers are sealed for."""
    return ("monitoring_response", "answers", response_id)


async def asked_of(unit: Unit, tasks: Collection[FollowUp]) -> list[AskedTask]:
    """Tasks of a patient's, with the questions they name and whether these are answered."""
    asked = await requests(unit, [each.id for each in tasks])
    done = await answered(unit, [each.id for each in asked.values()])
    of = await forms(unit, {each.form_id for each in asked.values() if each.form_id is not None})
    known = {code: await latest(unit, code) for code in {each.questionnaire for each in tasks if each.questionnaire}}
    found = []
    for task in tasks:
        request = asked.get(task.id)
        form = of.get(request.form_id) if request and request.form_id else known.get(task.questionnaire)
        title = None if form is None else form.questionnaire.title
        at = None if request is None or form is None else request.id
        found.append(AskedTask(task, title, at, answered=at in done))
    return found


# Series


async def series(unit: Unit, visit_id: UUID) -> tuple[list[Series], PatientId]:
    """What a visit asks of its patient and what was answered, and who that is. Audited. Raises NotFound.

    For who may see the visit, and for a colleague who has a task before them that one of the answers made.
    """
    patient_id = await _allowed(unit, visit_id)
    tasks = await followups.asking(unit, visit_id)
    asked, alone = await requests(unit, [each.id for each in tasks]), await _of_no_task(unit, visit_id)
    found = await responses(unit, [each.id for each in (*asked.values(), *alone)])
    listed: dict[str, list[Entry]] = {}
    for task in tasks:
        request = asked.get(task.id)
        entry = entry_of(task, None if request is None else found.get(request.id), unit.now)
        listed.setdefault(task.questionnaire, []).append(entry)
    for each in alone:
        entry = Entry(None, each.asked_at, each.ends_at or each.asked_at, found.get(each.id))
        listed.setdefault((await form_asked(unit, each)).code, []).append(entry)
    known = {code: await latest(unit, code) for code in listed}
    return [Series(of, listed[code]) for code, of in known.items() if of is not None], patient_id


async def _allowed(unit: Unit, visit_id: UUID) -> PatientId:
    try:
        return (await open_visit(unit, visit_id)).patient_id
    except NotFound:
        if not any(each.origin == ORIGIN for each in await _tasks_before(unit, visit_id)):
            raise
    return (await open_known(unit, visit_id)).patient_id


async def _tasks_before(unit: Unit, visit_id: UUID) -> list[FollowUp]:
    return await followups.follow_ups(unit, visit_id=visit_id)

"""Choosing what patients are asked after visits, planning it, and counting what they answered."""

from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.errors import NotFound, Stale
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.monitoring import queries as questions
from telehealth.monitoring import service as monitoring
from telehealth.monitoring.rules import Content, Response
from telehealth.people import queries as people
from telehealth.surveys import queries
from telehealth.surveys.events import SurveyPlanned
from telehealth.surveys.models import SurveyChoiceRow, SurveyRow, SurveyTallyRow
from telehealth.surveys.parts import CODE, built_in
from telehealth.surveys.rules import (
    ANSWERABLE,
    FEWEST,
    Choice,
    UnfitSurvey,
    due_at,
    is_scored,
    may_ask,
    month_of,
    score,
)
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.lifecycle.service import open_visit


async def choose(unit: Unit, questionnaire: str | None, minutes: int, *, version: int) -> Choice:
    """What patients are asked from now on, over the choice that was read; None for nothing. The questions that come
    with the house are published when they are chosen first.

    Raises UnfitSurvey, Stale.
    """
    known = await questions.codes(unit)
    if questionnaire == CODE and CODE not in known:
        await monitoring.publish(unit, CODE, Content(resource=built_in()), version=0)
    elif questionnaire is not None and questionnaire not in known:
        raise UnfitSurvey(field="questionnaire")
    if version != (await queries.choice(unit)).version:
        raise Stale
    unit.session.add(
        SurveyChoiceRow(
            version=version + 1,
            questionnaire=questionnaire,
            minutes=minutes,
            set_at=unit.now,
            set_by=unit.actor.id,
        )
    )
    await unit.session.flush()
    unit.audit("update", "survey_choice", None)
    return await queries.choice(unit)


async def plan(unit: Unit, visit_id: UUID) -> None:
    """A visit is complete: its patient is asked how it was, unless nobody is, or they were lately."""
    chosen, visit = await queries.choice(unit), await open_visit(unit, visit_id)
    if chosen.questionnaire is None or visit.status is not VisitStatus.COMPLETED or visit.ended_at is None:
        return
    at = due_at(visit.ended_at, chosen.minutes, unit.now)
    if at is None or chosen.questionnaire not in await questions.codes(unit):
        return
    # of two visits that are complete at once, the second sees the first's
    key = func.pg_advisory_xact_lock(func.hashtext("survey"), func.hashtext(str(visit.patient_id)))
    await unit.session.execute(select(key))
    if not may_ask(at, await queries.asked_lately(unit, visit.patient_id)):
        return
    asked = await monitoring.ask_alone(unit, visit.id, chosen.questionnaire, at=at, until=at + ANSWERABLE)
    zone = parse_zone((await people.clinic(unit)).time_zone)
    unit.session.add(
        SurveyRow(
            request_id=asked.id,
            visit_id=visit.id,
            patient_id=visit.patient_id,
            visit_type_id=visit.visit_type_id,
            form_id=(await questions.form_asked(unit, asked)).id,
            month=month_of(visit.ended_at, zone),
            due_at=at,
        )
    )
    unit.emit(SurveyPlanned(request_id=asked.id, visit_id=visit.id, patient_id=visit.patient_id, due_at=at))


async def note_sent(unit: Unit, request_id: UUID) -> None:
    """The patient has been asked; by whatever channel, once."""
    unsent = (SurveyRow.request_id == request_id, SurveyRow.sent_at.is_(None))
    await unit.session.execute(update(SurveyRow).where(*unsent).values(sent_at=unit.now))


async def count(unit: Unit, request_id: UUID) -> None:
    """The answers to a survey, added to those of others. What is no survey's counts nowhere."""
    row = SurveyRow
    open_one = (row.request_id == request_id, row.answered_at.is_(None))
    found = await unit.session.scalar(update(row).where(*open_one).values(answered_at=unit.now).returning(row))
    if found is None:
        return
    response = (await questions.responses(unit, [request_id])).get(request_id)
    if response is None:
        raise NotFound
    await _add(unit, found, response)


async def _add(unit: Unit, survey: SurveyRow, response: Response) -> None:
    row = SurveyTallyRow
    scored = [each.link_id for each in response.form.questionnaire.questions if is_scored(each)]
    for link_id in [each for each in scored if each in response.answers]:
        value = score(response.answers[link_id])
        group = {"form_id": survey.form_id, "month": survey.month, "visit_type_id": survey.visit_type_id}
        new = insert(row).values(**group, link_id=link_id, answers=1, total=value)
        answers, total = row.answers + 1, row.total + value
        fifth = answers % FEWEST == 0
        added = {
            "answers": answers,
            "total": total,
            "shown_answers": case((fifth, answers), else_=row.shown_answers),
            "shown_total": case((fifth, total), else_=row.shown_total),
        }
        keys = [row.form_id, row.month, row.visit_type_id, row.link_id]
        await unit.session.execute(new.on_conflict_do_update(index_elements=keys, set_=added))

"""What a patient is asked from home, and what they answered as staff read it. All without scripts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.access.links import Locked, Mistaken
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.followups import service as tasks
from telehealth.followups.parts import TaskStatus
from telehealth.http.call import Call
from telehealth.http.credentials import GUEST_COOKIE, set_cookie
from telehealth.monitoring import guests, queries, service
from telehealth.monitoring.rules import (
    AlreadyAnswered,
    AnsweringOver,
    AskedTask,
    Entry,
    Series,
    Standing,
    Window,
    said,
    standing,
)
from telehealth.monitoring.schemas import OwnQuery
from telehealth.people import queries as people
from telehealth.visits.gates.filling import Intake, InvalidAnswers, Problem, Published, Wrong
from telehealth.visits.gates.forms import IntakeForm, drawn, faulty, names
from telehealth.visits.gates.questionnaires import Item
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.schemas import BirthForm
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants.pages import identity_step

OWN = "/visit/questions"
MOST_AHEAD = 5
Context = dict[str, Any]

# The personal link


async def questions_link(call: Call, link: str) -> Response:  # noqa: ARG001 -- every link looks the same until the date is given
    """The identity step. Opening it changes nothing: mail scanners and previews open links too."""
    return await identity_step(call, BirthForm(), leads_to="questions")


async def identify_asked(call: Call, link: str, body: BirthForm) -> Response:
    """Check the date of birth; then to the questions."""
    born = body.birth_date(date.max)  # a day to come is nobody's birth date either
    if born is None:
        return await identity_step(call, body, error=body.fault, leads_to="questions")
    match await call.run(guests.identify, link, born):
        case guests.Recognised(request_id=request_id, secret=secret, max_age=max_age):
            response = call.redirect(OWN if request_id is None else f"{OWN}/{request_id}")
            set_cookie(response, GUEST_COOKIE, secret, max_age=max_age)
            return response
        case guests.Over(to_do):
            context = await call.run(_clinic)
            return call.render("asked.html", standing=Standing.LATE, to_do=to_do, **context)
        case Mistaken(left):
            return await identity_step(call, body, error="mismatch", tries_left=left, leads_to="questions")
        case Locked():
            return await identity_step(call, body, error="locked", leads_to="questions")


# What is asked of the patient


async def own_questions(call: Call, query: OwnQuery) -> Response:
    """All that the visit asks of the patient."""
    return call.render("asked_of_you.html", told=query.told, **await call.run(_own))


async def finish_own(call: Call, task: UUID) -> Response:
    """What is asked of them is done; saying so twice is no fault."""
    await call.run(tasks.done, task)
    return call.redirect(f"{OWN}?told=done")


async def own_question(call: Call, asked: UUID) -> Response:
    """The questions; once they are answered, thanks, and what to do in an emergency."""
    return await _page(call, asked)


async def answer_own(call: Call, asked: UUID, body: IntakeForm) -> Response:
    """All questions at once; what is missing or cannot be read is asked again, and nothing typed is lost."""
    try:
        await call.run(service.answer, asked, body.typed)
    except InvalidAnswers as refused:
        return await _page(call, asked, typed=body.typed, problems=_problems(refused))
    except AlreadyAnswered:
        return await _page(call, asked, again=True)
    except AnsweringOver:
        return await _page(call, asked, status=409)
    return call.redirect(f"{OWN}/{asked}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where the questions stand; `intake` is what is drawn of them while they are open."""

    standing: Standing
    intake: Intake
    context: Context = field(default_factory=dict)


async def _page(
    call: Call,
    request_id: UUID,
    *,
    typed: Mapping[str, str] | None = None,
    problems: list[Problem] | None = None,
    again: bool = False,
    status: int = 200,
) -> Response:
    found = await call.run(_asked, request_id)
    if found.standing is not Standing.OPEN:
        shown: Context = {**found.context, "again": again, "standing": found.standing}
        return call.render("asked.html", status=409 if again else status, **shown)
    language = call.kit.pages.locale(call.request, found.context["preferred"]).code
    questions = drawn(found.intake, language, typed, problems or [])
    asked = found.intake.published.questionnaire
    return call.render(
        "asked.html",
        status=422 if problems else status,
        standing=found.standing,
        title=asked.title.in_language(language),
        questions=questions,
        errors=faulty(questions),
        names=names(questions),
        **found.context,
    )


def _problems(refused: InvalidAnswers) -> list[Problem]:
    listed: Any = refused.extras["answers"]
    return [Problem(each["link_id"], Wrong(each["problem"])) for each in listed]


async def _asked(unit: Unit, request_id: UUID) -> _Asked:
    request, window = await service.own_request(unit, request_id)
    asked = await queries.form_asked(unit, request)
    done = bool(await queries.answered(unit, [request.id]))
    published = Published(asked.id, asked.version, dict(asked.content.resource), asked.published_at)
    patient = await people.patient(unit, request.patient_id)
    context = {
        **await _clinic(unit),
        "preferred": patient.language,
        "zone": parse_zone(patient.time_zone),
        "ends_at": window.ends_at,
        "of_task": request.task_id is not None,
        "at": f"{OWN}/{request.id}",
    }
    return _Asked(standing(window, unit.now, answered=done), Intake(published=published), context)


async def _clinic(unit: Unit) -> Context:
    clinic = await people.clinic(unit)
    return {"clinic": clinic.name, "phone": clinic.phone or None, "emergency": clinic.emergency}


async def _own(unit: Unit) -> Context:
    visit = await open_visit(unit, own_visit_id(unit))
    patient = await people.patient(unit, visit.patient_id)
    listed = [each for each in TaskStatus if each is not TaskStatus.CANCELLED]
    asked = await queries.asked_of(unit, await followups.follow_ups(unit, statuses=listed, visit_id=visit.id))
    left = [each for each in asked if each.task.closed_at is None]
    ahead = [each for each in left if each.task.due_at > unit.now]
    return {
        **await _clinic(unit),
        "preferred": patient.language,
        "zone": parse_zone(patient.time_zone),
        "now": [_listed(each, unit.now) for each in left if each.task.due_at <= unit.now],
        "ahead": [_listed(each, unit.now) for each in ahead[:MOST_AHEAD]],
        "more": max(len(ahead) - MOST_AHEAD, 0),
        "done": [_listed(each, unit.now) for each in asked if each.task.status is TaskStatus.DONE],
    }


def _listed(asked: AskedTask, now: datetime) -> Context:
    task = asked.task
    return {
        "id": task.id,
        "kind": task.kind,
        "title": task.title,
        "questions": asked.title,
        "request": asked.request_id,
        "due_at": task.due_at,
        "ends_at": task.ends_at,
        "closed_at": task.closed_at,
        "standing": standing(Window.of(task), now, answered=asked.answered),
    }


# What staff read


async def series_page(call: Call, visit: UUID) -> Response:
    """What the patient answered, day by day."""
    return call.render("monitoring.html", **await call.run(_series, visit))


async def _series(unit: Unit, visit_id: UUID) -> Context:
    found, patient_id = await queries.series(unit, visit_id)
    patient, reader = await people.patient(unit, patient_id), await visits.reader(unit)
    return {
        "me": reader,
        "zone": parse_zone(patient.time_zone),
        "visit_id": visit_id,
        "patient_name": patient.name,
        "now": unit.now,
        "series": [_drawn(each, unit.now) for each in found],
    }


def _drawn(series: Series, now: datetime) -> Context:
    columns = series.columns
    past = [each for each in series.entries if each.response is not None or each.due_at <= now]
    return {
        "title": series.form.title,
        "columns": [each.label.words for each in columns],
        "missed": sum(each.missed for each in series.entries),
        "ahead": len([each for each in series.entries if each not in past and each.waits]),
        "rows": [
            {
                "due_at": entry.due_at,
                "answered_at": entry.response and entry.response.answered_at,
                "missed": entry.missed,
                "cancelled": entry.cancelled,
                "values": [_value(each, entry) for each in columns],
            }
            for entry in past
        ],
    }


def _value(item: Item, entry: Entry) -> str | bool:
    """Nothing where there is no answer."""
    answer = entry.response.answers.get(item.link_id) if entry.response else None
    if answer is None or isinstance(answer, bool):
        return "" if answer is None else answer
    return said(item, answer)

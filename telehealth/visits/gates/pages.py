"""What the patient does before the camera: agree, answer. One thing at a time; it works without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.visits.gates import queries, service
from telehealth.visits.gates.filling import Intake, InvalidAnswers, Problem, Wrong
from telehealth.visits.gates.forms import ConsentForm, IntakeForm, Question, WaiveForm, drawn, faulty, names
from telehealth.visits.gates.rules import ConsentText, Gate, Given, to_prepare
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.guests import PREPARED, note_here
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.rules import BEFORE_CALL, IN_CALL
from telehealth.visits.participants.pages import elsewhere


@dataclass(frozen=True, slots=True)
class Preparing:
    """What the page shows, in whatever language: the text, if one is asked for, and the intake, if it is its turn.

    `preferred` is the patient's language.
    """

    preferred: str
    context: Mapping[str, Any]
    text: ConsentText | None
    agreed: bool
    intake: Intake | None


async def prepare(call: Call) -> Response:
    """Agree to the text, then answer the questions; on to the visit when nothing is asked."""
    if call.actor.elsewhere:
        return await elsewhere(call)
    return await _page(call)


async def agree(call: Call, body: ConsentForm) -> Response:
    """Agree to the text that was shown."""
    if body.agree:
        await call.run(_agree, body)
        return await _onward(call)
    return await _page(call, unticked=True)


async def agreed_to(call: Call) -> Response:
    """What the patient agreed to, and the way to take it back."""
    found = await call.run(_given)
    if found is None:
        return call.redirect("/visit")
    preferred, given, context = found
    text = given.text.in_language(given.language)
    return call.render("consent.html", preferred=preferred, text=text, given=given, **context)


async def withdraw(call: Call) -> Response:
    """Take it back; the page says what that means."""
    await call.run(_withdraw)
    return call.redirect("/visit/consent")


async def answer_questions(call: Call, body: IntakeForm) -> Response:
    """All questions at once; what is missing or cannot be read is asked again."""
    try:
        await call.run(_answer, body)
    except InvalidAnswers as refused:
        return await _page(call, form=body, problems=_problems(refused))
    except Stale:
        return await _page(call, form=body, stale=True)
    return await _onward(call)


async def waive_on_page(call: Call, visit: UUID, gate: str, body: WaiveForm) -> Response:
    """Let the patient in without it, from the clinician's page of the visit."""
    await call.run(service.waive, visit, named(gate), reason=body.reason)
    return call.redirect(f"/visits/{visit}" if call.actor.role is Role.CLINICIAN else "/day")


def named(gate: str) -> Gate:
    """Raises NotFound."""
    try:
        return Gate(gate)
    except ValueError:
        raise NotFound from None


async def _onward(call: Call) -> Response:
    """To what is still to be done."""
    return call.redirect("/visit/prepare" if await call.run(_left) else "/visit")


async def _page(
    call: Call,
    *,
    unticked: bool = False,
    form: IntakeForm | None = None,
    problems: Sequence[Problem] = (),
    stale: bool = False,
) -> Response:
    found = await call.run(_preparing)
    if found is None:
        return call.redirect("/visit")
    language = call.kit.pages.locale(call.request, found.preferred).code
    questions: tuple[Question, ...] = ()
    if found.intake is not None:
        questions = drawn(found.intake, language, None if form is None else form.typed, problems)
    shown = {
        "consent": found.text
        and {"agreed": found.agreed, "id": found.text.id, "text": found.text.in_language(language)},
        "unticked": unticked,
        "stale": stale,
        "questions": questions,
        "errors": faulty(questions),
        "names": names(questions),
    }
    status = 422 if unticked or problems else 409 if stale else 200
    return call.render("prepare.html", status=status, preferred=found.preferred, **found.context, **shown)


def _problems(refused: InvalidAnswers) -> list[Problem]:
    listed: Any = refused.extras["answers"]
    return [Problem(each["link_id"], Wrong(each["problem"])) for each in listed]


async def _preparing(unit: Unit) -> Preparing | None:
    """None when there is nothing to prepare, or it is too late for that. Who reads it is here, scripts or not."""
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    visit = await lifecycle.back(unit, visit.id) if visit.away_since is not None else visit
    if unit.actor.id is not None:
        await note_here(unit, [unit.actor.id], unit.now + PREPARED)
    text = await queries.text_for(unit, visit)
    left = to_prepare(await queries.standings(unit, visit))
    intake = None if Gate.CONSENT in left else await queries.intake_of(unit, visit)
    if visit.status not in BEFORE_CALL or (intake is None and not left):
        return None
    patient, clinic = await people.patient(unit, visit.patient_id), await people.clinic(unit)
    context = {
        "visit": {"id": visit.id, "clinician_name": (await people.clinician(unit, visit.clinician_id)).name},
        "clinic": clinic.name,
        "phone": clinic.phone or None,
        "stage": "consent" if Gate.CONSENT in left else "intake",
        "revision": 0 if intake is None else intake.revision,
        "completed": intake is not None and intake.completed_at is not None,
        "prefilled": intake is not None and intake.prefilled,
    }
    agreed = text is not None and await queries.consent_to(unit, visit, text) is not None
    return Preparing(patient.language, context, text, agreed, intake)


async def _given(unit: Unit) -> tuple[str, Given, Mapping[str, Any]] | None:
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    given = await queries.last_given(unit, visit)
    if given is None:
        return None
    patient, clinic = await people.patient(unit, visit.patient_id), await people.clinic(unit)
    context = {
        "zone": parse_zone(patient.time_zone),
        "clinic": clinic.name,
        "phone": clinic.phone or None,
        "stage": "before" if visit.status in BEFORE_CALL else "call" if visit.status in IN_CALL else "over",
    }
    return patient.language, given, context


async def _withdraw(unit: Unit) -> None:
    await service.withdraw(unit, own_visit_id(unit))


async def _agree(unit: Unit, form: ConsentForm) -> None:
    await service.agree(unit, own_visit_id(unit), text_id=form.text, language=form.language)


async def _answer(unit: Unit, form: IntakeForm) -> None:
    await service.save_intake(unit, own_visit_id(unit), revision=form.revision, given=form.typed, complete=True)


async def _left(unit: Unit) -> bool:
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    return bool(to_prepare(await queries.standings(unit, visit)))

"""The ways in to what stands before a visit: for patients, for staff, for the admin who publishes it."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotAllowed, NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match, required_match
from telehealth.http.operation import operation, page
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.gates import administration, pages, queries, service
from telehealth.visits.gates.definitions import InvalidQuestionnaire
from telehealth.visits.gates.filling import Intake, InvalidAnswers, Problem
from telehealth.visits.gates.rules import (
    GatesClosed,
    NoSuchGate,
    PreparationOver,
    PublishedMeanwhile,
    TextChanged,
)
from telehealth.visits.gates.schemas import (
    AnswersView,
    AskedConsent,
    ConsentTextsView,
    ConsentTextView,
    GatesView,
    GateView,
    GiveConsent,
    IntakeView,
    PreparationQuery,
    PreparationView,
    PublishConsentText,
    PublishQuestionnaire,
    QuestionnaireView,
    SaveIntake,
    WaivedGateView,
    WaiveGate,
)
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, NotNow
from telehealth.visits.lifecycle.schemas import GuestVisitView

# Patients


async def read_preparation(call: Call, visit: UUID, query: PreparationQuery) -> PreparationView:
    """What is asked of you before the visit, and what of it is done."""
    return await call.run(_preparation, visit, query.language)


async def give_consent(call: Call, visit: UUID, body: GiveConsent) -> PreparationView:
    """Agree to the text in force."""
    await call.run(service.agree, visit, text_id=body.text_id, language=body.language)
    return await call.run(_preparation, visit, body.language)


async def withdraw_consent(call: Call, visit: UUID, query: PreparationQuery) -> PreparationView:
    """Take back what you agreed to, until the visit is over. The clinic is told at once."""
    await call.run(service.withdraw, visit)
    return await call.run(_preparation, visit, query.language)


async def read_intake(call: Call, visit: UUID) -> Reply[IntakeView]:
    """The questions, and your answers so far: before the first save those of your last visit of this kind."""
    return _shown(await call.run(queries.open_intake, visit))


async def save_intake(call: Call, visit: UUID, body: SaveIntake) -> Reply[IntakeView]:
    """Save the answers over the revision named by If-Match; the first with `If-None-Match: *` or revision 0.

    What was saved last is taken again over any revision: whoever sent it may not have heard that it was saved.
    """
    intake, problems = await call.run(
        service.save_intake, visit, revision=required_match(call), given=body.answers, complete=body.complete
    )
    return _shown(intake, problems)


async def make_ready(call: Call, visit: UUID) -> Reply[GuestVisitView]:
    """Go into the waiting room."""
    found = await call.run(service.make_ready, visit, revision=if_match(call))
    return Reply(GuestVisitView.model_validate(found), headers=etag(found.revision))


def _shown(intake: Intake, problems: list[Problem] | None = None) -> Reply[IntakeView]:
    headers = {**etag(intake.revision), "Cache-Control": "no-store"}
    return Reply(IntakeView.of(intake, problems), headers=headers)


async def _preparation(unit: Unit, visit_id: UUID, language: str) -> PreparationView:
    visit = await lifecycle.open_visit(unit, visit_id)
    text = await queries.text_for(unit, visit)
    asked = None
    if text is not None:
        agreed_at = await queries.consent_to(unit, visit, text)
        asked = AskedConsent.of(text, text.in_language(language), agreed_at)
    standings = await queries.standings(unit, visit)
    return PreparationView(gates=[GateView.model_validate(each) for each in standings], consent=asked)


# Staff


async def read_gates(call: Call, visit: UUID) -> GatesView:
    """What stands between the patient and the waiting room, and what was waived."""
    return await call.run(_gates, visit)


async def waive_gate(call: Call, visit: UUID, gate: str, body: WaiveGate) -> GatesView:
    """Let the patient in without it."""
    await call.run(service.waive, visit, pages.named(gate), reason=body.reason, revision=if_match(call))
    return await call.run(_gates, visit)


async def read_answers(call: Call, visit: UUID) -> AnswersView:
    """What the patient answered before the visit, once it is complete."""
    return await call.run(_answers, visit)


async def _gates(unit: Unit, visit_id: UUID) -> GatesView:
    visit = await lifecycle.open_visit(unit, visit_id)
    waived = await queries.waivers(unit, visit)
    standings = await queries.standings(unit, visit)
    return GatesView(items=[WaivedGateView.of(each, waived.get(each.gate)) for each in standings])


async def _answers(unit: Unit, visit_id: UUID) -> AnswersView:
    found = await queries.completed(unit, await lifecycle.open_visit(unit, visit_id))
    if found is None:
        raise NotFound
    return AnswersView.of(found)


# Who publishes


async def list_consent_texts(call: Call) -> ConsentTextsView:
    """Every version of every text, the newest first."""
    return ConsentTextsView.of(await call.run(queries.consent_texts))


async def publish_consent_text(call: Call, body: PublishConsentText) -> ConsentTextView:
    """Ask patients to agree to this from now on; it retires the version before it."""
    text = await call.run(
        service.publish_text, visit_type_id=body.visit_type_id, jurisdiction=body.jurisdiction, texts=body.texts
    )
    return ConsentTextView.model_validate(text)


async def retire_consent_text(call: Call, text: UUID) -> None:
    """Ask for it no more. Who agreed to it stays written down."""
    await call.run(service.retire_text, text)


async def read_questionnaire(call: Call, visit_type: UUID) -> QuestionnaireView:
    """What patients are asked before visits of this kind."""
    return QuestionnaireView.of(await call.run(queries.questionnaire, visit_type))


async def publish_questionnaire(call: Call, visit_type: UUID, body: PublishQuestionnaire) -> QuestionnaireView:
    """Ask this before visits of this kind from now on. Answers already completed stay."""
    return QuestionnaireView.of(await call.run(service.publish_questionnaire, visit_type, body.questionnaire))


async def retire_questionnaire(call: Call, visit_type: UUID) -> None:
    """Ask nothing more before visits of this kind."""
    await call.run(service.retire_questionnaire, visit_type)


VISIT = "/v1/visits/{visit:uuid}"
TEXTS, QUESTIONNAIRE = "/v1/consent-texts", "/v1/visit-types/{visit_type:uuid}/questionnaire"
_BOOK, _READ, _HOST, _JOIN = Scope.VISITS_BOOK, Scope.VISITS_READ, Scope.VISITS_HOST, Scope.VISITS_JOIN
_CARE, _OWN, _WRITE = Purpose.TREATMENT, Purpose.PATIENT_REQUEST, Scope.VISIT_TYPES_WRITE
_START = (NotFound, NotNow, Stale, GatesClosed, LocationRequired, JurisdictionMismatch)
_WAIVING = (NotFound, NotAllowed, NotNow, Stale, NoSuchGate)
_ANSWERING = (NotFound, Stale, ConditionMissing, PreparationOver, InvalidAnswers)
OPERATIONS = (
    operation("GET", f"{VISIT}/preparation", read_preparation, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    operation(
        "POST",
        f"{VISIT}/consent",
        give_consent,
        needs=_JOIN,
        purpose=_OWN,
        errors=(NotFound, TextChanged, PreparationOver),
    ),
    operation(
        "POST",
        f"{VISIT}/consent/withdraw",
        withdraw_consent,
        needs=_JOIN,
        purpose=_OWN,
        errors=(NotFound, NotNow, PreparationOver),
    ),
    operation("GET", f"{VISIT}/intake", read_intake, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    operation("PUT", f"{VISIT}/intake", save_intake, needs=_JOIN, purpose=_OWN, errors=_ANSWERING),
    operation("POST", f"{VISIT}/ready", make_ready, needs=_JOIN, purpose=_OWN, errors=_START, keyed=True),
    operation("GET", f"{VISIT}/gates", read_gates, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation(
        "POST", f"{VISIT}/gates/{{gate}}/waive", waive_gate, needs=_BOOK, purpose=_CARE, errors=_WAIVING, keyed=True
    ),
    operation("GET", f"{VISIT}/answers", read_answers, needs=_HOST, purpose=_CARE, errors=(NotFound,)),
    operation("GET", TEXTS, list_consent_texts, needs=_WRITE),
    operation("POST", TEXTS, publish_consent_text, needs=_WRITE, status=201, errors=(NotFound, PublishedMeanwhile)),
    operation("DELETE", f"{TEXTS}/{{text:uuid}}", retire_consent_text, needs=_WRITE, status=204, errors=(NotFound,)),
    operation("GET", QUESTIONNAIRE, read_questionnaire, needs=_WRITE, errors=(NotFound,)),
    operation(
        "PUT",
        QUESTIONNAIRE,
        publish_questionnaire,
        needs=_WRITE,
        errors=(NotFound, InvalidQuestionnaire, PublishedMeanwhile),
    ),
    operation("DELETE", QUESTIONNAIRE, retire_questionnaire, needs=_WRITE, status=204, errors=(NotFound,)),
)
ADMIN_TEXTS, ADMIN_QUESTIONS = "/admin/consent-texts", "/admin/questionnaires"
ADMIN_QUESTIONNAIRE = f"{ADMIN_QUESTIONS}/{{visit_type:uuid}}"
PAGES = (
    page("GET", ADMIN_TEXTS, administration.texts_page, needs=_WRITE, stays=("text",)),
    page("POST", ADMIN_TEXTS, administration.publish_on_page, needs=_WRITE, errors=(NotFound,)),
    page(
        "POST", f"{ADMIN_TEXTS}/{{text:uuid}}/retire", administration.retire_on_page, needs=_WRITE, errors=(NotFound,)
    ),
    page("GET", ADMIN_QUESTIONS, administration.questionnaires_page, needs=_WRITE),
    page("GET", ADMIN_QUESTIONNAIRE, administration.questionnaire_page, needs=_WRITE, errors=(NotFound,)),
    page("POST", ADMIN_QUESTIONNAIRE, administration.save_on_page, needs=_WRITE, errors=(NotFound,)),
    page(
        "POST",
        f"{ADMIN_QUESTIONNAIRE}/retire",
        administration.retire_questions_on_page,
        needs=_WRITE,
        errors=(NotFound,),
    ),
    page("GET", "/visit/prepare", pages.prepare, needs=_JOIN, purpose=_OWN),
    page("GET", "/visit/consent", pages.agreed_to, needs=_JOIN, purpose=_OWN),
    page(
        "POST", "/visit/consent/withdraw", pages.withdraw, needs=_JOIN, purpose=_OWN, errors=(NotNow, PreparationOver)
    ),
    page("POST", "/visit/consent", pages.agree, needs=_JOIN, purpose=_OWN, errors=(TextChanged, PreparationOver)),
    page("POST", "/visit/intake", pages.answer_questions, needs=_JOIN, purpose=_OWN, errors=(PreparationOver,)),
    page(
        "POST",
        "/visits/{visit:uuid}/gates/{gate}/waive",
        pages.waive_on_page,
        needs=_BOOK,
        purpose=_CARE,
        errors=_WAIVING,
    ),
)
SOCKETS = ()

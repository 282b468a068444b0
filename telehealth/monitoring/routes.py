"""The ways in to questions that patients answer from home: who writes them, who answers, who reads the answers."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotFound, Stale
from telehealth.followups.parts import TaskClosed, UnfitTask
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, required_match
from telehealth.http.operation import PUBLIC, operation, page
from telehealth.monitoring import administration, pages, queries, service
from telehealth.monitoring.rules import Form, UnfitThresholds
from telehealth.monitoring.schemas import AllSeriesView, FormContent, FormsView, FormView, SeriesView
from telehealth.visits.gates.definitions import InvalidQuestionnaire


async def list_forms(call: Call) -> FormsView:
    """The versions in force."""
    return FormsView(items=[FormView.of(each) for each in await call.run(queries.in_force)])


async def read_form(call: Call, code: str) -> Reply[FormView]:
    """The version in force, and its number."""
    return _reply(await call.run(queries.form, code))


async def list_form_versions(call: Call, code: str) -> FormsView:
    """All versions there were, the latest first."""
    return FormsView(items=[FormView.of(each) for each in await call.run(queries.versions, code)])


async def publish_form(call: Call, code: str, body: FormContent) -> Reply[FormView]:
    """The next version, over the one that was read; what was asked already stays as it was asked."""
    return _reply(await call.run(service.publish, code, body.content(), version=required_match(call)))


async def retire_form(call: Call, code: str) -> None:
    """No more tasks name it; what is planned is still asked."""
    await call.run(service.retire, code, version=required_match(call))


async def read_series(call: Call, visit: UUID) -> AllSeriesView:
    """What the visit asks of its patient from home, and what was answered, the earliest first."""
    found, _ = await call.run(queries.series, visit)
    return AllSeriesView(items=[SeriesView.of(each) for each in found])


def _reply(form: Form) -> Reply[FormView]:
    return Reply(FormView.of(form), headers=etag(form.version))


_ADMIN, _HOST, _JOIN = Scope.VISIT_TYPES_WRITE, Scope.VISITS_HOST, Scope.VISITS_JOIN
_CARE, _OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
FORMS, FORM = "/v1/questionnaires", "/v1/questionnaires/{code}"
_CONFLICTS = (ConditionMissing, Stale)
_PUBLISHING = (InvalidQuestionnaire, UnfitThresholds, *_CONFLICTS)
OPERATIONS = (
    operation("GET", FORMS, list_forms, needs=_ADMIN),
    operation("GET", FORM, read_form, needs=_ADMIN, errors=(NotFound,)),
    operation("GET", f"{FORM}/versions", list_form_versions, needs=_ADMIN, errors=(NotFound,)),
    operation("PUT", FORM, publish_form, needs=_ADMIN, errors=_PUBLISHING),
    operation("DELETE", FORM, retire_form, needs=_ADMIN, status=204, errors=(NotFound, *_CONFLICTS)),
    operation("GET", "/v1/visits/{visit:uuid}/monitoring", read_series, needs=_HOST, purpose=_CARE, errors=(NotFound,)),
)
PAGE, ASKED = f"{administration.PATH}/{{code}}", f"{pages.OWN}/{{asked:uuid}}"
LINK = f"{queries.LINK_PATH}{{link}}"
_DOING = (NotFound, TaskClosed, UnfitTask)
PAGES = (
    page("GET", administration.PATH, administration.forms_page, needs=_ADMIN),
    page("POST", administration.PATH, administration.open_form, needs=_ADMIN),
    page("GET", PAGE, administration.form_page, needs=_ADMIN, errors=(NotFound,)),
    page("POST", PAGE, administration.save_form, needs=_ADMIN, errors=(NotFound,)),
    page("GET", LINK, pages.questions_link, needs=PUBLIC),
    page("POST", LINK, pages.identify_asked, needs=PUBLIC, purpose=_OWN),
    page("GET", pages.OWN, pages.own_questions, needs=_JOIN, purpose=_OWN),
    page("POST", f"{pages.OWN}/tasks/{{task:uuid}}/done", pages.finish_own, needs=_JOIN, purpose=_OWN, errors=_DOING),
    page("GET", ASKED, pages.own_question, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    page("POST", ASKED, pages.answer_own, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    page("GET", "/visits/{visit:uuid}/monitoring", pages.series_page, needs=_HOST, purpose=_CARE, errors=(NotFound,)),
)

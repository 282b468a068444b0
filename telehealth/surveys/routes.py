"""The ways in to surveys: administrators choose what is asked, and read numbers."""

from telehealth.core.actors import Scope
from telehealth.core.errors import ConditionMissing, Stale
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, required_match
from telehealth.http.operation import operation, page
from telehealth.surveys import administration, queries, service
from telehealth.surveys.rules import Choice, UnfitSurvey
from telehealth.surveys.schemas import AllResultsView, SurveyContent, SurveyResultsView, SurveyView


async def read_survey(call: Call) -> Reply[SurveyView]:
    """What patients are asked after a visit, and when."""
    return _reply(await call.run(queries.choice))


async def choose_survey(call: Call, body: SurveyContent) -> Reply[SurveyView]:
    """From now on it goes like this; what was planned is not sent when nobody is asked any more."""
    version = required_match(call)
    return _reply(await call.run(service.choose, body.questionnaire, body.minutes, version=version))


async def read_survey_results(call: Call) -> AllResultsView:
    """Numbers of a year, by month of the visit and kind: nothing of fewer than five answers, and no words."""
    return AllResultsView(items=[SurveyResultsView.of(each) for each in await call.run(queries.results)])


def _reply(chosen: Choice) -> Reply[SurveyView]:
    return Reply(SurveyView.of(chosen), headers=etag(chosen.version))


_ADMIN, SURVEY = Scope.VISIT_TYPES_WRITE, "/v1/visit-survey"
OPERATIONS = (
    operation("GET", SURVEY, read_survey, needs=_ADMIN),
    operation("PUT", SURVEY, choose_survey, needs=_ADMIN, errors=(UnfitSurvey, ConditionMissing, Stale)),
    operation("GET", f"{SURVEY}/results", read_survey_results, needs=_ADMIN),
)
PAGES = (
    page("GET", administration.PATH, administration.survey_page, needs=_ADMIN),
    page("POST", administration.PATH, administration.save_survey, needs=_ADMIN),
)

"""Where an administrator chooses what patients are asked after visits, and reads what came of it: numbers alone."""

from typing import Any

from starlette.responses import Response

from telehealth.core.errors import Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.monitoring import queries as monitoring
from telehealth.surveys import queries, service
from telehealth.surveys.parts import CODE, TITLE
from telehealth.surveys.rules import FEWEST, UnfitSurvey
from telehealth.surveys.schemas import SurveyForm, SurveyQuery
from telehealth.visits.gates.questionnaires import Spoken
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/survey"


async def survey_page(call: Call, query: SurveyQuery) -> Response:
    """What is asked, when, and the numbers."""
    return await _page(call, told=query.told)


async def save_survey(call: Call, body: SurveyForm) -> Response:
    """From now on it goes like this. Nothing typed is lost."""
    minutes, errors = body.read()
    if errors:
        return await _page(call, body, errors=errors)
    try:
        await call.run(service.choose, body.questionnaire if body.on else None, minutes, version=body.version)
    except UnfitSurvey:
        return await _page(call, body, errors=[FieldError("questionnaire", "chosen")])
    except Stale:
        return await _page(call, body, changed=True)
    return call.redirect(f"{PATH}?told=saved")


async def _page(
    call: Call,
    typed: SurveyForm | None = None,
    *,
    errors: list[FieldError] | None = None,
    changed: bool = False,
    told: str = "",
) -> Response:
    """Of two who choose at once the second sees so, and chooses over the first by pressing again."""
    context = await call.run(_context)
    chosen = context.pop("chosen")
    form: dict[str, Any] = {"on": chosen.questionnaire is not None, "questionnaire": chosen.questionnaire or CODE}
    form |= {"minutes": chosen.minutes, "version": chosen.version}
    if typed is not None:
        form |= {"on": bool(typed.on), "questionnaire": typed.questionnaire, "minutes": typed.minutes}
        form["version"] = chosen.version if changed else typed.version
    status = 422 if errors else 409 if changed else 200
    shown: dict[str, Any] = {"form": form, "errors": errors or [], "changed": changed, "told": told, "fewest": FEWEST}
    asks_nobody = chosen.questionnaire is not None and chosen.questionnaire not in context["in_force"]
    return call.render("admin_survey.html", status=status, retired=asks_nobody, **shown, **context)


async def _context(unit: Unit) -> dict[str, Any]:
    forms = await monitoring.in_force(unit)
    known = {each.code: each.questionnaire.title for each in forms}
    built_in = {} if CODE in known else {CODE: Spoken(TITLE["en"], TITLE)}
    return {
        "me": await visits.reader(unit),
        "chosen": await queries.choice(unit),
        "in_force": frozenset(known),
        "offered": [*(built_in | known).items()],
        "results": await queries.results(unit),
    }

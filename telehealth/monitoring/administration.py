"""Where an administrator writes what patients are asked from home. The pages work without scripts and lose nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.monitoring import queries, service
from telehealth.monitoring.forms import NUMBERS, QuestionsForm, form_of
from telehealth.monitoring.rules import is_code
from telehealth.monitoring.schemas import FormQuery, NewForm
from telehealth.visits.gates.administration import check
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/monitoring"


@dataclass(frozen=True, slots=True)
class Shown:
    """What was typed, and what is wrong with the thresholds; `changed`: somebody else has published meanwhile."""

    form: QuestionsForm
    errors: Sequence[FieldError] = ()
    changed: bool = False


async def forms_page(call: Call, query: FormQuery) -> Response:
    """All that patients may be asked, and a way to another."""
    return call.render("admin_monitoring.html", told=query.told, errors=[], typed="", **await call.run(_list))


async def open_form(call: Call, body: NewForm) -> Response:
    """To the page of the questions of that name, which may be new."""
    if body.fits:
        return call.redirect(f"{PATH}/{body.code}")
    errors, context = [FieldError("code", "code")], await call.run(_list)
    return call.render("admin_monitoring.html", status=422, told="", errors=errors, typed=body.code, **context)


async def form_page(call: Call, code: str, query: FormQuery) -> Response:
    """The version in force, to be changed; an empty one where there is none. Raises NotFound for what is no code."""
    return await _page(call, code, told=query.told)


async def save_form(call: Call, code: str, body: QuestionsForm) -> Response:
    """Show how it would be asked, publish the next version, or retire the one in force."""
    if body.action == "retire":
        return await _retire(call, code, body)
    checked = check(body.questionnaire, call.locale.code)
    content, errors = (None, []) if checked.resource is None else body.read(checked.resource)
    if body.action == "preview" or content is None or errors:
        return await _page(call, code, Shown(body, errors))
    try:
        await call.run(service.publish, code, content, version=body.version)
    except Stale:
        return await _page(call, code, Shown(body, changed=True))
    return call.redirect(f"{PATH}/{code}?told=published")


async def _retire(call: Call, code: str, body: QuestionsForm) -> Response:
    try:
        await call.run(service.retire, code, version=body.version)
    except (NotFound, Stale):
        return await _page(call, code, Shown(body, changed=True))
    return call.redirect(f"{PATH}?told=retired")


async def _page(call: Call, code: str, shown: Shown | None = None, *, told: str = "") -> Response:
    """Of two who change the same questions the second sees so, and publishes over the first by pressing again."""
    context = await call.run(_context, code)
    typed = context["typed"] if shown is None else shown.form.questionnaire
    checked = check(typed, call.locale.code)
    fields: Mapping[str, str] = context["form"] if shown is None else shown.form.shown()
    changed = shown is not None and shown.changed
    errors = [] if shown is None else list(shown.errors)
    unsound = shown is not None and (
        errors or (bool(typed.strip() or shown.form.action == "publish") and not checked.sound)
    )
    last = max((number for number in NUMBERS if fields.get(f"item_{number}")), default=0)
    return call.render(
        "admin_monitoring_form.html",
        status=422 if unsound else 409 if changed else 200,
        **{
            **context,
            "typed": typed,
            "form": fields,
            "rows": list(NUMBERS)[: last + 1],
            "version": context["version"] if shown is None or changed else shown.form.version,
        },
        checked=checked,
        told=told,
        errors=errors,
        changed=changed,
    )


async def _context(unit: Unit, code: str) -> dict[str, Any]:
    if not is_code(code):
        raise NotFound
    found = next((each for each in await queries.in_force(unit) if each.code == code), None)
    return {
        "me": await visits.reader(unit),
        "code": code,
        "version": found.version if found else 0,
        "typed": json.dumps(found.content.resource, ensure_ascii=False, indent=2) if found else "",
        "form": form_of(found) if found else {},
    }


async def _list(unit: Unit) -> dict[str, Any]:
    reader = await visits.reader(unit)
    return {"me": reader, "zone": reader.time_zone, "forms": await queries.in_force(unit)}

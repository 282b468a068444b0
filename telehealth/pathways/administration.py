"""Where an administrator writes care pathways. The pages work without scripts and lose nothing typed."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.monitoring import queries as monitoring
from telehealth.pathways import queries, service
from telehealth.pathways.forms import NUMBERS, PathwayForm, form_of
from telehealth.pathways.rules import is_code
from telehealth.pathways.schemas import NewPathway, PathwayQuery
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/care-pathways"


async def pathways_page(call: Call, query: PathwayQuery) -> Response:
    """All that may be started, and a way to another."""
    return call.render("admin_care_pathways.html", told=query.told, errors=[], typed="", **await call.run(_list))


async def open_pathway(call: Call, body: NewPathway) -> Response:
    """To the page of the pathway of that name, which may be a new one."""
    if not body.fits:
        errors = [FieldError("code", "code")]
        context = await call.run(_list)
        return call.render("admin_care_pathways.html", status=422, told="", errors=errors, typed=body.code, **context)
    return call.redirect(f"{PATH}/{body.code}")


async def pathway_page(call: Call, code: str, query: PathwayQuery) -> Response:
    """The version in force, to be changed; an empty one where there is none. Raises NotFound for what is no code."""
    return await _page(call, code, told=query.told)


async def save_pathway(call: Call, code: str, body: PathwayForm) -> Response:
    """Publish the next version, or retire the one in force; show it again with what is wrong."""
    if body.action == "retire":
        return await _retire(call, code, body)
    kinds = await call.run(booking.visit_types)
    content, errors = body.read({each.code for each in kinds}, await call.run(monitoring.codes))
    if content is None:
        return await _page(call, code, typed=body, errors=errors)
    try:
        await call.run(service.publish, code, content, version=body.version)
    except Stale:
        return await _page(call, code, typed=body, changed=True)
    return call.redirect(f"{PATH}/{code}?told=published")


async def _retire(call: Call, code: str, body: PathwayForm) -> Response:
    try:
        await call.run(service.retire, code, version=body.version)
    except (NotFound, Stale):
        return await _page(call, code, typed=body, changed=True)
    return call.redirect(f"{PATH}?told=retired")


async def _page(
    call: Call,
    code: str,
    *,
    told: str = "",
    typed: PathwayForm | None = None,
    errors: Sequence[FieldError] = (),
    changed: bool = False,
) -> Response:
    """Of two who change the same pathway the second sees so, and publishes over the first by pressing again."""
    context = await call.run(_context, code)
    form: Mapping[str, str] = context["form"] if typed is None else typed.shown()
    version = context["version"] if typed is None or changed else typed.version
    last = max((number for number in NUMBERS if form.get(f"kind_{number}")), default=0)
    return call.render(
        "admin_care_pathway.html",
        status=422 if errors else 409 if changed else 200,
        **{**context, "form": form, "version": version, "rows": list(NUMBERS)[: last + 2]},
        told=told,
        errors=list(errors),
        changed=changed,
    )


async def _context(unit: Unit, code: str) -> dict[str, Any]:
    if not is_code(code):
        raise NotFound
    found = next((each for each in await queries.in_force(unit) if each.code == code), None)
    return {
        "me": await visits.reader(unit),
        "code": code,
        "kinds": await booking.visit_types(unit),
        "questionnaires": [(each.code, each.title) for each in await monitoring.in_force(unit)],
        "version": found.version if found else 0,
        "form": form_of(found) if found else {},
    }


async def _list(unit: Unit) -> dict[str, Any]:
    reader = await visits.reader(unit)
    return {"me": reader, "zone": reader.time_zone, "pathways": await queries.in_force(unit)}

"""Where an administrator names who co-signs for whom. The page works without scripts."""

from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.people import service
from telehealth.people.rules import UnfitSupervisor
from telehealth.records.charting.schemas import SupervisorsForm, SupervisorsQuery
from telehealth.visits.lifecycle import queries as visits

PAGE, TEMPLATE = "/admin/supervisors", "admin_supervisors.html"


async def supervisors_page(call: Call, query: SupervisorsQuery) -> Response:
    """Everyone who gives visits with those who co-sign for them; of one of them, to be changed."""
    return call.render(TEMPLATE, **{**await call.run(_context, query.clinician or None), "told": query.told})


async def name_supervisors(call: Call, body: SupervisorsForm) -> Response:
    """Those who are ticked and no others, if those who were shown are still the ones."""
    trainee = ClinicianId(body.clinician)
    try:
        await call.run(service.replace_supervisors, trainee, body.ticked, over=body.shown)
    except UnfitSupervisor:
        return await _again(call, body, status=422, fault="unfit")
    except Stale:
        return await _again(call, body, status=409, fault="changed")
    return call.redirect(f"{PAGE}?told=saved")


async def _again(call: Call, body: SupervisorsForm, *, status: int, fault: str) -> Response:
    """What was ticked, beside who is named by now: sent again it takes their place."""
    context = await call.run(_context, body.clinician)
    return call.render(TEMPLATE, status=status, **{**context, "ticked": body.ticked, "fault": fault})


async def _context(unit: Unit, chosen: UUID | None) -> dict[str, Any]:
    reader = await visits.reader(unit)
    everyone, named = await people.clinicians(unit), await people.supervision(unit)
    trainee = next((each for each in everyone if each.id == chosen), None)
    if chosen is not None and trainee is None:
        raise NotFound
    supervising = {each.id for supervisors in named.values() for each in supervisors}
    now = {each.id for each in named.get(trainee.id, ())} if trainee else set()
    return {
        "me": reader,
        "zone": reader.time_zone,
        "people": [(each, named.get(each.id, ())) for each in everyone],
        "chosen": trainee,
        "supervises": trainee is not None and trainee.id in supervising,
        "fit": [each for each in everyone if each.id not in named and each != trainee],
        "shown": sorted(now),
        "ticked": now,
        **dict.fromkeys(("told", "fault"), ""),
    }

"""Where an administrator says which tasks come by themselves, and who hears of what is escalated."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.errors import Stale
from telehealth.db.unit import Unit
from telehealth.followups import keeping, queries
from telehealth.followups.parts import Pool, TaskKind, UnfitCoordinator
from telehealth.followups.rules import DEVICE_ALERT, TRIGGERS
from telehealth.followups.schemas import CoordinatorsForm, TriggersForm, TriggersQuery
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.visits.lifecycle import queries as visits

ADMIN, TEMPLATE = "/admin/follow-ups", "admin_follow_ups.html"


async def triggers_page(call: Call, query: TriggersQuery) -> Response:
    """What makes a task by itself, and who hears of what is escalated."""
    return call.render(TEMPLATE, saved=bool(query.saved), fault="", **await call.run(_context))


async def save_triggers(call: Call, body: TriggersForm) -> Response:
    """From now on it goes like this, if it still went as it was shown."""
    try:
        await call.run(keeping.set_triggers, body.switches(), was=body.before())
    except Stale:
        return await _again(call, switched=body.switches(), status=409, fault="switched")
    return call.redirect(f"{ADMIN}?saved=yes")


async def save_coordinators(call: Call, body: CoordinatorsForm) -> Response:
    """Those who are ticked and no others, if those who were shown are still the ones."""
    try:
        await call.run(keeping.name_coordinators, body.ticked, version=body.version)
    except Stale:
        return await _again(call, ticked=body.ticked, status=409, fault="changed")
    except UnfitCoordinator:
        return await _again(call, ticked=body.ticked, status=422, fault="unfit")
    return call.redirect(f"{ADMIN}?saved=yes")


async def _again(call: Call, *, status: int, fault: str, **typed: Collection[UUID] | Mapping[str, bool]) -> Response:
    """What was ticked, beside how it stands by now: sent again it takes its place."""
    context = await call.run(_context)
    return call.render(TEMPLATE, status=status, saved=False, fault=fault, **{**context, **typed})


async def _context(unit: Unit) -> dict[str, Any]:
    enabled, named = await queries.triggers(unit), await queries.coordination(unit)
    drawn = [{"ending": each.ending, "kind": each.kind, "pool": each.owner.pool} for each in TRIGGERS]
    of_devices = {"ending": DEVICE_ALERT, "kind": TaskKind.CALL, "pool": Pool.CLINICIANS}
    signing_in = {each.person_id for each in await access.staff(unit, Role.CLINICIAN)}
    return {
        "me": await visits.reader(unit),
        "triggers": drawn,
        "of_devices": of_devices,
        "enabled": enabled,
        "switched": {},
        "fit": [each for each in await people.clinicians(unit) if each.id in signing_in],
        "named": named.clinician_ids,
        "ticked": named.clinician_ids,
        "version": named.version,
    }

"""Where an administrator sets when patients are reminded, by kind of visit. Works without scripts and loses nothing."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.notifications.forms import RemindersForm, field_of, written_reminders
from telehealth.notifications.schemas import SavedQuery
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking import service as scheduling
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/reminders"


async def reminders_page(call: Call, query: SavedQuery) -> Response:
    """Of every kind of visit."""
    return await _page(call, saved=query.saved == "yes")


async def save_reminders(call: Call, body: RemindersForm) -> Response:
    """All that was changed, or nothing. What another has changed meanwhile is shown beside what was typed."""
    wished, errors = body.read()
    if errors:
        return await _page(call, body.shown(), errors=errors, status=422)
    try:
        await call.run(_save, wished)
    except (NotFound, Stale):
        return await _page(call, body.shown(), changed=True, status=409)
    return call.redirect(f"{PATH}?saved=yes")


async def _save(unit: Unit, wished: Mapping[UUID, tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    for visit_type_id, (reminders, seen) in sorted(wished.items()):
        await scheduling.set_reminders(unit, visit_type_id, reminders, seen=seen)


async def _page(
    call: Call,
    typed: Mapping[str, str] | None = None,
    *,
    errors: list[FieldError] | None = None,
    changed: bool = False,
    saved: bool = False,
    status: int = 200,
) -> Response:
    shown: dict[str, Any] = {"errors": errors or [], "changed": changed, "saved": saved}
    return call.render("admin_reminders.html", status=status, **shown, **await call.run(_kinds, typed or {}))


async def _kinds(unit: Unit, typed: Mapping[str, str]) -> dict[str, Any]:
    kinds = []
    for each in await booking.visit_types(unit):
        now = written_reminders(each.reminders)
        kinds.append({"field": field_of(each.id), "name": each.name, "now": now})
    return {
        "me": await visits.reader(unit),
        "kinds": kinds,
        "typed": {each["field"]: typed.get(each["field"], each["now"]) for each in kinds},
    }

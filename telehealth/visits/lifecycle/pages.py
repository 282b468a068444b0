"""The buttons of who gives a visit, and where an administrator begins. They work without scripts."""

from contextlib import suppress
from uuid import UUID

from starlette.responses import Response

from telehealth.http.call import Call
from telehealth.visits.lifecycle import queries, service
from telehealth.visits.lifecycle.rules import NotNow


async def admit(call: Call, visit: UUID) -> Response:
    """Admit, then into the room."""
    await call.run(service.admit, visit)
    return call.redirect(f"/visits/{visit}")


async def end(call: Call, visit: UUID) -> Response:
    """Finish the visit; its note stays open in the room, which also shows when it was over already."""
    with suppress(NotNow):
        await call.run(service.end, visit)
    return call.redirect(f"/visits/{visit}")


async def administration(call: Call) -> Response:
    """What an administrator may set."""
    return call.render("admin.html", me=await call.run(queries.reader))

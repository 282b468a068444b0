"""The buttons of who gives a visit, and where an administrator begins. They work without scripts."""

from uuid import UUID

from starlette.responses import Response

from telehealth.http.call import Call
from telehealth.visits.lifecycle import queries, service


async def admit(call: Call, visit: UUID) -> Response:
    """Admit, then into the room."""
    await call.run(service.admit, visit)
    return call.redirect(f"/visits/{visit}")


async def end(call: Call, visit: UUID) -> Response:
    """Finish the visit; its note stays open in the room."""
    await call.run(service.end, visit)
    return call.redirect(f"/visits/{visit}")


async def administration(call: Call) -> Response:
    """What an administrator may set."""
    return call.render("admin.html", me=await call.run(queries.reader))

"""The buttons of the board that take an alert on, or the visit it is about. They work without scripts."""

from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId
from telehealth.http.call import Call
from telehealth.visits.escalation import service
from telehealth.visits.escalation.rules import AlertOver, AlreadyAcknowledged
from telehealth.visits.escalation.schemas import TakeOverForm
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, NotNow


async def acknowledge_on_page(call: Call, alert: UUID) -> Response:
    """Then back to the board. A page that is old, or two at once: it says who was quicker, or that it is over."""
    try:
        await call.run(service.acknowledge, alert)
    except AlreadyAcknowledged:
        return call.redirect(f"/day?told=taken&alert={alert}")
    except AlertOver:
        return call.redirect("/day?told=over")
    return call.redirect("/day")


async def take_over_on_page(call: Call, visit: UUID, body: TakeOverForm) -> Response:
    """Then into the room; to the board, which says so, when somebody was quicker or the patient waits no more."""
    try:
        await call.run(service.take_over, visit, of=ClinicianId(body.clinician))
    except (NotFound, NotNow, Stale):
        return call.redirect("/day?told=quicker")
    except JurisdictionMismatch:
        return call.redirect("/day?told=unlicensed")
    return call.redirect(f"/visits/{visit}")

"""The button of the board that takes an alert on. It works without scripts."""

from uuid import UUID

from starlette.responses import Response

from telehealth.http.call import Call
from telehealth.visits.escalation import service
from telehealth.visits.escalation.rules import AlertOver, AlreadyAcknowledged


async def acknowledge_on_page(call: Call, alert: UUID) -> Response:
    """Then back to the board. A page that is old, or two at once: it says who was quicker, or that it is over."""
    try:
        await call.run(service.acknowledge, alert)
    except AlreadyAcknowledged:
        return call.redirect(f"/day?told=taken&alert={alert}")
    except AlertOver:
        return call.redirect("/day?told=over")
    return call.redirect("/day")

"""The button of the board that takes an alert on. It works without scripts."""

from contextlib import suppress
from uuid import UUID

from starlette.responses import Response

from telehealth.http.call import Call
from telehealth.visits.escalation import service
from telehealth.visits.escalation.rules import AlertOver, AlreadyAcknowledged


async def acknowledge_on_page(call: Call, alert: UUID) -> Response:
    """Then back to the board, which says who took it on: also when somebody else was quicker."""
    with suppress(AlreadyAcknowledged, AlertOver):
        await call.run(service.acknowledge, alert)
    return call.redirect("/day")

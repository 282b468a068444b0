"""All the ways into a call."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotAllowed, NotFound
from telehealth.http.call import Call
from telehealth.http.operation import operation
from telehealth.http.socket import socket
from telehealth.video import service
from telehealth.video.ports import IceServers, MediaAway, MediaNode, OfferRefused
from telehealth.video.rules import NotAdmitted, VisitOver
from telehealth.video.schemas import Answer, IceServersView, Offer, TicketView
from telehealth.video.signalling import signalling
from telehealth.video.turn import ice_servers


async def join_ticket(call: Call, visit: UUID) -> TicketView:
    """A one-time ticket for the patient into the signalling of their call."""
    return TicketView.model_validate(await _ticket(call, visit))


async def host_ticket(call: Call, visit: UUID) -> TicketView:
    """A one-time ticket for the clinician into the signalling of their call."""
    return TicketView.model_validate(await _ticket(call, visit))


async def precheck(call: Call, visit: UUID, body: Offer) -> Answer:
    """Answer the offer of a network check through the media node."""
    session, now = await call.run(service.open_check, visit)
    return Answer(sdp=await call.port(MediaNode).answer(session, body.sdp, sub=_holder(call), now=now))


async def list_ice_servers(call: Call, visit: UUID) -> IceServersView:
    """TURN servers and credentials, the same the call will use."""
    now = await call.run(service.open_ice, visit)
    return IceServersView(ice_servers=ice_servers(call.port(IceServers), _holder(call), now))


async def _ticket(call: Call, visit: UUID) -> dict[str, object]:
    ticket = await call.run(service.issue_ticket, visit)
    return {"ticket": ticket.secret, "expires_at": ticket.expires_at}


def _holder(call: Call) -> UUID:
    if call.actor.id is None:
        raise NotAllowed
    return call.actor.id


TICKET_ERRORS = (NotFound, NotAdmitted, VisitOver)

# Tickets answer 200, not 201: nothing of theirs may be kept for an Idempotency-Key, and asking twice does no harm.
OPERATIONS = (
    operation(
        "POST",
        "/v1/visits/{visit:uuid}/tickets",
        join_ticket,
        needs=Scope.VISITS_JOIN,
        purpose=Purpose.TREATMENT,
        errors=TICKET_ERRORS,
    ),
    operation(
        "POST",
        "/v1/visits/{visit:uuid}/host-tickets",
        host_ticket,
        needs=Scope.VISITS_HOST,
        purpose=Purpose.TREATMENT,
        errors=TICKET_ERRORS,
    ),
    operation(
        "POST",
        "/v1/visits/{visit:uuid}/precheck",
        precheck,
        needs=Scope.VISITS_JOIN,
        purpose=Purpose.TREATMENT,
        errors=(NotFound, OfferRefused, MediaAway),
    ),
    operation(
        "GET",
        "/v1/visits/{visit:uuid}/ice-servers",
        list_ice_servers,
        needs=Scope.VISITS_JOIN,
        purpose=Purpose.TREATMENT,
        errors=(NotFound,),
    ),
)
SOCKETS = (socket("/v1/signalling", signalling),)

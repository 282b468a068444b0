"""All the ways into a call."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from starlette.responses import Response

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotAllowed, NotFound, Stale
from telehealth.core.grants import MediaSessionId
from telehealth.http.call import Call
from telehealth.http.operation import PUBLIC, Documented, Handler, Operation, operation, page
from telehealth.http.problems import BodyTooLarge, MalformedBody, UnsupportedMediaType
from telehealth.http.socket import socket
from telehealth.video import chat, credentials, ingress, samples, service, whip
from telehealth.video.credential import CredentialInUse, CredentialInvalid, NoMediaNode, OfferUnfit, WasHeld
from telehealth.video.polling import NoHello, poll
from telehealth.video.ports import CheckBusy, IceServers, MediaAway, MediaNode, OfferRefused, OpenChecks, RoomsAway
from telehealth.video.rules import NotAdmitted, RoomFull, SeatTaken, TicketInvalid, VisitOver
from telehealth.video.schemas import (
    Answer,
    CallQualitiesView,
    CallQualityView,
    ChatMessageView,
    ChatView,
    IceServersView,
    MakeMediaCredential,
    MediaCredentialView,
    Offer,
    Poll,
    Polled,
    TicketView,
)
from telehealth.video.sdp_fragment import MEDIA_TYPE as SDP_FRAGMENT
from telehealth.video.sdp_fragment import FragmentMalformed
from telehealth.video.signalling import signalling
from telehealth.video.turn import CHECK_LIFE, ice_servers
from telehealth.visits.lifecycle.parts import ParticipantKind, StepRefused
from telehealth.visits.participants.rules import NotToBeInvited, TooManyInvited


async def join_ticket(call: Call, visit: UUID) -> TicketView:
    """A one-time ticket for the patient into the signalling of their call."""
    return TicketView.model_validate(await _ticket(call, visit))


async def host_ticket(call: Call, visit: UUID) -> TicketView:
    """A one-time ticket for the clinician into the signalling of their call."""
    return TicketView.model_validate(await _ticket(call, visit))


async def companion_ticket(call: Call, visit: UUID) -> TicketView:
    """A one-time ticket for a companion, once they are let in, into the signalling of the call."""
    return TicketView.model_validate(await _ticket(call, visit))


async def poll_signalling(call: Call, body: Poll) -> Polled:
    """One turn of signalling by long polling, opened by a ticket: say what there is, wait for what comes."""
    return await poll(call.kit, body)


async def read_chat(call: Call, visit: UUID) -> ChatView:
    """What was written in the call while the patient's side was there."""
    return await _chat(call, visit)


async def read_host_chat(call: Call, visit: UUID) -> ChatView:
    """What was written in the call."""
    return await _chat(call, visit)


async def read_companion_chat(call: Call, visit: UUID) -> ChatView:
    """What was written in the call while the companion was there."""
    return await _chat(call, visit)


async def read_call_quality(call: Call, visit: UUID) -> CallQualitiesView:
    """How well media arrived in the call, for each who was in it."""
    found = await call.run(samples.read, visit)
    return CallQualitiesView(items=[CallQualityView.model_validate(each, from_attributes=True) for each in found])


async def precheck(call: Call, visit: UUID, body: Offer) -> Answer:
    """Answer the offer of a network check through the media node."""
    session, now = await call.run(service.open_check, visit)
    return Answer(sdp=await call.port(MediaNode).answer(session, body.sdp, sub=_holder(call), now=now))


async def list_ice_servers(call: Call, visit: UUID) -> IceServersView:
    """TURN servers and credentials, the same the call will use."""
    now = await call.run(service.open_ice, visit)
    return IceServersView(ice_servers=ice_servers(call.port(IceServers), _holder(call), now))


async def open_check(call: Call, body: Offer) -> Answer:
    """Answer the offer of a network check that belongs to no visit. Nothing of it is kept."""
    now = _counted(call)
    return Answer(sdp=await call.port(MediaNode).answer(MediaSessionId(uuid4()), body.sdp, sub=uuid4(), now=now))


async def list_open_ice_servers(call: Call) -> IceServersView:
    """TURN servers that calls use, and credentials for the length of a network check."""
    now = _counted(call)
    return IceServersView(ice_servers=ice_servers(call.port(IceServers), uuid4(), now, life=CHECK_LIFE))


async def test_page(call: Call) -> Response:
    """Check a device and a network before any visit; nothing is kept."""
    return call.render("test.html")


async def make_media_credential(call: Call, visit: UUID, body: MakeMediaCredential) -> MediaCredentialView:
    """Let a device, such as an exam camera, or an observer into the call by a credential of its own."""
    kind, life = ParticipantKind(body.kind), timedelta(minutes=body.minutes)
    made = await call.run(credentials.make, visit, kind, name=body.name, life=life)
    held = made.credential
    return MediaCredentialView(
        participant=held.participant,
        kind=held.kind,
        endpoint=f"{call.kit.public_url}/v1/visits/{visit}/{held.protocol}",
        token=made.secret,
        expires_at=held.expires_at,
    )


async def revoke_media_credential(call: Call, visit: UUID, participant: UUID) -> None:
    """Take a media credential back: what was opened with it ends at once."""
    await ingress.end(call.kit, await call.run(credentials.revoke, visit, participant))


def _counted(call: Call) -> datetime:
    """The present instant, of one more step of a check by this address. Raises CheckBusy."""
    now, client = call.kit.unit_of_work.clock.now(), call.request.client
    call.port(OpenChecks).take("" if client is None else client.host, now)
    return now


async def _ticket(call: Call, visit: UUID) -> dict[str, object]:
    ticket = await call.run(service.issue_ticket, visit)
    return {"ticket": ticket.secret, "expires_at": ticket.expires_at}


async def _chat(call: Call, visit: UUID) -> ChatView:
    found = await call.run(chat.read, visit)
    return ChatView(items=[ChatMessageView.model_validate(each, from_attributes=True) for each in found])


def _holder(call: Call) -> UUID:
    if call.actor.id is None:
        raise NotAllowed
    return call.actor.id


TICKET_ERRORS = (NotFound, NotAdmitted, VisitOver)
POLL_ERRORS = (TicketInvalid, NotFound, NotAdmitted, VisitOver, SeatTaken, RoomFull, RoomsAway, NoHello)
BODY_ERRORS = (UnsupportedMediaType, BodyTooLarge, MalformedBody, CredentialInvalid)
OF_CALL = (NotAdmitted, VisitOver, RoomFull, RoomsAway, WasHeld)
BEGIN_ERRORS = (*BODY_ERRORS, *OF_CALL, CredentialInUse, OfferUnfit, NoMediaNode)
PATCH_ERRORS = (*BODY_ERRORS, FragmentMalformed, ConditionMissing, Stale, NoMediaNode)
CARE, OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
VISIT = "/v1/visits/{visit:uuid}"
JOIN, HOST, ATTEND = Scope.VISITS_JOIN, Scope.VISITS_HOST, Scope.VISITS_ATTEND


def _over_http(
    protocol: str, handlers: tuple[Handler, Handler, Handler], options: tuple[Handler, Handler]
) -> Iterator[Operation]:
    """WHIP or WHEP: the endpoint, and the session that it opens."""
    endpoint = f"{VISIT}/{protocol}"
    session = f"{endpoint}/{{session:uuid}}"
    begin, patch, end = handlers
    open_to_all = partial(operation, needs=PUBLIC, purpose=CARE, always=whip.ANY_ORIGIN)
    answer, fragment = (Documented(201, whip.SDP),), (Documented(200, SDP_FRAGMENT),)
    yield open_to_all("POST", endpoint, begin, status=201, errors=BEGIN_ERRORS, answers=answer)
    yield open_to_all("PATCH", session, patch, status=204, errors=PATCH_ERRORS, answers=fragment)
    yield open_to_all("DELETE", session, end, errors=(CredentialInvalid,))
    for path, handler in zip((endpoint, session), options, strict=True):
        yield open_to_all("OPTIONS", path, handler, status=204)


# A device that was left for another stays in the call, also after a lost connection, until its seat is taken there.
# Tickets answer 200, not 201: nothing of theirs may be kept for an Idempotency-Key, and asking twice does no harm.
OPERATIONS = (
    operation("POST", f"{VISIT}/tickets", join_ticket, needs=JOIN, purpose=CARE, errors=TICKET_ERRORS, anywhere=True),
    operation("POST", f"{VISIT}/host-tickets", host_ticket, needs=HOST, purpose=CARE, errors=TICKET_ERRORS),
    operation(
        "POST",
        f"{VISIT}/attendance/tickets",
        companion_ticket,
        needs=ATTEND,
        purpose=CARE,
        errors=TICKET_ERRORS,
        anywhere=True,
    ),
    operation("POST", "/v1/signalling/poll", poll_signalling, needs=PUBLIC, purpose=CARE, errors=POLL_ERRORS),
    operation("GET", f"{VISIT}/chat", read_chat, needs=JOIN, purpose=OWN, errors=(NotFound,)),
    operation("GET", f"{VISIT}/host-chat", read_host_chat, needs=HOST, purpose=CARE, errors=(NotFound,)),
    operation("GET", f"{VISIT}/attendance/chat", read_companion_chat, needs=ATTEND, purpose=OWN, errors=(NotFound,)),
    operation(
        "GET",
        f"{VISIT}/call-quality",
        read_call_quality,
        needs=Scope.VISITS_READ,
        purpose=CARE,
        errors=(NotFound,),
    ),
    operation(
        "POST",
        f"{VISIT}/precheck",
        precheck,
        needs=JOIN,
        purpose=CARE,
        errors=(NotFound, OfferRefused, MediaAway),
    ),
    operation("POST", "/v1/check", open_check, needs=PUBLIC, errors=(OfferRefused, MediaAway, CheckBusy)),
    operation("GET", "/v1/check/ice-servers", list_open_ice_servers, needs=PUBLIC, errors=(CheckBusy,)),
    operation("GET", f"{VISIT}/ice-servers", list_ice_servers, needs=JOIN, purpose=CARE, errors=(NotFound,)),
    operation(
        "POST",
        f"{VISIT}/media-credentials",
        make_media_credential,
        needs=HOST,
        purpose=CARE,
        status=201,
        errors=(NotFound, NotToBeInvited, TooManyInvited),
    ),
    operation(
        "POST",
        f"{VISIT}/media-credentials/{{participant:uuid}}/revoke",
        revoke_media_credential,
        needs=HOST,
        purpose=CARE,
        status=204,
        errors=(NotFound, StepRefused),
    ),
    *_over_http(
        "whip",
        (whip.publish, whip.patch_published, whip.end_published),
        (whip.publishing_options, whip.published_options),
    ),
    *_over_http(
        "whep", (whip.watch, whip.patch_watched, whip.end_watched), (whip.watching_options, whip.watched_options)
    ),
)
PAGES = (page("GET", "/test", test_page, needs=PUBLIC),)
SOCKETS = (socket("/v1/signalling", signalling),)

"""All the ways in to those who take part in a visit."""

from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import PUBLIC, operation, page
from telehealth.http.sse import EVENTS, stream
from telehealth.people import queries as people
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.events import visit_topic
from telehealth.visits.lifecycle.parts import Step, StepRefused
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.participants import pages, queries, service
from telehealth.visits.participants.rules import (
    AlreadyInvited,
    Happened,
    NoAuthority,
    NotToBeInvited,
    Participant,
    TooManyInvited,
    attendance_of,
)
from telehealth.visits.participants.schemas import (
    AttendanceView,
    HappenedView,
    InvitedView,
    InviteParticipant,
    MarkParticipant,
    ParticipantHistoryView,
    ParticipantsView,
    ParticipantView,
    ResendLink,
)

# Staff


async def list_participants(call: Call, visit: UUID) -> ParticipantsView:
    """Everyone who takes part in a visit, and how far each has come."""
    found = await call.run(_roster, visit)
    return ParticipantsView(items=[ParticipantView.of(each, call.actor.role) for each in found])


async def read_participant_history(call: Call, visit: UUID) -> ParticipantHistoryView:
    """What happened to everyone who takes part in a visit or did, step by step."""
    found = await call.run(_history, visit)
    return ParticipantHistoryView(items=[HappenedView.model_validate(each) for each in found])


async def invite_participant(call: Call, visit: UUID, body: InviteParticipant) -> InvitedView:
    """Invite somebody to a visit that is booked or under way, with a personal link of their own."""
    return _invited(call, await call.run(service.invite, visit, body.companion))


async def resend_link(call: Call, visit: UUID, participant: UUID, body: ResendLink) -> InvitedView:
    """Send a personal link again, and forgive wrong answers at it; a fresh one ends the link that was sent before."""
    return _invited(call, await call.run(service.resend, visit, participant, fresh=body.fresh))


async def revoke_participant(call: Call, visit: UUID, participant: UUID) -> ParticipantView:
    """Take an invitation back: the link, and every page that was opened with it, are over at once."""
    return _view(call, await call.run(service.revoke, visit, participant))


async def remove_participant(call: Call, visit: UUID, participant: UUID) -> ParticipantView:
    """Put somebody out of the visit who came to it; out of the call too."""
    return _view(call, await call.run(service.remove, visit, participant))


async def admit_participant(call: Call, visit: UUID, participant: UUID) -> ParticipantView:
    """Let a companion in from the waiting room."""
    return _view(call, await call.run(service.admit, visit, participant))


async def mark_participant(call: Call, visit: UUID, participant: UUID, body: MarkParticipant) -> ParticipantView:
    """Note how far a phone leg is, which has no page that would tell."""
    return _view(call, await call.run(service.mark, visit, participant, Step(body.step)))


# Companions


async def read_attendance(call: Call, visit: UUID) -> AttendanceView:
    """Where the visit stands for a companion."""
    return await call.run(_attendance, visit)


async def attend_visit(call: Call, visit: UUID) -> AttendanceView:
    """Say that you are here: within the join window you wait from now on."""
    await call.run(_come, visit)
    return await call.run(_attendance, visit)


async def follow_attendance(call: Call, visit: UUID) -> Response:
    """Server-sent events: a version that changes with the visit and with the companion's part in it."""
    await call.run(lifecycle.open_visit, visit)

    async def version() -> str:
        return await call.run(_attendance_version, visit)

    return stream(call, (visit_topic(VisitId(visit)),), version)


def _view(call: Call, participant: Participant) -> ParticipantView:
    return ParticipantView.of(participant, call.actor.role)


def _invited(call: Call, invited: service.Invited) -> InvitedView:
    link = f"{call.kit.public_url}{invited.link}" if invited.link else None
    return InvitedView(participant=_view(call, invited.participant), link=link)


async def _roster(unit: Unit, visit_id: UUID) -> list[Participant]:
    await lifecycle.open_visit(unit, visit_id)
    return await queries.roster(unit, visit_id)


async def _history(unit: Unit, visit_id: UUID) -> list[Happened]:
    await lifecycle.open_visit(unit, visit_id)
    return await queries.history(unit, visit_id)


async def _come(unit: Unit, visit_id: UUID) -> Visit:
    await visits.find(unit, visit_id)
    return (await service.attend(unit))[1]


async def _attendance(unit: Unit, visit_id: UUID) -> AttendanceView:
    visit = await lifecycle.open_visit(unit, visit_id)
    if unit.actor.id is None:
        raise NotFound
    participant = await queries.participant(unit, unit.actor.id)
    return AttendanceView(
        stage=attendance_of(participant.state, visit, unit.now),
        state=participant.state,
        starts_at=visit.starts_at,
        opens_at=visit.opens_at,
        closes_at=visit.closes_at,
        fallback_phone=(await people.clinic(unit)).phone,
    )


async def _attendance_version(unit: Unit, visit_id: UUID) -> str:
    if unit.actor.id is None:
        raise NotFound
    theirs = await queries.participant(unit, unit.actor.id)
    return f"{await visits.visit_version(unit, visit_id)}-{theirs.state}"


_BOOK, _READ, _HOST = Scope.VISITS_BOOK, Scope.VISITS_READ, Scope.VISITS_HOST
_OWN_SCOPE, _ATTEND = Scope.VISITS_JOIN, Scope.VISITS_ATTEND
_CARE, _OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
VISIT = "/v1/visits/{visit:uuid}"
ALL, ONE = f"{VISIT}/participants", f"{VISIT}/participants/{{participant:uuid}}"
PAGE = "/visits/{visit:uuid}/people"
ONE_ON_PAGE = f"{PAGE}/{{participant:uuid}}"
_INVITING = (NotFound, NotToBeInvited, TooManyInvited, NoAuthority, AlreadyInvited)
_MOVING = (NotFound, StepRefused)
_AGAIN = (NotFound, NotToBeInvited, StepRefused)
OPERATIONS = (
    operation("GET", ALL, list_participants, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("GET", f"{ALL}/history", read_participant_history, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("POST", ALL, invite_participant, needs=_BOOK, purpose=_CARE, status=201, errors=_INVITING),
    operation("POST", f"{ONE}/resend", resend_link, needs=_BOOK, purpose=_CARE, errors=_AGAIN),
    operation("POST", f"{ONE}/revoke", revoke_participant, needs=_BOOK, purpose=_CARE, errors=_MOVING),
    operation("POST", f"{ONE}/remove", remove_participant, needs=_BOOK, purpose=_CARE, errors=_MOVING),
    operation("POST", f"{ONE}/admit", admit_participant, needs=_HOST, purpose=_CARE, errors=_MOVING),
    operation("POST", f"{ONE}/mark", mark_participant, needs=_BOOK, purpose=_CARE, errors=_MOVING),
    operation("GET", f"{VISIT}/attendance", read_attendance, needs=_ATTEND, purpose=_OWN, errors=(NotFound,)),
    operation("POST", f"{VISIT}/attendance", attend_visit, needs=_ATTEND, purpose=_OWN, errors=(NotFound,)),
    operation("GET", f"{VISIT}/attendance/stream", follow_attendance, needs=_ATTEND, purpose=_OWN, answers=EVENTS),
)
PAGES = (
    page("GET", "/join/{link}", pages.join, needs=PUBLIC),
    page("POST", "/join/{link}", pages.identify, needs=PUBLIC, purpose=_OWN, errors=(NoAuthority,)),
    page("GET", "/invited/{link}", pages.join_by_name, needs=PUBLIC),
    page("POST", "/invited/{link}", pages.identify_by_name, needs=PUBLIC, purpose=_OWN),
    page("GET", "/attend", pages.attend, needs=_ATTEND, purpose=_OWN),
    page("POST", "/attend/leave", pages.leave, needs=_ATTEND, purpose=_OWN, errors=(StepRefused,)),
    page("POST", "/attend/return", pages.come_back, needs=_ATTEND, purpose=_OWN, errors=(StepRefused,)),
    page("GET", "/visit/people", pages.own_companions, needs=_OWN_SCOPE, purpose=_OWN, stays=("invited",)),
    page("POST", "/visit/people", pages.invite_companion, needs=_OWN_SCOPE, purpose=_OWN, keyed=True),
    page(
        "POST",
        "/visit/people/{participant:uuid}/withdraw",
        pages.withdraw_companion,
        needs=_OWN_SCOPE,
        purpose=_OWN,
        errors=(StepRefused,),
    ),
    page("GET", PAGE, pages.people_page, needs=_BOOK, purpose=_CARE, stays=("invited",)),
    page("POST", PAGE, pages.invite_on_page, needs=_BOOK, purpose=_CARE, keyed=True),
    page("POST", f"{ONE_ON_PAGE}/resend", pages.resend_on_page, needs=_BOOK, purpose=_CARE, errors=_AGAIN),
    page("POST", f"{ONE_ON_PAGE}/admit", pages.let_in_on_page, needs=_HOST, purpose=_CARE, errors=_MOVING),
    page("POST", f"{ONE_ON_PAGE}/out", pages.put_out_on_page, needs=_BOOK, purpose=_CARE, errors=_MOVING),
)
SOCKETS = ()

"""Tickets into a call, whom the host lets in there, and what a call tells its visit."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, update

from telehealth.core.actors import Actor, Purpose, Role
from telehealth.core.errors import NotAllowed, NotFound
from telehealth.core.grants import MediaSessionId
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.video.models import TicketRow
from telehealth.video.room import Together, Who
from telehealth.video.rules import TICKET_LIFE, NotAdmitted, TicketInvalid, VisitOver
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.parts import LET_IN, ParticipantState, Step
from telehealth.visits.lifecycle.rules import BEFORE_CALL, IN_CALL, Visit, VisitStatus
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants import service as company
from telehealth.visits.participants.rules import Participant

GUESTS = frozenset({Role.PATIENT, Role.GUEST})
POLLING_LIFE = timedelta(seconds=60)  # a poll that waits, and the time until the next one


@dataclass(frozen=True, slots=True)
class Ticket:
    """`secret` is shown once and stored hashed."""

    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """Who came in with a ticket, as the actor they were when they asked for it."""

    visit: Visit
    actor: Actor
    who: Who


async def issue_ticket(unit: Unit, visit_id: UUID) -> Ticket:
    """A ticket for the actor into the call of their visit. Raises NotAdmitted before it and for a companion whom nobody
    has let in, VisitOver after it.
    """
    visit, theirs = await open_call(unit, visit_id)
    actor = unit.actor
    secret = secrets.token_urlsafe(32)
    expires_at = unit.now + TICKET_LIFE
    unit.session.add(
        TicketRow(
            id=unit.new_id(),
            secret=_hashed(secret),
            visit_id=visit.id,
            role=actor.role,
            holder_id=actor.id,
            person_id=actor.person_id,
            participant_id=theirs.id,
            expires_at=expires_at,
        )
    )
    return Ticket(secret, expires_at)


async def redeem_ticket(unit: Unit, secret: str, *, polling: bool = False) -> Entry:
    """Use a ticket up; of two who try at once one gets in. `polling`: it opens the same conversation on, poll by poll.

    Raises TicketInvalid, NotAdmitted, VisitOver, NotFound.
    """
    fresh = TicketRow.used_at.is_(None) & (TicketRow.expires_at > unit.now)
    until = unit.now + POLLING_LIFE if polling else None
    return await _entered(unit, secret, fresh, used_at=unit.now, polled_until=until)


async def poll_on(unit: Unit, secret: str) -> Entry:
    """The conversation that this ticket opened by long polling. Raises like `redeem_ticket`."""
    return await _entered(unit, secret, TicketRow.polled_until > unit.now, polled_until=unit.now + POLLING_LIFE)


async def _entered(unit: Unit, secret: str, good: ColumnElement[bool], **values: Any) -> Entry:
    row = TicketRow
    used = await unit.session.execute(
        update(row)
        .where(row.secret == _hashed(secret), good, row.participant_id.is_not(None))
        .values(**values)
        .returning(row.visit_id, row.role, row.holder_id, row.person_id, row.participant_id)
    )
    found = used.one_or_none()
    if found is None:
        raise TicketInvalid
    actor = _actor(Role(found.role), found.holder_id, found.person_id, found.visit_id)
    visit, theirs = await open_call(replace(unit, actor=actor), found.visit_id)
    if theirs.id != found.participant_id:
        raise TicketInvalid
    return Entry(visit, actor, Who(theirs.id, theirs.kind, theirs.host))


def _actor(role: Role, holder_id: UUID, person_id: UUID | None, visit_id: UUID) -> Actor:
    bound_to = visit_id if role in GUESTS else None
    return Actor(holder_id, role, person_id=person_id, visit_id=bound_to, purpose=Purpose.TREATMENT)


async def still_open(unit: Unit, visit_id: VisitId) -> Visit:
    """The visit, while the actor may be in its call. Raises like `redeem_ticket`."""
    return (await open_call(unit, visit_id))[0]


async def let_in(unit: Unit, visit_id: VisitId, participant_id: ParticipantId) -> None:
    """The host admits somebody who waits: a companion, or the patient. Raises NotFound, StepRefused, NotNow."""
    theirs = await _of_visit(unit, visit_id, participant_id)
    if theirs.acts_as_patient:
        await visits.admit(unit, visit_id)
    else:
        await company.admit(unit, visit_id, participant_id)


async def put_out(unit: Unit, visit_id: VisitId, participant_id: ParticipantId) -> None:
    """The host puts somebody out of the visit. Raises NotFound, StepRefused."""
    await _of_visit(unit, visit_id, participant_id)
    await company.put_out(unit, visit_id, participant_id)


async def settle_part(unit: Unit, visit_id: VisitId, participant_id: ParticipantId, *, in_media: bool) -> None:
    """A companion's media run, or do not any more. Whoever is elsewhere stays where they are."""
    theirs = await _of_visit(unit, visit_id, participant_id)
    step, before = (
        (Step.CONNECT, {ParticipantState.ADMITTED, ParticipantState.DISCONNECTED})
        if in_media
        else (Step.DISCONNECT, {ParticipantState.CONNECTED})
    )
    if theirs.companion and theirs.state in before:
        await company.mark(unit, visit_id, participant_id, step)


async def settle_media(unit: Unit, visit_id: VisitId, together: Together) -> Visit:
    """Tell the visit what both sides say of their media, when it does not know yet."""
    visit = await visits.open_visit(unit, visit_id)
    match together, visit.status:
        case Together.CONNECTED, VisitStatus.ADMITTING | VisitStatus.INTERRUPTED:
            return await visits.connected(unit, visit_id)
        case Together.LOST, VisitStatus.IN_PROGRESS:
            return await visits.interrupted(unit, visit_id)
        case _:
            return visit


async def interrupt_silent(unit: Unit, visit_id: VisitId) -> None:
    """Nobody is in the call of this visit any more, and nobody was left to say so. Raises NotNow when it is not on."""
    await visits.interrupted(unit, visit_id, cause="silence")


async def open_check(unit: Unit, visit_id: UUID) -> tuple[MediaSessionId, datetime]:
    """A name for a session of the network check, and the instant it was given."""
    await visits.open_visit(unit, visit_id, action="execute")
    return MediaSessionId(unit.new_id()), unit.now


async def open_ice(unit: Unit, visit_id: UUID) -> datetime:
    """The instant from which credentials for the servers of this visit's call count."""
    await visits.open_visit(unit, visit_id)
    return unit.now


async def forget_tickets(unit: Unit) -> int:
    """Delete the tickets that no longer open anything."""
    row = TicketRow
    over = (row.expires_at < unit.now) & or_(row.polled_until.is_(None), row.polled_until < unit.now)
    gone = await unit.session.execute(delete(row).where(over).returning(row.id))
    return len(gone.all())


async def open_call(unit: Unit, visit_id: UUID) -> tuple[Visit, Participant]:
    """The call of a visit that is on, and the actor's part in it. Raises NotFound, NotAdmitted, VisitOver."""
    visit = await visits.open_visit(unit, visit_id, action="execute")
    theirs = await own_part(unit, visit)
    if visit.status not in IN_CALL | BEFORE_CALL:
        raise VisitOver
    if visit.status not in IN_CALL or not may_enter(theirs):
        raise NotAdmitted
    return visit, theirs


def may_enter(theirs: Participant) -> bool:
    """Into a call that is on: companions one by one, the two sides with their visit."""
    return theirs.host or theirs.acts_as_patient or theirs.state in LET_IN


async def own_part(unit: Unit, visit: Visit) -> Participant:
    """As whom the actor takes part: a clinician as the host. Raises NotFound, NotAllowed."""
    actor = unit.actor
    if actor.role in GUESTS and actor.id is not None:
        return await _of_visit(unit, visit.id, ParticipantId(actor.id))
    if actor.role is not Role.CLINICIAN or actor.person_id is None:
        raise NotAllowed
    everyone = await participants.participants_of(unit, visit.id)
    host = next((each for each in everyone if each.host and each.person_id == actor.person_id), None)
    if host is None:
        raise NotFound
    return host


async def _of_visit(unit: Unit, visit_id: UUID, participant_id: UUID) -> Participant:
    theirs = await participants.participant(unit, participant_id)
    if theirs.visit_id != visit_id:
        raise NotFound
    return theirs


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

"""Tickets into a call, and what a call tells its visit."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update

from telehealth.core.actors import Actor, Purpose, Role
from telehealth.core.errors import NotAllowed
from telehealth.core.grants import MediaSessionId
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.video.models import TicketRow
from telehealth.video.room import Together
from telehealth.video.rules import TICKET_LIFE, NotAdmitted, TicketInvalid, VisitOver
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.rules import BEFORE_CALL, IN_CALL, Visit, VisitStatus

SIDES = frozenset({Role.CLINICIAN, Role.PATIENT})


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
    holder_id: UUID


async def issue_ticket(unit: Unit, visit_id: UUID) -> Ticket:
    """A ticket for the actor into the call of their visit. Raises NotAdmitted before it, VisitOver after it."""
    visit = await _open_call(unit, visit_id)
    actor = unit.actor
    if actor.role not in SIDES or actor.id is None or actor.person_id is None:
        raise NotAllowed
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
            expires_at=expires_at,
        )
    )
    return Ticket(secret, expires_at)


async def redeem_ticket(unit: Unit, secret: str) -> Entry:
    """Use a ticket up; of two who try at once one gets in. Raises TicketInvalid, NotAdmitted, VisitOver, NotFound."""
    used = await unit.session.execute(
        update(TicketRow)
        .where(TicketRow.secret == _hashed(secret), TicketRow.used_at.is_(None), TicketRow.expires_at > unit.now)
        .values(used_at=unit.now)
        .returning(TicketRow.visit_id, TicketRow.role, TicketRow.holder_id, TicketRow.person_id)
    )
    row = used.one_or_none()
    if row is None:
        raise TicketInvalid
    role = Role(row.role)
    bound_to = row.visit_id if role is Role.PATIENT else None
    actor = Actor(row.holder_id, role, person_id=row.person_id, visit_id=bound_to, purpose=Purpose.TREATMENT)
    return Entry(await _open_call(replace(unit, actor=actor), row.visit_id), actor, row.holder_id)


async def still_open(unit: Unit, visit_id: VisitId) -> Visit:
    """The visit, while the actor may be in its call. Raises like `redeem_ticket`."""
    return await _open_call(unit, visit_id)


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
    gone = await unit.session.execute(delete(TicketRow).where(TicketRow.expires_at < unit.now).returning(TicketRow.id))
    return len(gone.all())


async def _open_call(unit: Unit, visit_id: UUID) -> Visit:
    visit = await visits.open_visit(unit, visit_id, action="execute")
    if visit.status in IN_CALL:
        return visit
    if visit.status in BEFORE_CALL:
        raise NotAdmitted
    raise VisitOver


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

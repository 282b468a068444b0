"""Sessions of guests, who came by a personal link and passed its identity step."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update

from telehealth.access.models import SessionRow
from telehealth.access.rules import digest, new_secret
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit


async def open_guest_session(
    unit: Unit, *, participant_id: ParticipantId, visit_id: VisitId, person_id: UUID | None, until: datetime
) -> str:
    """A session that reaches one visit and no other, until then. Answers the secret for the cookie.

    `person_id` is the patient it acts as or for; without one it is a companion's, who may less.
    """
    secret = new_secret()
    session = SessionRow(
        id=unit.new_id(),
        secret=digest(secret),
        participant_id=participant_id,
        visit_id=visit_id,
        person_id=person_id,
        opened_at=unit.now,
        ends_at=until,
    )
    unit.session.add(session)
    unit.audit("execute", "guest-sign-in", participant_id, patient_id=person_id)
    return secret


async def revoke_guest_sessions(unit: Unit, participant_id: ParticipantId) -> None:
    """End every session of this participant at once, whichever device holds it."""
    await unit.session.execute(delete(SessionRow).where(SessionRow.participant_id == participant_id))
    unit.audit("execute", "guest-sign-out", participant_id)


async def shorten_guest_sessions(unit: Unit, visit_id: VisitId, until: datetime) -> None:
    """No session for this visit lasts longer than until then; those that end earlier stay as they are."""
    lasting = update(SessionRow).where(SessionRow.visit_id == visit_id, SessionRow.ends_at > until)
    await unit.session.execute(lasting.values(ends_at=until))

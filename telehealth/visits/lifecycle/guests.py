"""Guests of a visit: their invitation, the identity step behind the personal link, the end of the sessions it opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import insert, select, update

from telehealth.access import guests as access
from telehealth.access.rules import TRIES, digest, lockout, new_secret, tries_left
from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId, ParticipantId, PatientId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.joining import LAST_PAGE, session_end
from telehealth.visits.lifecycle.models import ParticipantRow, VisitRow
from telehealth.visits.lifecycle.rules import Participant, Visit


@dataclass(frozen=True, slots=True)
class Identified:
    """It is them: `secret` and `max_age` (seconds) are for the cookie of a session bound to this one visit."""

    participant: Participant
    visit: Visit
    secret: str
    max_age: int


@dataclass(frozen=True, slots=True)
class Mistaken:
    """The link or the date is not right; nobody hears which. `tries_left` is None when there is nothing to count."""

    tries_left: int | None


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many tries. The clinic helps by phone."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """It is them, and the visit is over for good."""


Identification = Identified | Mistaken | Locked | Closed


async def invite(unit: Unit, visit: Visit, role: Role, person_id: PatientId | ClinicianId) -> str:
    """A participant; a patient gets a personal link, whose secret is the answer (empty for staff)."""
    return (await invite_all(unit, [(visit, role, person_id)]))[0]


async def invite_all(unit: Unit, invited: Sequence[tuple[Visit, Role, PatientId | ClinicianId]]) -> list[str]:
    """The secrets of their links, in that order."""
    made = [(unit.new_id(), new_secret() if each[1] is Role.PATIENT else "", each) for each in invited]
    rows = [
        {
            "id": participant_id,
            "visit_id": visit.id,
            "role": role,
            "person_id": person_id,
            "created_at": unit.now,
            "link_hash": digest(secret) if secret else None,
            "link": unit.vault.seal(("participant", "link", participant_id), secret) if secret else None,
        }
        for participant_id, secret, (visit, role, person_id) in made
    ]
    await unit.session.execute(insert(ParticipantRow), rows)
    return [secret for _, secret, _ in made]


async def change_host(unit: Unit, visit: Visit, clinician_id: ClinicianId) -> None:
    """Another clinician is invited in the place of the one who was; one who comes back is invited as before."""
    row = ParticipantRow
    of_staff = (row.visit_id == visit.id, row.role == Role.CLINICIAN)
    await unit.session.execute(update(row).where(*of_staff, row.revoked_at.is_(None)).values(revoked_at=unit.now))
    back = update(row).where(*of_staff, row.person_id == clinician_id).values(revoked_at=None).returning(row.id)
    if await unit.session.scalar(back) is None:
        await invite(unit, visit, Role.CLINICIAN, clinician_id)


async def identify_guest(unit: Unit, link_secret: str, birth_date: date) -> Identification:
    """Whoever has the link and knows the date of birth gets a session: see `joining.session_end`.

    A wrong try is answered, not raised: the count of tries must outlive the refusal. The link stays valid.
    """
    row = await unit.session.scalar(
        select(ParticipantRow)
        .where(ParticipantRow.link_hash == digest(link_secret), ParticipantRow.revoked_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        unit.audit("execute", "participant_link", None, outcome="mistaken")
        return Mistaken(None)
    if row.locked_until is not None and row.locked_until > unit.now:
        unit.audit("execute", "participant_link", row.id, outcome="locked")
        return Locked(row.locked_until)
    patient = await people.patient(unit, PatientId(row.person_id))
    if patient.birth_date != birth_date:
        return mistaken(unit, row, "participant_link", row.person_id)
    return await _right(unit, row)


class Attempted(Protocol):
    """Where wrong tries of a link are counted."""

    id: Any
    attempts: Any
    locked_until: Any


def mistaken(unit: Unit, row: Attempted, link: str, patient_id: UUID) -> Mistaken | Locked:
    """Count a wrong try; `link` names the kind of link in the trace."""
    row.attempts += 1
    unit.audit("execute", link, row.id, patient_id=patient_id, outcome="mistaken")
    if row.attempts % TRIES:
        return Mistaken(tries_left(row.attempts))
    row.locked_until = unit.now + lockout(row.attempts)
    return Locked(row.locked_until)


async def _right(unit: Unit, row: ParticipantRow) -> Identified | Closed:
    row.attempts, row.locked_until, row.verified_at = 0, None, unit.now
    found = await unit.session.get_one(VisitRow, row.visit_id)
    visit = queries.visit_of(found)
    unit.audit("execute", "participant_link", row.id, patient_id=visit.patient_id)
    until = session_end(visit, unit.now)
    if until <= unit.now:
        return Closed()
    participant = queries.participant_of(row)
    secret = await access.open_guest_session(
        unit,
        participant_id=ParticipantId(row.id),
        visit_id=visit.id,
        person_id=participant.person_id,
        until=until,
    )
    return Identified(participant, visit, secret, int((until - unit.now).total_seconds()))


async def see_out(unit: Unit, visit: Visit) -> None:
    """The visit is over: sessions of its guests last as long as its last page is shown, and no longer."""
    participants = await unit.session.scalars(
        select(ParticipantRow.id).where(ParticipantRow.visit_id == visit.id, ParticipantRow.role == Role.PATIENT)
    )
    await access.shorten_guest_sessions(unit, participants.all(), unit.now + LAST_PAGE)

"""Patients who choose their own time: staff invite them, link and date of birth let them in, good for one visit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from telehealth.access.links import Locked, Mistaken, Passed, judge, unknown
from telehealth.access.rules import digest, new_secret
from telehealth.core.actors import Actor, Purpose, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.appointments import service
from telehealth.visits.appointments.events import TimeToChoose
from telehealth.visits.appointments.models import BookingInvitationRow
from telehealth.visits.appointments.wishes import Invitation, InvitationOver, Wish
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.guests import Closed

VALID_DAYS = 14
LONGEST_LOOK = timedelta(hours=12)  # how long one passing of the identity step is good for
LINK_PATH = "/times/"
LINK = "invitation_link"


@dataclass(frozen=True, slots=True)
class Invited:
    """`link_secret` opens the link; after this it is to be had only sealed."""

    invitation: Invitation
    link_secret: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """It is them: `secret` and `max_age` (seconds) are for the cookie."""

    secret: str
    max_age: int


async def invite(
    unit: Unit,
    *,
    patient_id: PatientId,
    visit_type_id: VisitTypeId,
    clinician_ids: Sequence[ClinicianId] = (),
    valid_days: int = VALID_DAYS,
) -> Invited:
    """Ask a patient to choose a time; an earlier invitation to the same kind of visit is over with this.

    A clinician invites to themselves. Raises NotFound.
    """
    patient = await people.patient(unit, patient_id)
    if visit_type_id not in {each.id for each in await booking.visit_types(unit)}:
        raise NotFound
    row, secret = BookingInvitationRow, new_secret()
    same = (row.patient_id == patient.id, row.visit_type_id == visit_type_id, row.visit_id.is_(None))
    await unit.session.execute(update(row).where(*same, row.expires_at > unit.now).values(expires_at=unit.now))
    invitation_id = unit.new_id()
    made = BookingInvitationRow(
        id=invitation_id,
        patient_id=patient.id,
        visit_type_id=visit_type_id,
        clinician_ids=await _own_or_named(unit, clinician_ids),
        created_at=unit.now,
        expires_at=unit.now + timedelta(days=valid_days),
        link_hash=digest(secret),
        link=unit.vault.seal(("booking_invitation", "link", invitation_id), secret),
    )
    unit.session.add(made)
    await unit.session.flush()
    unit.audit("create", "booking_invitation", made.id, patient_id=patient.id)
    unit.emit(TimeToChoose(invitation_id=made.id, patient_id=patient.id))
    return Invited(_invitation_of(made), secret)


async def sent(unit: Unit, invitation_id: UUID) -> tuple[Invitation, str]:
    """An invitation and the path of its link, for staff and for the letter. Audited. Raises NotFound."""
    row = await unit.session.get(BookingInvitationRow, invitation_id)
    if row is None or (unit.actor.role is Role.CLINICIAN and unit.actor.person_id not in row.clinician_ids):
        raise NotFound
    unit.audit("read", LINK, row.id, patient_id=row.patient_id)
    return _invitation_of(row), LINK_PATH + unit.vault.open(("booking_invitation", "link", row.id), row.link)


async def identify(unit: Unit, link_secret: str, birth_date: date) -> Recognised | Mistaken | Locked | Closed:
    """The identity step, as of a visit's own link: a wrong try is answered, and the link stays valid."""
    row = await _locked(unit, BookingInvitationRow.link_hash == digest(link_secret))
    if row is None:
        return unknown(unit, LINK)
    born = (await people.patient(unit, PatientId(row.patient_id))).birth_date
    answer = judge(unit, row, LINK, right=born == birth_date, patient_id=row.patient_id)
    if not isinstance(answer, Passed):
        return answer
    row.verified_at = unit.now
    if row.expires_at <= unit.now:
        return Closed()
    secret = new_secret()
    row.session = digest(secret)
    return Recognised(secret, int(min(row.expires_at - unit.now, LONGEST_LOOK).total_seconds()))


async def opened(unit: Unit, session_secret: str) -> tuple[Unit, Invitation]:
    """What the holder of the cookie was invited to, and the transaction with them acting. Raises InvitationOver."""
    row = await _locked(unit, BookingInvitationRow.session == digest(session_secret))
    if row is None or row.verified_at is None or unit.now >= min(row.verified_at + LONGEST_LOOK, row.expires_at):
        raise InvitationOver
    unit.audit("read", "booking_invitation", row.id, patient_id=row.patient_id)
    return _acting_as(unit, row.id, row.patient_id), _invitation_of(row)


async def choose(unit: Unit, session_secret: str, start: datetime, *, location: str | None = None) -> Visit:
    """Book the time. Choosing again answers what was booked. Raises InvitationOver, and like `service.appoint`."""
    patient, invitation = await opened(unit, session_secret)
    if invitation.visit_id is not None:
        return await chosen(unit, invitation.visit_id)
    wish = Wish(
        patient_id=invitation.patient_id,
        visit_type_id=invitation.visit_type_id,
        start=start,
        clinician_ids=invitation.clinician_ids,
        offered=True,
        location=location,
    )
    booked = await service.appoint(patient, wish)
    row = BookingInvitationRow
    await unit.session.execute(update(row).where(row.id == invitation.id).values(visit_id=booked.visit.id))
    return booked.visit


async def chosen(unit: Unit, visit_id: VisitId) -> Visit:
    """The visit that came of an invitation."""
    return queries.visit_of(await unit.session.get_one(VisitRow, visit_id))


async def link_to(unit: Unit, visit: Visit) -> str:
    """The path of the patient's own link to the visit they booked. Audited."""
    participant_id = await participants.patients_own(unit, visit.id, visit.patient_id)
    if participant_id is None:
        raise NotFound
    return await participants.link_of(_acting_as(unit, participant_id, visit.patient_id, visit.id), participant_id)


async def _own_or_named(unit: Unit, clinician_ids: Sequence[ClinicianId]) -> list[ClinicianId]:
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id is not None:
        own = ClinicianId(unit.actor.person_id)
        if any(each != own for each in clinician_ids):
            raise NotFound
        return [own]
    for each in clinician_ids:
        await people.clinician(unit, each)
    return list(dict.fromkeys(clinician_ids))


async def _locked(unit: Unit, which: Any) -> BookingInvitationRow | None:
    query = select(BookingInvitationRow).where(which).with_for_update()
    found: BookingInvitationRow | None = await unit.session.scalar(query.execution_options(populate_existing=True))
    return found


def _acting_as(unit: Unit, own_id: UUID, patient_id: UUID, visit_id: UUID | None = None) -> Unit:
    """The same transaction, with the patient acting."""
    patient = Actor(own_id, Role.PATIENT, person_id=patient_id, visit_id=visit_id, purpose=Purpose.PATIENT_REQUEST)
    return replace(unit, actor=patient)


def _invitation_of(row: BookingInvitationRow) -> Invitation:
    return Invitation(
        id=row.id,
        patient_id=PatientId(row.patient_id),
        visit_type_id=VisitTypeId(row.visit_type_id),
        clinician_ids=tuple(ClinicianId(each) for each in row.clinician_ids),
        expires_at=row.expires_at,
        visit_id=None if row.visit_id is None else VisitId(row.visit_id),
    )

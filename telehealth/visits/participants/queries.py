"""Reading who takes part in a visit, limited to visits the actor may see."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, ParticipantId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.lifecycle.models import ParticipantEventRow, ParticipantRow, VisitRow
from telehealth.visits.lifecycle.parts import PATIENT_SIDE, ParticipantKind, ParticipantState, Step
from telehealth.visits.lifecycle.queries import visible
from telehealth.visits.participants.rules import LINK_PATHS, Happened, Participant, identity_of


def participant_of(row: ParticipantRow) -> Participant:
    return Participant(
        id=ParticipantId(row.id),
        visit_id=VisitId(row.visit_id),
        kind=ParticipantKind(row.role),
        state=ParticipantState(row.state),
        since=row.since,
        person_id=row.person_id,
        name=row.name or "",
        email=row.email,
        language=row.language,
        invited_as=Role(row.invited_as),
        verified_at=row.verified_at,
        reads_until=row.reads_until,
        locked_until=row.locked_until,
    )


async def participant(unit: Unit, participant_id: UUID) -> Participant:
    """Raises NotFound when there is none, they are out, or the visit is not the actor's to see."""
    found = await unit.session.scalar(
        (await _living(unit)).where(ParticipantRow.id == participant_id).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return participant_of(found)


async def participants_of(unit: Unit, visit_id: UUID) -> list[Participant]:
    """Everyone invited and not out again, first invited first. Empty for a visit that is not the actor's."""
    query = (await _living(unit)).where(ParticipantRow.visit_id == visit_id).order_by(ParticipantRow.id)
    return [participant_of(row) for row in await unit.session.scalars(query)]


async def ever_invited(unit: Unit, visit_id: UUID) -> list[Participant]:
    """Those who are out too."""
    query = (await _seen(unit)).where(ParticipantRow.visit_id == visit_id).order_by(ParticipantRow.id)
    return [participant_of(row) for row in await unit.session.scalars(query)]


async def roster(unit: Unit, visit_id: UUID) -> list[Participant]:
    """Everyone invited and not out again, with a name and the number of a phone leg; audited as a read of them all."""
    query = (await _living(unit)).where(ParticipantRow.visit_id == visit_id).order_by(ParticipantRow.id)
    rows = (await unit.session.scalars(query)).all()
    patient_id = next((row.person_id for row in rows if row.role == ParticipantKind.PATIENT), None)
    unit.audit("read", "participant", None, patient_id=patient_id)
    return [await _named(unit, row) for row in rows]


async def _named(unit: Unit, row: ParticipantRow) -> Participant:
    each = participant_of(row)
    phone = None if row.phone is None else unit.vault.open(("participant", "phone", row.id), row.phone)
    return replace(each, name=each.name or await _name(unit, each), phone=phone)


async def history(unit: Unit, visit_id: UUID) -> list[Happened]:
    """What happened to everyone who takes part or did, oldest first. Audited as `roster` is."""
    everyone = await ever_invited(unit, visit_id)
    named = {each.id: replace(each, name=each.name or await _name(unit, each)) for each in everyone}
    patient_id = next((each.person_id for each in everyone if each.kind is ParticipantKind.PATIENT), None)
    unit.audit("read", "participant", None, patient_id=patient_id)
    entry = ParticipantEventRow
    told = select(entry).where(entry.participant_id.in_(named)).order_by(entry.at, entry.participant_id, entry.seq)
    return [
        Happened(
            participant_id=ParticipantId(each.participant_id),
            name=named[ParticipantId(each.participant_id)].name,
            kind=named[ParticipantId(each.participant_id)].kind,
            seq=each.seq,
            at=each.at,
            step=Step(each.step),
            role=Role(each.role),
            actor_id=each.actor_id,
            before=None if each.before is None else ParticipantState(each.before),
            after=ParticipantState(each.after),
        )
        for each in await unit.session.scalars(told)
    ]


async def invited_by(unit: Unit, participant_id: UUID) -> UUID | None:
    """The account or participant who invited them first; None for the house itself."""
    entry = ParticipantEventRow
    first = select(entry.actor_id).where(entry.participant_id == participant_id, entry.seq == 1)
    found: UUID | None = await unit.session.scalar(first)
    return found


async def companions(unit: Unit, visit_id: UUID) -> list[Participant]:
    """Who takes part beside the patient and the clinician."""
    return [each for each in await participants_of(unit, visit_id) if each.companion]


async def mark(unit: Unit, visit_id: UUID) -> str:
    """Changes whenever anybody's part in the visit does: for streams, so it leaves no trace."""
    row = ParticipantEventRow
    return str(await unit.session.scalar(select(func.count()).select_from(row).where(row.visit_id == visit_id)))


async def link_of(unit: Unit, participant_id: UUID) -> str:
    """The path of a participant's personal link. Audited. Raises NotFound."""
    row = ParticipantRow
    query = (
        select(row, VisitRow.patient_id)
        .join(VisitRow, VisitRow.id == row.visit_id)
        .where(row.id == participant_id, row.revoked_at.is_(None), await visible(unit))
    )
    theirs, patient_id = (await unit.session.execute(query)).one_or_none() or (None, None)
    if theirs is None or theirs.link is None:
        raise NotFound
    unit.audit("read", "participant_link", theirs.id, patient_id=patient_id)
    secret = unit.vault.open(("participant", "link", theirs.id), theirs.link)
    return LINK_PATHS[identity_of(ParticipantKind(theirs.role))] + secret


async def patients_own(unit: Unit, visit_id: UUID, patient_id: UUID) -> ParticipantId | None:
    """The patient as a participant of their visit, unless that link was taken back. Ids alone leave no trace."""
    row = ParticipantRow
    theirs = (row.visit_id == visit_id, row.role == ParticipantKind.PATIENT, row.person_id == patient_id)
    found = await unit.session.scalar(select(row.id).where(*theirs, row.revoked_at.is_(None)))
    return None if found is None else ParticipantId(found)


async def _name(unit: Unit, each: Participant) -> str:
    if each.kind in PATIENT_SIDE and each.person_id is not None:
        return (await people.patient(unit, PatientId(each.person_id))).name
    if each.host and each.person_id is not None:
        return (await people.clinician(unit, ClinicianId(each.person_id))).name
    return ""


async def _living(unit: Unit) -> Select[Any]:
    return (await _seen(unit)).where(ParticipantRow.revoked_at.is_(None))


async def _seen(unit: Unit) -> Select[Any]:
    return select(ParticipantRow).join(VisitRow, VisitRow.id == ParticipantRow.visit_id).where(await visible(unit))

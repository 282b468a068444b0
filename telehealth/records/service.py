"""Commands on notes: saved while typed, signed in one stroke, handed to the courier in the same transaction."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true, update

from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId, DeliveryId, NoteId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.events import NoteDelivered, NoteHeld, NoteSigned
from telehealth.records.models import NoteRow, NoteVersionRow, RecordDeliveryRow
from telehealth.records.ports import Document
from telehealth.records.queries import GIVEN_UP, Note, authored_visit, note_of
from telehealth.records.rules import (
    CLINICIAN_SYSTEM,
    SIGNABLE,
    VISIT_SYSTEM,
    AlreadySigned,
    DeliveryState,
    Identifier,
    NoteKind,
    NoteState,
    NothingToSign,
    NotToBeSigned,
    Step,
    Trip,
    render,
)
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit

DESTINATION = "record-service"
LEASE = timedelta(seconds=60)  # longer than one trip may take, so a lease runs out only under a dead sender


async def save_draft(unit: Unit, visit_id: UUID, *, version: int, content: str, kind: NoteKind) -> Note:
    """Save over that version, 0 for the first. Raises NotFound, Stale when it is not the latest, AlreadySigned."""
    visit = await authored_visit(unit, visit_id, action="update")
    row = await _locked(unit, visit)
    if row is None:
        if version != 0:
            raise Stale
        row = _first(unit, visit)
        unit.session.add(row)
    elif row.state == NoteState.SIGNED:
        raise AlreadySigned
    elif row.revision != version:
        raise Stale
    row.revision = version + 1
    row.kind = kind
    row.content = unit.vault.seal(("note", "content", row.id), content)
    row.saved_at = unit.now
    await unit.session.flush()
    return await note_of(unit, row)


async def sign(unit: Unit, visit_id: UUID, *, version: int) -> Note:
    """Freeze that version, and send it on its way to the record. Signing twice is signing once.

    Raises NotFound, Stale, NotToBeSigned before the visit has begun, NothingToSign.
    """
    visit = await authored_visit(unit, visit_id, action="execute")
    row = await _locked(unit, visit)
    if row is None or row.revision != version:
        raise Stale
    if row.state == NoteState.SIGNED:
        return await note_of(unit, row)
    if visit.status not in SIGNABLE:
        raise NotToBeSigned
    await _freeze(unit, row, visit)
    row.state = NoteState.SIGNED
    await unit.session.flush()
    return await note_of(unit, row)


async def _locked(unit: Unit, visit: Visit) -> NoteRow | None:
    return await unit.session.scalar(select(NoteRow).where(NoteRow.visit_id == visit.id).with_for_update())


def _first(unit: Unit, visit: Visit) -> NoteRow:
    return NoteRow(
        id=unit.new_id(),
        visit_id=visit.id,
        patient_id=visit.patient_id,
        clinician_id=visit.clinician_id,
        state=NoteState.DRAFT,
        created_at=unit.now,
    )


async def _freeze(unit: Unit, row: NoteRow, visit: Visit) -> None:
    content = unit.vault.open(("note", "content", row.id), row.content)
    if not content.strip():
        raise NothingToSign
    author = await people.clinician(unit, visit.clinician_id)
    text = render(
        content,
        kind=NoteKind(row.kind),
        author_name=author.name,
        started_at=visit.started_at or visit.starts_at,
        signed_at=unit.now,
    )
    version = NoteVersionRow(
        id=unit.new_id(),
        note_id=row.id,
        version=1,
        kind=row.kind,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        author_id=author.id,
        author_name=author.name,
        signed_at=unit.now,
    )
    version.content = unit.vault.seal(("note_version", "content", version.id), text)
    unit.session.add(version)
    await unit.session.flush()
    unit.session.add(
        RecordDeliveryRow(
            id=unit.new_id(),
            destination=DESTINATION,
            note_version_id=version.id,
            state=DeliveryState.PENDING,
            since=unit.now,
            next_attempt_at=unit.now,
            attempt=0,
        )
    )
    unit.emit(
        NoteSigned(
            note_id=NoteId(row.id),
            visit_id=visit.id,
            patient_id=visit.patient_id,
            clinician_id=visit.clinician_id,
            version=version.version,
        )
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery leased to one sender. `trip.attempt` is the fencing token."""

    delivery_id: DeliveryId
    note_version_id: UUID
    trip: Trip


async def claim_deliveries(unit: Unit, *, limit: int) -> list[Claim]:
    """Lease what is due. A lease that ran out belonged to a sender that died: nobody knows how far it came."""
    row = RecordDeliveryRow
    waiting = and_(row.state.in_((DeliveryState.PENDING, DeliveryState.VERIFYING)), row.next_attempt_at <= unit.now)
    abandoned = and_(row.state == DeliveryState.SENDING, row.lease_until <= unit.now)
    due = (
        select(row.id)
        .where(or_(waiting, abandoned))
        .order_by(func.coalesce(row.next_attempt_at, row.lease_until))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    doubt = case((abandoned, func.coalesce(row.first_ambiguous_at, unit.now)), else_=row.first_ambiguous_at)
    leased = {
        "state": DeliveryState.SENDING,
        "attempt": row.attempt + 1,
        "lease_until": unit.now + LEASE,
        "next_attempt_at": None,
        "first_ambiguous_at": doubt,
    }
    claimed = await unit.session.execute(
        update(row)
        .where(row.id.in_(select(due.c.id)))
        .values(leased)
        .returning(row.id, row.note_version_id, row.attempt, row.since, row.first_ambiguous_at)
    )
    return [
        Claim(DeliveryId(each.id), each.note_version_id, Trip(each.attempt, each.since, each.first_ambiguous_at))
        for each in claimed
    ]


async def document_of(unit: Unit, claim: Claim) -> Document:
    """What is to be delivered, with the patient's identifier of today. The release is audited."""
    version, note = await _signed(unit, claim)
    visit = await visits.find(unit, note.visit_id)
    patient = await people.patient(unit, visit.patient_id)
    unit.audit("execute", "record_delivery", claim.delivery_id, patient_id=patient.id)
    return Document(
        note_id=note.id,
        version=version.version,
        kind=NoteKind(version.kind),
        text=unit.vault.open(("note_version", "content", version.id), version.content),
        signed_at=version.signed_at,
        patient=Identifier.parse(patient.identifier),
        author=Identifier(CLINICIAN_SYSTEM, str(version.author_id)),
        author_name=version.author_name,
        visit=Identifier(VISIT_SYSTEM, str(visit.id)),
        started_at=visit.started_at or visit.starts_at,
        ended_at=visit.ended_at,
        custodian=(await people.clinic(unit)).name,
    )


async def settle_delivery(unit: Unit, claim: Claim, step: Step) -> bool:
    """Write down what came of a try. False, and nothing written, when the lease has passed to another sender."""
    row = RecordDeliveryRow
    settled = await unit.session.scalar(
        update(row)
        .where(row.id == claim.delivery_id, row.attempt == claim.trip.attempt, row.state == DeliveryState.SENDING)
        .values(
            state=step.state,
            lease_until=None,
            next_attempt_at=step.next_attempt_at,
            first_ambiguous_at=step.first_ambiguous_at,
            remote_id=step.remote_id,
            remote_version=step.remote_version,
            last_status=step.last_status,
            codes=" ".join(step.codes) or None,
            settled_at=unit.now if step.next_attempt_at is None else None,
        )
        .returning(row.id)
    )
    if settled is None:
        return False
    version, note = await _signed(unit, claim)
    happened = {DeliveryState.DELIVERED: NoteDelivered, DeliveryState.HELD: NoteHeld, DeliveryState.DEAD: NoteHeld}
    if (event := happened.get(step.state)) is not None:
        unit.emit(
            event(
                note_id=NoteId(note.id),
                visit_id=VisitId(note.visit_id),
                patient_id=PatientId(note.patient_id),
                clinician_id=ClinicianId(note.clinician_id),
                version=version.version,
            )
        )
    return True


async def redrive(unit: Unit, delivery_id: UUID) -> None:
    """Send a held or dead delivery on its way again, with another 72 hours. Raises NotFound."""
    if not await _redrive(unit, RecordDeliveryRow.id == delivery_id):
        raise NotFound


async def redrive_all(unit: Unit) -> int:
    """Every held or dead delivery likewise. Answers how many there were."""
    return await _redrive(unit, true())


async def _redrive(unit: Unit, which: ColumnElement[bool]) -> int:
    row = RecordDeliveryRow
    again = {"state": DeliveryState.PENDING, "since": unit.now, "next_attempt_at": unit.now, "settled_at": None}
    found = await unit.session.scalars(
        update(row).where(which, row.state.in_(GIVEN_UP)).values(again).returning(row.id)
    )
    redriven = found.all()
    for delivery_id in redriven:
        unit.audit("execute", "record_delivery", delivery_id)
    return len(redriven)


async def _signed(unit: Unit, claim: Claim) -> tuple[NoteVersionRow, NoteRow]:
    query = (
        select(NoteVersionRow, NoteRow)
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(NoteVersionRow.id == claim.note_version_id)
    )
    version, note = (await unit.session.execute(query)).one()
    return version, note

"""The ledger's transactions: note what is to be told, claim it, write it, settle it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, MessageId, PatientId
from telehealth.db.unit import Unit
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Away, Deferred, Outcome, Refused, Sent
from telehealth.notifications.rules import (
    LEASE,
    OF_ALERTS,
    OF_VISITS,
    Channel,
    Facts,
    Message,
    MessageKind,
    MessageState,
    OfferedTime,
    Reader,
    next_try,
    still_true,
)
from telehealth.people import queries as people
from telehealth.scheduling.waitlist import queries as waitlist
from telehealth.visits.appointments import self_booking
from telehealth.visits.escalation import queries as escalation
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.service import note_notified

Recipient = tuple[Role, UUID]


async def tell(
    unit: Unit, kind: MessageKind, subject_id: UUID, *, recipients: Iterable[Recipient], due_at: datetime
) -> None:
    """Note that people are to be told; the same thing at the same time is noted once."""
    rows = [
        {
            "id": unit.new_id(),
            "kind": kind,
            "channel": Channel.EMAIL,
            "subject_id": subject_id,
            "recipient_role": role,
            "recipient_id": person_id,
            "due_at": due_at,
            "state": MessageState.PENDING,
            "next_attempt_at": due_at,
        }
        for role, person_id in recipients
    ]
    await unit.session.execute(insert(MessageRow).values(rows).on_conflict_do_nothing())


async def claim(unit: Unit) -> Message | None:
    """The message that has waited longest, for the time of a lease; None when nothing is due."""
    due = (
        select(MessageRow.id)
        .where(
            MessageRow.state.in_([MessageState.PENDING, MessageState.SENDING]), MessageRow.next_attempt_at <= unit.now
        )
        .order_by(MessageRow.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    claimed = await unit.session.scalar(
        update(MessageRow)
        .where(MessageRow.id.in_(due.scalar_subquery()))
        .values(state=MessageState.SENDING, attempt=MessageRow.attempt + 1, next_attempt_at=unit.now + LEASE)
        .returning(MessageRow)
    )
    if claimed is None:
        return None
    return Message(
        id=MessageId(claimed.id),
        kind=MessageKind(claimed.kind),
        subject_id=claimed.subject_id,
        recipient_role=Role(claimed.recipient_role),
        recipient_id=claimed.recipient_id,
        due_at=claimed.due_at,
        attempt=claimed.attempt,
    )


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Nothing to send: it is no longer true, or there is nowhere to send it."""

    state: MessageState
    fault: str | None = None


UNTRUE, NOWHERE = Unsendable(MessageState.DROPPED), Unsendable(MessageState.DEAD, "no-address")


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Writing it failed; `fault` is the name of what went wrong."""

    fault: str


async def gather(unit: Unit, message: Message) -> Facts | Unsendable:
    """What the message has to say now; what it tells of a patient is audited. Raises NotFound."""
    if message.kind in OF_VISITS:
        return await _about_visit(unit, message)
    if message.kind is MessageKind.OFFER:
        return await _about_offer(unit, message)
    if message.kind is MessageKind.TIME_TO_CHOOSE:
        return await _about_invitation(unit, message)
    if message.kind in OF_ALERTS:
        return await _about_alert(unit, message)
    reader = await _reader(unit, message)
    return Facts(message=message, reader=reader) if reader.email else NOWHERE


async def settle(unit: Unit, message: Message, outcome: Outcome | Unsendable | Unwritten) -> None:
    """Keep what became of it; without effect when the lease ran out and another sender took over."""
    match outcome:
        case Sent():
            values = _settled(unit, MessageState.SENT, None)
        case Unsendable(state, fault):
            values = _settled(unit, state, fault)
        case Refused(code):
            values = _settled(unit, MessageState.DEAD, str(code))
        case Deferred(code):
            values = _again(unit, message, str(code))
        case Away(fault) | Unwritten(fault):
            values = _again(unit, message, fault)
        case never:
            assert_never(never)
    await unit.session.execute(
        update(MessageRow)
        .where(
            MessageRow.id == message.id,
            MessageRow.attempt == message.attempt,
            MessageRow.state == MessageState.SENDING,
        )
        .values(values)
    )
    if outcome == Sent() and message.kind in OF_VISITS and message.recipient_role is not Role.CLINICIAN:
        await _notified(unit, message)


async def _notified(unit: Unit, message: Message) -> None:
    """They have been written to, unless they are out meanwhile."""
    try:
        await note_notified(unit, await _participant(unit, message))
    except NotFound:
        return


def _settled(unit: Unit, state: MessageState, fault: str | None) -> dict[str, object]:
    return {"state": state, "fault": fault, "settled_at": unit.now}


def _again(unit: Unit, message: Message, fault: str) -> dict[str, object]:
    at = next_try(message, unit.now)
    if at is None:
        return _settled(unit, MessageState.DEAD, fault)
    return {"state": MessageState.PENDING, "fault": fault, "next_attempt_at": at}


async def _about_visit(unit: Unit, message: Message) -> Facts | Unsendable:
    visit = await open_visit(unit, message.subject_id)
    if not still_true(message, visit, unit.now) or await _uninvited(unit, message):
        return UNTRUE
    reader = await _reader(unit, message)
    if not reader.email:
        return NOWHERE
    return Facts(
        message=message,
        reader=reader,
        visit=visit,
        clinician=(await people.clinician(unit, visit.clinician_id)).name,
        clinic=await people.clinic(unit),
        path=await _path(unit, message, visit),
    )


async def _uninvited(unit: Unit, message: Message) -> bool:
    """Whether the invitation was taken back meanwhile; that a visit is cancelled the patient is told all the same."""
    told_anyway = message.kind is MessageKind.CANCELLATION and message.recipient_role is not Role.GUEST
    if told_anyway or message.recipient_role is Role.CLINICIAN:
        return False
    try:
        await participants.participant(unit, await _participant(unit, message))
    except NotFound:
        return True
    return False


async def _about_offer(unit: Unit, message: Message) -> Facts | Unsendable:
    offer = await waitlist.offer(unit, message.subject_id)
    if await waitlist.is_over(unit, offer.id):
        return UNTRUE
    reader = await _reader(unit, message)
    if not reader.email:
        return NOWHERE
    entry = await waitlist.entry(unit, offer.entry_id)
    clinician = await people.clinician(unit, offer.clinician_id)
    return Facts(
        message=message,
        reader=reader,
        offered=OfferedTime(offer=offer, time_zone=clinician.time_zone, instead_of=entry.earlier_than),
        clinician=clinician.name,
        clinic=await people.clinic(unit),
        path=await waitlist.link_of(unit, offer.id),
    )


async def _about_invitation(unit: Unit, message: Message) -> Facts | Unsendable:
    invitation, path = await self_booking.sent(unit, message.subject_id)
    if not invitation.is_open(unit.now):
        return UNTRUE
    reader = await _reader(unit, message)
    clinic = await people.clinic(unit)
    facts = Facts(message=message, reader=reader, clinic=clinic, path=path, until=invitation.expires_at)
    return facts if reader.email else NOWHERE


async def _about_alert(unit: Unit, message: Message) -> Facts | Unsendable:
    if not await escalation.is_wanted(unit, message.subject_id):
        return UNTRUE
    if message.recipient_role is Role.CLINICIAN:
        return Facts(message=message, reader=await _reader(unit, message))
    told = await escalation.told_of(unit, message.subject_id, message.recipient_id)
    clinic = await people.clinic(unit)
    return Facts(message=message, reader=Reader("", told.address, "", clinic.time_zone))


async def _reader(unit: Unit, message: Message) -> Reader:
    if message.recipient_role is Role.GUEST:
        companion = await participants.participant(unit, message.recipient_id)
        zone = (await people.clinic(unit)).time_zone
        return Reader(companion.name, companion.email, companion.language, zone)
    if message.recipient_role is Role.CLINICIAN:
        clinician = await people.clinician(unit, ClinicianId(message.recipient_id))
        return Reader(clinician.name, clinician.email, next(iter(clinician.languages), ""), clinician.time_zone)
    patient = await people.patient(unit, PatientId(message.recipient_id))
    return Reader(patient.name, patient.email, patient.language, patient.time_zone)


async def _path(unit: Unit, message: Message, visit: Visit) -> str:
    if message.kind is MessageKind.CANCELLATION:
        return ""
    if message.recipient_role is Role.CLINICIAN:
        return f"/visits/{visit.id}"
    return await participants.link_of(unit, await _participant(unit, message))


async def _participant(unit: Unit, message: Message) -> UUID:
    """Whom a message about a visit goes to, as they take part in it. Raises NotFound when they are out."""
    if message.recipient_role is Role.GUEST:
        return message.recipient_id
    theirs = await participants.patients_own(unit, message.subject_id, message.recipient_id)
    if theirs is None:
        raise NotFound
    return theirs

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
from telehealth.http.locales import Locales
from telehealth.notifications import letters
from telehealth.notifications.invitations import Occasion, invite
from telehealth.notifications.letters import Letter, Reader
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Away, Deferred, Invite, Mail, Method, Outcome, Refused, Sent
from telehealth.notifications.rules import (
    LEASE,
    OF_VISITS,
    Channel,
    Message,
    MessageKind,
    MessageState,
    next_try,
    still_true,
)
from telehealth.people import queries as people
from telehealth.visits import queries as visits
from telehealth.visits.rules import Visit
from telehealth.visits.service import open_visit

Recipient = tuple[Role, UUID]
NO_ADDRESS = "no-address"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every letter is written with."""

    locales: Locales
    public_url: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Nothing to send: it is no longer true, or there is nowhere to send it."""

    state: MessageState
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Writing it failed; `fault` is the name of what went wrong."""

    fault: str


async def write(unit: Unit, message: Message, *, desk: Desk) -> Mail | Unsendable:
    """The message as it has to read now; what it tells of a patient is audited."""
    if message.kind in OF_VISITS:
        return await _about_visit(unit, message, desk)
    reader = await _reader(unit, message, desk)
    letter = letters.about_task(message.kind, reader=reader, link=f"{desk.public_url}/day")
    return _mail(unit, message, desk=desk, reader=reader, content=(letter, None))


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


def _settled(unit: Unit, state: MessageState, fault: str | None) -> dict[str, object]:
    return {"state": state, "fault": fault, "settled_at": unit.now}


def _again(unit: Unit, message: Message, fault: str) -> dict[str, object]:
    at = next_try(message, unit.now)
    if at is None:
        return _settled(unit, MessageState.DEAD, fault)
    return {"state": MessageState.PENDING, "fault": fault, "next_attempt_at": at}


async def _about_visit(unit: Unit, message: Message, desk: Desk) -> Mail | Unsendable:
    visit = await open_visit(unit, message.subject_id)
    if not still_true(message, visit, unit.now):
        return Unsendable(MessageState.DROPPED)
    reader = await _reader(unit, message, desk)
    if not reader.email:
        return Unsendable(MessageState.DEAD, NO_ADDRESS)
    link = await _link(unit, message, visit, desk)
    letter = await _letter_about(unit, message, visit, reader=reader, link=link)
    calendar = None
    if message.kind is not MessageKind.REMINDER:
        calendar = _invite(unit, message, visit, desk=desk, reader=reader, link=link)
    return _mail(unit, message, desk=desk, reader=reader, content=(letter, calendar))


async def _letter_about(unit: Unit, message: Message, visit: Visit, *, reader: Reader, link: str) -> Letter:
    if message.recipient_role is Role.CLINICIAN:
        return letters.to_clinician(message.kind, visit, reader=reader, link=link)
    clinician = await people.clinician(unit, visit.clinician_id)
    clinic = await people.clinic(unit)
    return letters.to_patient(message.kind, visit, reader=reader, clinician=clinician.name, clinic=clinic, link=link)


def _invite(unit: Unit, message: Message, visit: Visit, *, desk: Desk, reader: Reader, link: str) -> Invite:
    occasion = Occasion(
        title=letters.title(reader.locale),
        text="" if message.recipient_role is Role.CLINICIAN else letters.how_to_join(reader.locale),
        link=link,
        organizer=desk.mail_from,
        attendee=reader.email or "",
        zone=reader.zone,
    )
    cancelled = message.kind is MessageKind.CANCELLATION
    return invite(visit, occasion, method=Method.CANCEL if cancelled else Method.REQUEST, now=unit.now)


async def _reader(unit: Unit, message: Message, desk: Desk) -> Reader:
    if message.recipient_role is Role.CLINICIAN:
        clinician = await people.clinician(unit, ClinicianId(message.recipient_id))
        return letters.person(clinician, desk.locales.negotiate(accept=next(iter(clinician.languages), "")))
    patient = await people.patient(unit, PatientId(message.recipient_id))
    return letters.person(patient, desk.locales.negotiate(accept=patient.language))


async def _link(unit: Unit, message: Message, visit: Visit, desk: Desk) -> str:
    if message.kind is MessageKind.CANCELLATION:
        return ""
    if message.recipient_role is Role.CLINICIAN:
        return f"{desk.public_url}/visits/{visit.id}"
    for each in await visits.participants_of(unit, visit.id):
        if each.person_id == message.recipient_id:
            return desk.public_url + await visits.link_of(unit, each.id)
    raise NotFound


def _mail(
    unit: Unit, message: Message, *, desk: Desk, reader: Reader, content: tuple[Letter, Invite | None]
) -> Mail | Unsendable:
    if not reader.email:
        return Unsendable(MessageState.DEAD, NO_ADDRESS)
    letter, calendar = content
    return Mail(
        id=str(message.id),
        sender=desk.mail_from,
        recipient=reader.email,
        subject=letter.subject,
        text=letter.text,
        language=reader.locale.tag,
        at=unit.now,
        invite=calendar,
    )

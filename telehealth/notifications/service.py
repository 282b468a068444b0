"""The ledger's transactions: note what is to be told, claim it, write it, settle it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, MessageId, PatientId
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Away, Deferred, Outcome, Refused, Sent
from telehealth.notifications.rules import (
    GIVE_UP_AFTER,
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
from telehealth.notifications.ways import next_way, patience, quiet_until, ways
from telehealth.people import queries as people
from telehealth.records.after_visit import queries as after_visit
from telehealth.scheduling.waitlist import queries as waitlist
from telehealth.visits.appointments import self_booking
from telehealth.visits.escalation import queries as escalation
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.service import note_notified

Recipient = tuple[Role, UUID]


async def tell(
    unit: Unit,
    kind: MessageKind,
    subject_id: UUID,
    *,
    recipients: Iterable[Recipient],
    due_at: datetime,
    visit_at: datetime | None = None,
) -> None:
    """Note that people are to be told; the same thing at the same time is noted once."""
    ahead = None if visit_at is None else visit_at - due_at
    rows = [
        {
            "id": unit.new_id(),
            "kind": kind,
            "channel": ways(kind, role, ahead=ahead)[0],
            "subject_id": subject_id,
            "recipient_role": role,
            "recipient_id": person_id,
            "due_at": due_at,
            "visit_at": visit_at,
            "state": MessageState.PENDING,
            "next_attempt_at": due_at,
        }
        for role, person_id in recipients
    ]
    await unit.session.execute(insert(MessageRow).values(rows).on_conflict_do_nothing())


async def claim(unit: Unit, *, but: Collection[Channel] = ()) -> Message | None:
    """The message that has waited longest, for the time of a lease; None when nothing is due but by those channels."""
    due = (
        select(MessageRow.id)
        .where(
            MessageRow.state.in_([MessageState.PENDING, MessageState.SENDING]),
            MessageRow.next_attempt_at <= unit.now,
            MessageRow.channel.not_in(but),
        )
        .order_by(MessageRow.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("due")  # read once; a subquery may be read again with each row, and hold more than it names
    )
    claimed = await unit.session.scalar(
        update(MessageRow)
        .where(MessageRow.id.in_(select(due.c.id)))
        .values(state=MessageState.SENDING, attempt=MessageRow.attempt + 1, next_attempt_at=unit.now + LEASE)
        .returning(MessageRow)
    )
    if claimed is None:
        return None
    return Message(
        id=MessageId(claimed.id),
        kind=MessageKind(claimed.kind),
        channel=Channel(claimed.channel),
        subject_id=claimed.subject_id,
        recipient_role=Role(claimed.recipient_role),
        recipient_id=claimed.recipient_id,
        due_at=claimed.due_at,
        attempt=claimed.attempt,
        visit_at=claimed.visit_at,
    )


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Nothing to send: it is no longer true, or there is nowhere to send it."""

    state: MessageState
    fault: str | None = None


UNTRUE, NOWHERE = Unsendable(MessageState.DROPPED), Unsendable(MessageState.DEAD, "no-address")
NO_GATEWAY = Unsendable(MessageState.DEAD, "no-gateway")


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Writing it failed; `fault` is the name of what went wrong."""

    fault: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """The reader is not to be woken for it."""

    until: datetime


async def gather(unit: Unit, message: Message) -> Facts | Unsendable | NotNow:
    """What the message has to say now; what it tells of a patient is audited. Raises NotFound."""
    facts = await _gather(unit, message)
    if not isinstance(facts, Facts):
        return facts
    if not facts.reader.address(message.channel):
        return NOWHERE
    zone = parse_zone(facts.reader.time_zone)
    until = quiet_until(message.channel, unit.now, zone, visit_at=message.visit_at)
    return facts if until is None else NotNow(until)


async def _gather(unit: Unit, message: Message) -> Facts | Unsendable:
    if message.kind in OF_VISITS:
        return await _about_visit(unit, message)
    if message.kind is MessageKind.OFFER:
        return await _about_offer(unit, message)
    if message.kind is MessageKind.TIME_TO_CHOOSE:
        return await _about_invitation(unit, message)
    if message.kind is MessageKind.AFTER_VISIT_SUMMARY:
        return await _about_summary(unit, message)
    if message.kind in OF_ALERTS:
        return await _about_alert(unit, message)
    return Facts(message=message, reader=await _reader(unit, message))


Came = Outcome | Unsendable | Unwritten | NotNow


async def settle(unit: Unit, message: Message, came: Came, *, closed: Collection[Channel] = ()) -> None:
    """Keep what became of it; without effect when the lease ran out and another sender took over.

    What one channel cannot bring, the next one tries that has an address and is not among the `closed` ones.
    """
    following = None if came == Sent() else await _following(unit, message, closed)
    values = _values(unit, message, came, last=following is None)
    rerouted = values["state"] is MessageState.DEAD and following is not None
    settled = await unit.session.scalar(
        update(MessageRow)
        .where(
            MessageRow.id == message.id,
            MessageRow.attempt == message.attempt,
            MessageRow.state == MessageState.SENDING,
        )
        .values(values | ({"state": MessageState.REROUTED} if rerouted else {}))
        .returning(MessageRow.id)
    )
    if settled is not None and rerouted and following is not None:
        await _reroute(unit, message, following)
    if came == Sent() and message.kind in OF_VISITS and message.recipient_role is not Role.CLINICIAN:
        await _notified(unit, message)


async def _following(unit: Unit, message: Message, closed: Collection[Channel]) -> Channel | None:
    """The channel to try after this message's own."""
    among = ways(message.kind, message.recipient_role, ahead=message.ahead)
    channel = next_way(message.channel, among)
    if channel is None or channel in closed:
        return None
    return channel if (await _reader(unit, message)).address(channel) else None


def _values(unit: Unit, message: Message, came: Came, *, last: bool) -> dict[str, object]:
    match came:
        case Sent():
            return _settled(unit, MessageState.SENT, None)
        case Unsendable(state, fault):
            return _settled(unit, state, fault)
        case Refused(code):
            return _settled(unit, MessageState.DEAD, str(code))
        case Deferred(code):
            return _again(unit, message, str(code), last=last)
        case Away(fault) | Unwritten(fault):
            return _again(unit, message, fault, last=last)
        case NotNow(until):
            return {"state": MessageState.PENDING, "fault": None, "next_attempt_at": until}
        case never:
            assert_never(never)


async def _reroute(unit: Unit, message: Message, channel: Channel) -> None:
    row = {
        "id": unit.new_id(),
        "kind": message.kind,
        "channel": channel,
        "subject_id": message.subject_id,
        "recipient_role": message.recipient_role,
        "recipient_id": message.recipient_id,
        "due_at": message.due_at,
        "visit_at": message.visit_at,
        "state": MessageState.PENDING,
        "next_attempt_at": unit.now,
    }
    await unit.session.execute(insert(MessageRow).values(row).on_conflict_do_nothing())


async def _notified(unit: Unit, message: Message) -> None:
    """They have been written to, unless they are out meanwhile."""
    try:
        await note_notified(unit, await _participant(unit, message))
    except NotFound:
        return


def _settled(unit: Unit, state: MessageState, fault: str | None) -> dict[str, object]:
    return {"state": state, "fault": fault, "settled_at": unit.now}


def _again(unit: Unit, message: Message, fault: str, *, last: bool) -> dict[str, object]:
    at = next_try(message, unit.now, patience=GIVE_UP_AFTER if last else patience(ahead=message.ahead))
    if at is None:
        return _settled(unit, MessageState.DEAD, fault)
    return {"state": MessageState.PENDING, "fault": fault, "next_attempt_at": at}


async def _about_visit(unit: Unit, message: Message) -> Facts | Unsendable:
    visit = await open_visit(unit, message.subject_id)
    if not still_true(message, visit, unit.now) or await _uninvited(unit, message):
        return UNTRUE
    return Facts(
        message=message,
        reader=await _reader(unit, message),
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
    entry = await waitlist.entry(unit, offer.entry_id)
    clinician = await people.clinician(unit, offer.clinician_id)
    return Facts(
        message=message,
        reader=await _reader(unit, message),
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
    return Facts(message=message, reader=reader, clinic=clinic, path=path, until=invitation.expires_at)


async def _about_summary(unit: Unit, message: Message) -> Facts | Unsendable:
    visit_id = await after_visit.worth_reading(unit, message.subject_id)
    own = None if visit_id is None else await participants.patients_own(unit, visit_id, message.recipient_id)
    if own is None:
        return UNTRUE
    return Facts(
        message=message,
        reader=await _reader(unit, message),
        clinic=await people.clinic(unit),
        path=await participants.link_of(unit, own),
        until=(await participants.participant(unit, own)).reads_until,
    )


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
    return Reader(patient.name, patient.email, patient.language, patient.time_zone, patient.phone)


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

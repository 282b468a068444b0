"""The ledger's transactions: note what is to be told, claim it, write it, settle it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.notifications import addresses, bounces
from telehealth.notifications.channels import (
    Reach,
    Recipient,
    beside_of,
    following_of,
    is_told,
    is_unwanted,
    learn,
    reroute,
    ways_of,
)
from telehealth.notifications.gathering import facts_of, participant_of
from telehealth.notifications.kinds import KINDS, About, about
from telehealth.notifications.models import AttemptRow, MessageRow
from telehealth.notifications.ports import Away, Came, Deferred, OptedOut, Refused, Sent, Unreachable
from telehealth.notifications.rules import (
    BAD_ADDRESS,
    GIVE_UP_AFTER,
    NOWHERE,
    STOPPED,
    TOLD,
    WRITTEN_TRIES,
    Attempted,
    Channel,
    Facts,
    Message,
    MessageKind,
    MessageState,
    NotNow,
    Unsendable,
    Unwritten,
    Withheld,
    next_try,
)
from telehealth.notifications.ways import SHOWN_WITHIN, patience, quiet_until
from telehealth.notifications.wishes import (
    Override,
    must_go_from,
    override_of,
)
from telehealth.surveys import service as surveys
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants.service import note_notified

OUTCOMES: Mapping[type[Came], Attempted] = {
    Sent: Attempted.SENT,
    Refused: Attempted.REFUSED,
    Unreachable: Attempted.UNREACHABLE,
    OptedOut: Attempted.OPTED_OUT,
    Deferred: Attempted.DEFERRED,
    Away: Attempted.AWAY,
    Unsendable: Attempted.UNSENDABLE,
    Unwritten: Attempted.UNWRITTEN,
}
WITH_WISHES = frozenset({Role.PATIENT, Role.GUEST})


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
    patient_until = due_at + patience(ahead=ahead)
    among = [
        (channel, recipient)
        for recipient in recipients
        for channel in await _first_channels(unit, kind, recipient, ahead)
    ]
    rows = [
        {
            "id": unit.new_id(),
            "kind": kind,
            "channel": channel,
            "subject_id": subject_id,
            "recipient_role": role,
            "recipient_id": person_id,
            "due_at": due_at,
            "visit_at": visit_at,
            "state": MessageState.PENDING,
            "next_attempt_at": due_at,
            "patient_until": patient_until,
        }
        for channel, (role, person_id) in among
    ]
    await unit.session.execute(insert(MessageRow).values(rows).on_conflict_do_nothing())


async def _first_channels(
    unit: Unit, kind: MessageKind, recipient: Recipient, ahead: timedelta | None
) -> tuple[Channel, ...]:
    return ((await ways_of(unit, kind, recipient, ahead))[0], *await beside_of(unit, kind, recipient))


async def nearest(unit: Unit, visit_id: UUID, start: datetime) -> datetime:
    """When that visit begins, or what comes sooner of the times that were to be told of it: somebody may come then."""
    row = MessageRow
    told = select(func.min(row.visit_at)).where(row.subject_id == visit_id, row.visit_at > unit.now)
    return min(start, await unit.session.scalar(told) or start)


async def gather(unit: Unit, message: Message, reach: Reach) -> Facts | Unsendable | NotNow:
    """What the message has to say now; what it tells of a patient is audited. Raises NotFound."""
    if await is_told(unit, message):
        return TOLD
    facts: Facts | Unsendable | NotNow = await facts_of(unit, message)
    if not isinstance(facts, Facts):
        return facts
    if message.recipient_role in WITH_WISHES:
        facts = await _as_wished(unit, facts, reach)
        if not isinstance(facts, Facts):
            return facts
    elif not facts.reader.address(message.channel):
        return NOWHERE
    if message.recipient_role is Role.CLINICIAN:  # whose devices ring for who waits now
        return facts
    zone = parse_zone(facts.reader.time_zone)
    until = quiet_until(message.channel, unit.now, zone, visit_at=message.visit_at)
    return facts if until is None else NotNow(until)


async def _as_wished(unit: Unit, facts: Facts, reach: Reach) -> Facts | Unsendable | NotNow:
    """The same with the link to stop it. What was stopped goes out when it must be told and no other way is left.

    A cancellation that is not to be told yet waits until it is.
    """
    message, override = facts.message, None
    address = await addresses.address_of(unit, message.channel, facts.reader, reach.region)
    if address is None:
        return NOWHERE
    if not address.works:
        await _note(unit, message, address.id)
        await bounces.report(unit, address.id, message)
        return BAD_ADDRESS
    if not address.takes(message.kind):
        override, following = override_of(message, unit.now), await following_of(unit, message, reach)
        elsewhere = following is not None and following.takes
        if elsewhere or override is None:
            await _note(unit, message, address.id)
            later = None if elsewhere else must_go_from(message)
            return STOPPED if later is None else NotNow(later)
    room = None if override_of(message, unit.now) else await addresses.room_at(unit, address.id, message)
    await _note(unit, message, address.id, override)
    if room is not None:
        return NotNow(room)
    return replace(facts, stop=addresses.link_of(address, message.kind))


async def _note(unit: Unit, message: Message, address_id: UUID, override: Override | None = None) -> None:
    """Where it goes now, and why it does though it was stopped there."""
    ours = (MessageRow.id == message.id, MessageRow.attempt == message.attempt)
    await unit.session.execute(update(MessageRow).where(*ours).values(address_id=address_id, override=override))


async def settle(unit: Unit, message: Message, came: Came, reach: Reach, *, away: bool = False) -> None:
    """Keep what became of it; without effect when the lease ran out and another sender took over.

    What one channel cannot bring, the next one tries that has an address. `away`: nothing goes to its provider now.
    """
    settling = came != Sent() and (not is_unwanted(came) or KINDS[message.kind].elsewhere)
    following = await following_of(unit, message, reach) if settling else None
    values = _values(unit, message, came, last=following is None or not following.brings, away=away)
    rerouted = values["state"] in (MessageState.DEAD, MessageState.SUPPRESSED) and following is not None
    settled = await unit.session.execute(
        update(MessageRow)
        .where(
            MessageRow.id == message.id,
            MessageRow.attempt == message.attempt,
            MessageRow.state == MessageState.SENDING,
        )
        .values(values | ({"state": MessageState.REROUTED} if rerouted else {}))
        .returning(MessageRow.address_id, MessageRow.override)
    )
    if came == Sent() and about(message.kind) is About.VISIT and message.recipient_role is not Role.CLINICIAN:
        await _notified(unit, message)
    if came == Sent() and about(message.kind) is About.SURVEY:
        await surveys.note_sent(unit, message.subject_id)
    ours = settled.one_or_none()
    if ours is None:
        return
    _keep_attempt(unit, message, came)
    if rerouted and following is not None:
        await reroute(unit, message, following.channel)
    if came == Sent() and message.channel is Channel.PUSH and message.recipient_role is Role.PATIENT:
        await _unless_shown(unit, message, reach)
    if came == Sent() and ours.override is not None:
        patient_id = (await open_visit(unit, message.subject_id)).patient_id
        unit.audit("execute", "message", message.id, patient_id=patient_id, outcome=ours.override)
    if ours.address_id is not None:
        await learn(unit, message, came, ours.address_id)


def _keep_attempt(unit: Unit, message: Message, came: Came) -> None:
    """What came of it, never a text; to wait for its time is no attempt."""
    outcome = OUTCOMES.get(type(came))
    if outcome is not None:
        told = {"at": unit.now, "channel": message.channel, "outcome": outcome, "code": _code(came)}
        unit.session.add(AttemptRow(message_id=message.id, attempt=message.attempt, **told))


def _code(came: Came) -> str | None:
    match came:
        case Refused(code) | Unreachable(code) | OptedOut(code) | Deferred(code):
            return str(code)
        case Away(fault) | Unwritten(fault) | Withheld(fault):
            return fault
        case Unsendable(state, fault):
            return fault or state
        case Sent() | NotNow():
            return None


async def _unless_shown(unit: Unit, message: Message, reach: Reach) -> None:
    """A push service takes what a device may never show: if none says that it has, the next channel tells it."""
    following = await following_of(unit, message, reach)
    if following is not None and following.takes:
        await reroute(unit, message, following.channel, after=SHOWN_WITHIN)


def _values(unit: Unit, message: Message, came: Came, *, last: bool, away: bool) -> dict[str, object]:
    match came:
        case Sent():
            return _settled(unit, MessageState.SENT, None)
        case Unsendable(state, fault):
            return _settled(unit, state, fault)
        case Refused(code) | Unreachable(code) | OptedOut(code):
            return _settled(unit, MessageState.SUPPRESSED if is_unwanted(came) else MessageState.DEAD, str(code))
        case NotNow(until):
            return {"state": MessageState.PENDING, "fault": None, "next_attempt_at": until}
        case Deferred() | Unwritten() | Away() | Withheld():
            return _again(unit, message, came, last=last, away=away)
        case never:
            assert_never(never)


async def _notified(unit: Unit, message: Message) -> None:
    """They have been written to, unless they are out meanwhile."""
    try:
        await note_notified(unit, await participant_of(unit, message))
    except NotFound:
        return


def _settled(unit: Unit, state: MessageState, fault: str | None) -> dict[str, object]:
    return {"state": state, "fault": fault, "settled_at": unit.now}


Failed = Deferred | Unwritten | Away | Withheld


def _again(unit: Unit, message: Message, came: Failed, *, last: bool, away: bool) -> dict[str, object]:
    """A message that was not taken because its provider is away keeps its place."""
    must = must_go_from(message)
    since = message.due_at if must is None or must > unit.now else must
    waits = GIVE_UP_AFTER if last else patience(ahead=message.ahead)
    at = next_try(message, unit.now, since=since, patience=waits)
    poison = isinstance(came, Unwritten) and message.tries + 1 >= WRITTEN_TRIES
    if at is None or poison:
        return _settled(unit, MessageState.DEAD, _code(came))
    waiting: dict[str, object] = {"state": MessageState.PENDING, "fault": _code(came), "patient_until": since + waits}
    if isinstance(came, Withheld) or (away and isinstance(came, Away)):
        return waiting | {"next_attempt_at": unit.now}
    asked = came.wait if isinstance(came, Deferred) else None
    return waiting | {"next_attempt_at": max(at, unit.now + (asked or timedelta())), "tries": message.tries + 1}

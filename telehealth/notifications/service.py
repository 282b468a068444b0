"""The ledger's transactions: note what is to be told, claim it, write it, settle it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from telehealth.notifications.gathering import facts_of, participant_of, reader_of
from telehealth.notifications.models import AttemptRow, MessageRow
from telehealth.notifications.ports import Away, Came, Deferred, OptedOut, Refused, Sent, Unreachable
from telehealth.notifications.rules import (
    BAD_ADDRESS,
    GIVE_UP_AFTER,
    NOWHERE,
    OF_VISITS,
    STOPPED,
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
from telehealth.notifications.ways import patience, quiet_until, ways
from telehealth.notifications.wishes import (
    PURPOSES,
    Override,
    Purpose,
    Said,
    goes_elsewhere,
    must_go_from,
    override_of,
    preferring,
)
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants.service import note_notified

Recipient = tuple[Role, UUID]
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


@dataclass(frozen=True, slots=True)
class Reach:
    """What the house can do: `region` (ISO 3166-1) is where a number without + is, `closed` are channels it lacks,
    `rates` how many messages a second a provider takes.
    """

    region: str = ""
    closed: frozenset[Channel] = frozenset()
    rates: Mapping[Channel, float] = field(default_factory=dict)


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
    rows = [
        {
            "id": unit.new_id(),
            "kind": kind,
            "channel": (await _ways(unit, kind, (role, person_id), ahead))[0],
            "subject_id": subject_id,
            "recipient_role": role,
            "recipient_id": person_id,
            "due_at": due_at,
            "visit_at": visit_at,
            "state": MessageState.PENDING,
            "next_attempt_at": due_at,
            "patient_until": patient_until,
        }
        for role, person_id in recipients
    ]
    await unit.session.execute(insert(MessageRow).values(rows).on_conflict_do_nothing())


async def nearest(unit: Unit, visit_id: UUID, start: datetime) -> datetime:
    """When that visit begins, or what comes sooner of the times that were to be told of it: somebody may come then."""
    row = MessageRow
    told = select(func.min(row.visit_at)).where(row.subject_id == visit_id, row.visit_at > unit.now)
    return min(start, await unit.session.scalar(told) or start)


async def gather(unit: Unit, message: Message, reach: Reach) -> Facts | Unsendable | NotNow:
    """What the message has to say now; what it tells of a patient is audited. Raises NotFound."""
    facts: Facts | Unsendable | NotNow = await facts_of(unit, message)
    if not isinstance(facts, Facts):
        return facts
    if message.recipient_role in WITH_WISHES:
        facts = await _as_wished(unit, facts, reach)
        if not isinstance(facts, Facts):
            return facts
    elif not facts.reader.address(message.channel):
        return NOWHERE
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
        override, following = override_of(message, unit.now), await _following(unit, message, reach)
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
    settling = came != Sent() and (not _is_unwanted(came) or goes_elsewhere(message.kind))
    following = await _following(unit, message, reach) if settling else None
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
    if came == Sent() and message.kind in OF_VISITS and message.recipient_role is not Role.CLINICIAN:
        await _notified(unit, message)
    ours = settled.one_or_none()
    if ours is None:
        return
    _keep_attempt(unit, message, came)
    if rerouted and following is not None:
        await _reroute(unit, message, following.channel)
    if came == Sent() and ours.override is not None:
        patient_id = (await open_visit(unit, message.subject_id)).patient_id
        unit.audit("execute", "message", message.id, patient_id=patient_id, outcome=ours.override)
    if ours.address_id is not None:
        await _learn(unit, message, came, ours.address_id)


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


async def _learn(unit: Unit, message: Message, came: Came, address_id: UUID) -> None:
    """What the answer says of the address, for every message to come."""
    match came:
        case Unreachable(code):
            await bounces.failed(unit, address_id, code)
            await bounces.report(unit, address_id, message)
        case OptedOut():
            address = await addresses.by_id(unit, address_id)
            await addresses.stop(unit, address, frozenset(Purpose), Said.GATEWAY)


def _is_unwanted(came: Came) -> bool:
    return came == STOPPED or isinstance(came, OptedOut)


async def _ways(unit: Unit, kind: MessageKind, recipient: Recipient, ahead: timedelta | None) -> tuple[Channel, ...]:
    """The channels to try, one after the other, as this recipient wishes."""
    role, person_id = recipient
    among = ways(kind, role, ahead=ahead)
    if len(among) == 1 or kind not in PURPOSES:
        return among
    return preferring((await addresses.preferred(unit, person_id)).get(PURPOSES[kind]), among)


@dataclass(frozen=True, slots=True)
class Following:
    """A channel to try next: whether its address works and `takes` the message, and whether it `brings` it even so."""

    channel: Channel
    takes: bool
    brings: bool


async def _following(unit: Unit, message: Message, reach: Reach) -> Following | None:
    """The channel to try after this message's own, the one that promises most.

    One that was not tried, or where the message was only stopped and now must be told. What it cannot bring either is
    kept with that reason.
    """
    among = await _ways(unit, message.kind, (message.recipient_role, message.recipient_id), message.ahead)
    tried, must = await _tried(unit, message), override_of(message, unit.now) is not None
    left = [each for each in among if each not in tried or (must and tried[each] == STOPPED.fault)]
    found: list[Following] = []
    for channel in [each for each in left if each is not message.channel and each not in reach.closed]:
        reader = await reader_of(unit, message)
        if reader.address(channel):
            address = await addresses.address_of(unit, channel, reader, reach.region)
            works = address is not None and address.works
            takes = address is not None and works and address.takes(message.kind)
            found.append(Following(channel, takes=takes, brings=takes or (works and must)))
    return max(found, key=lambda each: (each.takes, each.brings), default=None)


async def _tried(unit: Unit, message: Message) -> dict[Channel, str | None]:
    """The channels that have had it, each with its fault."""
    row = MessageRow
    same = (row.subject_id == message.subject_id, row.kind == message.kind, row.due_at == message.due_at)
    asked = select(row.channel, row.fault).where(*same, row.recipient_id == message.recipient_id)
    return {Channel(channel): fault for channel, fault in await unit.session.execute(asked)}


def _values(unit: Unit, message: Message, came: Came, *, last: bool, away: bool) -> dict[str, object]:
    match came:
        case Sent():
            return _settled(unit, MessageState.SENT, None)
        case Unsendable(state, fault):
            return _settled(unit, state, fault)
        case Refused(code) | Unreachable(code) | OptedOut(code):
            return _settled(unit, MessageState.SUPPRESSED if _is_unwanted(came) else MessageState.DEAD, str(code))
        case NotNow(until):
            return {"state": MessageState.PENDING, "fault": None, "next_attempt_at": until}
        case Deferred() | Unwritten() | Away() | Withheld():
            return _again(unit, message, came, last=last, away=away)
        case never:
            assert_never(never)


async def _reroute(unit: Unit, message: Message, channel: Channel) -> None:
    again: dict[str, object] = {
        "state": MessageState.PENDING,
        "tries": 0,
        "next_attempt_at": unit.now,
        "patient_until": unit.now + patience(ahead=message.ahead),
    }
    row = again | {
        "id": unit.new_id(),
        "kind": message.kind,
        "channel": channel,
        "subject_id": message.subject_id,
        "recipient_role": message.recipient_role,
        "recipient_id": message.recipient_id,
        "due_at": message.due_at,
        "visit_at": message.visit_at,
    }
    back = again | {"fault": None, "settled_at": None}
    only_stopped = (MessageRow.state == MessageState.REROUTED) & (MessageRow.fault == STOPPED.fault)
    new = insert(MessageRow).values(row)
    await unit.session.execute(new.on_conflict_do_update(constraint="uq_message_once", set_=back, where=only_stopped))


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
    return waiting | {"next_attempt_at": at, "tries": message.tries + 1}

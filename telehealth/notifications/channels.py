"""Which channel has a message next: as people wish, as the house can, and as what came of the others tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import Role
from telehealth.core.ports import Ports
from telehealth.db.unit import Unit
from telehealth.notifications import addresses, bounces, devices
from telehealth.notifications.gathering import reader_of
from telehealth.notifications.kinds import KINDS, Purpose
from telehealth.notifications.models import DELIVERED, MessageRow
from telehealth.notifications.ports import (
    Caller,
    Came,
    NoCaller,
    NoTexter,
    OptedOut,
    Pusher,
    Rates,
    Texter,
    Unreachable,
)
from telehealth.notifications.rules import STOPPED, Channel, Message, MessageKind, MessageState
from telehealth.notifications.ways import PRESSING, beside, patience, ways
from telehealth.notifications.wishes import Said, override_of, preferring

Recipient = tuple[Role, UUID]


@dataclass(frozen=True, slots=True)
class Reach:
    """What the house can do: `region` (ISO 3166-1) is where a number without + is, `closed` are channels it lacks,
    `rates` how many messages a second a provider takes.
    """

    region: str = ""
    closed: frozenset[Channel] = frozenset()
    rates: Mapping[Channel, float] = field(default_factory=dict)


def reach_of(ports: Ports) -> Reach:
    """What this house can do."""
    texter = ports.get(Texter)
    lacks = {
        Channel.SMS: isinstance(texter, NoTexter),
        Channel.PUSH: not ports.get(Pusher).key,
        Channel.PHONE: isinstance(ports.get(Caller), NoCaller),
    }
    return Reach(texter.region, frozenset(each for each, is_so in lacks.items() if is_so), ports.get(Rates).each)


async def ways_of(unit: Unit, kind: MessageKind, recipient: Recipient, ahead: timedelta | None) -> tuple[Channel, ...]:
    """The channels to try, one after the other, as this recipient wishes."""
    role, person_id = recipient
    purpose = KINDS[kind].purpose
    if len(ways(kind, role, ahead=ahead)) == 1 or purpose is None:
        return ways(kind, role, ahead=ahead)
    first = (await addresses.preferred(unit, person_id)).get(purpose)
    among = preferring(first, ways(kind, role, ahead=ahead, first=first))
    shows = await devices.has_any(unit, recipient)
    return tuple(each for each in among if shows or each is not Channel.PUSH)


async def beside_of(unit: Unit, kind: MessageKind, recipient: Recipient) -> tuple[Channel, ...]:
    """The channels that have it at the same time."""
    among = beside(kind, recipient[0])
    return among if among and await devices.has_any(unit, recipient) else ()


@dataclass(frozen=True, slots=True)
class Following:
    """A channel to try next: whether its address works and `takes` the message, and whether it `brings` it even so."""

    channel: Channel
    takes: bool
    brings: bool


async def following_of(unit: Unit, message: Message, reach: Reach) -> Following | None:
    """The channel to try after this message's own, the one that promises most.

    One that was not tried, or where the message was only stopped and now must be told. What it cannot bring either is
    kept with that reason.
    """
    among = await ways_of(unit, message.kind, (message.recipient_role, message.recipient_id), message.ahead)
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
    asked = select(MessageRow.channel, MessageRow.fault).where(*_same(message))
    return {Channel(channel): fault for channel, fault in await unit.session.execute(asked)}


async def reroute(unit: Unit, message: Message, channel: Channel, *, after: timedelta = timedelta()) -> None:
    """That channel has it too, now or in a while."""
    again: dict[str, object] = {
        "state": MessageState.PENDING,
        "tries": 0,
        "next_attempt_at": unit.now + after,
        "patient_until": unit.now + after + patience(ahead=message.ahead),
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


async def is_told(unit: Unit, message: Message) -> bool:
    """Whether some channel has brought the same, as a receipt says."""
    row = MessageRow
    asked = select(row.id).where(*_same(message), row.receipt == DELIVERED)
    return await unit.session.scalar(asked.limit(1)) is not None


async def ring_first(unit: Unit, patient_id: UUID) -> None:
    """What presses and waits for its time goes to the patient's browsers, unless they prefer another channel."""
    wished, row = await addresses.preferred(unit, patient_id), MessageRow
    kinds = [kind for kind, nature in KINDS.items() if nature.texted and nature.purpose not in wished]
    waiting = (row.recipient_id == patient_id, row.state == MessageState.PENDING, row.tries == 0)
    presses = row.visit_at - row.due_at <= PRESSING
    await unit.session.execute(
        update(row)
        .where(*waiting, row.recipient_role == Role.PATIENT, row.kind.in_(kinds), presses, row.due_at > unit.now)
        .where(addresses.untried_by(Channel.PUSH))
        .values(channel=Channel.PUSH)
    )


def _same(message: Message) -> tuple[ColumnElement[bool], ...]:
    """The rows of what is told to the same person at the same time, by whatever channel."""
    row = MessageRow
    subject = (row.subject_id == message.subject_id, row.kind == message.kind)
    return (*subject, row.due_at == message.due_at, row.recipient_id == message.recipient_id)


async def learn(unit: Unit, message: Message, came: Came, address_id: UUID) -> None:
    """What the answer says of the address, for every message to come."""
    match came:
        case Unreachable(code):
            await bounces.failed(unit, address_id, code)
            await bounces.report(unit, address_id, message)
        case OptedOut():
            address = await addresses.by_id(unit, address_id)
            await addresses.stop(unit, address, frozenset(Purpose), Said.GATEWAY)


def is_unwanted(came: Came) -> bool:
    return came == STOPPED or isinstance(came, OptedOut)

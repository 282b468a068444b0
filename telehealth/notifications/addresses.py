"""The addresses that messages to patients and companions go to: what is stopped there, and what is preferred.

Stopping concerns an address and a purpose, whoever uses it: of a shared phone, everyone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.access.rules import digest, new_secret
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.notifications.kinds import KINDS, Purpose
from telehealth.notifications.limits import DAY, MOST, waits_for_room
from telehealth.notifications.models import AddressRow, MessageRow, PreferenceRow, StopRow, TextedBackRow
from telehealth.notifications.rules import Channel, Message, MessageKind, MessageState, Reader
from telehealth.notifications.texts import NoNumber, to_e164
from telehealth.notifications.wishes import Meant, Said, masked

ANSWERED_FOR = timedelta(days=1)  # who writes what nobody reads is told so once in that time
SECRET = ("message_address", "secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where messages go, as its owner knows it again, and what is stopped there. `secret` is of the link to that.

    `works` until something that was sent there came to nothing for ever.
    """

    id: UUID
    channel: Channel
    shown: str
    stopped: frozenset[Purpose]
    secret: str
    works: bool = True

    def takes(self, kind: MessageKind) -> bool:
        return KINDS[kind].purpose not in self.stopped


def normal(channel: Channel, written: str, region: str) -> str | None:
    """An address as it is compared: mail in lower case, numbers in E.164; None for what can be none.

    That of notifications is a person: what they wish holds in every browser of theirs.
    """
    if channel is Channel.PUSH:
        return written or None
    if channel is Channel.EMAIL:
        return written.strip().lower() or None
    try:
        return to_e164(written, region)
    except NoNumber:
        return None


async def address_of(unit: Unit, channel: Channel, reader: Reader, region: str) -> Address | None:
    """Where that channel finds the reader; None when nothing that could be an address is written down."""
    written = normal(channel, reader.address(channel) or "", region)
    return None if written is None else await known(unit, channel, written)


async def known(unit: Unit, channel: Channel, written: str) -> Address:
    """That address, which is remembered from now on. `written` is its normal form."""
    row = AddressRow
    asked = select(row).where(row.channel == channel, row.address == written)
    found = await unit.session.scalar(asked)
    if found is None:
        new_id, secret = unit.new_id(), new_secret()
        values = {
            "id": new_id,
            "channel": channel,
            "address": written,
            "secret": unit.vault.seal((*SECRET, new_id), secret),
            "secret_hash": digest(secret),
            "known_since": unit.now,
        }
        await unit.session.execute(insert(row).values(values).on_conflict_do_nothing())
        found = (await unit.session.scalars(asked)).one()
    return await _read(unit, found)


async def by_id(unit: Unit, address_id: UUID) -> Address:
    return await _read(unit, (await unit.session.scalars(select(AddressRow).where(AddressRow.id == address_id))).one())


async def room_at(unit: Unit, address_id: UUID, message: Message) -> datetime | None:
    """When that address may get this message too, if not now. Locked: of two at once, one sees the other."""
    await unit.session.execute(select(AddressRow.id).where(AddressRow.id == address_id).with_for_update(key_share=True))
    row = MessageRow
    others = select(row.settled_at).where(row.address_id == address_id, row.id != message.id)
    sent = await unit.session.scalars(
        others.where(row.state == MessageState.SENT, row.settled_at > unit.now - DAY)
        .order_by(row.settled_at.desc())
        .limit(max(MOST.get(message.channel, {}).values(), default=0))
    )
    on_way = others.where(row.state == MessageState.SENDING).with_only_columns(func.count())
    times = [at for at in sent if at is not None]
    return waits_for_room(message, sent=times, on_way=await unit.session.scalar(on_way) or 0, now=unit.now)


async def by_link(unit: Unit, secret: str) -> Address:
    """The address that a link in a mail is about. Raises NotFound."""
    found = await unit.session.scalar(select(AddressRow).where(AddressRow.secret_hash == digest(secret)))
    if found is None:
        raise NotFound
    return await _read(unit, found)


async def stop(unit: Unit, address: Address, purposes: Collection[Purpose], said_by: Said) -> None:
    """No more messages for these purposes to that address; saying so again changes nothing."""
    for purpose in sorted(set(purposes) - address.stopped):
        values = {"address_id": address.id, "purpose": purpose, "said_by": said_by, "stopped_at": unit.now}
        await unit.session.execute(insert(StopRow).values(values).on_conflict_do_nothing())
        unit.audit("update", "message_address", address.id, outcome=f"stopped-{purpose}")


async def start(unit: Unit, address: Address, purposes: Collection[Purpose]) -> None:
    """Messages for these purposes again."""
    for purpose in sorted(set(purposes) & address.stopped):
        row = StopRow
        await unit.session.execute(delete(row).where(row.address_id == address.id, row.purpose == purpose))
        unit.audit("update", "message_address", address.id, outcome=f"wanted-{purpose}")


async def preferred(unit: Unit, patient_id: UUID) -> dict[Purpose, Channel]:
    """The channel that a patient wants messages of a purpose to take first, where they said so."""
    rows = await unit.session.scalars(select(PreferenceRow).where(PreferenceRow.patient_id == patient_id))
    return {Purpose(row.purpose): Channel(row.channel) for row in rows}


async def prefer(unit: Unit, patient_id: PatientId, purpose: Purpose, channel: Channel) -> None:
    """From now on messages of that purpose take that channel first; so do those that wait for their time."""
    if (await preferred(unit, patient_id)).get(purpose) is channel:
        return
    values = {"channel": channel, "preferred_at": unit.now}
    wished = insert(PreferenceRow).values(patient_id=patient_id, purpose=purpose, **values)
    await unit.session.execute(
        wished.on_conflict_do_update(index_elements=[PreferenceRow.patient_id, PreferenceRow.purpose], set_=values)
    )
    row = MessageRow
    await unit.session.execute(
        update(row)
        .where(
            row.recipient_id == patient_id,
            row.state == MessageState.PENDING,
            row.kind.in_([kind for kind, nature in KINDS.items() if nature.purpose is purpose]),
            untried_by(channel),
        )
        .values(channel=channel)
    )
    unit.audit("update", "message_preference", patient_id, patient_id=patient_id)


def untried_by(channel: Channel) -> ColumnElement[bool]:
    """Of messages: that this channel has not had the same."""
    row, other = MessageRow, MessageRow.__table__.alias()
    same = (row.kind, row.subject_id, row.recipient_id, row.due_at)
    theirs = (other.c.kind, other.c.subject_id, other.c.recipient_id, other.c.due_at)
    pairs = [one == another for one, another in zip(same, theirs, strict=True)]
    return ~select(other.c.id).where(other.c.channel == channel, *pairs).exists()


async def texted_back(unit: Unit, gateway_id: str, number: str, meant: Meant) -> bool:
    """Somebody has texted back, and what they mean is done; whether they are to be answered.

    One text counts once, however often the gateway brings it.
    """
    address, row = await known(unit, Channel.SMS, normal(Channel.SMS, number, "") or number), TextedBackRow
    recently = select(row.gateway_id).where(
        row.address_id == address.id, row.meant == Meant.OTHER, row.at > unit.now - ANSWERED_FOR
    )
    told = meant is Meant.OTHER and await unit.session.scalar(recently.limit(1)) is not None
    new = insert(row).values(gateway_id=gateway_id, address_id=address.id, meant=meant, at=unit.now)
    if await unit.session.scalar(new.on_conflict_do_nothing().returning(row.gateway_id)) is None:
        return False
    calls = await known(unit, Channel.PHONE, normal(Channel.PHONE, number, "") or number)
    match meant:
        case Meant.STOP:
            for each in (address, calls):
                await stop(unit, each, frozenset(Purpose), Said.TEXT)
        case Meant.START:
            for each in (address, calls):
                await start(unit, each, frozenset(Purpose))
        case Meant.HELP | Meant.OTHER:
            unit.audit("execute", "message_address", address.id, outcome=f"texted-{meant}")
    return not told


def link_of(address: Address, kind: MessageKind) -> str:
    """The path that stops messages like that one."""
    return f"/unsubscribe/{address.secret}/{KINDS[kind].purpose}"


async def _read(unit: Unit, row: AddressRow) -> Address:
    stopped = await unit.session.scalars(select(StopRow.purpose).where(StopRow.address_id == row.id))
    channel = Channel(row.channel)
    return Address(
        id=row.id,
        channel=channel,
        shown=masked(channel, row.address),
        stopped=frozenset(map(Purpose, stopped)),
        secret=unit.vault.open((*SECRET, row.id), row.secret),
        works=row.failed_at is None,
    )

"""What is said later of a message that was taken: that it has arrived, or that it never will."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select

from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.notifications.channels import Reach, following_of, is_unwanted, learn, reroute
from telehealth.notifications.kinds import KINDS
from telehealth.notifications.models import DELIVERED, UNDELIVERED, MessageRow
from telehealth.notifications.ports import OptedOut, Refused, Sent, Unreachable
from telehealth.notifications.providers import message_of
from telehealth.notifications.rules import Channel, MessageState

GOING = frozenset({MessageState.PENDING, MessageState.SENDING})
Heard = Sent | Refused | Unreachable | OptedOut


async def heard(unit: Unit, message_id: UUID, came: Heard, *, of: Collection[Channel], reach: Reach) -> None:
    """Keep it with the message; to hear it again changes nothing. Raises NotFound for no message of those channels.

    What has arrived stays so. What has not, the next channel has at once.
    """
    row = await _locked(unit, message_id, of)
    if row.receipt == DELIVERED or (row.receipt == UNDELIVERED and came != Sent()):
        return
    row.receipt, row.receipt_at = DELIVERED if came == Sent() else UNDELIVERED, unit.now
    is_open = row.state == MessageState.SENT or row.state in GOING  # the answer that it was taken may be under way yet
    if is_open and not isinstance(came, Sent):
        await _lost(unit, row, came, reach)
    elif row.state in GOING:
        row.state, row.fault, row.settled_at = MessageState.SENT, None, unit.now
    await unit.session.flush()


async def _lost(unit: Unit, row: MessageRow, came: Refused | Unreachable | OptedOut, reach: Reach) -> None:
    message = message_of(row)
    tells_on = not is_unwanted(came) or KINDS[message.kind].elsewhere
    following = await following_of(unit, message, reach) if tells_on else None
    ended = MessageState.SUPPRESSED if is_unwanted(came) else MessageState.DEAD
    row.state = MessageState.REROUTED if following is not None else ended
    row.fault, row.settled_at = str(came.code), unit.now
    await unit.session.flush()
    if following is not None:
        await reroute(unit, message, following.channel)
    if row.address_id is not None:
        await learn(unit, message, came, row.address_id)


async def _locked(unit: Unit, message_id: UUID, of: Collection[Channel]) -> MessageRow:
    asked = select(MessageRow).where(MessageRow.id == message_id, MessageRow.channel.in_(of)).with_for_update()
    row = await unit.session.scalar(asked)
    if row is None:
        raise NotFound
    return row

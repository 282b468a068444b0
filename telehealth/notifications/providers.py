"""What all workers know together of each provider: whether it is away, and the tokens that are left of its rate."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import Role
from telehealth.core.ids import MessageId
from telehealth.core.rates import Bucket
from telehealth.db.unit import Unit
from telehealth.notifications.limits import OF_ONE, Standing
from telehealth.notifications.models import PENDING, UNDER_WAY, MessageRow, ProviderRow
from telehealth.notifications.ports import Away, Came, Sent
from telehealth.notifications.rules import (
    LEASE,
    Channel,
    Message,
    MessageKind,
    MessageState,
    NotNow,
    Unsendable,
    Unwritten,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Messages of one channel, leased to one sender. Of a provider that is away: those that wait for it no longer, for
    another channel.
    """

    messages: tuple[Message, ...]
    standing: Standing
    is_open: bool = True

    def may_leave_some(self, places: int) -> bool:
        """Whether more was due than was leased: all places are taken, or somebody has all that one person may."""
        most_of_one = max(Counter(each.recipient_id for each in self.messages).values(), default=0)
        return len(self.messages) == places or most_of_one == OF_ONE

    def is_news(self, came: Came) -> bool:
        """Whether what came of one of them may tell anything new of the provider."""
        return self.is_open and (not isinstance(came, Sent) or self.standing != Standing())


async def take_turn(unit: Unit, channel: Channel, rate: float | None, *, most: int, but: Collection[UUID] = ()) -> Turn:
    """Lease what may go out by that channel now, the longest due first: what the provider's rate has tokens for; of
    one that is away one message, now and then. Of one person a few; of those in `but` none.

    Every worker takes its turns here, so that there is one rate and one standing of each provider.
    """
    row, provider = MessageRow, await _locked(unit, channel)
    others = row.recipient_id.not_in(but)
    standing = _standing(provider)
    if not standing.allows(unit.now):
        impatient = (text(PENDING), row.patient_until <= unit.now)
        return Turn(await _claim(unit, channel, others, *impatient, limit=most), standing, is_open=False)
    bucket = _bucket(provider, rate).filled(unit.now)
    limit = bucket.holds(1 if standing.is_away else most)
    messages = await _claim(unit, channel, others, text(UNDER_WAY), limit=limit) if limit else ()
    await _spend(unit, provider, bucket, len(messages))
    return Turn(messages, standing)


async def hear(unit: Unit, message: Message, came: Came, rate: float | None) -> Standing:
    """What came of a message tells of its provider too; what did not go out gives its token back."""
    unused = isinstance(came, Unsendable | Unwritten | NotNow) and rate is not None
    known = await unit.session.get(ProviderRow, message.channel)
    before = Standing() if known is None else _standing(known)
    if not unused and _after(before, message, came, unit) == before:
        return before
    row = await _locked(unit, message.channel)
    standing = _after(_standing(row), message, came, unit)
    _keep(row, standing)
    if unused:
        _keep_bucket(row, _bucket(row, rate).without(-1))
    await unit.session.flush()
    return standing


def _after(standing: Standing, message: Message, came: Came, unit: Unit) -> Standing:
    match came:
        case Away(_, wait):
            return standing.failed(unit.now, whose=None if message.tries else message.recipient_id, wait=wait)
        case Unsendable() | Unwritten() | NotNow():
            return standing.unasked(unit.now)
        case _:
            return standing.answered(unit.now)


async def _claim(
    unit: Unit, channel: Channel, *which: ColumnElement[bool] | TextClause, limit: int
) -> tuple[Message, ...]:
    row = MessageRow
    due = (
        select(row.id, row.recipient_id, row.next_attempt_at)
        .where(row.channel == channel, row.next_attempt_at <= unit.now, *which)
        .order_by(row.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # read once; a subquery may be read again with each row, and hold more than it names
    )
    theirs = func.row_number().over(partition_by=due.c.recipient_id, order_by=due.c.next_attempt_at)
    numbered = select(due.c.id, theirs.label("number")).cte("numbered")
    claimed = await unit.session.scalars(
        update(row)
        .where(row.id.in_(select(numbered.c.id).where(numbered.c.number <= OF_ONE)))
        .values(state=MessageState.SENDING, attempt=row.attempt + 1, next_attempt_at=unit.now + LEASE)
        .returning(row)
    )
    return tuple(message_of(each) for each in claimed)


def message_of(row: MessageRow) -> Message:
    return Message(
        id=MessageId(row.id),
        kind=MessageKind(row.kind),
        channel=Channel(row.channel),
        subject_id=row.subject_id,
        recipient_role=Role(row.recipient_role),
        recipient_id=row.recipient_id,
        due_at=row.due_at,
        attempt=row.attempt,
        tries=row.tries,
        visit_at=row.visit_at,
    )


async def _locked(unit: Unit, channel: Channel) -> ProviderRow:
    """Whoever takes a turn or hears an answer does so after the others."""
    found = select(ProviderRow).where(ProviderRow.channel == channel).with_for_update()
    fresh = found.execution_options(populate_existing=True)
    row = await unit.session.scalar(fresh)
    if row is None:
        await unit.session.execute(insert(ProviderRow).values(channel=channel).on_conflict_do_nothing())
        row = (await unit.session.scalars(fresh)).one()
    return row


def _standing(row: ProviderRow) -> Standing:
    return Standing(row.failures, row.probe_at, row.not_before, row.failed_for)


def _bucket(row: ProviderRow, rate: float | None) -> Bucket:
    return Bucket(rate, row.tokens, row.filled_at)


async def _spend(unit: Unit, row: ProviderRow, bucket: Bucket, taken: int) -> None:
    """So many go out: their tokens are gone, and of a provider that is away the one that goes will tell."""
    _keep_bucket(row, bucket.without(taken))
    standing = _standing(row)
    if taken and standing.is_away:
        _keep(row, standing.probing(unit.now))
    await unit.session.flush()


def _keep(row: ProviderRow, standing: Standing) -> None:
    row.failures, row.probe_at, row.not_before = standing.failures, standing.probe_at, standing.not_before
    row.failed_for = standing.failed_for


def _keep_bucket(row: ProviderRow, bucket: Bucket) -> None:
    if bucket.rate is not None:
        row.tokens, row.filled_at = bucket.tokens, bucket.filled_at

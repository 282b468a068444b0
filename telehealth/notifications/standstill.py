"""Messages that wait for a person, as whoever runs the house sees them: nothing of whom they are about or go to.

Kinds, codes and numbers are no patient's data: reading them leaves no trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import aliased

from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.notifications.models import STUCK, UNDER_WAY, AttemptRow, MessageRow
from telehealth.notifications.rules import Attempted, Channel, MessageKind, MessageState, Moving
from telehealth.notifications.ways import patience

LISTED_FOR = timedelta(days=30)  # whatever is longer ago nobody is told of any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A message that was given up, or that failed and is tried again. `outcome` is what came of the last attempt,
    `fault` its code or the name of a fault.
    """

    id: UUID
    kind: MessageKind
    channel: Channel
    state: MessageState
    due_at: datetime
    attempt: int
    tries: int
    next_attempt_at: datetime | None
    fault: str | None
    outcome: Attempted | None
    tried_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One channel in numbers: what is due and not sent, since when the oldest, and what was given up lately."""

    channel: Channel
    due: int
    dead: int
    oldest_due_at: datetime | None


async def stuck(unit: Unit, *, after: UUID | None = None, limit: int) -> list[Stuck]:
    """What waits for a person or failed last, the longest due first, from a message on."""
    row, tried = MessageRow, AttemptRow
    query = (
        select(row, tried)
        .outerjoin(tried, (tried.message_id == row.id) & (tried.attempt == _last(row.id)))
        .where(text(STUCK), row.due_at > unit.now - LISTED_FOR)
        .order_by(row.due_at, row.id)
        .limit(limit)
    )
    if after is not None:
        last = aliased(row)
        since = select(last.due_at).where(last.id == after).scalar_subquery()
        query = query.where(or_(row.due_at > since, (row.due_at == since) & (row.id > after)))
    return [_told(each, attempt) for each, attempt in await unit.session.execute(query)]


async def balances(unit: Unit) -> list[Balance]:
    """Every channel there is."""
    row = MessageRow
    waiting = select(row.channel, func.count(), func.min(row.next_attempt_at))
    due = await unit.session.execute(
        waiting.where(text(UNDER_WAY), row.next_attempt_at <= unit.now).group_by(row.channel)
    )
    known: Mapping[str, tuple[int, datetime]] = {channel: (number, oldest) for channel, number, oldest in due}
    given_up = select(row.channel, func.count()).where(text(STUCK), row.state == MessageState.DEAD)
    dead = await unit.session.execute(given_up.where(row.due_at > unit.now - LISTED_FOR).group_by(row.channel))
    numbers: Mapping[str, int] = {str(channel): number for channel, number in dead}
    return [
        Balance(
            channel=each,
            due=known.get(each, (0, None))[0],
            dead=numbers.get(each, 0),
            oldest_due_at=known.get(each, (0, None))[1],
        )
        for each in Channel
    ]


async def redrive(unit: Unit, message_id: UUID) -> None:
    """Send one that was given up again, if it still is true by then; one that waits for its time, at once.

    Raises NotFound, Moving when it is being sent, or has come to another end.
    """
    row = await unit.session.get(MessageRow, message_id, with_for_update=True)
    if row is None:
        raise NotFound
    if row.state not in (MessageState.DEAD, MessageState.PENDING):
        raise Moving
    if row.state == MessageState.DEAD:
        row.state, row.tries, row.settled_at = MessageState.PENDING, 0, None
        row.patient_until = unit.now + patience(ahead=None)
    row.next_attempt_at = unit.now
    unit.audit("execute", "message", message_id, outcome="redriven")
    await unit.session.flush()


async def attempts(unit: Unit, message_id: UUID) -> Sequence[tuple[int, Attempted, str | None]]:
    """What came of each attempt, in order."""
    row = AttemptRow
    query = select(row.attempt, row.outcome, row.code).where(row.message_id == message_id).order_by(row.attempt)
    return [(number, Attempted(outcome), code) for number, outcome, code in await unit.session.execute(query)]


def _last(message_id: object) -> object:
    row = aliased(AttemptRow)
    return select(func.max(row.attempt)).where(row.message_id == message_id).scalar_subquery()


def _told(row: MessageRow, attempt: AttemptRow | None) -> Stuck:
    return Stuck(
        id=row.id,
        kind=MessageKind(row.kind),
        channel=Channel(row.channel),
        state=MessageState(row.state),
        due_at=row.due_at,
        attempt=row.attempt,
        tries=row.tries,
        next_attempt_at=None if row.state == MessageState.DEAD else row.next_attempt_at,
        fault=row.fault,
        outcome=None if attempt is None else Attempted(attempt.outcome),
        tried_at=None if attempt is None else attempt.at,
    )

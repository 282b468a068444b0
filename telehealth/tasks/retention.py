"""What the kit keeps only for a while: delivered events, and answers for Idempotency-Key."""

from datetime import timedelta

from sqlalchemy import delete, select

from telehealth.db.idempotency import IdempotencyRow
from telehealth.db.outbox import HandledRow, OutboxRow
from telehealth.db.unit import Unit
from telehealth.tasks.work import Work

KEYS_KEPT = timedelta(hours=48)
EVENTS_KEPT = timedelta(days=7)
BATCH = 5000


async def forget_delivered(work: Work) -> int:
    """A batch of what is past its time; parked events stay until someone re-drives them."""
    return await work.run(_forget)


async def _forget(unit: Unit) -> int:
    await unit.session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < unit.now - KEYS_KEPT))
    old = (
        await unit.session.scalars(
            select(OutboxRow.position).where(OutboxRow.done_at < unit.now - EVENTS_KEPT).limit(BATCH)
        )
    ).all()
    await unit.session.execute(delete(HandledRow).where(HandledRow.position.in_(old)))
    await unit.session.execute(delete(OutboxRow).where(OutboxRow.position.in_(old)))
    return len(old)

"""The locks in front of busy time: who is about to take time of someone or something has it alone."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, bindparam, text
from sqlalchemy.exc import DBAPIError

from telehealth.db.direct import Direct
from telehealth.db.unit import LOCK_NOT_AVAILABLE, Unit
from telehealth.scheduling.booking.rules import CalendarBusy

# In one round trip, in the order of the keys; who does not get a lock in two seconds is told so.
LOCKS = Direct(
    text(
        "SELECT set_config('lock_timeout', '2s', true), pg_advisory_xact_lock(key) FROM unnest(:keys) AS key"
    ).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))
)


async def take(unit: Unit, resources: Iterable[UUID]) -> None:
    """One at a time on each resource, always in the same order, so that nobody waits in a circle.

    The exclusion constraint alone would be right too, but under contention it answers with deadlocks.
    """
    await take_keys(unit, keys(resources))


async def take_keys(unit: Unit, wanted: Sequence[int]) -> None:
    """The same by keys, in that order."""
    try:
        await LOCKS.run(unit.session, {"keys": list(wanted)})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise CalendarBusy(retry_after=1) from None
        raise


def keys(resources: Iterable[UUID]) -> list[int]:
    """In the order in which all locks are taken."""
    return sorted({_key(resource) for resource in resources})


def _key(resource: UUID) -> int:
    """The random low half of a UUIDv7 as a signed 64-bit key."""
    return int.from_bytes(resource.bytes[8:], signed=True)

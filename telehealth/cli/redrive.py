"""`telehealth redrive`: what was given up is tried again, once its cause is mended."""

from dataclasses import dataclass

from telehealth.db.unit import Unit
from telehealth.records.delivery import queries as deliveries_read
from telehealth.records.delivery import service as deliveries
from telehealth.tasks import relay


@dataclass(frozen=True, slots=True)
class Stuck:
    """Parked outbox rows, and deliveries to the record service that are held or dead."""

    outbox: int
    deliveries: int


async def count_stuck(unit: Unit) -> Stuck:
    """How many of each wait for a person."""
    return Stuck(await relay.count_parked(unit), await deliveries_read.count_given_up(unit))


async def redrive(unit: Unit) -> Stuck:
    """Both kinds become due at once. Answers how many of each."""
    return Stuck(await relay.redrive(unit), await deliveries.redrive_all(unit))

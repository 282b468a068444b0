"""Messages in numbers, for whoever watches the house: counted in the database at each scrape."""

from telehealth.db.unit import Unit
from telehealth.http.openmetrics import Gauge
from telehealth.notifications import standstill

DUE = "Messages that are due and not sent"
OLDEST = "Since when, in seconds, the oldest of them is due"
DEAD = "Messages that were given up in the last 30 days"


async def gauges(unit: Unit) -> tuple[Gauge, ...]:
    """A channel by which nothing was ever sent is told of too: nothing is a number."""
    told = await standstill.balances(unit)
    ages = {
        each.channel: 0 if each.oldest_due_at is None else int((unit.now - each.oldest_due_at).total_seconds())
        for each in told
    }
    return (
        Gauge("telehealth_messages_due", DUE, tuple(({"channel": each.channel}, each.due) for each in told)),
        Gauge(
            "telehealth_messages_oldest_seconds", OLDEST, tuple(({"channel": key}, age) for key, age in ages.items())
        ),
        Gauge("telehealth_messages_dead", DEAD, tuple(({"channel": each.channel}, each.dead) for each in told)),
    )

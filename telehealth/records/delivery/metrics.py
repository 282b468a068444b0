"""What goes to the record services, in numbers: counted in the database at each scrape, whichever process is asked."""

from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest

from starlette.responses import Response

from telehealth.core.errors import NotFound, NotSignedIn
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.openmetrics import CONTENT_TYPE, Gauge, exposition
from telehealth.records.delivery import queries
from telehealth.records.delivery.findings import Finding
from telehealth.records.delivery.ports import Destinations, MetricsToken, OtherNumbers
from telehealth.records.delivery.queries import Tally
from telehealth.tasks import relay

DELIVERIES = "Signed notes and visits by record service and how far they have come"
OLDEST = "Since when, in seconds, the oldest that is on its way to a record service is due"
FINDINGS = "What was last found different in a record service from how it was left there"
PARKED = "Events that were given up and wait for a person"


async def metrics(call: Call) -> Response:
    """Numbers of the house as OpenMetrics text, for whoever has the token of the settings; without one there is no such
    door.
    """
    token = call.port(MetricsToken).value
    if token is None:
        raise NotFound
    if not compare_digest((call.header("authorization") or "").encode(), f"Bearer {token}".encode()):
        raise NotSignedIn
    return Response(
        await call.run(_counted, call.port(Destinations).names, call.port(OtherNumbers)), media_type=CONTENT_TYPE
    )


async def _counted(unit: Unit, names: Sequence[str], others: OtherNumbers) -> str:
    """A destination that nothing was ever sent to is told of too: nothing is a number."""
    tallies = {each.destination: each for each in await queries.tallies(unit)}
    told = [tallies.get(name, Tally(name)) for name in sorted({*names, *tallies})]
    parked = Gauge("telehealth_outbox_parked", PARKED, (({}, await relay.count_parked(unit)),))
    more = [gauge for each in others.each for gauge in await each(unit)]
    return exposition((*_gauges(told, unit.now), parked, *more))


def _gauges(tallies: Sequence[Tally], now: datetime) -> tuple[Gauge, ...]:
    return (
        Gauge(
            "telehealth_record_deliveries",
            DELIVERIES,
            tuple(
                ({"destination": each.destination, "state": state}, number)
                for each in tallies
                for state, number in each.by_state.items()
            ),
        ),
        Gauge(
            "telehealth_record_oldest_seconds",
            OLDEST,
            tuple(
                (
                    {"destination": each.destination},
                    0 if each.oldest_since is None else int((now - each.oldest_since).total_seconds()),
                )
                for each in tallies
            ),
        ),
        Gauge(
            "telehealth_record_findings",
            FINDINGS,
            tuple(
                ({"destination": each.destination, "finding": finding}, each.found.get(finding, 0))
                for each in tallies
                for finding in Finding
            ),
        ),
    )

"""The page on which an administrator sees what has not reached the record, and sends it again. No scripts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.records.delivery import queries, service
from telehealth.records.delivery.schemas import DeliveriesPage
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/deliveries"
SHOWN = 50


async def deliveries_page(call: Call, query: DeliveriesPage) -> Response:
    """Every destination in numbers, and what waits, the oldest first."""
    return call.render("deliveries.html", told=query.told, **await call.run(_context, query.after))


async def redrive_on_page(call: Call, delivery: UUID) -> Response:
    """Send one again."""
    await call.run(service.redrive, delivery)
    return call.redirect(f"{PATH}?told=again")


async def _context(unit: Unit, after: UUID | None) -> Mapping[str, Any]:
    reader = await visits.reader(unit)
    found = await queries.deliveries(unit, after=after, limit=SHOWN + 1)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "balances": await queries.balances(unit),
        "deliveries": found[:SHOWN],
        "more": found[SHOWN - 1].id if len(found) > SHOWN else None,
        "again": (*queries.GIVEN_UP, *queries.WAITING),
    }

"""What whoever runs the house sees of deliveries: the list, sending again, and a page of both."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from telehealth.core.actors import Scope
from telehealth.core.errors import NotFound, NotSignedIn
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.openmetrics import CONTENT_TYPE
from telehealth.http.operation import PUBLIC, Documented, operation, page
from telehealth.records.delivery import pages, queries, service
from telehealth.records.delivery.metrics import metrics
from telehealth.records.delivery.queries import Balance, Delivery
from telehealth.records.delivery.rules import UnderWay
from telehealth.records.delivery.schemas import BalanceView, DeliveriesView, DeliveryQuery, DeliveryView


async def list_deliveries(call: Call, query: DeliveryQuery) -> DeliveriesView:
    """What has not reached the record, and what was found different there since; the oldest first."""
    return await call.run(_listed, query)


async def redrive_delivery(call: Call, delivery: UUID) -> None:
    """Send it again: what is held or dead for another 72 hours, what waits for its time at once."""
    await call.run(service.redrive, delivery)


async def _listed(unit: Unit, query: DeliveryQuery) -> DeliveriesView:
    found = await queries.deliveries(unit, destination=query.destination, after=query.after, limit=query.limit)
    return DeliveriesView(
        destinations=[_balance(each, unit.now) for each in await queries.balances(unit)],
        items=[_delivery(each, unit.now) for each in found],
    )


def _delivery(each: Delivery, now: datetime) -> DeliveryView:
    return DeliveryView(**asdict(each) | {"codes": list(each.codes), "age": _seconds(each.since, now)})


def _balance(each: Balance, now: datetime) -> BalanceView:
    told = asdict(each)
    oldest = told.pop("oldest_since")
    return BalanceView(**told, oldest_age=None if oldest is None else _seconds(oldest, now))


def _seconds(since: datetime, now: datetime) -> int:
    return int((now - since).total_seconds())


NUMBERS = CONTENT_TYPE.partition(";")[0]
_RUNS = Scope.INTEGRATIONS_WRITE
AGAIN = (NotFound, UnderWay)
OPERATIONS = (
    operation(
        "GET", "/metrics", metrics, needs=PUBLIC, errors=(NotFound, NotSignedIn), answers=(Documented(200, NUMBERS),)
    ),
    operation("GET", "/v1/deliveries", list_deliveries, needs=_RUNS),
    operation(
        "POST", "/v1/deliveries/{delivery:uuid}/redrive", redrive_delivery, needs=_RUNS, status=204, errors=AGAIN
    ),
)
PAGES = (
    page("GET", pages.PATH, pages.deliveries_page, needs=_RUNS, stays=("after",)),
    page("POST", f"{pages.PATH}/{{delivery:uuid}}/redrive", pages.redrive_on_page, needs=_RUNS, errors=AGAIN),
)

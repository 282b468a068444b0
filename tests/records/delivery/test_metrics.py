"""The numbers of the house: counted in the database, told to whoever has the token, and of nobody's health."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sqlalchemy import update

from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.openmetrics import CONTENT_TYPE, Gauge, exposition
from telehealth.records.delivery.findings import Finding
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.ports import Destination, Destinations, MetricsToken, OtherNumbers
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.delivery.routes import OPERATIONS
from telehealth.records.delivery.rules import Away, Forbidden, Rejected
from telehealth.records.delivery.tasks import Courier
from telehealth.tasks.work import Work
from tests.kit.signed import Everybody, signed_note
from tests.kit.web import client_of

TOKEN = "0123456789abcdef0123"
SHOWN = {"authorization": f"Bearer {TOKEN}"}
NORTH = 'north "1"\\'


def read(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def destinations(*services: Everybody) -> Destinations:
    return Destinations(tuple(Destination(NORTH, US_CORE, each) for each in services))


@pytest.fixture
async def http(unit_of_work: UnitOfWork) -> AsyncIterator[httpx.AsyncClient]:
    ports = {MetricsToken: MetricsToken(TOKEN), Destinations: destinations(Everybody()), OtherNumbers: OtherNumbers()}
    async with client_of(unit_of_work, OPERATIONS, {}, ports=ports) as client:
        yield client


async def numbers(http: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """By name and label values, but for that of the one destination."""
    told = await http.get("/metrics", headers=SHOWN)
    assert (told.status_code, told.headers["content-type"]) == (200, CONTENT_TYPE)
    samples = [sample for family in read(told.text) for sample in family.samples]
    assert {each.labels.get("destination", NORTH) for each in samples} == {NORTH}
    return {
        (each.name, *(value for name, value in each.labels.items() if name != "destination")): each.value
        for each in samples
    }


async def carried(unit_of_work: UnitOfWork, records: Everybody) -> None:
    await signed_note(unit_of_work, destinations=[NORTH])
    work = Work(unit_of_work, Ports({Destinations: destinations(records)}), unit_of_work.clock)
    await Courier().sweep(work)


async def _find(unit: Unit) -> None:
    row = RecordDeliveryRow
    await unit.session.execute(update(row).where(row.state == "delivered").values(finding=Finding.DUPLICATE))


async def test_what_is_on_its_way_and_what_waits_for_a_person_is_counted(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, clock: FixedClock
) -> None:
    before = await numbers(http)
    assert set(before.values()) == {0}
    await carried(unit_of_work, Everybody())
    await carried(unit_of_work, Everybody(before=lambda _: Forbidden()))
    await carried(unit_of_work, Everybody(before=lambda _: Rejected(422)))
    await carried(unit_of_work, Everybody(before=lambda _: Away(503)))
    await unit_of_work.run(_find, SYSTEM)
    clock.advance(timedelta(minutes=5))
    after = await numbers(http)
    assert set(after) == set(before)
    counted = {name: value for name, value in after.items() if value}
    assert counted == {
        ("telehealth_record_deliveries", "waiting"): 1,
        ("telehealth_record_deliveries", "held"): 1,
        ("telehealth_record_deliveries", "dead"): 1,
        ("telehealth_record_deliveries", "delivered"): 1,
        ("telehealth_record_oldest_seconds",): 300,
        ("telehealth_record_findings", "duplicate"): 1,
    }


async def test_without_its_token_nobody_reads_them(http: httpx.AsyncClient) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"cookie": f"token={TOKEN}"}):
        assert (await http.get("/metrics", headers=headers)).status_code == 401
    assert (await http.get(f"/metrics?token={TOKEN}")).status_code in {400, 401, 422}


async def test_a_house_without_a_token_has_no_such_door(unit_of_work: UnitOfWork) -> None:
    ports = {MetricsToken: MetricsToken(), Destinations: destinations(Everybody()), OtherNumbers: OtherNumbers()}
    async with client_of(unit_of_work, OPERATIONS, {}, ports=ports) as client:
        for headers in ({}, {"authorization": "Bearer None"}, {"authorization": "Bearer "}):
            assert (await client.get("/metrics", headers=headers)).status_code == 404


def test_whatever_a_label_says_it_is_read_back() -> None:
    odd = 'a "b" \\ c\nd {e="f"} 1'
    (family,) = read(exposition([Gauge("x_y", odd, (({"z": odd}, 1.5),))]))
    assert (family.documentation, family.samples[0].labels, family.samples[0].value) == (odd, {"z": odd}, 1.5)

"""What somebody did in the record after a note had arrived is found, and what is missing comes back by itself."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.delivery import queries
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.findings import Copy, Finding, Seen, expected, judge
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.ports import Destination, Destinations, Document
from telehealth.records.delivery.profiles import MILLENNIUM, US_CORE, Profile
from telehealth.records.delivery.reconciling import Report, look_around, reconcile
from telehealth.records.delivery.rules import NOTE_VERSION_SYSTEM, Away, DeliveryState, Identifier
from telehealth.records.delivery.tasks import Courier
from telehealth.records.notes.amendments import Relation, Signed
from telehealth.tasks.work import Work
from tests.kit.record_service import Json, RunningRecordService
from tests.kit.signed import MRN, Everybody, amended_note, retracted_note, signed_note
from tests.records.delivery.conftest import Clients

DAY = timedelta(days=1)


async def rows(unit: Unit) -> list[RecordDeliveryRow]:
    return list(await unit.session.scalars(select(RecordDeliveryRow).order_by(RecordDeliveryRow.since)))


async def delivered(
    unit_of_work: UnitOfWork, clients: Clients, server: RunningRecordService, clock: FixedClock
) -> tuple[Work, Destination, str]:
    """One note in the record, an hour ago; with the id of its document."""
    patient = Identifier(MRN, str(uuid4()))
    server.add_patient(system=patient.system, value=patient.value)
    destination = Destination(RECORD_SERVICE, US_CORE, (await clients.open()).records)
    work = Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), clock)
    await signed_note(unit_of_work, patient)
    await Courier().sweep(work)
    clock.advance(timedelta(hours=1))
    (row,) = await unit_of_work.run(rows)
    assert row.remote_id is not None
    return work, destination, row.remote_id


async def look(work: Work, destination: Destination) -> Report:
    now = work.clock.now()
    return await reconcile(work, destination, since=now - DAY, unseen_since=now)


def change(server: RunningRecordService, remote_id: str, **elements: object) -> None:
    path = f"DocumentReference/{remote_id}"
    server.administer("PUT", path, body=server.administer("GET", path) | elements)


def key_of(document: Json) -> str:
    identifier = document["masterIdentifier"]
    assert isinstance(identifier, dict)
    return str(identifier["value"])


async def test_a_document_as_it_was_left_is_no_finding(
    unit_of_work: UnitOfWork, clients: Clients, server: RunningRecordService, clock: FixedClock
) -> None:
    work, destination, _ = await delivered(unit_of_work, clients, server, clock)
    report = await look(work, destination)
    assert (report.looked_at, dict(report.found), report.answered) == (1, {}, True)
    assert (await look(work, destination)).looked_at == 0


async def test_what_somebody_changed_is_found_and_listed(
    unit_of_work: UnitOfWork, clients: Clients, server: RunningRecordService, clock: FixedClock
) -> None:
    work, destination, remote_id = await delivered(unit_of_work, clients, server, clock)
    change(server, remote_id, content=[{"attachment": {"contentType": "text/plain", "data": "b3RoZXI="}}])
    assert dict((await look(work, destination)).found) == {Finding.CHANGED: 1}
    (listed,) = await unit_of_work.run(queries.deliveries, SYSTEM, limit=10)
    assert (listed.finding, listed.state) == (Finding.CHANGED, DeliveryState.DELIVERED)
    (balance,) = await unit_of_work.run(queries.balances, SYSTEM)
    assert (balance.found, balance.waiting) == (1, 0)


async def test_what_somebody_took_back_and_what_is_there_twice_is_found(
    unit_of_work: UnitOfWork, clients: Clients, server: RunningRecordService, clock: FixedClock
) -> None:
    work, destination, remote_id = await delivered(unit_of_work, clients, server, clock)
    document = server.administer("GET", f"DocumentReference/{remote_id}")
    server.administer("POST", "DocumentReference", body={k: v for k, v in document.items() if k not in ("id", "meta")})
    assert dict((await look(work, destination)).found) == {Finding.DUPLICATE: 1}
    for each in server.documents(system=NOTE_VERSION_SYSTEM, value=key_of(document)):
        change(server, str(each["id"]), status="entered-in-error")
    clock.advance(DAY / 2)
    assert dict((await look(work, destination)).found) == {Finding.RETRACTED: 1}


async def test_what_is_missing_is_sent_again(
    unit_of_work: UnitOfWork, clients: Clients, server: RunningRecordService, clock: FixedClock
) -> None:
    work, destination, remote_id = await delivered(unit_of_work, clients, server, clock)
    server.remove(remote_id)
    assert dict((await look(work, destination)).found) == {Finding.MISSING: 1}
    await Courier().sweep(work)
    (row,) = await unit_of_work.run(rows)
    assert row.state == DeliveryState.DELIVERED
    assert row.remote_id not in (None, remote_id)
    clock.advance(timedelta(hours=1))
    assert dict((await look(work, destination)).found) == {}
    assert await unit_of_work.run(queries.deliveries, SYSTEM, limit=10) == []


async def test_what_we_replaced_and_retracted_is_as_we_left_it(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    records = Everybody()
    destination = Destination(RECORD_SERVICE, US_CORE, records)
    work = Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), clock)
    arranged = await signed_note(unit_of_work)
    await amended_note(unit_of_work, arranged, Relation.REPLACES)
    await retracted_note(unit_of_work, arranged, 2)
    for _ in range(4):
        await Courier().sweep(work)
    clock.advance(timedelta(hours=1))
    report = await look(work, destination)
    assert (report.looked_at, dict(report.found)) == (2, {})


async def test_a_record_service_that_is_away_is_no_finding(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    class Gone(Everybody):
        async def look(self, _: Document) -> Away:
            return Away(503)

    destination = Destination(RECORD_SERVICE, US_CORE, Gone())
    work = Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), clock)
    await signed_note(unit_of_work)
    await Courier().sweep(work)
    clock.advance(timedelta(hours=1))
    report = await look(work, destination)
    assert (report.looked_at, report.answered) == (0, False)


async def test_by_itself_each_document_is_looked_at_once_a_day(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    destination = Destination(RECORD_SERVICE, US_CORE, Everybody())
    work = Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), clock)
    await signed_note(unit_of_work)
    await Courier().sweep(work)
    looked = []
    for _ in range(5):
        clock.advance(timedelta(hours=13))
        looked.append(await look_around(work))
    assert looked == [1, 0, 1, 0, 1]


def test_only_what_stands_counts_as_a_copy() -> None:
    mine, error = Copy("current", True), Copy("entered-in-error", True)
    assert judge(Seen((mine, error)), {"current"}) is None
    assert judge(Seen((mine, mine)), {"current"}) is Finding.DUPLICATE
    assert judge(Seen((error,)), {"current"}) is Finding.RETRACTED
    assert judge(Seen((error,)), {"entered-in-error"}) is None
    assert judge(Seen((Copy("current", False),)), {"current"}) is Finding.CHANGED
    assert judge(Seen(), {"current"}) is Finding.MISSING


@pytest.mark.parametrize(
    ("arrived", "profile", "allowed"),
    [
        ({1}, US_CORE, {"current", "superseded"}),
        ({1, 2}, US_CORE, {"superseded"}),
        ({1, 2}, MILLENNIUM, {"superseded", "current"}),
    ],
)
def test_a_document_may_stand_as_before_until_its_replacement_has_arrived(
    clock: FixedClock, arrived: set[int], profile: Profile, allowed: set[str]
) -> None:
    now = clock.now()
    replaced = Signed(version=2, signed_at=now, relation=Relation.REPLACES, relates_to=1)
    history = [Signed(version=1, signed_at=now), replaced]
    assert expected(1, history, arrived, profile) == allowed

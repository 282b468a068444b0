"""What somebody did in the record after a note had arrived is found, and what is missing comes back by itself."""

from collections.abc import Callable
from dataclasses import replace
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
from telehealth.records.delivery.profiles import US_CORE, Profile
from telehealth.records.delivery.reconciling import Report, look_around, reconcile
from telehealth.records.delivery.rules import (
    NOTE_VERSION_SYSTEM,
    Answer,
    Away,
    DeliveryState,
    Forbidden,
    Identifier,
    Throttled,
    Unauthorized,
    Unresolved,
    Unsure,
)
from telehealth.records.delivery.tasks import Courier
from telehealth.records.notes.amendments import Relation, Signed
from telehealth.tasks.work import Work
from tests.kit.fault_proxy import FaultProxy
from tests.kit.record_admin import Json
from tests.kit.record_service import RunningRecordService
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
    server.remove(f"DocumentReference/{remote_id}")
    assert dict((await look(work, destination)).found) == {Finding.MISSING: 1}
    await Courier().sweep(work)
    (row,) = await unit_of_work.run(rows)
    assert row.state == DeliveryState.DELIVERED
    assert row.remote_id not in (None, remote_id)
    clock.advance(timedelta(hours=1))
    assert dict((await look(work, destination)).found) == {}
    assert await unit_of_work.run(queries.deliveries, SYSTEM, limit=10) == []


async def test_a_search_that_finds_nothing_makes_nothing_missing(
    unit_of_work: UnitOfWork, clients: Clients, server: RunningRecordService, clock: FixedClock, *, proxy: FaultProxy
) -> None:
    work, _, remote_id = await delivered(unit_of_work, clients, server, clock)
    proxy.emptied = "/DocumentReference"
    destination = Destination(RECORD_SERVICE, US_CORE, (await clients.open(proxy.url)).records)
    report = await look(work, destination)
    assert (report.looked_at, dict(report.found)) == (1, {})
    change(server, remote_id, content=[{"attachment": {"contentType": "text/plain", "data": "b3RoZXI="}}])
    clock.advance(DAY / 2)
    assert dict((await look(work, destination)).found) == {Finding.CHANGED: 1}
    server.remove(f"DocumentReference/{remote_id}")
    clock.advance(timedelta(hours=1))
    assert dict((await look(work, destination)).found) == {Finding.MISSING: 1}


async def test_what_is_no_longer_in_force_is_never_sent_again(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    records = Emptied()
    destination = Destination(RECORD_SERVICE, US_CORE, records)
    work = Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), clock)
    replaced, retracted = await signed_note(unit_of_work), await signed_note(unit_of_work)
    await amended_note(unit_of_work, replaced, Relation.REPLACES)
    await retracted_note(unit_of_work, retracted, 1)
    for _ in range(4):
        await Courier().sweep(work)
    clock.advance(timedelta(hours=1))
    report = await look(work, destination)
    assert (report.looked_at, dict(report.found)) == (3, {Finding.MISSING: 2})
    (listed, again) = sorted(
        await unit_of_work.run(queries.deliveries, SYSTEM, limit=10), key=lambda each: each.version
    )
    assert (listed.version, listed.state, listed.finding) == (1, DeliveryState.DELIVERED, Finding.MISSING)
    assert (again.version, again.state) == (2, DeliveryState.PENDING)


class Emptied(Everybody):
    """Somebody deleted everything."""

    async def look(self, _: Document) -> Seen:
        return Seen()


class Odd(Everybody):
    """Answers otherwise for the first document that it is asked for, each time."""

    odd: Callable[[], Answer]
    first: Document | None = None

    async def look(self, document: Document) -> Seen | Answer:
        self.first = self.first or document
        return self.odd() if document.note_id == self.first.note_id else await super().look(document)


def breaks() -> Answer:
    raise KeyError("CANARY")


async def two_notes(unit_of_work: UnitOfWork, clock: FixedClock, odd: Callable[[], Answer]) -> tuple[Work, Destination]:
    records = Odd()
    records.odd = odd
    destination = Destination(RECORD_SERVICE, US_CORE, records)
    work = Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), clock)
    for _ in range(2):
        await signed_note(unit_of_work)
    await Courier().sweep(work)
    clock.advance(timedelta(hours=1))
    return work, destination


async def test_a_patient_who_was_merged_is_found_and_ends_no_round(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    work, destination = await two_notes(unit_of_work, clock, lambda: Unresolved("Patient", 0))
    report = await look(work, destination)
    assert (report.looked_at, dict(report.found), report.answered) == (2, {Finding.CHANGED: 1}, True)
    assert all(row.seen_at == clock.now() for row in await unit_of_work.run(rows))
    assert (await look(work, destination)).looked_at == 0


async def test_one_that_breaks_stops_no_other_and_tells_only_its_id(
    unit_of_work: UnitOfWork, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    work, destination = await two_notes(unit_of_work, clock, breaks)
    report = await look(work, destination)
    assert (report.looked_at, report.passed_over, report.answered) == (1, 1, True)
    assert "cannot be looked at: KeyError" in caplog.text
    assert "CANARY" not in caplog.text
    assert (await look(work, destination)).passed_over == 0


@pytest.mark.parametrize(
    "answer", [Away(), Unsure(), Throttled(), Unauthorized(), Forbidden()], ids=lambda each: type(each).__name__
)
async def test_a_record_service_that_lets_nobody_look_ends_the_round(
    unit_of_work: UnitOfWork, clock: FixedClock, *, answer: Answer
) -> None:
    work, destination = await two_notes(unit_of_work, clock, lambda: answer)
    report = await look(work, destination)
    assert (report.looked_at, report.answered) == (0, False)


class NoProfile(Profile):
    """Cannot even be asked."""

    def __init__(self) -> None:
        """Without any of its fields."""


async def test_a_destination_that_breaks_stops_no_other(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    records = Everybody()
    broken = Destination("broken", NoProfile(), records)
    whole = Destination(RECORD_SERVICE, US_CORE, records)
    await signed_note(unit_of_work, destinations=("broken", RECORD_SERVICE))
    for each in ("broken", RECORD_SERVICE):
        to = Destinations((Destination(each, US_CORE, records),))
        await Courier().sweep(Work(unit_of_work, Ports({Destinations: to}), clock))
    clock.advance(timedelta(hours=1))
    work = Work(unit_of_work, Ports({Destinations: Destinations((broken, whole))}), clock)
    assert await look_around(work) == 1


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
    assert judge(Seen(), {"superseded"}) is Finding.MISSING
    assert judge(Seen(), {"current", "entered-in-error"}) is None


@pytest.mark.parametrize(
    ("arrived", "profile", "allowed"),
    [
        ({1}, US_CORE, {"current", "superseded"}),
        ({1, 2}, US_CORE, {"superseded"}),
        ({1, 2}, replace(US_CORE, needs_supersede_put=False), {"superseded", "current"}),
    ],
)
def test_a_document_may_stand_as_before_until_its_replacement_has_arrived(
    clock: FixedClock, arrived: set[int], profile: Profile, allowed: set[str]
) -> None:
    now = clock.now()
    replaced = Signed(version=2, signed_at=now, relation=Relation.REPLACES, relates_to=1)
    history = [Signed(version=1, signed_at=now), replaced]
    assert expected(1, history, arrived, profile) == allowed

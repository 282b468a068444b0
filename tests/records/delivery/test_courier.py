"""From signature to record: lease, fencing, retries, a sender that is killed in between."""

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.events import Event
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock, SystemClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.charting import queries as charting_read
from telehealth.records.charting.rules import NoteStatus
from telehealth.records.delivery import queries, service
from telehealth.records.delivery.destinations import RECORD_SERVICE, Target
from telehealth.records.delivery.events import NoteDelivered, NoteHeld
from telehealth.records.delivery.fhir_client import open_record_service
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.ports import Destination, Destinations, Document, RecordService
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.delivery.rules import (
    Accepted,
    Answer,
    Away,
    DeliveryState,
    Identifier,
    Rejected,
    Trip,
    Unauthorized,
    Unsure,
    next_step,
)
from telehealth.records.delivery.tasks import SUBSCRIPTIONS, Courier
from telehealth.records.notes.amendments import Relation
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as visit_service
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.record_service import RunningRecordService
from tests.kit.severed import severed
from tests.kit.signed import Everybody, amended_note, retracted_note, signed_note
from tests.records.delivery.conftest import MRN


async def delivery(unit: Unit) -> RecordDeliveryRow:
    return (await unit.session.execute(select(RecordDeliveryRow))).scalar_one()


def work_with(unit_of_work: UnitOfWork, records: RecordService) -> Work:
    destinations = Destinations((Destination(RECORD_SERVICE, US_CORE, records),))
    return Work(unit_of_work, Ports({Destinations: destinations}), unit_of_work.clock)


async def test_a_signed_note_arrives_and_its_author_sees_it(unit_of_work: UnitOfWork, nudged: list[Event]) -> None:
    arranged = await signed_note(unit_of_work)
    records = Everybody()
    assert await Courier().sweep(work_with(unit_of_work, records)) == 1
    assert [document.text.splitlines()[-1] for document in records.kept] == ["CANARY. Rest."]
    assert isinstance(nudged[-1], NoteDelivered)
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)
    assert (note.state, note.in_record) == (NoteStatus.DELIVERED, True)
    assert await unit_of_work.run(queries.note_is_in_record, SYSTEM, arranged.visit_id)
    assert await Courier().sweep(work_with(unit_of_work, records)) == 0


@dataclass
class OneWaits(Everybody):
    """Whoever comes first waits until so many others have arrived."""

    others: int = 0
    first: bool = True
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, document: Document, *, search_first: bool) -> Answer:
        if self.first:
            self.first = False
            await self.enough.wait()
        answer = await super().deliver(document, search_first=search_first)
        if len(self.kept) == self.others:
            self.enough.set()
        return answer


async def test_who_waits_for_an_answer_keeps_one_place_and_not_all(unit_of_work: UnitOfWork) -> None:
    for _ in range(4):
        await signed_note(unit_of_work)
    records = OneWaits(others=3)
    async with asyncio.timeout(60):
        assert await Courier(batch=2).sweep(work_with(unit_of_work, records)) == 4
    assert len(records.kept) == 4


async def test_while_the_record_service_is_away_the_note_waits(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    arranged = await signed_note(unit_of_work)
    courier = Courier()
    for _ in range(10):
        await courier.sweep(work_with(unit_of_work, Everybody(before=lambda _: Away())))
        clock.advance(timedelta(minutes=16))
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)
    assert note.state is NoteStatus.WAITING
    records = Everybody()
    await courier.sweep(work_with(unit_of_work, records))
    assert len(records.kept) == 1


async def test_a_lost_answer_is_looked_up_and_not_repeated(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    await signed_note(unit_of_work)
    records = Everybody(after=lambda _: Unsure(500))
    await Courier().sweep(work_with(unit_of_work, records))
    row = await unit_of_work.run(delivery)
    assert (row.state, row.first_ambiguous_at, row.last_status) == (DeliveryState.VERIFYING, clock.now(), 500)
    clock.advance(timedelta(seconds=5))
    await Courier().sweep(work_with(unit_of_work, records))
    assert (await unit_of_work.run(delivery)).state == DeliveryState.DELIVERED
    assert len(records.kept) == 1


async def test_what_may_have_arrived_keeps_its_time_whoever_is_in_a_hurry(unit_of_work: UnitOfWork) -> None:
    await signed_note(unit_of_work)
    await Courier().sweep(work_with(unit_of_work, Everybody(after=lambda _: Unsure(500))))
    before = await unit_of_work.run(delivery)
    await unit_of_work.run(service.redrive, SYSTEM, before.id)
    row = await unit_of_work.run(delivery)
    assert (row.state, row.next_attempt_at) == (DeliveryState.VERIFYING, before.next_attempt_at)


async def test_what_never_left_is_sent_at_once_when_somebody_asks(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    await signed_note(unit_of_work)
    await Courier().sweep(work_with(unit_of_work, Everybody(before=lambda _: Away(503, timedelta(minutes=5)))))
    await unit_of_work.run(service.redrive, SYSTEM, (await unit_of_work.run(delivery)).id)
    assert (await unit_of_work.run(delivery)).next_attempt_at == clock.now()


async def test_the_author_sees_what_an_addendum_waits_for(unit_of_work: UnitOfWork) -> None:
    arranged = await signed_note(unit_of_work)
    await Courier().sweep(work_with(unit_of_work, Everybody(before=lambda _: Rejected(422))))
    await amended_note(unit_of_work, arranged, Relation.APPENDS)
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)
    assert (note.state, note.in_record) == (NoteStatus.DEAD, False)


async def test_a_rejection_is_kept_rings_without_words_and_can_be_sent_again(
    unit_of_work: UnitOfWork, nudged: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    await signed_note(unit_of_work)
    await Courier().sweep(work_with(unit_of_work, Everybody(before=lambda _: Rejected(422, ("business-rule",)))))
    row = await unit_of_work.run(delivery)
    assert (row.state, row.codes) == (DeliveryState.DEAD, "business-rule")
    assert isinstance(nudged[-1], NoteHeld)
    assert "record-rejected, status 422, codes business-rule" in caplog.text
    assert "CANARY" not in caplog.text
    await unit_of_work.run(service.redrive, SYSTEM, row.id)
    assert await Courier().sweep(work_with(unit_of_work, Everybody())) == 1


async def test_an_unknown_patient_is_left_to_a_person(unit_of_work: UnitOfWork) -> None:
    arranged = await signed_note(unit_of_work)
    await Courier().sweep(work_with(unit_of_work, MemoryRecordService()))
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)
    assert note.state is NoteStatus.HELD


async def test_many_couriers_carry_each_note_once(unit_of_work: UnitOfWork) -> None:
    for _ in range(6):
        await signed_note(unit_of_work)
    records = Everybody()
    work = work_with(unit_of_work, records)
    settled = await asyncio.gather(*(Courier().sweep(work) for _ in range(4)))
    assert sum(settled) == 6
    assert len({document.note_id for document in records.kept}) == len(records.kept) == 6


async def test_a_sender_that_lost_its_lease_settles_nothing(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    await signed_note(unit_of_work)
    (slow,) = await unit_of_work.run(service.claim_deliveries, SYSTEM, RECORD_SERVICE, limit=1)
    assert not slow.trip.search_first
    assert await unit_of_work.run(service.claim_deliveries, SYSTEM, RECORD_SERVICE, limit=1) == []
    clock.advance(service.LEASE)
    (fast,) = await unit_of_work.run(service.claim_deliveries, SYSTEM, RECORD_SERVICE, limit=1)
    assert fast.trip.search_first  # nobody knows how far the first sender came
    step = next_step(Trip(1, clock.now()), Accepted("1", "1"), now=clock.now(), jitter=0)
    assert not await unit_of_work.run(service.settle_delivery, SYSTEM, slow, step)
    assert (await unit_of_work.run(delivery)).state == DeliveryState.SENDING
    assert await unit_of_work.run(service.settle_delivery, SYSTEM, fast, step)


async def test_an_open_breaker_spares_the_record_service(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    for _ in range(6):
        await signed_note(unit_of_work)
    tries: list[Document] = []

    def away(document: Document) -> Away:
        tries.append(document)
        return Away(503)

    records = Everybody(before=away)
    courier = Courier()
    await courier.sweep(work_with(unit_of_work, records))
    assert len(tries) == 6
    clock.advance(timedelta(seconds=30))
    await courier.sweep(work_with(unit_of_work, records))
    assert len(tries) == 6
    clock.advance(timedelta(seconds=31))
    await courier.sweep(work_with(unit_of_work, records))
    assert len(tries) == 7


async def test_workers_share_a_breaker_and_ring_once_for_a_refused_key(
    unit_of_work: UnitOfWork, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(6):
        await signed_note(unit_of_work)
    tries: list[Document] = []

    def refused(document: Document) -> Unauthorized:
        tries.append(document)
        return Unauthorized()

    work = work_with(unit_of_work, Everybody(before=refused))
    first, second = Courier(batch=3), Courier(batch=3)
    await first.sweep(work)
    await second.sweep(work)
    assert len(tries) == 3
    clock.advance(timedelta(seconds=61))
    await asyncio.gather(first.sweep(work), second.sweep(work))
    assert len(tries) == 4
    assert caplog.text.count("record-credential-refused") == 1


async def test_what_was_put_off_goes_when_the_record_service_is_back(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    for _ in range(5):
        await signed_note(unit_of_work)
    away = work_with(unit_of_work, Everybody(before=lambda _: Away(503, timedelta(hours=2))))
    await Courier().sweep(away)
    await signed_note(unit_of_work)
    clock.advance(timedelta(seconds=61))
    records = Everybody()
    back = work_with(unit_of_work, records)
    for _ in range(2):
        await Courier().sweep(back)
        clock.advance(US_CORE.index_lag)
    assert len(records.kept) == 6


async def test_a_sweep_goes_on_while_something_is_due(unit_of_work: UnitOfWork) -> None:
    for _ in range(5):
        await signed_note(unit_of_work)
    assert await Courier(batch=2).sweep(work_with(unit_of_work, Everybody())) == 5


async def test_all_workers_draw_on_one_rate(unit_of_work: UnitOfWork) -> None:
    for _ in range(4):
        await signed_note(unit_of_work)
    records = Everybody()
    slow = Destinations((Destination(RECORD_SERVICE, replace(US_CORE, rate=3.0), records),))
    work = Work(unit_of_work, Ports({Destinations: slow}), unit_of_work.clock)
    assert [await Courier().sweep(work), await Courier().sweep(work)] == [3, 0]


async def test_a_database_that_fails_one_settlement_leaves_nobody_half_way(
    unit_of_work: UnitOfWork, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await signed_note(unit_of_work)
    work = work_with(unit_of_work, Everybody())
    with severed(unit_of_work, lambda statement: "remote_id=" in statement):
        assert await Courier().sweep(work) == 2
    assert "cannot be settled" in caplog.text
    clock.advance(service.LEASE)
    assert await Courier().sweep(work) == 1


@pytest.mark.parametrize("note_first", [True, False])
async def test_a_visit_is_complete_when_it_has_ended_and_its_note_has_arrived(
    unit_of_work: UnitOfWork, *, note_first: bool
) -> None:
    arranged = await signed_note(unit_of_work)
    work, relay = work_with(unit_of_work, Everybody()), Relay(SUBSCRIPTIONS)

    async def deliver() -> None:
        await Courier().sweep(work)

    async def end() -> None:
        await unit_of_work.run(visit_service.end, arranged.clinician, arranged.visit_id)

    for step in (deliver, end) if note_first else (end, deliver):
        assert (await unit_of_work.run(visits.find, SYSTEM, arranged.visit_id)).status is not VisitStatus.COMPLETED
        await step()
        await relay.sweep(work)
    assert (await unit_of_work.run(visits.find, SYSTEM, arranged.visit_id)).status is VisitStatus.COMPLETED


async def test_a_visit_whose_note_was_retracted_is_complete_only_with_another(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    arranged = await signed_note(unit_of_work)
    await retracted_note(unit_of_work, arranged, 1)
    work, relay = work_with(unit_of_work, Everybody()), Relay(SUBSCRIPTIONS)
    await unit_of_work.run(visit_service.end, arranged.clinician, arranged.visit_id)

    async def status_once_delivered() -> VisitStatus:
        for _ in range(2):
            await Courier().sweep(work)
            clock.advance(timedelta(seconds=5))
        await relay.sweep(work)
        assert (await unit_of_work.run(queries.balances, SYSTEM))[0].waiting == 0
        return (await unit_of_work.run(visits.find, SYSTEM, arranged.visit_id)).status

    assert await status_once_delivered() is VisitStatus.ENDED
    await amended_note(unit_of_work, arranged, None)
    assert await status_once_delivered() is VisitStatus.COMPLETED


@pytest.mark.parametrize("place", ["records.claimed", "records.sent"])
async def test_a_sender_killed_around_the_delivery_leaves_exactly_one_document(
    unit_of_work: UnitOfWork, database: str, clock: FixedClock, server: RunningRecordService, *, place: str
) -> None:
    patient = Identifier(MRN, str(uuid4()))
    reference = server.add_patient(system=patient.system, value=patient.value)
    await signed_note(unit_of_work, patient)
    given = {
        "database": database,
        "base_url": server.base_url,
        "client_id": server.client_id,
        "private_key": json.dumps(dict(server.private_key)),
        "now": clock.now().isoformat(),
    }
    argv = [sys.executable, "-m", "tests.kit.dying_courier", place]
    died = await asyncio.to_thread(
        subprocess.run, argv, input=json.dumps(given), text=True, capture_output=True, timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    there = documents_of(server, reference)
    assert len(there) == (1 if place == "records.sent" else 0)
    assert (await unit_of_work.run(delivery)).state == DeliveryState.SENDING

    clock.advance(service.LEASE)
    target = Target(
        name=RECORD_SERVICE, url=server.base_url, client_id=server.client_id, private_key=given["private_key"]
    )
    async with open_record_service(target, SystemClock()) as records:
        assert await Courier().sweep(work_with(unit_of_work, records)) == 1
    row = await unit_of_work.run(delivery)
    assert row.state == DeliveryState.DELIVERED
    assert [document["id"] for document in documents_of(server, reference)] == [row.remote_id]


def documents_of(server: RunningRecordService, patient: str) -> list[dict[str, object]]:
    bundle = server.administer("GET", "DocumentReference", query={"subject": patient})
    entries = bundle.get("entry", [])
    assert isinstance(entries, list)
    return [entry["resource"] for entry in entries]

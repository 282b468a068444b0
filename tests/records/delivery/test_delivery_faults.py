"""One document each, whatever the network and the record service do: deliveries through a proxy that injects faults."""

import logging
import random
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from telehealth.core.time import FixedClock
from telehealth.records.delivery.ports import Document, RecordService
from telehealth.records.delivery.rules import (
    Accepted,
    Answer,
    Away,
    DeliveryState,
    Identifier,
    Rejected,
    Step,
    Throttled,
    Trip,
    Unauthorized,
    Unsure,
    next_step,
)
from tests.kit.fault_proxy import Fault, FaultProxy, at_random, on_creates
from tests.kit.notes import SIGNED_AT, a_document
from tests.kit.record_service import RunningRecordService
from tests.records.delivery.conftest import Clients, Count

FAULTS = (Fault.COMMIT_THEN_CUT, Fault.COMMIT_THEN_500, Fault.UNAVAILABLE, Fault.THROTTLED)


@dataclass(slots=True)
class Courier:
    """Carries documents as the worker does, with a clock that jumps to each next attempt."""

    service: RecordService
    careful: bool = True
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    async def carry(self, document: Document) -> Step:
        clock, trip = FixedClock(SIGNED_AT), Trip(1, SIGNED_AT)
        while True:
            answer = await self.service.deliver(document, search_first=self.careful and trip.search_first)
            step = next_step(trip, answer, now=clock.now(), jitter=self.dice.random())
            if step.next_attempt_at is None:
                return step
            clock.advance(step.next_attempt_at - clock.now())
            trip = Trip(trip.attempt + 1, SIGNED_AT, step.first_ambiguous_at)


async def delivered_copies(
    clients: Clients, proxy: FaultProxy, count: Count, patient: Identifier, *, notes: int, careful: bool = True
) -> list[int]:
    client = await clients.open(proxy.url)
    courier = Courier(client.records, careful)
    documents = [a_document(patient) for _ in range(notes)]
    for document in documents:
        assert (await courier.carry(document)).state is DeliveryState.DELIVERED
    return [count(document.identifiers.version) for document in documents]


@pytest.mark.parametrize("ignored", [frozenset[str](), frozenset({"if-none-exist"})], ids=["kept", "ignored"])
@pytest.mark.parametrize("notes", [25, pytest.param(100, marks=pytest.mark.soak)])
async def test_each_note_is_there_once_with_30_percent_faults(
    clients: Clients, proxy: FaultProxy, count: Count, patient: Identifier, *, ignored: frozenset[str], notes: int
) -> None:
    proxy.stripped = ignored
    proxy.plan = at_random(7, 0.3, FAULTS)
    assert await delivered_copies(clients, proxy, count, patient, notes=notes) == [1] * notes
    injected = [fault for _, _, fault in proxy.seen if fault is not None]
    assert len(injected) >= notes // 10


async def test_without_the_search_a_server_that_ignores_conditions_gets_copies(
    clients: Clients, proxy: FaultProxy, count: Count, patient: Identifier
) -> None:
    """The sabotage: shows that the test above can fail."""
    proxy.stripped = frozenset({"if-none-exist"})
    proxy.plan = on_creates([Fault.COMMIT_THEN_CUT])
    assert await delivered_copies(clients, proxy, count, patient, notes=1, careful=False) == [2]


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Fault.COMMIT_THEN_CUT, Unsure()),
        (Fault.COMMIT_THEN_500, Unsure(500)),
        (Fault.COMMIT_THEN_HANG, Unsure()),
        (Fault.UNAVAILABLE, Unsure(503, timedelta())),
        (Fault.THROTTLED, Throttled(timedelta())),
        (Fault.UNPROCESSABLE, Rejected(422, ("business-rule",))),
    ],
)
async def test_each_fault_has_its_answer(
    clients: Clients, proxy: FaultProxy, patient: Identifier, *, fault: Fault, answer: Answer
) -> None:
    proxy.plan = on_creates([fault])
    client = await clients.open(proxy.url)
    assert await client.records.deliver(a_document(patient), search_first=False) == answer


async def test_after_a_cut_the_copy_that_arrived_is_adopted_and_nothing_is_sent(
    clients: Clients, proxy: FaultProxy, count: Count, patient: Identifier
) -> None:
    proxy.plan = on_creates([Fault.COMMIT_THEN_CUT])
    client = await clients.open(proxy.url)
    document = a_document(patient)
    assert await client.records.deliver(document, search_first=False) == Unsure()
    assert isinstance(await client.records.deliver(document, search_first=True), Accepted)
    creates = [path for method, path, _ in proxy.seen if (method, path) == ("POST", "/fhir/DocumentReference")]
    assert (len(creates), count(document.identifiers.version)) == (1, 1)


async def test_one_401_costs_a_new_token_and_nothing_else(
    clients: Clients, proxy: FaultProxy, count: Count, patient: Identifier
) -> None:
    proxy.plan = on_creates([Fault.UNAUTHORIZED])
    client = await clients.open(proxy.url)
    before = await client.credential.token()
    document = a_document(patient)
    assert isinstance(await client.records.deliver(document, search_first=False), Accepted)
    assert await client.credential.token() != before
    assert count(document.identifiers.version) == 1


async def test_a_second_401_is_the_end_of_the_try(clients: Clients, proxy: FaultProxy, patient: Identifier) -> None:
    proxy.plan = on_creates([Fault.UNAUTHORIZED] * 2)
    client = await clients.open(proxy.url)
    assert await client.records.deliver(a_document(patient), search_first=False) == Unauthorized()


async def test_the_words_of_a_rejection_stay_outside_the_logs(
    clients: Clients, proxy: FaultProxy, patient: Identifier, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.plan = on_creates([Fault.UNPROCESSABLE])
    client = await clients.open(proxy.url)
    with caplog.at_level(logging.INFO):
        step = await Courier(client.records).carry(a_document(patient, text="CANARY words\n"))
    assert (step.state, step.codes) == (DeliveryState.DEAD, ("business-rule",))
    assert "CANARY" not in caplog.text
    assert patient.value not in caplog.text


async def test_a_stopped_record_service_is_away_and_gets_the_note_when_it_is_back(
    clients: Clients, server: RunningRecordService, count: Count, patient: Identifier
) -> None:
    client = await clients.open()
    document = a_document(patient)
    server.stop()
    try:
        assert await client.records.deliver(document, search_first=False) == Away()
    finally:
        server.start()
    assert isinstance(await client.records.deliver(document, search_first=False), Accepted)
    assert count(document.identifiers.version) == 1

"""Nothing lost, nothing twice, versions in their order: each profile, 30 % of all calls hit by a fault.

The whole, 500 notes for each profile, with If-None-Exist honoured and ignored:
`python -m pytest tests/records/delivery/test_fault_matrix.py -m soak -n 0`.

`FAULT_MATRIX_NOTES=50` before it sends fewer. `FAULT_MATRIX_STALL=20` lets whatever says nothing say so for twenty
seconds, under the deadlines of the running house in place of short ones.
"""

import asyncio
import base64
import os
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.profiles import PROFILES, US_CORE, Profile
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, VISIT_SYSTEM, DeliveryState, Identifier
from telehealth.records.delivery.tasks import Courier
from telehealth.records.notes.amendments import Relation
from telehealth.tasks.outbound import DEADLINE
from telehealth.tasks.work import Work
from tests.kit.fault_proxy import ALL_FOR_A_WHILE, FaultProxy, anywhere_at_random
from tests.kit.record_admin import Json
from tests.kit.record_service import RunningRecordService
from tests.kit.signed import MRN, amended_note, signed_note
from tests.kit.tell import tell
from tests.kit.visits import Arranged
from tests.records.delivery.conftest import Clients

IN_FLIGHT, SHARE = 8, 0.3
NOTES, STALL = int(os.environ.get("FAULT_MATRIX_NOTES", "500")), float(os.environ.get("FAULT_MATRIX_STALL", "0"))
MANY = 50  # so many notes meet every fault
FORGOTTEN = frozenset({"identifier", "masterIdentifier", "relatesTo"})
VIRTUAL = {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"}}


@dataclass(frozen=True, slots=True)
class Written:
    """A note of a patient of its own; every fifth has an addendum."""

    patient: str
    arranged: Arranged
    versions: int


async def write(unit_of_work: UnitOfWork, server: RunningRecordService, number: int) -> Written:
    patient = Identifier(MRN, str(uuid4()))
    reference = await asyncio.to_thread(server.add_patient, system=patient.system, value=patient.value)
    arranged = await signed_note(unit_of_work, patient)
    if number % 5 == 0:
        await amended_note(unit_of_work, arranged, Relation.APPENDS)
    return Written(reference, arranged, 2 if number % 5 == 0 else 1)


def make_true(server: RunningRecordService, proxy: FaultProxy, profile: Profile, written: list[Written]) -> None:
    """A record service that forgets and demands what the profile says."""
    if profile.identifier_supported:
        return
    proxy.dropped, proxy.stripped = FORGOTTEN, proxy.stripped | {"if-none-exist"}
    for each in written:
        server.add("Encounter", system=VISIT_SYSTEM, value=str(each.arranged.visit_id), status="finished", **VIRTUAL)
    for clinician in {str(each.arranged.clinician.person_id) for each in written}:
        server.add("Practitioner", system=CLINICIAN_SYSTEM, value=clinician)


async def under_way(unit: Unit) -> dict[str, int]:
    query = select(RecordDeliveryRow.state, func.count()).group_by(RecordDeliveryRow.state)
    return {state: number for state, number in await unit.session.execute(query)}  # noqa: C416 -- rows, typed as pairs


def documents_of(server: RunningRecordService, patient: str) -> list[Json]:
    """In the order in which the record got them."""
    entries = server.administer("GET", "DocumentReference", query={"subject": patient, "_count": "50"}).get("entry", [])
    assert isinstance(entries, list)
    return sorted((each["resource"] for each in entries), key=lambda each: each["meta"]["lastUpdated"])


def words_of(resource: Json) -> str:
    content = resource["content"]
    assert isinstance(content, list)
    return base64.b64decode(content[0]["attachment"]["data"]).decode()


async def deliver_all(work: Work, clock: FixedClock) -> int:
    """Sweeps until everything is settled; answers how many it took."""
    courier = Courier(IN_FLIGHT)
    for sweeps in range(1, 4_000):
        await courier.sweep(work)
        left = await work.run(under_way)
        if not set(left) - {DeliveryState.DELIVERED}:
            return sweeps
        assert not set(left) & {DeliveryState.HELD, DeliveryState.DEAD}, left
        clock.advance(timedelta(seconds=65))
    raise AssertionError("not settled")


async def run(
    clients: Clients, proxy: FaultProxy, unit_of_work: UnitOfWork, profile: Profile, *, notes: int
) -> tuple[Counter[str], Counter[str]]:
    """What became of each note, and which faults were met."""
    clock = unit_of_work.clock
    assert isinstance(clock, FixedClock)
    written = [await write(unit_of_work, clients.server, number) for number in range(notes)]
    await asyncio.to_thread(make_true, clients.server, proxy, profile, written)
    proxy.stall = STALL or proxy.stall
    deadline = DEADLINE if STALL else 0.7 if notes > 5 else 0.3
    records = (await clients.open(proxy.url, profile=profile, deadline=deadline)).records
    destinations = Destinations((Destination(RECORD_SERVICE, profile, records),))
    proxy.plan = anywhere_at_random(11, SHARE, ALL_FOR_A_WHILE)
    await deliver_all(Work(unit_of_work, Ports({Destinations: destinations}), clock), clock)
    return await asyncio.to_thread(verdicts, clients.server, written), met(proxy)


def verdicts(server: RunningRecordService, written: list[Written]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in written:
        words = [words_of(resource) for resource in documents_of(server, each.patient)]
        found["lost"] += max(0, each.versions - len(set(words)))
        found["duplicated"] += len(words) - len(set(words))
        found["out of order"] += ["addendum" in text.splitlines()[0] for text in words] != [False, True][
            : each.versions
        ]
    found["notes"] = len(written)
    return found


def met(proxy: FaultProxy) -> Counter[str]:
    return Counter(fault.name for _, _, fault in proxy.seen if fault is not None)


CLEAN = {"lost": 0, "duplicated": 0, "out of order": 0}


HONOURED, IGNORED = frozenset[str](), frozenset({"if-none-exist"})
WHOLE = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("profile", "notes", "ignored"),
    [
        pytest.param(US_CORE, 5, IGNORED, id="short"),
        *(pytest.param(each, NOTES, HONOURED, marks=WHOLE, id=f"{name}-honoured") for name, each in PROFILES.items()),
        *(pytest.param(each, NOTES, IGNORED, marks=WHOLE, id=f"{name}-ignored") for name, each in PROFILES.items()),
    ],
)
async def test_nothing_is_lost_or_twice_and_versions_keep_their_order(
    clients: Clients,
    proxy: FaultProxy,
    unit_of_work: UnitOfWork,
    request: pytest.FixtureRequest,
    *,
    profile: Profile,
    notes: int,
    ignored: frozenset[str],
) -> None:
    proxy.stripped = ignored
    found, faults = await run(clients, proxy, unit_of_work, profile, notes=notes)
    tell(request.config, f"{request.node.name}: {dict(found)}, {len(proxy.seen)} calls, faults {dict(faults)}")
    assert found == CLEAN | {"notes": notes}
    assert notes < MANY or faults.total() > SHARE / 2 * len(proxy.seen)
    assert notes < MANY or set(faults) == {each.name for each in ALL_FOR_A_WHILE}

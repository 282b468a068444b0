"""Several destinations at once: each with its own rows, breaker, bucket and order."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.charting import queries as charting
from telehealth.records.charting.rules import NoteStatus
from telehealth.records.delivery.destinations import parse_targets
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.ports import Destination, Destinations, Document
from telehealth.records.delivery.profiles import MILLENNIUM, PROFILES, US_CORE
from telehealth.records.delivery.rules import Away, DeliveryState, Unauthorized
from telehealth.records.delivery.tasks import Courier
from telehealth.records.notes.amendments import Relation
from telehealth.tasks.work import Work
from tests.kit.signed import Everybody, amended_note, signed_note

NAMES = ("north", "south")


def work_with(unit_of_work: UnitOfWork, *services: Everybody) -> Work:
    each = tuple(Destination(name, US_CORE, service) for name, service in zip(NAMES, services, strict=True))
    return Work(unit_of_work, Ports({Destinations: Destinations(each)}), unit_of_work.clock)


async def states(unit: Unit) -> dict[str, DeliveryState]:
    query = select(RecordDeliveryRow.destination, RecordDeliveryRow.state)
    return {name: DeliveryState(state) for name, state in await unit.session.execute(query)}


async def test_a_note_is_in_the_record_when_every_destination_has_it(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    arranged = await signed_note(unit_of_work, destinations=NAMES)
    north, south = Everybody(), Everybody(before=lambda _: Away())
    await Courier().sweep(work_with(unit_of_work, north, south))
    assert (len(north.kept), len(south.kept)) == (1, 0)
    assert await unit_of_work.run(states) == {"north": DeliveryState.DELIVERED, "south": DeliveryState.PENDING}
    note = await unit_of_work.run(charting.open_note, arranged.clinician, arranged.visit_id)
    assert note.state is NoteStatus.WAITING
    summary = (await unit_of_work.run(charting.summary, SYSTEM, arranged.visit_id)).text
    assert not summary.in_record

    clock.advance(timedelta(minutes=1))
    south.before = lambda _: None
    await Courier().sweep(work_with(unit_of_work, north, south))
    assert (len(north.kept), len(south.kept)) == (1, 1)
    note = await unit_of_work.run(charting.open_note, arranged.clinician, arranged.visit_id)
    assert note.state is NoteStatus.DELIVERED
    assert (await unit_of_work.run(charting.summary, SYSTEM, arranged.visit_id)).text.in_record


async def test_a_destination_that_is_down_keeps_no_other_waiting(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    for _ in range(6):
        await signed_note(unit_of_work, destinations=NAMES)
    tries: list[Document] = []

    def away(document: Document) -> Away:
        tries.append(document)
        return Away(503)

    north, courier = Everybody(), Courier()
    work = work_with(unit_of_work, north, Everybody(before=away))
    await courier.sweep(work)
    clock.advance(timedelta(seconds=30))
    await signed_note(unit_of_work, destinations=NAMES)
    await courier.sweep(work)
    assert (len(north.kept), len(tries)) == (7, 6)


async def test_a_version_waits_for_the_one_before_it_at_the_same_destination(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    arranged = await signed_note(unit_of_work, destinations=NAMES)
    north, south = Everybody(), Everybody(before=lambda _: Away())
    await Courier().sweep(work_with(unit_of_work, north, south))
    await amended_note(unit_of_work, arranged, Relation.APPENDS, destinations=NAMES)
    await Courier().sweep(work_with(unit_of_work, north, south))
    assert [document.version for document in north.kept] == [1, 2]

    south.before = lambda _: None
    for _ in range(3):
        clock.advance(timedelta(minutes=1))
        await Courier().sweep(work_with(unit_of_work, north, south))
    assert [document.version for document in south.kept] == [1, 2]


async def test_a_slow_destination_gets_no_more_a_second_than_it_can_take(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    for _ in range(5):
        await signed_note(unit_of_work, destinations=("slow",))
    slow, courier = Everybody(), Courier()
    profile = replace(US_CORE, rate=2.0)
    ports = Ports({Destinations: Destinations((Destination("slow", profile, slow),))})
    work, counts = Work(unit_of_work, ports, clock), []
    for _ in range(4):
        await courier.sweep(work)
        await courier.sweep(work)
        counts.append(len(slow.kept))
        clock.advance(timedelta(seconds=1))
    assert counts == [2, 4, 5, 5]


async def test_a_refused_credential_rings_once_and_not_for_each_note(
    unit_of_work: UnitOfWork, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(6):
        await signed_note(unit_of_work, destinations=("north",))
    refusing, courier = Everybody(before=lambda _: Unauthorized()), Courier()
    ports = Ports({Destinations: Destinations((Destination("north", US_CORE, refusing),))})
    for _ in range(10):
        await courier.sweep(Work(unit_of_work, ports, clock))
        clock.advance(timedelta(minutes=16))
    assert caplog.text.count("record-credential-refused") == 1


def test_destinations_are_read_from_the_settings() -> None:
    given = [
        {"name": "north", "url": "https://north.example/fhir/", "client_id": "t"},
        {
            "name": "south",
            "url": "https://south.example/fhir",
            "profile": "millennium-r4",
            "private_key": {"kty": "EC"},
        },
        {"name": "west", "url": "https://west.example/fhir", "profile": "generic-r4", "visits": False},
    ]
    north, south, west = parse_targets(json.dumps(given))
    assert (north.url, north.profile, north.private_key) == ("https://north.example/fhir", US_CORE, None)
    assert (south.profile, south.private_key) == (MILLENNIUM, '{"kty": "EC"}')
    assert "kty" not in repr(south)
    assert (west.profile.of_visits, west.profile.provenance) == ((), True)
    assert west.profile.scopes == "system/DocumentReference.crus system/Patient.rs system/Provenance.c"


def test_a_note_that_links_to_what_is_there_still_reads_it_where_nothing_of_visits_is_written() -> None:
    alone = MILLENNIUM.of_notes_alone()
    assert (alone.of_visits, alone.encounter) == ((), MILLENNIUM.encounter)
    assert set(MILLENNIUM.scopes.split()) - set(alone.scopes.split()) == {"system/Appointment.rus"}
    assert US_CORE.of_notes_alone() == US_CORE


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("secret", "a JSON list"),
        ("[]", "at least one"),
        ('["secret"]', "1 is not an object"),
        ('[{"name": "a"}]', "1 needs a url"),
        ('[{"name": "a", "url": "u", "visits": "no"}]', "1 says true or false to visits"),
        ('[{"name": "a", "url": "u", "secret": 1}]', "unknown keys: secret"),
        ('[{"name": "a", "url": "u", "profile": "epic"}]', ", ".join(PROFILES)),
        ('[{"name": "a", "url": "u"}, {"name": "a", "url": "v"}]', "names of their own"),
    ],
)
def test_a_fault_in_the_destinations_is_named(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_targets(text)

"""Addenda, replacements and retractions in a real record: what is there afterwards, whatever broke on the way."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from starlette.requests import Request

from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.profiles import GENERIC, MILLENNIUM, PROFILES, US_CORE, Profile
from telehealth.records.delivery.queries import count_given_up
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, VISIT_SYSTEM, Identifier
from telehealth.records.delivery.tasks import Courier
from telehealth.records.notes.amendments import Relation
from telehealth.tasks.work import Work
from tests.kit.fault_proxy import Fault, FaultProxy
from tests.kit.record_admin import Json
from tests.kit.record_service import RunningRecordService
from tests.kit.signed import MRN, amended_note, retracted_note, signed_note
from tests.kit.visits import Arranged
from tests.records.delivery.conftest import Clients

Shown = tuple[str, str, list[tuple[str, str]]]


class Way:
    """From a patient of the record service to what the record shows of their notes."""

    def __init__(self, unit_of_work: UnitOfWork, server: RunningRecordService, work: Work, clock: FixedClock) -> None:
        self.unit_of_work, self.server, self.work, self.clock = unit_of_work, server, work, clock
        self.patient = Identifier(MRN, str(uuid4()))
        self.reference = server.add_patient(system=self.patient.system, value=self.patient.value)

    async def sign(self) -> Arranged:
        return await signed_note(self.unit_of_work, self.patient)

    async def deliver(self) -> None:
        """Until nothing is due any more."""
        courier = Courier()
        for _ in range(30):
            await courier.sweep(self.work)
            self.clock.advance(timedelta(minutes=2))

    def shown(self) -> list[Shown]:
        """Status, docStatus and relations of each document, in the order of the versions."""
        resources = sorted(self._there(), key=version_of)
        number = {f"DocumentReference/{each['id']}": version_of(each) for each in resources}
        return [shown_of(each, number) for each in resources]

    def statuses(self) -> dict[str, str]:
        """By id, whether or not the documents kept their identifiers."""
        return {str(each["id"]): str(each["status"]) for each in self._there()}

    def ids(self) -> list[str]:
        return [str(each["id"]) for each in self._there()]

    def _there(self) -> list[Json]:
        query = {"subject": self.reference, "_count": "50"}
        found = self.server.administer("GET", "DocumentReference", query=query).get("entry", [])
        assert isinstance(found, list)
        return [each["resource"] for each in found]


def version_of(resource: Json) -> str:
    identifiers = resource["identifier"]
    assert isinstance(identifiers, list)
    return str(identifiers[0]["value"]).rpartition("-")[2]


def shown_of(resource: Json, number: dict[str, str]) -> Shown:
    relations = resource.get("relatesTo", [])
    assert isinstance(relations, list)
    return (
        str(resource["status"]),
        str(resource["docStatus"]),
        [(each["code"], number[each["target"]["reference"]]) for each in relations],
    )


@pytest.fixture
async def way_for(
    unit_of_work: UnitOfWork, clients: Clients, proxy: FaultProxy, clock: FixedClock
) -> Callable[[Profile], Way]:
    profiles = (US_CORE, GENERIC, MILLENNIUM)
    opened = {each: (await clients.open(proxy.url, profile=each)).records for each in profiles}

    def way(profile: Profile) -> Way:
        destination = Destination(RECORD_SERVICE, profile, opened[profile])
        work = Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), clock)
        return Way(unit_of_work, clients.server, work, clock)

    return way


async def test_an_addendum_says_what_it_is_appended_to(way_for: Callable[[Profile], Way]) -> None:
    way = way_for(US_CORE)
    arranged = await way.sign()
    await amended_note(way.unit_of_work, arranged, Relation.APPENDS)
    await way.deliver()
    assert way.shown() == [("current", "final", []), ("current", "final", [("appends", "v1")])]


async def test_a_replacement_supersedes_the_text_and_its_addenda(way_for: Callable[[Profile], Way]) -> None:
    way = way_for(GENERIC)
    arranged = await way.sign()
    await amended_note(way.unit_of_work, arranged, Relation.APPENDS)
    await amended_note(way.unit_of_work, arranged, Relation.REPLACES)
    await way.deliver()
    assert way.shown() == [
        ("superseded", "final", []),
        ("superseded", "final", [("appends", "v1")]),
        ("current", "amended", [("replaces", "v1")]),
    ]
    made = way.server.administer("GET", "Provenance", query={"_count": "100"}).get("entry", [])
    assert isinstance(made, list)
    assert len([each for each in made if each["resource"].get("entity")]) >= 2


async def test_a_retraction_enters_all_of_the_note_in_error(way_for: Callable[[Profile], Way]) -> None:
    way = way_for(US_CORE)
    arranged = await way.sign()
    await amended_note(way.unit_of_work, arranged, Relation.APPENDS)
    await retracted_note(way.unit_of_work, arranged, 1)
    await way.deliver()
    error = ("entered-in-error", "entered-in-error")
    assert [each[:2] for each in way.shown()] == [error, error]


AFTER_PUT = [Fault.COMMIT_THEN_CUT, Fault.COMMIT_THEN_500, Fault.UNAVAILABLE, Fault.THROTTLED, Fault.UNAUTHORIZED]


@pytest.mark.parametrize("fault", AFTER_PUT, ids=lambda each: each.name)
async def test_a_change_that_broke_off_is_done_again_and_nothing_is_there_twice(
    way_for: Callable[[Profile], Way], proxy: FaultProxy, *, fault: Fault
) -> None:
    way, faults = way_for(US_CORE), [fault, None, fault]
    proxy.stripped = frozenset({"if-none-exist"})
    arranged = await way.sign()
    await amended_note(way.unit_of_work, arranged, Relation.REPLACES)
    proxy.plan = lambda request: faults.pop(0) if request.method == "PUT" and faults else None
    await way.deliver()
    assert [each[:2] for each in way.shown()] == [("superseded", "final"), ("current", "amended")]


async def test_what_somebody_else_changed_meanwhile_is_kept(
    way_for: Callable[[Profile], Way], proxy: FaultProxy
) -> None:
    way = way_for(US_CORE)
    arranged = await way.sign()
    await way.deliver()
    await retracted_note(way.unit_of_work, arranged, 1)
    interferences: list[str] = []

    def interfere(request: Request) -> None:
        if request.method == "PUT" and not interferences:
            path = request.url.path.removeprefix("/fhir/")
            resource = way.server.administer("GET", path)
            way.server.administer("PUT", path, body=resource | {"description": "by somebody else"})
            interferences.append(path)

    proxy.plan = interfere
    await way.deliver()
    (path,) = interferences
    resource = way.server.administer("GET", path)
    assert (resource["status"], resource["description"]) == ("entered-in-error", "by somebody else")
    assert [each[0] for each in proxy.seen].count("PUT") == 2


async def test_a_document_that_is_gone_is_left_to_a_person(way_for: Callable[[Profile], Way]) -> None:
    way = way_for(US_CORE)
    arranged = await way.sign()
    await way.deliver()
    way.server.remove(f"DocumentReference/{way.ids()[0]}")
    await retracted_note(way.unit_of_work, arranged, 1)
    await way.deliver()
    assert await way.unit_of_work.run(count_given_up, SYSTEM) == 1


async def test_where_relations_are_dropped_what_was_replaced_is_superseded(
    way_for: Callable[[Profile], Way], proxy: FaultProxy
) -> None:
    way = way_for(MILLENNIUM)
    proxy.stripped = frozenset({"if-none-exist"})
    proxy.dropped = frozenset({"identifier", "masterIdentifier", "relatesTo"})
    arranged = await way.sign()
    virtual = {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"}}
    way.server.add("Practitioner", system=CLINICIAN_SYSTEM, value=str(arranged.clinician.person_id))
    way.server.add("Encounter", system=VISIT_SYSTEM, value=str(arranged.visit_id), status="finished", **virtual)
    await way.deliver()
    (first,) = way.ids()
    await amended_note(way.unit_of_work, arranged, Relation.REPLACES)
    await way.deliver()
    (second,) = set(way.ids()) - {first}
    assert way.statuses() == {first: "superseded", second: "current"}


def test_every_profile_supersedes_by_itself() -> None:
    assert all(each.needs_supersede_put for each in PROFILES.values())

"""The next of the queue becomes a visit: at once, once, in order, and only with whom the patient may be treated by."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from telehealth.access.links import Locked, Mistaken
from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.licensing import Licence
from telehealth.visits.gates.service import make_ready
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.events import VisitBooked
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.rules import DeviceCheck, Visit, VisitStatus
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.guests import Closed
from telehealth.visits.waiting_room import guests, service, standings, waiting
from telehealth.visits.waiting_room.queue import NobodyWaits, QueueEntry
from tests.kit.clinic import BORN, Clinic, add_colleague, open_clinic, register

PLACES = ("US-NY", "US-CA", "US-TX", None)


@dataclass(frozen=True)
class Crowd:
    """Who waits by patient id, and the clinicians with the places they may treat in."""

    waiting: dict[PatientId, QueueEntry]
    clinicians: list[tuple[Actor, frozenset[str]]]


async def gather_crowd(unit: Unit, clinic: Clinic, *, clinicians: int, patients: int) -> Crowd:
    found = {}
    for number in range(patients):
        patient = await register(unit, f"Number{number}")
        here = replace(unit, now=unit.now + timedelta(seconds=number))
        queued = await waiting.enqueue(
            here,
            patient_id=patient.id,
            visit_type_id=clinic.visit_type.id,
            jurisdiction=PLACES[number % 4],
            priority=number % 3 == 0,
        )
        found[patient.id] = queued.standing.entry
    return Crowd(found, [await _clinician(unit, number) for number in range(clinicians)])


async def _clinician(unit: Unit, number: int) -> tuple[Actor, frozenset[str]]:
    known = await people.add_clinician(
        unit, given="Ada", family=f"Number{number}", prefix="Dr.", email=f"{number}@clinic.example", time_zone="UTC"
    )
    places = [place for at, place in enumerate(PLACES) if place and (number + at) % 2]
    for place in places:
        await people.add_licence(unit, Licence(known.id, place))
    return clinician_actor(known.id), frozenset(places)


def clinician_actor(clinician_id: ClinicianId) -> Actor:
    return Actor(clinician_id, Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=clinician_id)


@pytest.mark.parametrize(("clinicians", "patients"), [(20, 48), pytest.param(50, 200, marks=pytest.mark.soak)])
async def test_so_many_clinicians_press_next_on_so_many(
    unit_of_work: UnitOfWork, clock: FixedClock, clinicians: int, patients: int
) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    crowd = await unit_of_work.run(gather_crowd, SYSTEM, clinic, clinicians=clinicians, patients=patients)
    clock.advance(timedelta(minutes=5))
    seen: list[Visit] = []
    while True:
        left = [each.entry for each in await unit_of_work.run(standings.everyone, SYSTEM)]
        pressed = [unit_of_work.run(service.take_next, actor) for actor, _ in crowd.clinicians]
        answers = await asyncio.gather(*pressed, return_exceptions=True)
        taken = [each for each in answers if isinstance(each, Visit)]
        assert all(isinstance(each, Visit | NobodyWaits) for each in answers)
        if not taken:
            break
        in_order_within_reach(crowd, left, taken)
        seen += taken
    assert Counter(each.patient_id for each in seen) == Counter(list(crowd.waiting))
    assert len({each.id for each in seen}) == patients


def in_order_within_reach(crowd: Crowd, line: list[QueueEntry], taken: list[Visit]) -> None:
    """Nobody was taken by who may not treat them; whom somebody passed over, everyone who passed them had to."""
    reach = {actor.person_id: places for actor, places in crowd.clinicians}
    by = {visit.patient_id: reach[visit.clinician_id] for visit in taken}
    for at, entry in enumerate(line):
        if entry.patient_id in by:
            assert entry.jurisdiction is None or entry.jurisdiction in by[entry.patient_id]
            continue
        after = [by[each.patient_id] for each in line[at + 1 :] if each.patient_id in by]
        assert all(entry.jurisdiction is not None and entry.jurisdiction not in places for places in after)


@pytest.fixture
async def clinic(unit_of_work: UnitOfWork) -> Clinic:
    return await unit_of_work.run(open_clinic, SYSTEM)


async def queue(unit_of_work: UnitOfWork, clinic: Clinic) -> waiting.Queued:
    return await unit_of_work.run(
        waiting.enqueue, clinic.front_desk, patient_id=clinic.patient.id, visit_type_id=clinic.visit_type.id
    )


async def test_who_is_on_their_page_has_arrived_with_their_link(
    unit_of_work: UnitOfWork, clinic: Clinic, nudged: list[Event]
) -> None:
    queued = await queue(unit_of_work, clinic)
    secret = await unit_of_work.run(guests.identify, SYSTEM, queued.link_secret, BORN)
    assert isinstance(secret, str)
    visit = await unit_of_work.run(service.take_next, clinic.clinician_actor)
    assert (visit.id, visit.status) == (queued.standing.entry.id, VisitStatus.ARRIVED)
    assert [event.told_by for event in nudged if isinstance(event, VisitBooked)] == [visit.id]
    patient = service.as_patient(Unit(None, SYSTEM, visit.starts_at, None), queued.standing.entry).actor  # type: ignore[arg-type]
    await unit_of_work.run(lifecycle.record_check, patient, visit.id, DeviceCheck.GOOD)
    await unit_of_work.run(make_ready, patient, visit.id)
    admitted = await unit_of_work.run(lifecycle.admit, clinic.clinician_actor, visit.id)
    assert admitted.status is VisitStatus.ADMITTING
    invited = await unit_of_work.run(participants.participants_of, SYSTEM, visit.id)
    assert {each.kind for each in invited} == {ParticipantKind.PATIENT, ParticipantKind.CLINICIAN}


async def test_who_has_not_opened_the_link_is_sent_it(
    unit_of_work: UnitOfWork, clinic: Clinic, nudged: list[Event]
) -> None:
    queued = await queue(unit_of_work, clinic)
    visit = await unit_of_work.run(service.take_next, clinic.clinician_actor)
    assert visit.status is VisitStatus.BOOKED
    assert [event.told_by for event in nudged if isinstance(event, VisitBooked)] == [None]
    assert not isinstance(await unit_of_work.run(guests.identify, SYSTEM, queued.link_secret, BORN), str)


async def test_the_link_asks_for_the_date_of_birth_and_locks_gently(
    unit_of_work: UnitOfWork, clinic: Clinic, clock: FixedClock
) -> None:
    queued = await queue(unit_of_work, clinic)
    link = queued.link_secret
    assert await unit_of_work.run(guests.identify, SYSTEM, "no such link", BORN) == Mistaken(None)
    wrong = BORN + timedelta(days=1)
    answers = [await unit_of_work.run(guests.identify, SYSTEM, link, wrong) for _ in range(6)]
    assert [type(each) for each in answers] == [Mistaken] * 4 + [Locked] * 2
    assert isinstance(await unit_of_work.run(guests.identify, SYSTEM, link, BORN), Locked)
    clock.advance(timedelta(hours=1))
    assert isinstance(await unit_of_work.run(guests.identify, SYSTEM, link, BORN), str)
    assert await unit_of_work.run(waiting.link_of, clinic.front_desk, queued.standing.entry.id) == f"/wait/{link}"
    await unit_of_work.run(waiting.leave, SYSTEM, queued.standing.entry.id)
    assert isinstance(await unit_of_work.run(guests.identify, SYSTEM, link, BORN), Closed)


async def test_a_patient_sees_their_own_place_and_no_other(
    unit_of_work: UnitOfWork, clinic: Clinic, clock: FixedClock
) -> None:
    first = await queue(unit_of_work, clinic)
    clock.advance(timedelta(seconds=1))
    another = await unit_of_work.run(register, SYSTEM, "Luis")
    second = await unit_of_work.run(waiting.enqueue, SYSTEM, patient_id=another.id, visit_type_id=clinic.visit_type.id)
    entry = second.standing.entry
    own = Actor(entry.participant_id, Role.PATIENT, person_id=another.id, visit_id=entry.id)
    assert await unit_of_work.run(standings.places, SYSTEM, [entry.id]) == {entry.id: "2"}
    assert (await unit_of_work.run(standings.standing, own, entry.id)).position == 2
    with pytest.raises(NotFound):
        await unit_of_work.run(standings.standing, own, first.standing.entry.id)
    with pytest.raises(NotFound):
        await unit_of_work.run(standings.everyone, own)
    await unit_of_work.run(waiting.leave, own, entry.id)
    assert await unit_of_work.run(standings.places, SYSTEM, [entry.id]) == {}


async def test_a_visit_of_the_queue_can_be_handed_over(unit_of_work: UnitOfWork, clinic: Clinic) -> None:
    queued = await queue(unit_of_work, clinic)
    await unit_of_work.run(guests.identify, SYSTEM, queued.link_secret, BORN)
    visit = await unit_of_work.run(service.take_next, clinic.clinician_actor)
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    handed = await unit_of_work.run(lifecycle.hand_over, clinic.clinician_actor, visit.id, colleague.id)
    assert (handed.clinician_id, handed.status) == (colleague.id, VisitStatus.ARRIVED)
    luis = await unit_of_work.run(register, SYSTEM, "Luis")
    waits = await unit_of_work.run(waiting.enqueue, SYSTEM, patient_id=luis.id, visit_type_id=clinic.visit_type.id)
    assert waits.standing.estimate is not None  # by who has the visit now

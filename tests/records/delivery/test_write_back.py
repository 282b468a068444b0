"""What happens to a visit reaches the record services that take it, by itself, and is looked after there."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import service as charting
from telehealth.records.delivery import queries, service, write_back
from telehealth.records.delivery.findings import Finding
from telehealth.records.delivery.models import RecordDeliveryRow, VisitToWriteRow
from telehealth.records.delivery.ports import Destination, Destinations, VisitState
from telehealth.records.delivery.profiles import AZURE, GENERIC, MILLENNIUM, US_CORE, ResourceType
from telehealth.records.delivery.reconciling import reconcile
from telehealth.records.delivery.rules import Answer, Away, DeliveryState, Unresolved
from telehealth.records.delivery.tasks import SUBSCRIPTIONS, Courier, forget_untaken
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.events import PatientMissed, VisitCancelled, VisitEnded, VisitEvent, VisitStarted
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.signed import Everybody, drafted_note
from tests.kit.visits import Arranged, arrange_visit

ENCOUNTER, APPOINTMENT = ResourceType.ENCOUNTER, ResourceType.APPOINTMENT
NAME = "clinic"


def work_with(unit_of_work: UnitOfWork, *destinations: Destination) -> Work:
    return Work(unit_of_work, Ports({Destinations: Destinations(destinations)}), unit_of_work.clock)


def generic(records: Everybody) -> Destination:
    return Destination(NAME, GENERIC, records)


async def rows(unit: Unit) -> list[RecordDeliveryRow]:
    found = select(RecordDeliveryRow).where(RecordDeliveryRow.visit_id.is_not(None))
    return list(await unit.session.scalars(found.order_by(RecordDeliveryRow.resource_type)))


async def happen(unit: Unit, arranged: Arranged, status: VisitStatus, event: type[VisitEvent]) -> None:
    """The visit stands so from now on, one revision later."""
    row = await unit.session.get_one(VisitRow, arranged.visit_id)
    row.status, row.revision = status, row.revision + 1
    unit.emit(
        event(visit_id=arranged.visit_id, patient_id=arranged.patient_id, clinician_id=ClinicianId(row.clinician_id))
    )


async def told(work: Work) -> None:
    await Relay(SUBSCRIPTIONS).sweep(work)
    await Courier().sweep(work)


async def test_a_visit_reaches_the_record_as_it_begins_and_as_it_ends(unit_of_work: UnitOfWork) -> None:
    records = Everybody()
    work = work_with(unit_of_work, generic(records))
    arranged = await unit_of_work.run(arrange_visit)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.IN_PROGRESS, VisitStarted)
    await told(work)
    assert [each.written_status for each in records.visits.values()] == ["in-progress"]
    await unit_of_work.run(lifecycle.end, arranged.clinician, arranged.visit_id)
    await told(work)
    assert {kind: each.written_status for (kind, _), each in records.visits.items()} == {
        ENCOUNTER: "finished",
        APPOINTMENT: "fulfilled",
    }
    assert [(each.state, each.remote_id is not None) for each in await unit_of_work.run(rows)] == [
        (DeliveryState.DELIVERED, True)
    ] * 2
    assert await unit_of_work.run(_left) == 0


async def _left(unit: Unit) -> int:
    return len((await unit.session.scalars(select(VisitToWriteRow))).all())


@pytest.mark.parametrize(
    ("status", "event", "written"),
    [
        (VisitStatus.PATIENT_NO_SHOW, PatientMissed, {ENCOUNTER: "cancelled", APPOINTMENT: "noshow"}),
        (VisitStatus.CANCELLED, VisitCancelled, {APPOINTMENT: "cancelled"}),
        (VisitStatus.BOOKED, VisitCancelled, {}),
    ],
)
async def test_a_visit_that_came_to_nothing_is_told_as_that(
    unit_of_work: UnitOfWork, *, status: VisitStatus, event: type[VisitEvent], written: dict[ResourceType, str]
) -> None:
    records = Everybody()
    work = work_with(unit_of_work, generic(records))
    arranged = await unit_of_work.run(arrange_visit, status=VisitStatus.BOOKED)
    await unit_of_work.run(happen, SYSTEM, arranged, status, event)
    await told(work)
    assert {kind: each.written_status for (kind, _), each in records.visits.items()} == written


async def test_each_destination_gets_what_its_profile_takes(unit_of_work: UnitOfWork) -> None:
    north, south, west = Everybody(), Everybody(), Everybody()
    destinations = (
        Destination("north", AZURE, north),
        Destination("south", US_CORE, south),
        Destination("west", MILLENNIUM, west),
    )
    arranged = await unit_of_work.run(arrange_visit)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.ENDED, VisitEnded)
    await told(work_with(unit_of_work, *destinations))
    assert [sorted(kind for kind, _ in each.visits) for each in (north, south, west)] == [
        ["Appointment", "Encounter"],
        [],
        ["Appointment"],
    ]


async def test_what_waits_for_a_record_service_that_takes_visits_no_more_waits_for_nobody(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    north, south = generic(Everybody()), Destination("south", GENERIC, Refusing())
    arranged = await unit_of_work.run(arrange_visit)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.ENDED, VisitEnded)
    await told(work_with(unit_of_work, north, south))
    switched_off = [replace(each, profile=GENERIC.of_notes_alone()) for each in (north, south)]
    assert await forget_untaken(work_with(unit_of_work, north, south)) == 0
    assert await forget_untaken(work_with(unit_of_work, *switched_off)) == 2
    assert [each.destination for each in await unit_of_work.run(rows)] == [NAME, NAME]

    clock.advance(timedelta(days=1))
    work, days = work_with(unit_of_work, *switched_off), timedelta(days=2)
    looked = [
        await reconcile(work, each, since=clock.now() - days, unseen_since=clock.now())
        for each in (switched_off[0], north)
    ]
    assert [each.looked_at for each in looked] == [0, 2]


class Refusing(Everybody):
    async def write(self, visit: VisitState) -> Answer:
        return Unresolved(visit.resource_type, 2)


async def test_what_nobody_may_guess_waits_for_a_person_with_its_reason(unit_of_work: UnitOfWork) -> None:
    work = work_with(unit_of_work, generic(Refusing()))
    arranged = await unit_of_work.run(arrange_visit)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.ENDED, VisitEnded)
    await told(work)
    listed = await unit_of_work.run(queries.deliveries, SYSTEM, limit=10)
    assert {(each.resource_type, each.reason, each.visit_id, each.version) for each in listed} == {
        (ENCOUNTER, "record-encounter-unresolved", arranged.visit_id, 2),
        (APPOINTMENT, "record-appointment-unresolved", arranged.visit_id, 2),
    }
    (balance,) = await unit_of_work.run(queries.balances, SYSTEM)
    assert (balance.held, balance.waiting) == (2, 0)
    for each in listed:
        await unit_of_work.run(service.redrive, SYSTEM, each.id)
    records = Everybody()
    await Courier().sweep(work_with(unit_of_work, generic(records)))
    assert len(records.visits) == 2


async def test_a_visit_that_changes_while_it_is_being_written_is_written_again(unit_of_work: UnitOfWork) -> None:
    arranged = await unit_of_work.run(arrange_visit)

    class Slow(Everybody):
        """While it takes what it was given, the visit ends."""

        async def write(self, visit: VisitState) -> Answer:
            written.append(visit.written_status)
            if visit.status is VisitStatus.IN_PROGRESS:
                await unit_of_work.run(lifecycle.end, arranged.clinician, arranged.visit_id)
                await Relay(SUBSCRIPTIONS).sweep(work)
                await unit_of_work.run(write_back.queue_visits, SYSTEM, {NAME: GENERIC.of_visits})
            return await super().write(visit)

    records = Slow()
    written: list[str] = []
    work = work_with(unit_of_work, generic(records))
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.IN_PROGRESS, VisitStarted)
    for _ in range(2):
        await told(work)
    assert (written[0], sorted(written[1:])) == ("in-progress", ["finished", "fulfilled"])
    assert {each.written_status for each in records.visits.values()} == {"finished", "fulfilled"}
    assert {each.state for each in await unit_of_work.run(rows)} == {DeliveryState.DELIVERED}


async def test_a_failed_change_forgets_nothing_of_where_it_is(unit_of_work: UnitOfWork) -> None:
    records = Everybody()
    arranged = await unit_of_work.run(arrange_visit)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.IN_PROGRESS, VisitStarted)
    await told(work_with(unit_of_work, generic(records)))
    (before,) = await unit_of_work.run(rows)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.ENDED, VisitEnded)
    await told(work_with(unit_of_work, generic(Refusing())))
    encounter = (await unit_of_work.run(rows))[1]
    assert (encounter.state, encounter.remote_id) == (DeliveryState.HELD, before.remote_id)


class NotesAlone(Everybody):
    """A record service that has no Encounters, or has trouble with them, and takes documents."""

    async def write(self, visit: VisitState) -> Answer:
        del visit
        return Away(501)


async def test_what_visits_fail_with_holds_up_no_note(
    unit_of_work: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = NotesAlone()
    work = work_with(unit_of_work, generic(records))
    for _ in range(5):
        arranged = await unit_of_work.run(arrange_visit)
        await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.ENDED, VisitEnded)
    await told(work)
    drafted, tasks = await drafted_note(unit_of_work), CosignatureTasks()
    mine = drafted.clinician, drafted.visit_id
    await unit_of_work.run(charting.sign, *mine, version=1, destinations=[NAME], tasks=tasks)

    async def broken(*_: object) -> int:
        raise LookupError

    monkeypatch.setattr(write_back, "queue_visits", broken)
    await Courier(batch=1).sweep(work)
    assert len(records.kept) == 1


async def test_a_note_names_the_encounter_that_was_written_there(unit_of_work: UnitOfWork) -> None:
    records = Everybody()
    work = work_with(unit_of_work, generic(records))
    arranged = await drafted_note(unit_of_work)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.IN_PROGRESS, VisitStarted)
    await told(work)
    to, tasks = [NAME, "elsewhere"], CosignatureTasks()
    await unit_of_work.run(
        charting.sign, arranged.clinician, arranged.visit_id, version=1, destinations=to, tasks=tasks
    )
    south = Everybody()
    await Courier().sweep(work_with(unit_of_work, generic(records), Destination("elsewhere", GENERIC, south)))
    assert [each.encounter_id for each in records.kept] == [str(arranged.visit_id)]
    assert [each.encounter_id for each in south.kept] == [None]


async def test_what_somebody_removed_there_comes_back_and_what_was_changed_is_found(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    records = Everybody()
    destination = generic(records)
    work = work_with(unit_of_work, destination)
    arranged = await unit_of_work.run(arrange_visit)
    await unit_of_work.run(happen, SYSTEM, arranged, VisitStatus.ENDED, VisitEnded)
    await told(work)
    clock.advance(timedelta(hours=1))
    keys = {kind: key for key in records.visits for kind in [key[0]]}
    del records.visits[keys[ENCOUNTER]]
    records.visits[keys[APPOINTMENT]] = replace(records.visits[keys[APPOINTMENT]], status=VisitStatus.BOOKED)
    now = clock.now()
    report = await reconcile(work, destination, since=now - timedelta(days=1), unseen_since=now)
    assert report.found == {Finding.MISSING: 1, Finding.CHANGED: 1}
    await Courier().sweep(work)
    assert keys[ENCOUNTER] in records.visits

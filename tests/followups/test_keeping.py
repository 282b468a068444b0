"""Repetitions on the patient's clock, tasks that come by themselves or prove needless, and what the sweep costs."""

from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, text, update

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import keeping, queries, service, tasks
from telehealth.followups.models import FollowUpRow
from telehealth.followups.parts import FollowUp, Pool, TaskKind, TaskStatus, Wish
from telehealth.followups.rules import SWITCHES
from telehealth.people.models import PatientRow
from telehealth.scheduling.recurrence.rules import InvalidRecurrence
from telehealth.visits.gates.events import IntakeCompleted
from telehealth.visits.lifecycle.events import PatientMissed, VisitBooked, VisitCorrected, VisitEvent, VisitFailed
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.followups.working import work_of
from tests.kit.staff import NothingAsked
from tests.kit.statements import statements
from tests.kit.visits import Arranged, arrange_visit

NEW_YORK = ZoneInfo("America/New_York")
Happening = TypeVar("Happening", bound=VisitEvent)


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.mark.parametrize("begins", [datetime(2026, 3, 4, 13, tzinfo=UTC), datetime(2026, 10, 28, 12, tzinfo=UTC)])
async def test_a_daily_task_keeps_the_patients_time_of_day_across_a_clock_change(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged, begins: datetime
) -> None:
    clock.advance(begins - clock.now())

    async def moved(unit: Unit) -> None:
        await unit.session.execute(update(PatientRow).values(time_zone="America/New_York"))

    await unit_of_work.run(moved)
    mine, asked = (arranged.clinician, arranged.visit_id), NothingAsked()
    made = await unit_of_work.run(service.stroke, *mine, "blood pressure +1d x14 @desk", asked)
    assert {task.due_at.astimezone(NEW_YORK).time() for task in made} == {time(8)}
    days = [task.due_at.astimezone(NEW_YORK).date() for task in made]
    assert days == [days[0] + timedelta(days=each) for each in range(14)]
    assert len({task.due_at.time() for task in made}) == 2  # the clock did change
    assert ([task.number for task in made], len({task.series_id for task in made})) == (list(range(1, 15)), 1)


@pytest.mark.parametrize("begins", [timedelta(microseconds=7), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)])
async def test_a_repetition_that_begins_at_once_begins_now(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged, begins: timedelta | datetime
) -> None:
    """Between two seconds, and in the hour that the patient's clock shows again."""
    clock.advance(begins if isinstance(begins, timedelta) else begins - clock.now())

    async def moved(unit: Unit) -> None:
        await unit.session.execute(update(PatientRow).values(time_zone="America/New_York"))

    await unit_of_work.run(moved)
    wish = Wish(title="Blood pressure", repeat="FREQ=DAILY;COUNT=2")
    made = await unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, wish)
    local = clock.now().astimezone(NEW_YORK).replace(microsecond=0, fold=0)
    assert [task.due_at for task in made] == [clock.now(), (local + timedelta(days=1)).astimezone(UTC)]


async def test_a_repetition_without_an_end_is_refused(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    with pytest.raises(InvalidRecurrence):
        await unit_of_work.run(
            service.plan, arranged.clinician, arranged.visit_id, Wish(title="x", repeat="FREQ=DAILY")
        )


async def of(unit_of_work: UnitOfWork, arranged: Arranged) -> list[FollowUp]:
    return await unit_of_work.run(
        queries.follow_ups, arranged.clinician, statuses=list(TaskStatus), visit_id=arranged.visit_id
    )


async def _became(unit: Unit, arranged: Arranged, status: VisitStatus) -> None:
    await unit.session.execute(update(VisitRow).where(VisitRow.id == arranged.visit_id).values(status=status))


def told(event: type[Happening], arranged: Arranged) -> Happening:
    clinician_id = ClinicianId(arranged.clinician.person_id or UUID(int=0))
    return event(visit_id=arranged.visit_id, patient_id=arranged.patient_id, clinician_id=clinician_id)


async def missed(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await unit_of_work.run(_became, SYSTEM, arranged, VisitStatus.PATIENT_NO_SHOW)
    await unit_of_work.run(tasks.patient_missed, SYSTEM, told(PatientMissed, arranged))


async def test_a_no_show_asks_the_desk_to_book_again_once(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    for _ in range(2):
        await missed(unit_of_work, arranged)
    (task,) = await of(unit_of_work, arranged)
    assert (task.kind, task.owner.pool, task.origin) == (TaskKind.REBOOK, Pool.DESK, "patient_no_show")
    assert await tasks.fire_due(work_of(unit_of_work)) == 1


async def test_a_clinic_switches_it_off(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await unit_of_work.run(keeping.set_triggers, SYSTEM, {name: name == "incomplete" for name in SWITCHES})
    await missed(unit_of_work, arranged)
    assert await of(unit_of_work, arranged) == []
    await unit_of_work.run(_became, SYSTEM, arranged, VisitStatus.INCOMPLETE)
    await unit_of_work.run(tasks.incomplete, SYSTEM, told(VisitFailed, arranged))
    assert [task.origin for task in await of(unit_of_work, arranged)] == ["incomplete"]


async def test_a_no_show_that_is_corrected_leaves_nothing_to_do(unit_of_work: UnitOfWork, arranged: Arranged) -> None:
    await missed(unit_of_work, arranged)
    await unit_of_work.run(_became, SYSTEM, arranged, VisitStatus.BOOKED)
    await unit_of_work.run(tasks.corrected, SYSTEM, told(VisitCorrected, arranged))
    assert [task.status for task in await of(unit_of_work, arranged)] == [TaskStatus.CANCELLED]
    await missed(unit_of_work, arranged)
    assert {task.status for task in await of(unit_of_work, arranged)} == {TaskStatus.CANCELLED, TaskStatus.PLANNED}


async def _booked_again(unit: Unit, arranged: Arranged) -> None:
    other = await arrange_visit(unit, status=VisitStatus.BOOKED)
    await unit.session.execute(
        update(VisitRow).where(VisitRow.id == other.visit_id).values(patient_id=arranged.patient_id)
    )


@pytest.mark.parametrize("by_event", [True, False])
async def test_who_has_booked_again_is_not_asked_to(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged, by_event: bool
) -> None:
    await unit_of_work.run(_became, SYSTEM, arranged, VisitStatus.COMPLETED)
    for stroke in ("rebook +2d", "call +2d"):
        await unit_of_work.run(service.stroke, arranged.clinician, arranged.visit_id, stroke, NothingAsked())
    clock.advance(timedelta(days=1))
    await unit_of_work.run(_booked_again, SYSTEM, arranged)
    if by_event:
        await unit_of_work.run(tasks.rebooked, SYSTEM, told(VisitBooked, arranged))
    clock.advance(timedelta(days=1))
    await tasks.fire_due(work_of(unit_of_work))
    rebook, call = sorted(await of(unit_of_work, arranged), key=lambda task: task.kind, reverse=True)
    assert (rebook.status, call.status) == (TaskStatus.DONE, TaskStatus.DUE)
    steps = await unit_of_work.run(service.history, arranged.clinician, rebook.id)
    assert [(step.command, step.note) for step in steps] == [("plan", ""), ("complete", "rebooked")]


async def test_many_that_are_needless_cost_no_more_questions_than_one(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    await unit_of_work.run(_became, SYSTEM, arranged, VisitStatus.COMPLETED)
    asked = []
    for many in (1, 20):
        for _ in range(many):
            await unit_of_work.run(service.stroke, arranged.clinician, arranged.visit_id, "rebook +2d", NothingAsked())
        clock.advance(timedelta(days=2))
        await unit_of_work.run(_booked_again, SYSTEM, arranged)
        with statements(unit_of_work) as seen:
            await unit_of_work.run(keeping.fire, speed=1)
        asked.append([each for each in seen if each.startswith("SELECT")])
    assert len(asked[0]) == len(asked[1])
    assert {task.status for task in await of(unit_of_work, arranged)} == {TaskStatus.DONE}


async def test_what_waits_for_a_needless_task_hears_of_it(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    await unit_of_work.run(_became, SYSTEM, arranged, VisitStatus.COMPLETED)
    (first,) = await unit_of_work.run(
        service.stroke, arranged.clinician, arranged.visit_id, "rebook +2d", NothingAsked()
    )
    await unit_of_work.run(service.stroke, arranged.clinician, arranged.visit_id, "rebook +2d", NothingAsked())
    waits = Wish(kind=TaskKind.CALL, due_in="3d", after_id=first.id)
    (second,) = await unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, waits)
    clock.advance(timedelta(days=2))
    await unit_of_work.run(_booked_again, SYSTEM, arranged)
    await unit_of_work.run(keeping.fire, speed=1)
    found = {task.id: task for task in await of(unit_of_work, arranged)}
    assert (found[first.id].status, found[second.id].blocked) == (TaskStatus.DONE, False)


async def test_a_visit_booked_before_fulfils_nothing(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    await unit_of_work.run(_booked_again, SYSTEM, arranged)
    clock.advance(timedelta(minutes=1))
    await unit_of_work.run(service.stroke, arranged.clinician, arranged.visit_id, "rebook +2d", NothingAsked())
    await unit_of_work.run(tasks.rebooked, SYSTEM, told(VisitBooked, arranged))
    assert [task.status for task in await of(unit_of_work, arranged)] == [TaskStatus.PLANNED]


async def test_answers_fulfil_a_questionnaire_task(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    await unit_of_work.run(service.stroke, arranged.clinician, arranged.visit_id, "questionnaire +2d", NothingAsked())
    await unit_of_work.run(tasks.answered, SYSTEM, told(IntakeCompleted, arranged))
    assert [task.status for task in await of(unit_of_work, arranged)] == [TaskStatus.PLANNED]
    clock.advance(timedelta(days=1))
    await unit_of_work.run(_answered, SYSTEM, arranged)
    await unit_of_work.run(tasks.answered, SYSTEM, told(IntakeCompleted, arranged))
    assert [task.status for task in await of(unit_of_work, arranged)] == [TaskStatus.DONE]


async def _answered(unit: Unit, arranged: Arranged) -> None:
    ids = {"visit": arranged.visit_id, "patient": arranged.patient_id, "now": unit.now}
    came = "INSERT INTO participant (id, visit_id, role, person_id, created_at, since)"
    await unit.session.execute(text(f"{came} VALUES (:visit, :visit, 'patient', :patient, :now, :now)"), ids)
    await unit.session.execute(
        text(
            "INSERT INTO questionnaire (id, visit_type_id, version, resource, published_at) "
            "SELECT :visit, visit_type_id, 1, '{}', :now FROM visit WHERE id = :visit"
        ),
        ids,
    )
    await unit.session.execute(
        text(
            "INSERT INTO questionnaire_response (id, visit_id, patient_id, questionnaire_id, participant_id, answers, "
            "revision, saved_at, completed_at) VALUES (:visit, :visit, :patient, :visit, :visit, '', 1, :now, :now)"
        ),
        ids,
    )


async def test_what_lies_ahead_costs_the_sweep_nothing(
    unit_of_work: UnitOfWork, clock: FixedClock, arranged: Arranged
) -> None:
    """20,000 tasks ahead and 20,000 closed: the sweep and the boards read a handful of pages."""
    await unit_of_work.run(service.stroke, arranged.clinician, arranged.visit_id, "call +1d", NothingAsked())
    await unit_of_work.run(_many, SYSTEM, arranged)
    clock.advance(timedelta(days=1))
    plan = await unit_of_work.run(_explained, SYSTEM)
    assert "ix_follow_up_task_next" in plan["sweep"]
    assert "ix_follow_up_task_wanted" in plan["board"]
    for read in plan.values():
        assert "Seq Scan" not in read
        assert pages_of(read) < 30, read
    assert await tasks.fire_due(work_of(unit_of_work)) == 1


async def _many(unit: Unit, arranged: Arranged) -> None:
    known = {
        "visit_id": arranged.visit_id,
        "patient_id": arranged.patient_id,
        "clinician_id": arranged.clinician.person_id,
        "owner_id": arranged.clinician.person_id,
        "title": b"",
        "planned_at": unit.now,
        "moved_at": unit.now,
    }
    ahead = unit.now + timedelta(days=30)
    open_ones = {**known, "status": TaskStatus.PLANNED, "due_at": ahead, "next_at": ahead}
    closed = {**known, "status": TaskStatus.DONE, "due_at": unit.now, "next_at": None, "closed_at": unit.now}
    for row in (open_ones, closed):
        await unit.session.execute(insert(FollowUpRow), [{**row, "id": unit.new_id()} for _ in range(20_000)])
    await unit.session.execute(text("ANALYZE follow_up_task"))


async def _explained(unit: Unit) -> dict[str, str]:
    asked = {
        "sweep": "SELECT * FROM follow_up_task WHERE next_at IS NOT NULL AND next_at <= :now "
        "ORDER BY next_at LIMIT 200 FOR UPDATE SKIP LOCKED",
        "board": "SELECT count(*), max(moved_at) FROM follow_up_task WHERE status IN ('due', 'reminded', 'escalated')",
    }
    return {
        name: "\n".join(
            await unit.session.scalars(text(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query}"), {"now": unit.now})
        )
        for name, query in asked.items()
    }


def pages_of(plan: str) -> int:
    """Pages that the topmost node read."""
    line = next(each for each in plan.splitlines() if "Buffers:" in each)
    return sum(int(each.partition("=")[2]) for each in line.split() if each.startswith(("hit=", "read=")))

"""What happens to a visit by itself: planned with each transition, done once, and asked again when it is due."""

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.booking import service as booking
from telehealth.tasks.work import Work
from telehealth.visits.appointments import service as appointments
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import attendance, queries, service, tasks
from telehealth.visits.lifecycle.deadlines import CONSEQUENCES, Deadline, deadlines_of
from telehealth.visits.lifecycle.models import TimerRow, VisitRow
from telehealth.visits.lifecycle.rules import TRANSITIONS, DeviceCheck, NotNow, Visit, VisitStatus
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, guest_of, open_clinic

S, D = VisitStatus, Deadline
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A patient in the waiting room at the time of their visit, and everyone who can do something about it."""

    unit_of_work: UnitOfWork
    clock: FixedClock
    clinic: Clinic
    patient: Actor
    id: UUID

    @property
    def work(self) -> Work:
        return Work(self.unit_of_work, Ports({}), self.clock)

    async def give(self, command: Callable[..., Awaitable[Visit]], actor: Actor = SYSTEM, **options: Any) -> Visit:
        return await self.unit_of_work.run(command, actor, self.id, **options)

    async def now(self) -> Visit:
        return await self.unit_of_work.run(queries.find, SYSTEM, self.id)

    async def wait(self, span: timedelta) -> int:
        """Let time pass and the sweep run."""
        self.clock.advance(span)
        return await tasks.fire_timers(self.work)

    async def timers(self) -> list[tuple[str, str | None]]:
        return await self.unit_of_work.run(_timers, SYSTEM, self.id)


@pytest.fixture
async def waiting(unit_of_work: UnitOfWork, clock: FixedClock) -> Waiting:
    return await come(unit_of_work, clock)


async def come(
    unit_of_work: UnitOfWork, clock: FixedClock, *, before: timedelta = 0 * MINUTE, ready: bool = True, **policy: Any
) -> Waiting:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(clinic.visit_type, **policy))
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - before - clock.now())
    came = Waiting(unit_of_work, clock, clinic, await guest_of(unit_of_work, booked), booked.visit.id)
    await came.give(service.record_check, came.patient, check=DeviceCheck.GOOD)
    if ready:
        await came.give(gates.make_ready, came.patient)
    return came


async def test_who_does_not_answer_waits_on_in_the_same_place(waiting: Waiting) -> None:
    since = (await waiting.now()).waiting_since
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    assert await waiting.wait(59 * SECOND) == 0
    assert await waiting.wait(SECOND) == 1
    visit = await waiting.now()
    assert (visit.status, visit.waiting_since) == (S.READY, since)
    assert await waiting.timers() == [("answer", "fired")]
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    await waiting.give(service.connected)
    assert await waiting.wait(60 * SECOND) == 0
    assert await waiting.timers() == [("answer", "fired"), ("answer", "moot")]


async def test_grace_begins_anew_with_each_interruption(waiting: Waiting) -> None:
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    await waiting.give(service.connected)
    for _ in range(2):
        await waiting.give(service.interrupted)
        assert await waiting.wait(4 * MINUTE) == 0
        await waiting.give(service.connected)
    await waiting.give(service.interrupted)
    assert await waiting.wait(5 * MINUTE) == 1
    visit = await waiting.now()
    assert (visit.status, visit.ended_at) == (S.ENDED, waiting.clock.now())
    assert await waiting.timers() == [("answer", "moot"), *[("grace", "moot")] * 2, ("grace", "fired")]


async def test_who_is_gone_longer_than_grace_has_left(waiting: Waiting) -> None:
    gone = await waiting.give(service.away)
    assert gone.away_since == waiting.clock.now()
    assert await waiting.give(service.away) == gone
    assert await waiting.wait(4 * MINUTE) == 0
    here = await waiting.give(service.back)
    assert (here.away_since, here.status, here.waiting_since) == (None, S.READY, TUESDAY_NINE)
    assert await waiting.give(service.back) == here
    await waiting.give(service.away)
    with pytest.raises(NotNow):
        await waiting.give(service.leave)
    assert await waiting.wait(5 * MINUTE) == 1
    assert (await waiting.now()).status is S.LEFT_UNSEEN
    assert await waiting.timers() == [("away", "moot"), ("away", "fired")]


async def test_nobody_has_left_before_the_visit_was_to_begin(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    early = await come(unit_of_work, clock, before=20 * MINUTE)
    await early.give(service.away)
    assert await early.wait(24 * MINUTE) == 0
    assert await early.wait(MINUTE) == 1
    assert (await early.now()).status is S.LEFT_UNSEEN


async def test_a_patient_who_prepares_and_has_gone_was_not_let_down(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    """It is they who left, however soon the clinician's time is over."""
    preparing = await come(unit_of_work, clock, ready=False, no_show_automatic=True, provider_no_show_after=1)
    await preparing.give(service.away)
    assert await preparing.wait(4 * MINUTE) == 0
    assert await preparing.wait(MINUTE) == 1
    assert (await preparing.now()).status is S.LEFT_UNSEEN
    assert set(await preparing.timers()) >= {("provider_no_show", "moot"), ("away", "fired")}


async def test_who_does_something_is_here(waiting: Waiting) -> None:
    await waiting.give(service.away)
    checked = await waiting.give(service.record_check, waiting.patient, check=DeviceCheck.FAIR)
    assert checked.away_since is None
    await waiting.give(service.away)
    admitted = await waiting.give(service.admit, waiting.clinic.clinician_actor)
    assert (admitted.status, admitted.away_since) == (S.ADMITTING, None)


async def test_nobody_is_said_to_have_stayed_away_unless_the_kind_of_visit_has_it_said(waiting: Waiting) -> None:
    assert await waiting.wait(timedelta(hours=5)) == 0
    assert (await waiting.now()).status is S.READY


async def test_nobody_came_to_the_patient_who_waits(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    waiting = await come(unit_of_work, clock, no_show_automatic=True, provider_no_show_after=20)
    assert await waiting.wait(19 * MINUTE) == 0
    await waiting.give(service.record_check, waiting.patient, check=DeviceCheck.FAIR)  # does not put it off
    assert await waiting.wait(MINUTE) == 1
    assert (await waiting.now()).status is S.PROVIDER_NO_SHOW
    taken_back = await waiting.give(service.correct, waiting.clinic.front_desk, reason="other")
    assert taken_back.status is S.READY
    assert await waiting.wait(19 * MINUTE) == 0  # what staff took back has its whole time again
    assert await waiting.wait(MINUTE) == 1


async def test_the_patient_did_not_come(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(clinic.visit_type, no_show_automatic=True))
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    hour_later = TUESDAY_NINE + timedelta(hours=1)
    await unit_of_work.run(appointments.reschedule, clinic.front_desk, booked.visit.id, start=hour_later)
    work = Work(unit_of_work, Ports({}), clock)
    clock.advance(TUESDAY_NINE + 15 * MINUTE - clock.now())
    assert await tasks.fire_timers(work) == 0
    clock.advance(timedelta(hours=1))
    await unit_of_work.run(attendance.note_clinicians, SYSTEM, [clinic.clinician.id])
    assert await tasks.fire_timers(work) == 1
    assert (await unit_of_work.run(queries.find, SYSTEM, booked.visit.id)).status is S.PATIENT_NO_SHOW


async def open_for(waiting: Waiting, span: timedelta) -> int:
    """Time passes in an open house, with its sweeps."""
    fired, until = 0, waiting.clock.now() + span
    while waiting.clock.now() < until:
        await waiting.unit_of_work.run(attendance.note_open, SYSTEM)
        fired += await waiting.wait(min(20 * SECOND, until - waiting.clock.now()))
    return fired


async def _answering(waiting: Waiting) -> None:
    await waiting.give(service.admit, waiting.clinic.clinician_actor)


async def _interrupted(waiting: Waiting) -> None:
    await _answering(waiting)
    await waiting.give(service.connected)
    await waiting.give(service.interrupted)


async def _away(waiting: Waiting) -> None:
    await waiting.give(service.away)


async def _nobody_comes(_: Waiting) -> None:
    """They wait."""


Outage = tuple[Callable[[Waiting], Awaitable[None]], timedelta, VisitStatus]


@pytest.mark.parametrize(
    "outage",
    [
        (_answering, MINUTE, S.READY),
        (_interrupted, 5 * MINUTE, S.ENDED),
        (_away, 5 * MINUTE, S.LEFT_UNSEEN),
        (_nobody_comes, 7 * MINUTE, S.PROVIDER_NO_SHOW),
    ],
)
async def test_after_an_outage_everyone_has_their_whole_time_again(
    unit_of_work: UnitOfWork, clock: FixedClock, outage: Outage
) -> None:
    bring, patience, ends = outage
    waiting = await come(unit_of_work, clock, no_show_automatic=True, provider_no_show_after=7)
    await unit_of_work.run(attendance.note_open, SYSTEM)
    await bring(waiting)
    status = (await waiting.now()).status
    assert await open_for(waiting, 20 * SECOND) == 0
    assert await waiting.wait(timedelta(hours=1)) == 0  # only the workers are up: nobody can come
    assert await open_for(waiting, patience - SECOND) == 0
    assert (await waiting.now()).status is status
    assert await open_for(waiting, SECOND) == 1
    assert (await waiting.now()).status is ends


async def test_who_comes_back_after_an_outage_was_never_gone(waiting: Waiting) -> None:
    await waiting.unit_of_work.run(attendance.note_open, SYSTEM)
    await waiting.give(service.away)
    assert await waiting.wait(timedelta(hours=1)) == 0
    assert await open_for(waiting, 4 * MINUTE) == 0
    assert (await waiting.give(service.back)).status is S.READY
    assert await open_for(waiting, 20 * MINUTE) == 0


async def test_a_process_that_begins_again_is_no_outage(waiting: Waiting) -> None:
    await waiting.unit_of_work.run(attendance.note_open, SYSTEM)
    await waiting.give(service.away)
    assert await open_for(waiting, 3 * MINUTE) == 0
    assert await waiting.wait(attendance.PAUSE - 20 * SECOND) == 0  # last heard of twenty seconds before
    assert await open_for(waiting, 2 * MINUTE + 20 * SECOND - attendance.PAUSE) == 1


async def test_of_many_sweeps_one_fires_a_timer(waiting: Waiting) -> None:
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    waiting.clock.advance(MINUTE)
    assert sum(await asyncio.gather(*(tasks.fire_timers(waiting.work) for _ in range(6)))) == 1
    steps = await waiting.unit_of_work.run(queries.history, SYSTEM, waiting.id)
    assert [step.command for step in steps].count(CONSEQUENCES[D.ANSWER].command) == 1


async def test_a_worker_that_is_killed_before_the_commit_leaves_the_timer_to_the_next(
    waiting: Waiting, database: str
) -> None:
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    waiting.clock.advance(MINUTE)
    argv = [sys.executable, "-m", "tests.kit.dying_sweep", "visits.timer_fired", database, str(waiting.clock.now())]
    died = await asyncio.to_thread(subprocess.run, argv, capture_output=True, timeout=100, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (await waiting.now()).status is S.ADMITTING
    assert await tasks.fire_timers(waiting.work) == 1
    assert (await waiting.now()).status is S.READY
    assert await waiting.timers() == [("answer", "fired")]


async def test_a_timer_that_fires_early_is_due_when_the_machine_says(waiting: Waiting) -> None:
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    await waiting.unit_of_work.run(_make_due, SYSTEM)
    assert await tasks.fire_timers(waiting.work) == 0
    assert (await waiting.now()).status is S.ADMITTING
    assert await waiting.wait(MINUTE) == 1


async def test_one_that_fails_keeps_no_other_from_firing(waiting: Waiting, caplog: pytest.LogCaptureFixture) -> None:
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    await waiting.unit_of_work.run(_break, SYSTEM, waiting.clinic)
    with caplog.at_level(logging.WARNING, "telehealth.visits.lifecycle.tasks"):
        assert await waiting.wait(MINUTE) == 1
    assert [record.getMessage().split()[-1] for record in caplog.records] == ["ValueError"]
    assert await tasks.fire_timers(waiting.work) == 0
    assert len(caplog.records) == 1  # it is tried again, but not at once
    with caplog.at_level(logging.WARNING, "telehealth.visits.lifecycle.tasks"):
        assert await waiting.wait(10 * SECOND) == 0
    assert len(caplog.records) == 2


async def test_a_visit_without_the_timer_it_needs_gets_one(waiting: Waiting) -> None:
    await waiting.give(service.admit, waiting.clinic.clinician_actor)
    await waiting.unit_of_work.run(_forget, SYSTEM)
    assert await tasks.mend_timers(waiting.work) == 1
    assert await tasks.mend_timers(waiting.work) == 0
    assert await waiting.wait(MINUTE) == 1


def test_every_deadline_has_a_command_that_the_system_may_give() -> None:
    for kind in Deadline:
        rows = [row for row in TRANSITIONS if row.command is CONSEQUENCES[kind].command]
        assert any(SYSTEM.role in row.who for row in rows), kind


async def test_an_ending_has_nothing_due(waiting: Waiting) -> None:
    visit = await waiting.now()
    for status in VisitStatus:
        timed = deadlines_of(replace(visit, status=status, no_show_automatic=True, away_since=waiting.clock.now()))
        assert bool(timed) is (status in {S.BOOKED, S.ARRIVED, S.READY, S.ADMITTING, S.INTERRUPTED})


async def _timers(unit: Unit, visit_id: UUID) -> list[tuple[str, str | None]]:
    rows = await unit.session.scalars(select(TimerRow).where(TimerRow.visit_id == visit_id).order_by(TimerRow.due_at))
    return [(row.kind, row.outcome) for row in rows]


async def _make_due(unit: Unit) -> None:
    for row in await unit.session.scalars(select(TimerRow)):
        row.due_at = unit.now


async def _break(unit: Unit, clinic: Clinic) -> None:
    """A visit that cannot be read, with a timer that is due before all others."""
    broken = (await book(unit, clinic, TUESDAY_NINE + timedelta(hours=1))).visit
    await unit.session.execute(update(VisitRow).where(VisitRow.id == broken.id).values(check="unheard of"))
    unit.session.add(TimerRow(id=unit.new_id(), visit_id=broken.id, kind=D.ANSWER, due_at=unit.now - MINUTE))


async def _forget(unit: Unit) -> None:
    await unit.session.execute(delete(TimerRow))

"""One visit after the other in a database, for random lives: every command of the real services by anyone, sweeps and
workers that die, and the proofs that each life leaves a lawful history.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from telehealth.access.rules import SCOPES
from telehealth.catalogue import read_catalogue
from telehealth.core.actors import ANONYMOUS, SYSTEM, Actor, Role
from telehealth.core.errors import Refusal
from telehealth.core.ids import ClinicianId
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.db.vault import Vault
from telehealth.people.rules import Clinician
from telehealth.scheduling.booking import service as booking
from telehealth.tasks.work import Work
from telehealth.visits.appointments import service as appointments
from telehealth.visits.appointments.wishes import Wish
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import attendance, queries, replaying, service, steps, tasks, timers
from telehealth.visits.lifecycle.deadlines import CONSEQUENCES, Outcome, deadlines_of
from telehealth.visits.lifecycle.histories import Step
from telehealth.visits.lifecycle.models import TimerRow, VisitEventRow
from telehealth.visits.lifecycle.rules import (
    BEFORE_CALL,
    ENDINGS,
    IN_CALL,
    Command,
    DeviceCheck,
    Visit,
    VisitStatus,
)
from tests.kit.clinic import TUESDAY_NINE, Clinic, add_colleague, book, guest_of, open_clinic
from tests.kit.machine import expected

BY_THEMSELVES = {consequence.cause for consequence in CONSEQUENCES.values()}
Given = Callable[["Storm", Unit], Awaitable[Any]]


class Killed(BaseException):
    """The end of a process: nothing catches it, and the transaction is not committed."""


def _of_service(service_function: Callable[..., Awaitable[Visit]], **options: Any) -> Given:
    return lambda storm, unit: service_function(unit, storm.visit_id, **options)


async def _hand_over(storm: "Storm", unit: Unit) -> Visit:
    visit = await queries.find(unit, storm.visit_id)
    heirs = (storm.clinic.clinician.id, storm.colleague.id)
    return await service.hand_over(unit, visit.id, next(each for each in heirs if each != visit.clinician_id))


async def _reschedule(storm: "Storm", unit: Unit) -> Visit:
    visit = await queries.find(unit, storm.visit_id)
    later = visit.starts_at + timedelta(minutes=20)
    return await appointments.reschedule(unit, visit.id, start=later)


async def _confirm(storm: "Storm", unit: Unit) -> Visit:
    booked = await appointments.confirm(unit, storm.visit_id)
    storm.link = booked
    return booked.visit


WORDS: dict[str, Given] = {
    "confirm": _confirm,
    "reschedule": _reschedule,
    "arrive": _of_service(service.arrive),
    "check": _of_service(service.record_check, check=DeviceCheck.FAIR),
    "attest": _of_service(service.attest_location, jurisdiction="US-MN"),
    "make_ready": _of_service(gates.make_ready),
    "away": _of_service(service.away),
    "back": _of_service(service.back),
    "admit": _of_service(service.admit),
    "no_answer": _of_service(service.no_answer),
    "put_back": _of_service(service.put_back),
    "hand_over": _hand_over,
    "connect": _of_service(service.connected),
    "resume": _of_service(service.connected),
    "drop": _of_service(service.interrupted),
    "end": _of_service(service.end),
    "complete": _of_service(service.complete),
    "cancel": _of_service(service.cancel, reason="other"),
    "patient_no_show": _of_service(service.note_patient_no_show),
    "provider_no_show": _of_service(service.note_provider_no_show),
    "leave": _of_service(service.leave),
    "fail": _of_service(service.fail, reason="technical"),
    "mark_error": _of_service(service.mark_error, reason="other"),
    "correct": _of_service(service.correct, reason="other"),
}
BARE = {f"bare {each}": _of_service(steps.change, command=each, cause="other") for each in Command}
EVERYTHING = WORDS | BARE
FATAL = {"mark_error", "bare mark_error", "cancel", "bare cancel"}  # possible nearly always, and nothing follows
PEOPLE = ("patient", "clinician", "colleague", "desk", "system", "integration", "anonymous")
CASTS = {
    Role.PATIENT: "patient",
    Role.CLINICIAN: "host",
    Role.FRONT_DESK: "desk",
    Role.SYSTEM: "system",
    Role.INTEGRATION: "integration",
}


@dataclass
class Storm:
    """One database with one visit alive at a time; `given` counts commands, `done` what they and the clock led to."""

    url: str
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    clock: FixedClock = field(default_factory=lambda: FixedClock(TUESDAY_NINE - timedelta(days=1)))
    given: int = 0
    done: Counter[str] = field(default_factory=Counter)
    visit_id: UUID = replaying.START
    link: appointments.Booked | None = None
    status: VisitStatus = VisitStatus.BOOKED
    host_id: UUID = replaying.START
    engine: AsyncEngine = field(init=False)
    unit_of_work: UnitOfWork = field(init=False)
    clinic: Clinic = field(init=False)
    colleague: Clinician = field(init=False)
    guest: Actor | None = None

    def __enter__(self) -> Self:
        async def nudge(_: object) -> None:
            """Nobody listens."""

        async def opened() -> None:
            self.engine = open_engine(self.url)
            vault = Vault({"test": b"k" * 32})
            self.unit_of_work = UnitOfWork(self.engine, self.clock, vault, read_catalogue().conflicts, nudge)
            self.clinic = await self.unit_of_work.run(open_clinic, SYSTEM)
            self.colleague = await self.unit_of_work.run(add_colleague, SYSTEM, self.clinic)
            kind = replace(self.clinic.visit_type, no_show_automatic=True)
            await self.unit_of_work.run(booking.add_visit_type, SYSTEM, kind)

        self.runner.run(opened())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.runner.run(self.engine.dispose())
        self.runner.close()

    # A life

    def begin(self) -> None:
        """A new visit, booked or only requested or held, twenty minutes before its time."""
        self.clock.advance(TUESDAY_NINE - timedelta(minutes=20) - self.clock.now())
        self.runner.run(self._begin(only_requested=self.given % 5 == 0))

    async def _begin(self, *, only_requested: bool) -> None:
        self.guest = self.link = None
        if only_requested:
            wish = Wish(
                patient_id=self.clinic.patient.id,
                clinician_ids=(ClinicianId(self.clinic.clinician.id),),
                visit_type_id=self.clinic.visit_type.id,
                start=TUESDAY_NINE,
            )
            self.visit_id = (await self.unit_of_work.run(appointments.request, SYSTEM, wish)).id
            if self.given % 2:
                facts = {"time_free": True, "location_licensed": True}
                await self.unit_of_work.run(steps.change, SYSTEM, self.visit_id, Command.HOLD, facts=facts)
        else:
            self.link = await self.unit_of_work.run(book, SYSTEM, self.clinic)
            self.visit_id = self.link.visit.id
            await self._meet()
        await self._look()

    async def _actor(self, who: str) -> Actor:
        if who == "patient":
            return self.guest or ANONYMOUS
        host = replace(self.clinic.clinician_actor, person_id=self.host_id)
        colleague = replace(self.clinic.clinician_actor, id=UUID(int=3), person_id=self.colleague.id)
        others = {
            "host": host,
            "clinician": self.clinic.clinician_actor,
            "colleague": colleague,
            "desk": self.clinic.front_desk,
            "integration": Actor(UUID(int=4), Role.INTEGRATION, SCOPES[Role.INTEGRATION]),
            "system": SYSTEM,
        }
        return others.get(who, ANONYMOUS)

    def give(self, word: str, who: str, *, times: int = 1) -> None:
        self.given += times
        self.runner.run(self._give(word, who, times))

    async def _give(self, word: str, who: str, times: int) -> None:
        actor = await self._actor(who)
        command = EVERYTHING[word]
        answers = await asyncio.gather(
            *(self.unit_of_work.run(_told, actor, command, self) for _ in range(times)), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Refusal):
                raise answer
            self.done["refused" if isinstance(answer, Refusal) else "answered"] += 1
        if not all(isinstance(answer, Refusal) for answer in answers):
            await self._look()
            await self._meet()

    def wait(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def sweep(self, workers: int) -> None:
        self.runner.run(self._sweep(workers))

    async def _sweep(self, workers: int) -> None:
        """The clinician looks at their board meanwhile."""
        work = Work(self.unit_of_work, Ports({}), self.clock)
        await self.unit_of_work.run(attendance.note_clinicians, SYSTEM, [ClinicianId(self.host_id)])
        self.done["fired"] += sum(await asyncio.gather(*(tasks.fire_timers(work) for _ in range(workers))))
        await self._look()

    def die(self) -> None:
        """A worker dies between what a timer did and the commit."""
        self.runner.run(self._die())

    async def _die(self) -> None:
        for timer_id in await self.unit_of_work.run(timers.due, SYSTEM):
            with pytest.raises(Killed):
                await self.unit_of_work.run(_fire_and_die, SYSTEM, timer_id)
            self.done["died"] += 1

    async def _meet(self) -> None:
        """Whoever was invited and can still come passes the identity step."""
        if self.guest is None and self.link is not None and self.clock.now() < TUESDAY_NINE:
            self.guest = await guest_of(self.unit_of_work, self.link)

    async def _look(self) -> None:
        visit = await self.unit_of_work.run(queries.find, SYSTEM, self.visit_id)
        self.status, self.host_id = visit.status, visit.clinician_id

    # The proofs

    def finish(self) -> None:
        """The history of the life holds; an end is reached from wherever it stands; the time is free for the next."""
        self.runner.run(self._finish())

    async def _finish(self) -> None:
        await self._check()
        if self.status not in ENDINGS:
            command = (
                _of_service(service.cancel, reason="other")
                if self.status in BEFORE_CALL
                else _of_service(service.fail, reason="clinical")
                if self.status in IN_CALL
                else _of_service(service.complete)
            )
            await self.unit_of_work.run(_told, SYSTEM, command, self)
            await self._look()
            assert self.status in ENDINGS
        if self.status is not VisitStatus.ENTERED_IN_ERROR:
            await self.unit_of_work.run(service.mark_error, SYSTEM, self.visit_id, reason="test")
        self.done["lives"] += 1

    async def _check(self) -> None:
        history = await self.unit_of_work.run(queries.history, SYSTEM, self.visit_id)
        before: VisitStatus | None = None
        for number, step in enumerate(history, start=1):
            assert (step.seq, step.before) == (number, before)
            assert step.after in set(_lawful(step, history)), step
            assert before not in ENDINGS or step.command in {Command.CORRECT, Command.MARK_ERROR}, step
            self.done[step.command] += 1
            before = step.after
        visit, fired, open_kinds, own = await self.unit_of_work.run(_timers, SYSTEM, self.visit_id)
        assert before == visit.status == self.status
        assert open_kinds == Counter(list(deadlines_of(visit)))
        assert fired == own, "each timer that fired left one entry"

    def differences(self) -> tuple[int, int, int]:
        """Visits, entries and differences of the whole database, as `telehealth visits replay --check` counts."""
        visits = events = found = 0
        after: UUID | None = replaying.START
        while after is not None:
            page = self.runner.run(self.unit_of_work.run(replaying.compare, SYSTEM, after))
            visits, events, found = visits + page.visits, events + page.events, found + len(page.differences)
            after = page.last
        return visits, events, found


def _lawful(step: Step, history: list[Step]) -> Iterator[VisitStatus | None]:
    """Where the hand-written table has that command lead."""
    if step.command is Command.CORRECT:
        into = [each for each in history[: step.seq - 1] if each.before != each.after]
        yield into[-1].before
    else:
        yield expected(step.before, step.command)


async def _told(unit: Unit, command: Given, storm: Storm) -> Any:
    return await command(storm, unit)


async def _fire_and_die(unit: Unit, timer_id: UUID) -> None:
    await service.fire(unit, timer_id)
    raise Killed


async def _timers(unit: Unit, visit_id: UUID) -> tuple[Visit, int, Counter[str], int]:
    """The visit, how many timers fired, which are open, how many entries are of timers."""
    rows = (await unit.session.scalars(select(TimerRow).where(TimerRow.visit_id == visit_id))).all()
    query = select(VisitEventRow.cause).where(VisitEventRow.visit_id == visit_id)
    causes = (await unit.session.scalars(query)).all()
    return (
        await queries.find(unit, visit_id),
        sum(row.outcome == Outcome.FIRED for row in rows),
        Counter(row.kind for row in rows if row.settled_at is None),
        sum(cause in BY_THEMSELVES for cause in causes),
    )

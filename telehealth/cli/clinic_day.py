"""A made-up clinic day: made-up people act on the real services over PostgreSQL, on a clock that is moved by hand.

Everyone is a generator that acts and answers after how many minutes they act again. The same seed is the same day.
"""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from uuid import UUID

from telehealth.access.rules import SCOPES
from telehealth.cli.clinic_house import House, answered, told_to_the_desk
from telehealth.cli.clinic_plan import BORN, OPENS, SLOT, Plan, Setting, open_clinic
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import ClinicianId, PatientId, VisitId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.appointments import service as appointments
from telehealth.visits.escalation.rules import AlertKind
from telehealth.visits.escalation.service import acknowledge
from telehealth.visits.gates.service import make_ready
from telehealth.visits.lifecycle import attendance
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import DeviceCheck, VisitStatus
from telehealth.visits.participants import guests as links
from telehealth.visits.waiting_room import guests, service, standings, waiting
from telehealth.visits.waiting_room.estimates import Estimate
from telehealth.visits.waiting_room.queue import NobodyWaits, QueueEntry, QueueLeft

MINUTE = timedelta(minutes=1)
Agent = AsyncIterator[float]
S = VisitStatus


@dataclass(frozen=True, slots=True)
class Promise:
    """What somebody was told at an instant."""

    told_at: datetime
    estimate: Estimate | None


@dataclass
class Wait:
    """One who waited: since when, what they were told, when it was their turn, or how else it ended."""

    since: datetime
    walk_in: bool
    promises: list[Promise] = field(default_factory=list)
    seen_at: datetime | None = None
    left_at: datetime | None = None
    dropped: bool = False

    @property
    def until(self) -> datetime | None:
        return self.seen_at or self.left_at


@dataclass
class Day:
    """What came of a day. `forgotten` are those who still wait when everyone has gone home; `unanswered` waited, or
    were held up, past the last step of their escalation though nobody had taken that on, nor was it called the
    clinician's absence.
    """

    waits: dict[UUID, Wait] = field(default_factory=dict)
    lost: dict[UUID, bool] = field(default_factory=dict)  # by visit, whether somebody saw to it
    ended: dict[VisitStatus, int] = field(default_factory=dict)
    forgotten: int = 0
    alerts: int = 0
    unanswered: int = 0
    longest_past_policy: float = 0.0

    def kept(self) -> list[bool]:
        """Of each promise that could be tested, whether it was kept. Who went away made their own wait longer."""
        return [
            promise.estimate.low <= (wait.seen_at - promise.told_at) / MINUTE <= promise.estimate.high
            for wait in self.waits.values()
            if wait.seen_at is not None and not wait.dropped
            for promise in wait.promises
            if promise.estimate is not None
        ]

    def unknown(self) -> int:
        """How often it was said that nobody knows."""
        return sum(promise.estimate is None for wait in self.waits.values() for promise in wait.promises)

    def minutes(self, *, walk_in: bool) -> list[float]:
        """How long they waited who were seen, ascending."""
        return sorted(
            (wait.seen_at - wait.since) / MINUTE
            for wait in self.waits.values()
            if wait.seen_at is not None and wait.walk_in is walk_in
        )


@dataclass
class ClinicDay:
    """The day under way. `clock` is that of the unit of work."""

    unit_of_work: UnitOfWork
    clock: FixedClock
    plan: Plan
    day: Day = field(default_factory=Day)
    _agents: list[tuple[datetime, int, Agent]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.plan.seed)  # noqa: S311 -- a made-up day
        self.luck = random.Random(-1 - self.plan.seed)  # noqa: S311 -- the same days whoever gets lost
        self.closes = OPENS + timedelta(hours=self.plan.hours)

    async def play(self) -> Day:
        """From before the doors open until everybody has gone."""
        self.clock.advance(OPENS - timedelta(hours=12) - self.clock.now())
        setting = await self.unit_of_work.run(open_clinic, SYSTEM, self.plan)
        await self._bring_in(setting)
        while self._agents:
            at, number, agent = heappop(self._agents)
            self.clock.advance(max(at - self.clock.now(), timedelta()))
            async for minutes in agent:
                heappush(self._agents, (self.clock.now() + minutes * MINUTE, number, agent))
                break
        self.day.forgotten = len(await self.unit_of_work.run(standings.everyone, SYSTEM))
        await self.unit_of_work.run(self._count, SYSTEM)
        return self.day

    def enter(self, at: datetime, agent: Agent) -> None:
        heappush(self._agents, (at, next(self._numbers), agent))

    async def _bring_in(self, setting: Setting) -> None:
        for patient_id in setting.walk_ins:
            at = OPENS + self.dice.uniform(0, self.plan.hours * 60 - 30) * MINUTE
            self.enter(at, self._walk_in(setting, patient_id))
        for clinician_id in setting.on_call:
            self.enter(OPENS + self.dice.uniform(0, 5) * MINUTE, self._on_call(clinician_id))
        patients = iter(setting.appointed)
        for clinician_id in setting.booked:
            mine: list[VisitId] = []
            for slot in range(0, self.plan.hours * 60 - SLOT, SLOT + 10):
                start = OPENS + slot * MINUTE
                booked = await self.unit_of_work.run(
                    appointments.book,
                    SYSTEM,
                    patient_id=next(patients),
                    clinician_id=clinician_id,
                    visit_type_id=setting.appointment,
                    start=start,
                )
                mine.append(booked.visit.id)
                if self.dice.random() > 0.1:  # one in ten does not come
                    self.enter(start + self.dice.gauss(-4, 5) * MINUTE, self._appointed(booked))
            self.enter(OPENS, self._booked(clinician_id, mine, is_ill=clinician_id == setting.booked[-1]))
        self.enter(OPENS - 30 * MINUTE, self._keep_house())  # the first are early
        if setting.desk is not None:
            self.enter(OPENS - 30 * MINUTE, self._desk(setting.desk))

    # Patients

    async def _walk_in(self, setting: Setting, patient_id: PatientId) -> Agent:
        run = self.unit_of_work.run
        urgent = int(self.dice.random() < 0.1)
        queued = await run(
            waiting.enqueue, SYSTEM, patient_id=patient_id, visit_type_id=setting.on_demand, priority=urgent
        )
        entry = queued.standing.entry
        wait = self.day.waits[entry.id] = Wait(self.clock.now(), walk_in=True)
        yield self.dice.uniform(0.2, 3)
        await run(guests.identify, SYSTEM, queued.link_secret, BORN)
        patient = Actor(entry.participant_id, Role.PATIENT, SCOPES[Role.PATIENT], patient_id, entry.id)
        patience = self.clock.now() + self.dice.uniform(60, 240) * MINUTE
        while (standing := await run(standings.standing, patient, entry.id)).entry.waits:
            wait.promises.append(Promise(self.clock.now(), standing.estimate))
            if self.clock.now() > patience:
                await self._give_up(patient, entry, wait)
                return
            if self.dice.random() < 0.04:
                async for minutes in self._lose_connection(patient, entry, wait):
                    yield minutes
            yield 10
        wait.seen_at = standing.entry.taken_at
        await self._prepare(patient, entry.id)

    async def _give_up(self, patient: Actor, entry: QueueEntry, wait: Wait) -> None:
        try:
            await self.unit_of_work.run(waiting.leave, patient, entry.id)
            wait.left_at = self.clock.now()
        except QueueLeft:  # it was their turn at this very moment
            wait.seen_at = self.clock.now()
            await self._prepare(patient, entry.id)

    async def _lose_connection(self, patient: Actor, entry: QueueEntry, wait: Wait) -> Agent:
        wait.dropped = True
        try:
            await self.unit_of_work.run(waiting.drop, patient, entry.id)
            yield self.dice.uniform(1, 8)
            await self.unit_of_work.run(waiting.come_back, patient, entry.id)
        except QueueLeft:
            return

    async def _prepare(self, patient: Actor, visit_id: UUID) -> None:
        await self.unit_of_work.run(lifecycle.record_check, patient, visit_id, DeviceCheck.GOOD)
        await self.unit_of_work.run(make_ready, patient, visit_id)

    async def _appointed(self, booked: appointments.Booked) -> Agent:
        run = self.unit_of_work.run
        answer = await run(links.identify_guest, SYSTEM, booked.link_secret, BORN)
        if not isinstance(answer, links.Identified) or answer.visit.status is not S.BOOKED:
            return  # too late: it counts as missed
        patient = Actor(
            answer.participant.id,
            Role.PATIENT,
            SCOPES[Role.PATIENT],
            booked.visit.patient_id,
            booked.visit.id,
        )
        await run(lifecycle.arrive, patient, booked.visit.id)
        yield self.dice.uniform(1, 3)
        async for minutes in self._get_lost(booked.visit.id):
            yield minutes
        if (await run(visits.find, SYSTEM, booked.visit.id)).status is not S.ARRIVED:
            return  # nobody helped them in time
        await self._prepare(patient, booked.visit.id)
        wait = self.day.waits[booked.visit.id] = Wait(self.clock.now(), walk_in=False)
        while (visit := await run(visits.find, SYSTEM, booked.visit.id)).status is S.READY:
            estimate = await run(standings.estimate_of, SYSTEM, visit)
            wait.promises.append(Promise(self.clock.now(), estimate))
            yield 10

    async def _get_lost(self, visit_id: UUID) -> Agent:
        """One who needs help to get ready, until they get it or their visit is over."""
        if self.luck.random() >= self.plan.lost:
            return
        self.day.lost[visit_id] = False
        while not self.day.lost[visit_id]:
            if (await self.unit_of_work.run(visits.find, SYSTEM, visit_id)).status is not S.ARRIVED:
                return
            yield 1

    # Clinicians

    async def _on_call(self, clinician_id: ClinicianId) -> Agent:
        clinician = _acting(clinician_id)
        while True:
            try:
                visit = await self.unit_of_work.run(service.take_next, clinician)
            except NobodyWaits:
                waits = await self.unit_of_work.run(standings.everyone, SYSTEM)
                if self.clock.now() > self.closes and not waits:
                    return
                await self.unit_of_work.run(attendance.note_clinicians, SYSTEM, [clinician_id])
                yield 1
                continue
            self.day.waits[visit.id].seen_at = self.clock.now()
            async for minutes in self._see(clinician, visit.id):
                yield minutes
            yield self.dice.uniform(0.5, 3)

    async def _booked(self, clinician_id: ClinicianId, mine: list[VisitId], *, is_ill: bool) -> Agent:
        clinician, left = _acting(clinician_id), list(mine)
        while left:
            if is_ill and OPENS + 60 * MINUTE <= self.clock.now() < OPENS + (60 + self.plan.ill_for) * MINUTE:
                yield self.plan.ill_for
            await self.unit_of_work.run(attendance.note_clinicians, SYSTEM, [clinician_id])
            ready = None
            for visit_id in list(left):
                visit = await self.unit_of_work.run(visits.find, SYSTEM, visit_id)
                if visit.status not in {S.BOOKED, S.ARRIVED, S.READY}:
                    left.remove(visit_id)
                elif visit.status is S.READY and ready is None:
                    ready = visit
            if ready is None or self.clock.now() < ready.starts_at - 5 * MINUTE:
                yield 1
                continue
            self.day.waits[ready.id].seen_at = self.clock.now()
            async for minutes in self._see(clinician, ready.id):
                yield minutes

    async def _see(self, clinician: Actor, visit_id: UUID) -> Agent:
        """Admit, talk, perhaps lose the connection for a while, finish."""
        run = self.unit_of_work.run
        for _ in range(12):
            visit = await run(visits.find, SYSTEM, visit_id)
            if visit.status is S.READY:
                break
            yield 1
        else:
            return  # they never came to the camera: the timers end it
        await run(lifecycle.admit, clinician, visit_id)
        await run(lifecycle.connected, clinician, visit_id)
        yield min(max(self.dice.lognormvariate(2.2, 0.45), 3), 40)
        if self.dice.random() < 0.1:
            await run(lifecycle.interrupted, clinician, visit_id)
            yield self.dice.uniform(0.5, 3)
            await run(lifecycle.connected, clinician, visit_id)
        await run(lifecycle.end, clinician, visit_id)

    def _is_somebody_there(self) -> bool:
        """Besides who keeps the house: itself, and the desk."""
        return len(self._agents) >= 1 + self.plan.desk or self.clock.now() < self.closes

    async def _keep_house(self) -> Agent:
        """What beat and the workers do, once a minute, while anybody is there."""
        house = House(self.unit_of_work, self.clock)
        while self._is_somebody_there():
            await house.sweep()
            self.day.longest_past_policy = max(self.day.longest_past_policy, await self._past_policy())
            yield 1

    async def _desk(self, desk: Actor) -> Agent:
        """Whoever is at the front desk sees to what they were told of, after a while."""
        seen: dict[UUID, datetime] = {}
        while self._is_somebody_there():
            for alert in await self.unit_of_work.run(told_to_the_desk, desk):
                at = seen.setdefault(alert, self.clock.now() + self.dice.uniform(0.5, 4) * MINUTE)
                if at <= self.clock.now():
                    taken = await self.unit_of_work.run(acknowledge, desk, alert)
                    if taken.kind is AlertKind.HELD_UP and taken.visit_id in self.day.lost:
                        self.day.lost[taken.visit_id] = True
            yield 1

    async def _past_policy(self) -> float:
        """How far past its policy the longest wait is: what fires each minute leaves nobody longer than that."""
        over = 0.0
        for visit_id in [each for each, wait in self.day.waits.items() if not wait.walk_in and wait.seen_at is None]:
            visit = await self.unit_of_work.run(visits.find, SYSTEM, visit_id)
            if visit.status is S.READY:
                waited = (self.clock.now() - max(visit.starts_at, visit.changed_at)) / MINUTE
                over = max(over, waited - visit.provider_no_show_after)
        return over

    async def _count(self, unit: Unit) -> None:
        span = OPENS - timedelta(hours=1), OPENS + timedelta(days=1)
        for visit in await visits.agenda(unit, span):
            self.day.ended[visit.status] = self.day.ended.get(visit.status, 0) + 1
        waited = {each: wait.until - wait.since for each, wait in self.day.waits.items() if wait.until is not None}
        self.day.alerts, self.day.unanswered = await answered(unit, waited, self.day.lost)


def _acting(clinician_id: ClinicianId) -> Actor:
    return Actor(clinician_id, Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=clinician_id)

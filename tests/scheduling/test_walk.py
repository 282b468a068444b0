"""A long random walk through booking on one database, beside a model that only remembers who was told what.

After every step: nobody and nothing has more at once than its capacity, the table holds what was promised and nothing
else, what a search offers can be booked, and what it does not offer is refused with the reason it gives.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Refusal
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Override, ResourceEntry, Rule, WeeklyHours, to_minute
from telehealth.scheduling.booking import queries, service
from telehealth.scheduling.booking.rules import (
    OVERBOOKED_LAYER,
    REFUSALS,
    Asked,
    Audience,
    HoldExpired,
    Occupied,
    Reason,
    RoleNeed,
    Slot,
    SlotRefused,
    VisitType,
    Wanted,
)
from tests.kit.moment import Moment, standing_still

START = datetime(2026, 3, 5, 15, 2, tzinfo=UTC)  # Thursday; New York sets its clocks on by an hour on Sunday
ALIVE = """
SELECT resource_id, s, e, layer, owner_id, role FROM occupancy
WHERE state = 'active' AND (expires_at IS NULL OR expires_at > now())
"""


class Undone(Exception):
    """Rolls a transaction back."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What somebody was promised."""

    wanted: Wanted
    taken: Occupied | None
    expires_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass
class Walk:
    """`kept` is the model: owner to what it has."""

    unit_of_work: UnitOfWork
    moment: Moment
    clinicians: list[ClinicianId]
    kinds: list[VisitType]
    capacity: dict[UUID, int]
    choice: random.Random
    patients: list[PatientId] = field(default_factory=list)
    kept: dict[UUID, Kept] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def new_id(self) -> UUID:
        return UUID(int=self.choice.getrandbits(128))

    def wanted(self) -> Wanted:
        slot_in = self.choice.choice([15, 30, 45, 45, 60, 60, 75, 90, 24 * 60, 3 * 24 * 60 + 60])
        quarter = START.replace(minute=0) + timedelta(minutes=slot_in + self.choice.choice([*[0] * 9, 5]))
        return Wanted(
            visit_type_id=self.choice.choice(self.kinds).id,
            patient_id=self.choice.choice(self.patients),
            start=quarter + (self.moment.now() - START) // timedelta(hours=1) * timedelta(hours=1),
            clinician_ids=tuple(self.choice.sample(self.clinicians, self.choice.choice([0, 1, 1, 2]))),
            audience=self.choice.choice([Audience.PATIENT, Audience.STAFF]),
            override=self.choice.choice([*[""] * 9, "asked for"]),
        )

    def alive(self, *kinds: str) -> list[UUID]:
        return [
            each for each, kept in self.kept.items() if not kept.is_over(self.moment.now()) and self.kind(each) in kinds
        ]

    def kind(self, owner: UUID) -> str:
        kept = self.kept[owner]
        return "visit" if kept.expires_at is None else "hold" if kept.taken is None else "offer"

    async def run(self, action: Any, *args: Any, **named: Any) -> Any:
        """The answer, or the refusal."""
        try:
            answer = await self.unit_of_work.run(action, SYSTEM, *args, **named)
        except Refusal as refused:
            self.told[type(refused).__name__] += 1
            return refused
        self.told[action.__name__] += 1
        return answer

    def forget_holds(self, patient_id: PatientId, span: Interval[datetime] | None = None) -> None:
        """A patient's holds go: all with a new hold, those in the way with anything else."""
        for owner in [each for each in self.alive("hold") if self.kept[each].wanted.patient_id == patient_id]:
            if span is None or self.span(self.kept[owner].wanted).overlaps(span):
                del self.kept[owner]

    def span(self, wanted: Wanted) -> Interval[datetime]:
        kind = next(each for each in self.kinds if each.id == wanted.visit_type_id)
        before, after = timedelta(minutes=kind.buffer_before), timedelta(minutes=kind.minutes + kind.buffer_after)
        return Interval(wanted.start - before, wanted.start + after)

    # Steps

    async def book(self) -> None:
        wanted, owner = self.wanted(), self.new_id()
        taken = await self.run(service.occupy, wanted, owner)
        if isinstance(taken, Occupied):
            self.forget_holds(wanted.patient_id, self.span(wanted))
            self.kept[owner] = Kept(wanted, taken)

    async def hold(self) -> None:
        wanted = self.wanted()
        held = await self.run(service.hold, wanted, seconds=self.choice.choice([60, 300, 900]))
        if not isinstance(held, Refusal):
            self.forget_holds(wanted.patient_id)
            self.kept[held.id] = Kept(wanted, None, held.expires_at)

    async def reserve(self) -> None:
        wanted, owner = self.wanted(), self.new_id()
        expires_at = self.moment.now() + timedelta(minutes=self.choice.choice([1, 10, 60]))
        taken = await self.run(service.reserve, wanted, owner_id=owner, expires_at=expires_at)
        if isinstance(taken, Occupied):
            self.forget_holds(wanted.patient_id, self.span(wanted))
            self.kept[owner] = Kept(wanted, taken, expires_at)

    async def turn_into_a_visit(self) -> None:
        """Whatever was promised is honoured until its time is over, and not a moment longer."""
        owners = [each for each in self.kept if self.kind(each) != "visit"]
        if not owners:
            return
        owner, visit = self.choice.choice(owners), self.new_id()
        kept = self.kept.pop(owner)
        action = service.convert if kept.taken is None else service.claim
        taken = await self.run(action, owner, visit)
        if kept.is_over(self.moment.now()):
            assert isinstance(taken, HoldExpired)
        else:
            taken = taken[0] if isinstance(taken, tuple) else taken
            assert isinstance(taken, Occupied), taken
            assert taken.start == kept.wanted.start
            self.kept[visit] = Kept(kept.wanted, taken)

    async def reschedule(self) -> None:
        for owner in self.choice.sample(self.alive("visit"), min(1, len(self.alive("visit")))):
            old = self.kept[owner].wanted
            wanted = replace(self.wanted(), patient_id=old.patient_id, visit_type_id=old.visit_type_id)
            taken = await self.run(service.occupy, wanted, owner)
            if isinstance(taken, Occupied):
                self.forget_holds(wanted.patient_id, self.span(wanted))
                self.kept[owner] = Kept(wanted, taken)

    async def give_back(self) -> None:
        """Whoever gives a time back could have it again at once."""
        owners = self.alive("visit", "hold", "offer")
        if not owners:
            return
        owner = self.choice.choice(owners)
        if self.kind(owner) == "hold":
            await self.run(service.release_hold, owner)
            assert isinstance(await self.run(service.release_hold, owner), NotFound)
        else:
            await self.run(service.release, owner)
        del self.kept[owner]

    async def let_time_pass(self) -> None:
        self.moment.move(self.moment.now() + timedelta(minutes=self.choice.choice([1, 2, 5, 11])))
        self.kept = {
            each: kept
            for each, kept in self.kept.items()
            if not kept.is_over(self.moment.now()) or self.choice.random() < 0.5
        }

    async def change_hours(self) -> None:
        who, day = self.choice.choice(self.clinicians), self.moment.now().date()
        windows = self.choice.choice([(), (Interval(9 * 60, 12 * 60),), *[(Interval(8 * 60, 20 * 60),)] * 4])
        await self.run(availability.put_override, who, Override(day, windows))

    # Questions

    async def check(self) -> None:
        """Occupied ranges never exceed the capacity, and are those of the model."""
        rows: list[Any] = await self.run(_alive_rows)
        points: Counter[tuple[UUID, int]] = Counter()
        for resource, start, end, layer, _, role in rows:
            if role != "seat" and layer < OVERBOOKED_LAYER:
                points.update((resource, minute) for minute in range(start, end))
        visible = {owner for _, _, _, _, owner, role in rows if role == "patient"}
        assert visible == set(self.alive("visit", "hold", "offer"))
        for (resource, _), count in points.items():
            assert count <= self.capacity.get(resource, 1)
        spans = {owner: (start, end) for _, start, end, _, owner, role in rows if role == "patient"}
        for owner, (start, end) in spans.items():
            promised = self.span(self.kept[owner].wanted)
            assert (start, end) == (to_minute(promised.start), to_minute(promised.end))

    async def compare(self) -> None:
        """What is offered can be booked; what is not offered is refused with the reason that `explain` gives."""
        wanted = replace(self.wanted(), override="")
        asked = Asked(
            visit_type_id=wanted.visit_type_id,
            clinician_ids=wanted.clinician_ids,
            patient_id=wanted.patient_id,
            audience=wanted.audience,
        )
        span = Interval(self.moment.now(), self.moment.now() + timedelta(hours=8))
        slots: list[Slot] = await self.run(queries.search, asked, span, 200)
        if slots:
            slot = self.choice.choice(slots)
            booked = await self._try(replace(wanted, start=slot.start, clinician_ids=(slot.clinician_id,)))
            assert isinstance(booked, Occupied), (slot, booked)
            assert (booked.start, booked.end, booked.clinician_id) == (slot.start, slot.end, slot.clinician_id)
        offered = {slot.start for slot in slots}
        reason = await self.run(queries.explain, asked, wanted.start)
        answer = await self._try(wanted)
        if span.start <= wanted.start < span.end and len(slots) < 200:
            assert (reason is Reason.OK) == (wanted.start in offered)
        if reason is Reason.OK:
            assert isinstance(answer, Occupied), answer
        else:
            self.told[reason] += 1
            assert type(answer) is REFUSALS[reason], (reason, answer)
            alternatives: Any = answer.extras["alternatives"]
            assert wanted.start.strftime("%Y-%m-%dT%H:%M:%SZ") not in alternatives

    async def _try(self, wanted: Wanted) -> Occupied | SlotRefused:
        try:
            await self.unit_of_work.run(_book_and_undo, SYSTEM, wanted, self.new_id())
        except Undone as undone:
            taken: Occupied = undone.args[0]
            return taken
        except SlotRefused as refused:
            return refused
        raise AssertionError("unreachable")


async def _book_and_undo(unit: Unit, wanted: Wanted, owner: UUID) -> None:
    raise Undone(await service.occupy(unit, wanted, owner))


async def _alive_rows(unit: Unit) -> list[Any]:
    return list((await unit.session.execute(text(ALIVE))).all())


KINDS: dict[str, dict[str, Any]] = {
    "solo": {"minutes": 20, "buffer_before": 5, "buffer_after": 10, "notice": 10, "cap_per_day": 4},
    "team": {"minutes": 30, "roles": (RoleNeed("room"), RoleNeed("room", skill="big")), "cap_per_week": 5},
    "group": {"minutes": 45, "seats": 3, "buffer_after": 5},
    "first": {"minutes": 15, "first_of_day_only": True},
}


async def _open_up(unit: Unit) -> tuple[list[ClinicianId], list[VisitType], dict[UUID, int]]:
    kinds = [VisitType(id=VisitTypeId(unit.new_id()), code=code, name=code, **parts) for code, parts in KINDS.items()]
    for kind in kinds:
        await service.add_visit_type(unit, kind)
    clinicians = []
    week = WeeklyHours("America/New_York", tuple(Rule(weekday, 8 * 60, 20 * 60) for weekday in range(1, 8)))
    for name in ("Ada", "Grace"):
        who = await people.add_clinician(
            unit, given=name, family="O", prefix="", email=f"{name}@clinic.example", time_zone="America/New_York"
        )
        await availability.publish_hours(unit, who.id, week)
        clinicians.append(who.id)
    second = ResourceEntry(id=clinicians[1], kind="clinician", name="", time_zone="America/New_York", capacity=2)
    await availability.change_resource(unit, second)
    for skills in ({"big"}, {"big"}, set()):
        room = ResourceEntry(id=unit.new_id(), kind="room", name="R", time_zone="UTC", skills=frozenset(skills))
        await availability.add_resource(unit, room)
        await availability.publish_hours(unit, room.id, replace(week, time_zone="America/New_York"))
    return clinicians, kinds, {clinicians[1]: 2}


@pytest.fixture
async def walk(database: str, unit_of_work: UnitOfWork) -> AsyncIterator[Walk]:
    with standing_still(database, START) as moment:
        engine = open_engine(database)
        moving = replace(unit_of_work, engine=engine, clock=moment)
        clinicians, kinds, capacity = await moving.run(_open_up, SYSTEM)
        yield Walk(moving, moment, clinicians, kinds, capacity, random.Random())
        await engine.dispose()


STEPS = (
    *[Walk.book] * 5,
    *[Walk.hold] * 4,
    *[Walk.reserve] * 2,
    *[Walk.turn_into_a_visit] * 4,
    *[Walk.reschedule] * 3,
    *[Walk.give_back] * 2,
    *[Walk.let_time_pass] * 2,
    Walk.change_hours,
)


@pytest.mark.parametrize("seed", [1])
async def test_a_walk(walk: Walk, seed: int) -> None:
    await go(walk, seed, steps=80)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 106))
async def test_a_long_walk(walk: Walk, seed: int) -> None:
    await go(walk, seed, steps=600)


async def go(walk: Walk, seed: int, steps: int) -> None:
    walk.choice.seed(seed)
    walk.patients = [PatientId(walk.new_id()) for _ in range(6)]
    for number in range(steps):
        step = walk.choice.choice(STEPS)
        await step(walk)
        await walk.check()
        if number % 3 == 0:
            await walk.compare()
    assert {Reason.OK, *walk.told} >= {"occupy", "hold"}, walk.told

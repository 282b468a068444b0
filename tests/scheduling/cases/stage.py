"""Where cases are played: the assembled application on a real PostgreSQL, its time moved by the case."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID, uuid4, uuid5

import httpx
from sqlalchemy import text
from starlette.types import ASGIApp

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId, uuid7
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.scheduling.availability import queries as timetables
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import (
    DAY,
    HolidayCalendar,
    Resource,
    ResourceEntry,
    WeeklyHours,
    to_instant,
    to_minute,
)
from telehealth.scheduling.booking import queries, rules, service
from telehealth.scheduling.booking.rules import Asked, Audience, Minutes, Slot, VisitType, Wanted
from tests.kit.moment import Moment
from tests.kit.staff import open_account
from tests.scheduling.cases.answers import Answer, answered
from tests.scheduling.cases.reading import Given
from tests.scheduling.cases.words import ALWAYS, Schedule, instant

P = ParamSpec("P")
R = TypeVar("R")
MINUTES = 30  # of a visit, where a case does not say
FAR = 3650
CONNECTIONS = 10  # of the pool, so many transactions at once
BEFORE_EVERYTHING = timedelta(days=40)
ALL = 100_000
WIPE = """
DO $$ DECLARE found text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR found IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE 'DELETE FROM ' || found;
  END LOOP;
END $$
"""
FRONT_DESK = Actor(UUID(int=2), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK])


@dataclass
class Stage:
    """`names` are the ids of whoever a case names. Time stands still between moves.

    `spare` opens one more empty database, `notes` is for what a reader should know though nothing failed.
    """

    app: ASGIApp
    unit_of_work: UnitOfWork
    client: httpx.AsyncClient
    moment: Moment
    spare: Callable[[], AbstractContextManager[str]]
    notes: list[str] = field(default_factory=list)
    names: dict[str, UUID] = field(default_factory=dict)
    _session: tuple[str, datetime] | None = None

    async def clear(self) -> None:
        """An empty database, for the next case."""
        self.names, self.notes, self._session = {}, [], None
        await self.run(_wipe)

    def at(self, moment: datetime) -> None:
        """The time it is now."""
        self.moment.move(moment)

    def before(self, moment: datetime) -> None:
        """Long before that, so that all of a case can be arranged ahead of its time."""
        self.moment.move(moment - BEFORE_EVERYTHING)

    async def run(
        self, action: Callable[Concatenate[Unit, P], Awaitable[R]], actor: Actor = SYSTEM, /, *a: P.args, **k: P.kwargs
    ) -> R:
        return await self.unit_of_work.run(action, actor, *a, **k)

    # Who and what there is

    async def patient(self, name: str = "patient") -> PatientId:
        if name not in self.names:
            born = date(1970, 1, 1)
            found = await self.run(
                people.register_patient, SYSTEM, given=name, family="Moreno", birth_date=born, email="p@patient.example"
            )
            self.names[name] = found.id
        return PatientId(self.names[name])

    def acting(self, patient_id: PatientId, session: str = "") -> Actor:
        """The patient, as the actor of a session."""
        return Actor(uuid5(patient_id, session), Role.PATIENT, SCOPES[Role.PATIENT], person_id=patient_id)

    async def clinician(
        self, name: str = "clinician", schedule: Schedule = ALWAYS, *, capacity: int = 1, pools: Sequence[str] = ()
    ) -> ClinicianId:
        """A clinician who is open so. Again gives the same one."""
        if name not in self.names:
            now = self.moment.now()
            self.at(now + self._next())
            found = await self.run(
                people.add_clinician,
                SYSTEM,
                given=name,
                family="Lindqvist",
                email=f"{uuid4()}@clinic.example",
                time_zone=schedule.time_zone,
            )
            self.at(now)
            self.names[name] = found.id
            await self._open(found.id, "clinician", schedule, capacity=capacity, pools=pools)
        return ClinicianId(self.names[name])

    async def thing(
        self, name: str, kind: str = "interpreter", schedule: Schedule = ALWAYS, *, pools: Sequence[str] = ()
    ) -> UUID:
        """Somebody or something beside the clinician."""
        if name not in self.names:
            self.names[name] = uuid7(self.moment.now() + self._next())
            await self._open(self.names[name], kind, schedule, pools=pools)
        return self.names[name]

    def _next(self) -> timedelta:
        """Identifiers sort by their millisecond: whoever comes later has a greater one."""
        return timedelta(milliseconds=len(self.names) + 1)

    def name_of(self, found: object) -> str:
        return next((name for name, each in self.names.items() if str(each) == str(found)), str(found))

    async def _open(
        self, resource_id: UUID, kind: str, schedule: Schedule, *, capacity: int = 1, pools: Sequence[str] = ()
    ) -> None:
        entry = ResourceEntry(
            id=resource_id,
            kind=kind,
            name=kind,
            time_zone=schedule.time_zone,
            capacity=capacity,
            pools=frozenset(pools),
        )
        await self.run(_put_resource, SYSTEM, entry, schedule)

    async def kind(self, **fields: Any) -> VisitType:
        """A kind of visit; a grid of one minute and a far horizon unless told otherwise."""
        values: dict[str, Any] = {"minutes": MINUTES, "grid": 1, "horizon_days": FAR, "name": "Visit", **fields}
        code = values.pop("code", None) or f"kind-{uuid4()}"
        kind = VisitType(id=values.pop("id", None) or VisitTypeId(uuid4()), code=code, **values)
        return await self.run(service.add_visit_type, SYSTEM, kind)

    async def busy(self, clinician_id: ClinicianId, span: Minutes, *, before: int = 0, after: int = 0) -> UUID:
        """Somebody else's visit with the clinician, whatever the hours. Longer than a day it is an outside event."""
        if span.end - span.start > DAY:
            return await self.away(clinician_id, Interval(span.start - before, span.end + after))
        kind = await self.kind(minutes=span.end - span.start, buffer_before=before, buffer_after=after)
        return await self.arrange(kind, clinician_id, to_instant(span.start))

    async def arrange(self, kind: VisitType, clinician_id: ClinicianId, start: datetime, *, risk: int = 0) -> UUID:
        """Book that time for a patient of no importance, whatever the rules; answers the owner."""
        owner = uuid4()
        wanted = Wanted(
            visit_type_id=kind.id,
            patient_id=await self.patient(f"somebody {owner}"),
            start=start,
            clinician_ids=(clinician_id,),
            audience=Audience.STAFF,
            override="arranged",
            no_show_risk=risk,
        )
        await self.run(service.occupy, SYSTEM, wanted, owner)
        return owner

    async def away(self, resource_id: UUID, span: Minutes) -> UUID:
        """Time that an outside calendar closes."""
        self.names[f"feed {len(self.names)}"] = feed = uuid4()
        await self.run(service.close_external, SYSTEM, resource_id, len(self.names), [span])
        return feed

    # What can be had

    async def search(self, kind: VisitType, span: Interval[datetime], **asked: Any) -> list[Slot]:
        """Every free time in the span, by the engine's own search."""
        return await self.run(queries.search, SYSTEM, Asked(visit_type_id=kind.id, **asked), span, ALL)

    async def starts(self, kind: VisitType, span: Interval[datetime], **asked: Any) -> list[datetime]:
        return sorted({slot.start for slot in await self.search(kind, span, **asked)})

    async def offers(self, kind: VisitType, start: datetime, **asked: Any) -> bool:
        """Whether that very start is found."""
        return start in await self.starts(kind, Interval(start, start + timedelta(minutes=1)), **asked)

    async def explain(self, kind: VisitType, start: datetime, **asked: Any) -> rules.Reason:
        return await self.run(queries.explain, SYSTEM, Asked(visit_type_id=kind.id, **asked), start)

    async def resource(self, resource_id: UUID) -> Resource:
        """As the database has it."""
        return await self.run(timetables.resource, SYSTEM, resource_id)

    # HTTP, as the front desk

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Headers with underscores for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.request(method, path, json=body, headers={**sent, **await self._signed_in()})
        return answered(response)

    async def _signed_in(self) -> dict[str, str]:
        now = self.moment.now()
        if self._session is None or abs(now - self._session[1]) > timedelta(hours=1):
            self._session = await self.run(_sign_in), now
        return {"Cookie": f"__Host-session={self._session[0]}", "Sec-Fetch-Site": "same-origin"}


async def _wipe(unit: Unit) -> None:
    await unit.session.execute(text(WIPE))


async def _sign_in(unit: Unit) -> str:
    await unit.session.execute(text("DELETE FROM session"))
    await unit.session.execute(text("DELETE FROM account"))
    return await open_account(unit, Role.FRONT_DESK, None)


async def _put_resource(unit: Unit, entry: ResourceEntry, schedule: Schedule) -> None:
    if schedule.holidays:
        calendar = HolidayCalendar(uuid4(), "Holidays", everyone=False, days=tuple(schedule.holidays))
        entry = replace(entry, calendar_ids=frozenset({(await availability.add_holidays(unit, calendar)).id}))
    if entry.kind != "clinician":
        await availability.add_resource(unit, entry)
    await availability.publish_hours(unit, entry.id, WeeklyHours(schedule.time_zone, schedule.published()))
    await availability.change_resource(unit, entry)
    for override in schedule.overrides:
        await availability.put_override(unit, entry.id, override)
    for away in schedule.time_off:
        await availability.add_time_off(unit, entry.id, away)
    if schedule.travel:
        await availability.set_travel(unit, entry.id, schedule.travel)


def kind_fields(given: Given) -> dict[str, Any]:
    """What a case says of the visit, in the engine's words."""
    words = {
        "duration": "minutes",
        "before": "buffer_before",
        "after": "buffer_after",
        "max_days": "horizon_days",
        "first_slot_only": "first_of_day_only",
    }
    same = ("grid", "offset", "notice", "buffers_inside_hours", "grid_tz", "cap_per_day", "cap_per_week", "seats")
    found = {mine: given[word] for word, mine in words.items() if word in given}
    return found | {word: given[word] for word in same if word in given}


def busy_of(given: Given, minutes: int = MINUTES) -> tuple[Minutes, int, int]:
    """`start` with `end` or a usual length, `before` and `after`."""
    start = to_minute(instant(given["start"]))
    length = int(given.get("duration", minutes))
    end = to_minute(instant(given["end"])) if "end" in given else start + length
    return Interval(start, end), int(given.get("before", 0)), int(given.get("after", 0))

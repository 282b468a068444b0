"""A clinic whose patients wait, and a clock that moves for the house and its database together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import PatientId
from telehealth.core.intervals import Interval
from telehealth.core.ports import Ports
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import Asked, Audience
from telehealth.scheduling.waitlist import queries, service, tasks
from telehealth.scheduling.waitlist.rules import Entry, FreeTime, Offer, Terms
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from tests.kit.clinic import TUESDAY_NINE, Clinic, open_clinic, register
from tests.kit.moment import Moment, standing_still

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANYTIME = Terms()


@dataclass
class Waiting:
    """Tuesday at nine in Chicago is free; it is noon (UTC) of the day before. Patients wait in the order of names."""

    unit_of_work: UnitOfWork
    moment: Moment
    clinic: Clinic
    patients: list[PatientId] = field(default_factory=list)

    @property
    def work(self) -> Work:
        return Work(self.unit_of_work, Ports({}), self.moment)

    @property
    def freed(self) -> FreeTime:
        return FreeTime(self.clinic.clinician.id, TUESDAY_NINE, TUESDAY_NINE + timedelta(minutes=20))

    async def joins(self, name: str, terms: Terms = ANYTIME) -> Entry:
        self.moment.move(self.moment.now() + timedelta(seconds=1))

        async def join(unit: Unit) -> Entry:
            patient = await register(unit, name)
            self.patients.append(patient.id)
            return await service.join(unit, patient.id, self.clinic.visit_type.id, terms)

        return await self.unit_of_work.run(join, SYSTEM)

    async def refill(self) -> Sequence[Offer]:
        return (await self.unit_of_work.run(service.refill, SYSTEM, self.freed)).offers

    async def goes_on(self) -> None:
        """What the worker does: settle what is over, and bring what happened to those who subscribe."""
        await tasks.go_on(self.work)
        await Relay(tasks.SUBSCRIPTIONS).sweep(self.work)

    async def open_offers(self) -> list[Offer]:
        async def read(unit: Unit) -> list[Offer]:
            entries = await queries.waiting(unit)
            found = await queries.open_offers(unit, entries)
            return [found[each.id] for each in entries if each.id in found]

        return await self.unit_of_work.run(read, SYSTEM)

    async def is_found(self, audience: Audience, start: datetime = TUESDAY_NINE) -> bool:
        """Whether a search of that audience shows the time."""
        asked = Asked(visit_type_id=self.clinic.visit_type.id, audience=audience)
        span = Interval(start, start + timedelta(minutes=1))
        return bool(await self.unit_of_work.run(booking.search, SYSTEM, asked, span, 1))


@asynccontextmanager
async def waiting_room(unit_of_work: UnitOfWork, database: str) -> AsyncIterator[Waiting]:
    with standing_still(database, NOON) as moment:
        moved = replace(unit_of_work, clock=moment)
        yield Waiting(moved, moment, await moved.run(open_clinic, SYSTEM))

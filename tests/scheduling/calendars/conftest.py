"""A clinic whose clinician keeps other calendars, somewhere else on loopback; and the time, which tests move."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.db.vault import Vault
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import Asked, Audience, Reason
from telehealth.scheduling.calendars import queries, service
from telehealth.scheduling.calendars.ports import OwnDomain
from telehealth.scheduling.calendars.rules import Feed
from telehealth.scheduling.calendars.tasks import read_due
from telehealth.tasks.outbound import Fetcher, open_fetcher, parse_networks
from telehealth.tasks.work import Work
from tests.kit.clinic import Clinic, open_clinic
from tests.kit.elsewhere import Elsewhere, somewhere
from tests.kit.moment import Moment, standing_still

DOMAIN = "visits.example"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Desk:
    """`there` is where other calendars are; it answers what a test puts into its pages."""

    unit_of_work: UnitOfWork
    clinic: Clinic
    there: Elsewhere
    work: Work
    moment: Moment

    async def add(self, path: str) -> Feed:
        clinician = self.clinic.clinician.id
        return await self.unit_of_work.run(
            service.add_feed, self.clinic.clinician_actor, clinician, name="Own", address=self.there.at(path)
        )

    async def read(self, *, minutes: int = 0) -> int:
        """Later by so many minutes, whatever is due is read."""
        self.wait(minutes)
        return await read_due(self.work)

    def wait(self, minutes: int) -> None:
        self.moment.move(self.moment.now() + timedelta(minutes=minutes))

    async def feed(self) -> Feed:
        (found,) = await self.unit_of_work.run(queries.feeds, SYSTEM, self.clinic.clinician.id)
        return found

    async def attention(self) -> list[Feed]:
        return await self.unit_of_work.run(queries.attention, self.clinic.front_desk)

    async def why(self, start: datetime, audience: Audience = Audience.PATIENT) -> Reason:
        """What a patient hears who wants to begin then."""

        async def ask(unit: Unit) -> Reason:
            kind, clinician = self.clinic.visit_type.id, self.clinic.clinician.id
            asked = Asked(visit_type_id=kind, clinician_ids=[clinician], audience=audience)
            return await booking.explain(unit, asked, start)

        return await self.unit_of_work.run(ask, SYSTEM)


@pytest.fixture
def moment(database: str) -> Iterator[Moment]:
    with standing_still(database, NOW) as still:
        yield still


@pytest.fixture
async def desk(database: str, moment: Moment) -> AsyncIterator[Desk]:
    engine = open_engine(database)

    async def nudge(_: object) -> None:
        """Nobody listens."""

    unit_of_work = UnitOfWork(engine, moment, Vault({"test": b"k" * 32}), read_catalogue().conflicts, nudge)
    async with somewhere() as there, open_fetcher(deadline=1, also=parse_networks("127.0.0.1/32")) as fetcher:
        ports = Ports({Fetcher: fetcher, OwnDomain: OwnDomain(DOMAIN)})
        clinic = await unit_of_work.run(open_clinic, SYSTEM)
        yield Desk(unit_of_work, clinic, there, Work(unit_of_work, ports, moment), moment)
    await engine.dispose()

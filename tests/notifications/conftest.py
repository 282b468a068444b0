from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import update

from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.locales import Locales
from telehealth.http.paging import CursorKey
from telehealth.notifications.memory import MemoryCaller, MemoryMailer, MemoryPusher, MemoryTexter
from telehealth.notifications.ports import (
    Caller,
    Mail,
    Mailer,
    MailFrom,
    NoCaller,
    NoPusher,
    NoTexter,
    PublicUrl,
    Pusher,
    Rates,
    Texter,
)
from telehealth.notifications.rules import Channel
from telehealth.notifications.sending import send_due
from telehealth.notifications.tasks import SUBSCRIPTIONS
from telehealth.people import service as people
from telehealth.people.models import PatientRow
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from telehealth.visits.appointments.service import Booked
from tests.kit.clinic import BORN, Clinic, book, open_clinic

HOME = "https://visits.example"
ROSA, NUMBER = "rosa@home.example", "+34600123456"
SOON = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)  # too near for a reminder


@pytest.fixture(scope="session")
def locales() -> Locales:
    return Locales.load()


@dataclass
class Post:
    """A clinic and its outgoing mail. The patient reads Spanish in Madrid, the clinician English in Chicago."""

    clinic: Clinic
    unit_of_work: UnitOfWork
    clock: FixedClock
    locales: Locales
    mailer: MemoryMailer = field(default_factory=MemoryMailer)
    texter: MemoryTexter | NoTexter = field(default_factory=NoTexter)
    pusher: MemoryPusher | NoPusher = field(default_factory=NoPusher)
    caller: MemoryCaller | NoCaller = field(default_factory=NoCaller)
    rates: dict[Channel, float] = field(default_factory=dict)

    @property
    def work(self) -> Work:
        ports = {
            Mailer: self.mailer,
            Texter: self.texter,
            Pusher: self.pusher,
            Caller: self.caller,
            CursorKey: CursorKey("k" * 32),
            Rates: Rates(self.rates),
            Locales: self.locales,
            PublicUrl: PublicUrl(HOME),
            MailFrom: MailFrom("visits@clinic.example"),
        }
        return Work(self.unit_of_work, Ports(ports), self.clock)

    async def book(self, start: datetime = SOON) -> Booked:
        return await self.unit_of_work.run(book, SYSTEM, self.clinic, start)

    async def relay(self) -> None:
        """Bring every event to the subscribers of this package."""
        await Relay(SUBSCRIPTIONS).sweep(self.work)

    async def deliver(self) -> list[Mail]:
        """What goes out now."""
        before = len(self.mailer.sent)
        await self.relay()
        await send_due(self.work)
        return self.mailer.sent[before:]

    def to_patient(self) -> list[Mail]:
        return [each for each in self.mailer.sent if each.recipient == self.clinic.patient.email]


@pytest.fixture
async def post(unit_of_work: UnitOfWork, clock: FixedClock, locales: Locales) -> Post:
    return Post(await unit_of_work.run(_clinic_with_mail), unit_of_work, clock, locales)


@pytest.fixture
async def texting(post: Post) -> Post:
    """The same with a gateway, and a number of the patient as people write them."""
    post.texter = MemoryTexter()
    await write_down(post, phone="+34 600 123 456")
    return post


async def write_down(post: Post, **contact: str | None) -> None:
    """Other addresses of the patient."""

    async def change(unit: Unit) -> None:
        await unit.session.execute(update(PatientRow).values(**contact))

    await post.unit_of_work.run(change)


async def _clinic_with_mail(unit: Unit) -> Clinic:
    clinic = await open_clinic(unit)
    patient = await people.register_patient(
        unit,
        given="Rosa",
        family="Jiménez",
        birth_date=BORN,
        language="es-ES",
        time_zone="Europe/Madrid",
        email=ROSA,
        identifier=f"urn:test|{UUID(int=1)}",
    )
    return replace(clinic, patient=patient)

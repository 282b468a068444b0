"""A patient in the waiting room of a clinic with two clinicians and a front desk, all of whom sign in and get mail."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from telehealth.access.rules import SCOPES
from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import ClinicianId
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.locales import Locales
from telehealth.http.paging import CursorKey
from telehealth.notifications.memory import MemoryMailer, MemoryPusher
from telehealth.notifications.ports import (
    Caller,
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
from telehealth.notifications.sending import send_due
from telehealth.people.rules import Clinician
from telehealth.scheduling.booking import service as booking
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from telehealth.visits.escalation import tasks
from telehealth.visits.escalation.models import AlertRow, AlertStepRow
from telehealth.visits.escalation.ports import Lacking
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import queries, service
from telehealth.visits.lifecycle.rules import DeviceCheck, Visit
from tests.kit.clinic import TUESDAY_NINE, Clinic, add_colleague, book, guest_of, open_clinic
from tests.kit.staff import open_account

DESK = "front_desk@clinic.example"


def work_of(
    unit_of_work: UnitOfWork,
    clock: FixedClock,
    mailer: MemoryMailer | None = None,
    lacking: Lacking | None = None,
    *,
    pusher: Pusher | None = None,
) -> Work:
    """What a worker stands on."""
    ports = {
        Mailer: mailer or MemoryMailer(),
        Texter: NoTexter(),
        Pusher: pusher or NoPusher(),
        Caller: NoCaller(),
        CursorKey: CursorKey("k" * 32),
        Rates: Rates(),
        Locales: Locales.load(),
        PublicUrl: PublicUrl("https://visits.example"),
        MailFrom: MailFrom("visits@clinic.example"),
        Lacking: lacking or Lacking(),
    }
    return Work(unit_of_work, Ports(ports), clock)


async def relay(work: Work) -> None:
    for _ in range(3):
        await Relay(read_catalogue().subscriptions).sweep(work)


@dataclass
class Ward:
    """`own` gives the visit, `colleague` is the other clinician; `lacking` is what the house has not got."""

    unit_of_work: UnitOfWork
    clock: FixedClock
    clinic: Clinic
    colleague: Clinician
    own: Actor
    other: Actor
    desk: Actor
    link: str
    visit_id: UUID
    patient: Actor
    mailer: MemoryMailer = field(default_factory=MemoryMailer)
    lacking: Lacking = field(default_factory=Lacking)
    pusher: MemoryPusher = field(default_factory=MemoryPusher)

    @property
    def work(self) -> Work:
        return work_of(self.unit_of_work, self.clock, self.mailer, self.lacking, pusher=self.pusher)

    async def relay(self) -> None:
        """Bring every event to whoever listens, and what they say about it too."""
        await relay(self.work)

    async def wait(self, seconds: float = 0) -> list[str]:
        """Let time pass and the sweeps run; to whom mail went about what somebody has to see to."""
        self.clock.advance(timedelta(seconds=seconds))
        await self.relay()
        await tasks.escalate(self.work)
        await self.relay()
        before = len(self.mailer.sent)
        await send_due(self.work)
        return sorted(mail.recipient for mail in self.mailer.sent[before:] if mail.invite is None)

    async def give(self, command: Callable[..., Awaitable[Visit]], actor: Actor = SYSTEM, **options: Any) -> Visit:
        return await self.unit_of_work.run(command, actor, self.visit_id, **options)

    async def come(self, *, early: timedelta = timedelta(0)) -> None:
        """The patient goes into the waiting room at the time of the visit, or so long before."""
        self.clock.advance(TUESDAY_NINE - early - self.clock.now())
        await self.give(service.record_check, self.patient, check=DeviceCheck.GOOD)
        await self.give(gates.make_ready, self.patient)

    async def alerts(self) -> list[AlertRow]:
        return await self.unit_of_work.run(_alerts, SYSTEM)

    async def steps(self) -> list[tuple[str, UUID | None]]:
        """Whom each rung told, in order."""
        return await self.unit_of_work.run(_steps, SYSTEM)


@pytest.fixture
async def ward(unit_of_work: UnitOfWork, clock: FixedClock) -> Ward:
    return await open_ward(unit_of_work, clock)


async def open_ward(unit_of_work: UnitOfWork, clock: FixedClock, **policy: Any) -> Ward:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(clinic.visit_type, **policy))
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    own, other = [await actor(unit_of_work, Role.CLINICIAN, each.id) for each in (clinic.clinician, colleague)]
    desk = await actor(unit_of_work, Role.FRONT_DESK)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - timedelta(minutes=10) - clock.now())
    patient = await guest_of(unit_of_work, booked)
    ward = Ward(unit_of_work, clock, clinic, colleague, own, other, desk, booked.link_secret, booked.visit.id, patient)
    await ward.wait()
    return ward


async def actor(unit_of_work: UnitOfWork, role: Role, person_id: ClinicianId | None = None) -> Actor:
    """Somebody with an account."""
    email = f"{person_id}@staff.example" if person_id else DESK
    await unit_of_work.run(open_account, SYSTEM, role, person_id, email=email)
    account_id = await unit_of_work.run(_account, SYSTEM, email)
    return Actor(account_id, role, SCOPES[role], person_id=person_id)


async def _account(unit: Unit, email: str) -> UUID:
    query = text("SELECT id FROM account WHERE email = :email")
    found: UUID = (await unit.session.execute(query, {"email": email})).scalar_one()
    return found


async def _alerts(unit: Unit) -> list[AlertRow]:
    return list(await unit.session.scalars(select(AlertRow).order_by(AlertRow.raised_at, AlertRow.id)))


async def _steps(unit: Unit) -> list[tuple[str, UUID | None]]:
    row = AlertStepRow
    rows: Sequence[AlertStepRow] = (
        await unit.session.scalars(select(row).order_by(row.at, row.alert_id, row.rung, row.number))
    ).all()
    return [(each.whom, each.recipient_id) for each in rows]


async def status(ward: Ward) -> str:
    return (await ward.unit_of_work.run(queries.find, SYSTEM, ward.visit_id)).status

"""A house that sends messages, as real processes, to a mail server, a text gateway and a push service on loopback.

Its patients have a visit tomorrow each, and are reminded of it at whatever time a test says.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from joserfc.jwk import ECKey
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.ids import PatientId
from telehealth.core.time import SystemClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.notifications import devices
from telehealth.notifications.models import MessageRow
from telehealth.notifications.rules import Channel, MessageKind, MessageState
from telehealth.people import service as people
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.queries import visit_of
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.participants import guests
from tests.kit.clinic import BORN, Clinic, open_clinic
from tests.kit.gateway import SECRET, Gateway, gateway
from tests.kit.house import environment_of
from tests.kit.mail import MailServer, mail_server
from tests.kit.mortal_postgres import mortal_postgres
from tests.kit.note_house import unit_of_work_on
from tests.kit.pushes import Browser, PushService, push_service
from tests.kit.valkey import Valkey, mortal_valkey

AHEAD = timedelta(hours=26)  # the next reminder comes two hours from now, and takes the place of what was not told
PATIENTLY = timedelta(hours=6)
AT_ONCE = 100
LEFT = "SELECT count(*) FROM message WHERE state IN ('pending', 'sending')"


@dataclass(frozen=True)
class Invited:
    """A patient with a visit, and the addresses by which they are known again where messages arrive."""

    patient_id: PatientId
    visit_id: UUID
    starts_at: datetime
    email: str
    phone: str

    def address(self, channel: Channel) -> str:
        return {Channel.EMAIL: self.email, Channel.SMS: self.phone, Channel.PUSH: str(self.patient_id)}[channel]


@dataclass
class PostOffice:
    """What stands for the world: it notes when something comes for an address, whatever becomes of the answer."""

    texts: Gateway
    mails: MailServer
    pushes: PushService
    came: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.texts.came = self.mails.came = self._note
        self.pushes.came = lambda browser: self._note(self.owners[browser.endpoint])

    def _note(self, address: str) -> None:
        self.came[address].append(SystemClock().now())


@dataclass(frozen=True)
class PostHouse:
    """`settings` are those of its processes, none of which runs yet."""

    url: str
    valkey: Valkey
    settings: dict[str, str]
    unit_of_work: UnitOfWork
    office: PostOffice

    def ask(self, query: str) -> list[tuple[str | int, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def tell(self, statement: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode())

    def left(self) -> int:
        ((count,),) = self.ask(LEFT)
        return int(count)

    async def invite(self, numbers: Iterable[int]) -> Sequence[Invited]:
        """So many patients, each with a visit tomorrow."""
        left, invited, clinic = list(numbers), list[Invited](), await self.unit_of_work.run(open_clinic)
        while left:
            invited += await self.unit_of_work.run(_invite, SYSTEM, clinic, left[:AT_ONCE])
            del left[:AT_ONCE]
        return invited

    async def give_browsers(self, patients: Iterable[Invited]) -> None:
        """Each asks for notifications."""
        for each in patients:
            browser = self.office.pushes.browser()
            self.office.owners[browser.endpoint] = each.address(Channel.PUSH)
            await self.unit_of_work.run(_keep, SYSTEM, each, browser)

    async def remind(self, due: Iterable[tuple[Invited, Channel, datetime]]) -> None:
        rows = [_reminder(*each) for each in due]
        for first in range(0, len(rows), AT_ONCE):
            await self.unit_of_work.run(_note, SYSTEM, rows[first : first + AT_ONCE])


@asynccontextmanager
async def post_house(**changed: str) -> AsyncIterator[PostHouse]:
    """Everything runs but its own processes; `changed` are further settings of theirs."""
    async with AsyncExitStack() as stack:
        postgres = stack.enter_context(mortal_postgres())
        valkey = stack.enter_context(mortal_valkey())
        texts, mails = await stack.enter_async_context(gateway()), await stack.enter_async_context(mail_server())
        pushes = await stack.enter_async_context(push_service())
        known = {
            "SMTP_URL": mails.url,
            "SMS_URL": f"{texts.url}/texts",
            "TELEHEALTH_SMS_SECRET": SECRET,
            "TELEHEALTH_PUSH_PRIVATE_KEY": json.dumps(ECKey.generate_key("P-256", auto_kid=True).as_dict(private=True)),
            "TELEHEALTH_PUSH_NETWORKS": "127.0.0.0/8",
        }
        settings = environment_of(postgres.url, valkey.url, **(known | changed))
        unit_of_work = await stack.enter_async_context(unit_of_work_on(postgres.url, valkey.url))
        yield PostHouse(postgres.url, valkey, settings, unit_of_work, PostOffice(texts, mails, pushes))


async def _invite(unit: Unit, clinic: Clinic, numbers: Sequence[int]) -> list[Invited]:
    invited = []
    for number in numbers:
        email, phone = f"rosa{number}@patient.example", f"+1507{5550000 + number}"
        patient = await people.register_patient(
            unit,
            given="Rosa",
            family="Moreno",
            birth_date=BORN,
            time_zone=_where_it_is_noon(unit.now),
            email=email,
            phone=phone,
        )
        row = _visit(clinic, patient.id, unit.now + AHEAD)
        unit.session.add(row)
        await unit.session.flush()
        await guests.invite(unit, visit_of(row), ParticipantKind.PATIENT, patient.id)
        invited.append(Invited(patient.id, row.id, row.starts_at, email, phone))
    return invited


async def _keep(unit: Unit, patient: Invited, browser: Browser) -> None:
    await devices.keep(unit, (Role.PATIENT, patient.patient_id), browser.device)


def _reminder(patient: Invited, channel: Channel, due_at: datetime) -> dict[str, object]:
    return {
        "id": uuid4(),
        "kind": MessageKind.REMINDER,
        "channel": channel,
        "subject_id": patient.visit_id,
        "recipient_role": Role.PATIENT,
        "recipient_id": patient.patient_id,
        "due_at": due_at,
        "visit_at": patient.starts_at,
        "state": MessageState.PENDING,
        "next_attempt_at": due_at,
        "patient_until": due_at + PATIENTLY,
    }


async def _note(unit: Unit, rows: Sequence[dict[str, object]]) -> None:
    await unit.session.execute(insert(MessageRow).values(list(rows)))


def _visit(clinic: Clinic, patient_id: PatientId, starts_at: datetime) -> VisitRow:
    before = starts_at - 2 * AHEAD
    return VisitRow(
        id=uuid4(),
        patient_id=patient_id,
        clinician_id=clinic.clinician.id,
        visit_type_id=clinic.visit_type.id,
        visit_type=clinic.visit_type.code,
        status=VisitStatus.BOOKED,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=20),
        opens_at=starts_at - timedelta(minutes=15),
        closes_at=starts_at + timedelta(minutes=35),
        time_zone="UTC",
        local_start=f"{starts_at:%Y-%m-%dT%H:%M}",
        tzdata="2026a",
        revision=1,
        created_at=before,
        changed_at=before,
    )


def _where_it_is_noon(now: datetime) -> str:
    """At night no text rings. POSIX counts zones from the other side."""
    east = 12 - now.hour
    return f"Etc/GMT{-east:+}" if east else "UTC"

"""Worker, a child of it, beat and broker are killed while reminders go out: each arrives and is written down, none
twice at a gateway that knows our keys again, and elsewhere only where an answer was lost. A worker has several messages
on their way at once, so one kill may lose as many answers.

100 kills, 10,000 reminders: `python -m pytest tests/faults/test_reminders.py -m soak -n 0 -s`. `REMINDERS` and
`REMINDER_KILLS` in the environment make it shorter. Half are texts and half are mails, to a gateway and a mail server
on loopback.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from os import environ
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.notifications.limits import AT_ONCE as PLACES
from telehealth.notifications.models import MessageRow
from telehealth.notifications.rules import LEASE, Channel, MessageKind, MessageState
from telehealth.people import service as people
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.queries import visit_of
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.participants import guests
from tests.faults.test_note_delivery import Victim, kill_a_child, supervise
from tests.kit.clinic import BORN, Clinic, open_clinic
from tests.kit.gateway import SECRET, Gateway, gateway
from tests.kit.house import environment_of
from tests.kit.mail import MailServer, mail_server
from tests.kit.mortal_postgres import mortal_postgres
from tests.kit.note_house import unit_of_work_on
from tests.kit.processes import BEAT, WORKER, Process
from tests.kit.tell import tell
from tests.kit.valkey import Valkey, mortal_valkey

REMINDERS, KILLS = int(environ.get("REMINDERS", "10000")), int(environ.get("REMINDER_KILLS", "100"))
A_DAY = timedelta(hours=24)  # before a visit there is a reminder
AT_ONCE = 100
LEFT = "SELECT count(*) FROM message WHERE state IN ('pending', 'sending')"
STATES = "SELECT channel, state, count(*) FROM message GROUP BY 1, 2"
TRIES = "SELECT phone, email, channel, attempt FROM message JOIN patient ON patient.id = recipient_id"
ON_THEIR_WAY = 2 * len(Channel) * PLACES  # the answers that one kill may lose: a worker has two children
A_WORKERS_START = 120.0  # seconds, on a machine that has other work too


@dataclass
class PostOffice:
    """What stands for the world: it counts what arrives, whatever becomes of the answer."""

    texts: Gateway
    mails: MailServer
    came: Counter[str] = field(default_factory=Counter)

    def judge(self, number: str) -> tuple[int, object]:
        self.came[number] += 1
        return 201, {}

    def mailed(self) -> Counter[str]:
        return Counter(str(mail["To"]) for mail in self.mails.received)

    def kept(self) -> Counter[str]:
        """What a gateway that knows keys again has passed on."""
        return Counter(number for number, _ in self.texts.received)


@dataclass(frozen=True)
class House:
    url: str
    valkey: Valkey
    worker: Process
    beat: Process
    office: PostOffice

    def ask(self, query: str) -> list[tuple[str | int, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def left(self) -> int:
        ((count,),) = self.ask(LEFT)
        return int(count)

    def victims(self) -> Mapping[str, Victim]:
        """Worker and beat are brought back by whoever supervises them, a child by its worker."""
        several = (
            Victim("worker", self.worker.kill),
            Victim("worker's child", lambda: kill_a_child(self.worker)),
            Victim("beat", self.beat.kill),
            Victim("broker", self.valkey.kill, self.valkey.begin),
        )
        return {each.name: each for each in several}


@asynccontextmanager
async def open_house(log: Path) -> AsyncIterator[House]:
    """Everything runs but worker and beat."""
    async with AsyncExitStack() as stack:
        postgres = stack.enter_context(mortal_postgres())
        valkey = stack.enter_context(mortal_valkey())
        texts, mails = await stack.enter_async_context(gateway()), await stack.enter_async_context(mail_server())
        office = PostOffice(texts, mails)
        texts.judge = office.judge
        settings = environment_of(
            postgres.url, valkey.url, SMTP_URL=mails.url, SMS_URL=f"{texts.url}/texts", TELEHEALTH_SMS_SECRET=SECRET
        )
        worker, beat = Process(settings, WORKER, log), Process(settings, BEAT, log)
        stack.callback(worker.kill)
        stack.callback(beat.kill)
        async with unit_of_work_on(postgres.url, valkey.url) as unit_of_work:
            await _due(unit_of_work)
        yield House(postgres.url, valkey, worker, beat, office)


async def _due(unit_of_work: UnitOfWork) -> None:
    """Each patient has a visit in a day, and a reminder of it is due by text and by mail."""
    clinic, patients = await unit_of_work.run(open_clinic), range(REMINDERS // 2)
    for first in range(0, len(patients), AT_ONCE):
        await unit_of_work.run(_remind, SYSTEM, clinic, patients[first : first + AT_ONCE])


async def _remind(unit: Unit, clinic: Clinic, numbers: range) -> None:
    for number in numbers:
        patient = await people.register_patient(
            unit,
            given="Rosa",
            family="Moreno",
            birth_date=BORN,
            time_zone=_where_it_is_noon(unit.now),
            email=f"rosa{number}@patient.example",
            phone=f"+1507555{number:04}",
        )
        starts_at = unit.now + A_DAY
        row = _visit(clinic, patient.id, starts_at)
        unit.session.add(row)
        await unit.session.flush()
        await guests.invite(unit, visit_of(row), ParticipantKind.PATIENT, patient.id)
        for channel in Channel:
            unit.session.add(
                MessageRow(
                    id=unit.new_id(),
                    kind=MessageKind.REMINDER,
                    channel=channel,
                    subject_id=row.id,
                    recipient_role=Role.PATIENT,
                    recipient_id=patient.id,
                    due_at=unit.now,
                    visit_at=starts_at,
                    state=MessageState.PENDING,
                    next_attempt_at=unit.now,
                )
            )


def _visit(clinic: Clinic, patient_id: PatientId, starts_at: datetime) -> VisitRow:
    before = starts_at - 2 * A_DAY
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


async def _kill_all(house: House, config: pytest.Config) -> Counter[str]:
    """Evenly over all reminders, in turns."""
    victims, killed = house.victims(), Counter[str]()
    for number, name in zip(range(1, KILLS + 1), cycle(victims), strict=False):
        left = REMINDERS - REMINDERS * number // (KILLS + 1)
        if not await _come_to(house, left):
            break
        await asyncio.to_thread(victims[name].kill)
        killed[name] += 1
        await asyncio.to_thread(victims[name].begin)
        if number % 10 == 0:
            tell(config, f"{number} kills, {await asyncio.to_thread(house.left)} on their way")
    return killed


async def _come_to(house: House, left: int) -> bool:
    """Waits until no more than that are left; whether it came to that."""
    patience = LEASE.total_seconds() + A_WORKERS_START
    loop = asyncio.get_running_loop()
    seen, end = await asyncio.to_thread(house.left), loop.time() + patience
    while seen > left and loop.time() < end:
        await asyncio.sleep(0.05)
        now = await asyncio.to_thread(house.left)
        seen, end = now, loop.time() + patience if now < seen else end
    return seen <= left


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_each_reminder_arrives_whatever_is_killed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with open_house(tmp_path / "house.log") as house:
        supervising = asyncio.create_task(supervise(house.worker, house.beat))
        try:
            killed = await _kill_all(house, request.config)
            assert await _come_to(house, 0), f"{house.left()} are left"
        finally:
            supervising.cancel()
            await supervising
        states, tries, office = house.ask(STATES), house.ask(TRIES), house.office
    came, mailed, kept = office.came, office.mailed(), office.kept()
    again, twice = came.total() - len(came), mailed.total() - len(mailed)
    tell(request.config, f"{killed.total()} kills {dict(killed)}; {sorted(states)}")
    tell(
        request.config,
        f"texts: {len(came)} arrived, {again} were brought again, {kept.total() - len(kept)} passed on twice",
    )
    tell(request.config, f"mails: {len(mailed)} arrived, {twice} twice")
    assert killed.total() == KILLS
    assert sorted(states) == [(channel, "sent", REMINDERS // 2) for channel in sorted(Channel)]
    assert (len(came), len(mailed)) == (REMINDERS // 2, REMINDERS // 2)
    assert set(kept.values()) == {1}
    for phone, email, channel, attempt in tries:  # what came twice was tried twice, because nobody knew that it came
        assert (came[str(phone)] if channel == "sms" else mailed[str(email)]) <= int(attempt)
    assert again + twice <= KILLS * ON_THEIR_WAY

"""The whole house as bootstrap assembles it, with two of everything in it and a credential for each kind of actor."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import httpx
from sqlalchemy import text
from starlette.types import ASGIApp

from telehealth.access import service as access
from telehealth.bootstrap import open_web
from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.ids import (
    AccountId,
    GrantId,
    IntegrationId,
    OfferId,
    ParticipantId,
    RelatedPersonId,
    SeriesId,
    TaskId,
    VisitId,
    VisitTypeId,
    WaitlistEntryId,
)
from telehealth.core.intervals import Interval
from telehealth.core.time import Clock, SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.db.vault import Vault, parse_key_ring
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.people import service as people
from telehealth.people.rules import Clinician, Patient, Relationship
from telehealth.records.attachments import service as files
from telehealth.records.attachments.rules import Announced
from telehealth.records.charting import service as records
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.notes.rules import NoteKind
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import HolidayCalendar, Rule, TimeOff, WeeklyHours
from telehealth.scheduling.booking import queries as times
from telehealth.scheduling.booking import service as scheduling
from telehealth.scheduling.booking.rules import Asked, VisitType, Wanted
from telehealth.scheduling.calendars import service as calendars
from telehealth.scheduling.waitlist import queries as waitlist_queries
from telehealth.scheduling.waitlist import service as waitlist
from telehealth.scheduling.waitlist.rules import Offer, Terms
from telehealth.settings.environment import read_settings
from telehealth.settings.house import Settings
from telehealth.visits.appointments import series
from telehealth.visits.appointments import service as appointments
from telehealth.visits.appointments.wishes import SeriesWish
from telehealth.visits.escalation import service as escalation
from telehealth.visits.gates import queries as asked
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.repeats import Policy
from telehealth.visits.lifecycle.rules import DeviceCheck, Visit
from telehealth.visits.participants import guests
from telehealth.visits.participants import service as participants
from telehealth.visits.participants.rules import Companion
from telehealth.visits.waiting_room import waiting
from telehealth.visits.waiting_room.events import QueueMoved
from telehealth.visits.waiting_room.tasks import watch_queue
from tests.kit.clinic import guest as guest_actor
from tests.kit.granted import alerted, integration_of
from tests.kit.impatient import Impatient
from tests.kit.staff import open_account
from tests.kit.summaries import released
from tests.kit.to_do import left_to_do

ORIGIN = "http://localhost"
BORN = date(1947, 6, 5)
ALWAYS = tuple(Rule(weekday, 0, 24 * 60) for weekday in range(1, 8))
QUESTIONNAIRE = {
    "resourceType": "Questionnaire",
    "title": "Before your visit",
    "item": [{"linkId": "sleeps", "type": "boolean", "text": "Do you sleep well?", "required": True}],
}
NOTE = "Better. Ölbad, 5 µg, 血圧."


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A clinician, a patient, and what came of their visit. The patient waits for another (`wait`), was offered one."""

    clinician: Clinician
    patient: Patient
    visit: VisitId
    series: SeriesId
    note: UUID
    delivery: UUID
    task: TaskId
    run: UUID
    asked: UUID
    response: UUID
    questions: UUID
    guardian: RelatedPersonId
    wait: WaitlistEntryId
    offer: OfferId
    hold: UUID
    alert: UUID
    device_alert: UUID
    offer_link: str
    link: str
    guest: str
    companion: ParticipantId
    companion_session: str
    attachment: UUID
    host: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Residents:
    """`own` is whose clinician, guest and grant they are, `other` is not theirs. `credentials` are request headers.

    `entry` waits in the queue, `leaver` is a second session of the front desk, to sign out with, `absence` time off of
    `own`'s clinician, `feed` their outside calendar, `text` what patients agree to.
    """

    own: Course
    other: Course
    visit_type: VisitType
    entry: UUID
    calendar: UUID
    absence: UUID
    text: UUID
    feed: UUID
    integration: IntegrationId
    grant: GrantId
    credentials: Mapping[Role, Mapping[str, str]]
    leaver: Mapping[str, str]


@dataclass(frozen=True)
class Street:
    """The house with people in it, seen from outside."""

    app: ASGIApp
    unit_of_work: UnitOfWork
    residents: Residents
    client: httpx.AsyncClient


def environment_of(database: str, valkey: str, **changed: str) -> dict[str, str]:
    """Everything a web process reads."""
    return {
        "DATABASE_URL": database,
        "BROKER_URL": valkey.replace("unix://", "redis+socket://"),
        "VALKEY_URL": valkey,
        "RECORD_SERVICE_URL": "http://127.0.0.1:9/fhir",  # the discard port: only workers deliver
        "TELEHEALTH_PUBLIC_URL": ORIGIN,
        "TELEHEALTH_SECRET_KEY": "s" * 48,
        "TELEHEALTH_DATA_KEYS": f"k1:{b64encode(b'k' * 32).decode()}",
        "TELEHEALTH_TURN_URLS": "turn:turn.clinic.example",
        "TELEHEALTH_TURN_SECRET": "t" * 32,
    } | changed


def settings_of(database: str, valkey: str, **changed: str) -> Settings:
    return read_settings(environment_of(database, valkey, **changed))


@asynccontextmanager
async def open_house(settings: Settings, clock: Clock | None = None) -> AsyncIterator[tuple[ASGIApp, UnitOfWork]]:
    """The web application, and a unit of work on the same database to arrange and to look."""
    engine = open_engine(settings.database_url.get_secret_value())
    vault = Vault(parse_key_ring(settings.data_keys.get_secret_value()))

    unit_of_work = UnitOfWork(engine, clock or SystemClock(), vault, read_catalogue().conflicts, _unheard)
    try:
        async with open_web(settings, clock=clock) as app:
            yield Impatient(app), unit_of_work
    finally:
        await engine.dispose()


async def _unheard(_: object) -> None:
    """Arranging wakes nobody."""


async def move_in(unit: Unit) -> Residents:
    """Everything, in one transaction."""
    kind = VisitType(id=VisitTypeId(unit.new_id()), code="video", name="Video visit", minutes=20, grid=5)
    await scheduling.add_visit_type(unit, kind)
    await people.set_clinic(unit, name="Riverside", phone="+1 507 555 0100", time_zone="America/Chicago")
    text = await gates.publish_text(unit, visit_type_id=None, jurisdiction=None, texts={"en": "We ask you."})
    await gates.publish_questionnaire(unit, kind.id, QUESTIONNAIRE)
    own, other = await _course(unit, kind, "Ada", "Rosa"), await _course(unit, kind, "Grace", "Luis")
    admin, admin_id = await _signed_in(unit, Role.ADMIN)
    desk, desk_id = await _signed_in(unit, Role.FRONT_DESK)
    again = await access.open_staff_session(unit, desk_id, compared="")
    assert again is not None
    clinician, clinician_id = await _signed_in(unit, Role.CLINICIAN, own.clinician)
    own = replace(own, hold=await _hold(unit, kind, own, clinician_id))
    integration, grant, token = await integration_of(unit, own.patient, admin_id)
    for each in (own, other):
        await alerted(unit, integration, each.device_alert, (each.visit, each.patient.id))
    return Residents(
        own=own,
        other=other,
        visit_type=kind,
        entry=await _entry(unit, own.patient, kind),
        calendar=(await availability.add_holidays(unit, HolidayCalendar(unit.new_id(), "Town", False))).id,
        absence=await _absence(unit, own.clinician),
        text=text.id,
        feed=await _feed(unit, own.clinician),
        integration=integration,
        grant=grant,
        credentials={
            Role.PATIENT: _browser(f"__Host-visit={own.guest}"),
            Role.GUEST: _browser(f"__Host-visit={own.companion_session}"),
            Role.INTEGRATION: {"Authorization": f"Bearer {token}"},
            Role.CLINICIAN: _browser(f"__Host-session={clinician}"),
            Role.FRONT_DESK: _browser(f"__Host-session={desk}"),
            Role.ADMIN: _browser(f"__Host-session={admin}"),
            Role.ANONYMOUS: {},
        },
        leaver=_browser(f"__Host-session={again.secret}"),
    )


def _browser(cookie: str) -> Mapping[str, str]:
    return {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}


async def _signed_in(unit: Unit, role: Role, clinician: Clinician | None = None) -> tuple[str, AccountId]:
    secret = await open_account(unit, role, clinician.id if clinician else None)
    found = await unit.session.scalar(text("SELECT id FROM account WHERE role = :role"), {"role": role})
    return secret, AccountId(found)


async def _absence(unit: Unit, clinician: Clinician) -> UUID:
    away = TimeOff(first=date(2030, 1, 1), last=date(2030, 1, 2))
    added = await availability.add_time_off(unit, clinician.id, away)
    assert added.id is not None
    return added.id


async def _feed(unit: Unit, clinician: Clinician) -> UUID:
    """An outside calendar that is known, so that times can be booked, and whose address leads nowhere."""
    added = await calendars.add_feed(unit, clinician.id, name="Own", address="https://calendar.invalid/own.ics")
    await availability.verify(unit, clinician.id, unit.now + timedelta(days=1))
    await calendars.open_link(unit, clinician.id)
    return added.id


async def _course(unit: Unit, kind: VisitType, doctor: str, name: str) -> Course:
    clinician = await people.add_clinician(
        unit, given=doctor, family="Lindqvist", prefix="Dr.", email=f"{doctor.lower()}@clinic.example", time_zone="UTC"
    )
    patient = await people.register_patient(unit, given=name, family="Moreno", birth_date=BORN)
    await availability.publish_hours(unit, clinician.id, WeeklyHours("UTC", ALWAYS))
    host = replace(SYSTEM, id=UUID(int=1), role=Role.CLINICIAN, person_id=clinician.id, purpose=Purpose.TREATMENT)
    booked = await _booked(unit, kind, clinician, patient)
    identified = await guests.identify_guest(unit, booked.link_secret, BORN)
    assert isinstance(identified, guests.Identified)
    visit, hosting = booked.visit.id, replace(unit, actor=host)
    guest = replace(unit, actor=guest_actor(identified.visit, identified.participant.id))
    await lifecycle.record_check(guest, visit, DeviceCheck.GOOD)
    await _prepare(guest, identified.visit)
    await gates.make_ready(guest, visit)
    await escalation.watch(unit, visit)
    alert = await _alert(unit, visit)
    await lifecycle.admit(hosting, visit)
    await lifecycle.connected(hosting, visit)
    await records.save_draft(hosting, visit, version=0, content=NOTE, kind=NoteKind.PROGRESS)
    await records.sign(hosting, visit, version=1, destinations=(RECORD_SERVICE,), tasks=CosignatureTasks())
    left = await left_to_do(hosting, visit, QUESTIONNAIRE)
    await released(hosting, visit)
    offered, companion = await _offered(unit, kind, clinician, patient), await _companion(unit, visit)
    signed = "SELECT version.id FROM note_version version JOIN note ON note.id = note_id WHERE visit_id = :visit"
    authority = people.Authority(given="Marta", family="Moreno", relationship=Relationship.REPRESENTATIVE)
    course = Course(
        clinician=clinician,
        patient=patient,
        visit=visit,
        series=await _series(unit, kind, clinician, patient),
        note=(await unit.session.execute(text(signed), {"visit": visit})).scalar_one(),
        delivery=(await unit.session.execute(text(DELIVERY), {"visit": visit})).scalar_one(),
        **left,
        guardian=(await people.add_related_person(unit, patient.id, authority)).id,
        wait=offered.entry_id,
        offer=offered.id,
        hold=offered.id,
        alert=alert,
        device_alert=unit.new_id(),
        offer_link=(await waitlist_queries.link_of(unit, offered.id)).rpartition("/")[2],
        link=booked.link_secret,
        guest=identified.secret,
        companion=companion.participant.id,
        companion_session=companion.secret,
        attachment=await files.begin(hosting, visit, Announced(20, "letter")),
        host=host,
    )
    return replace(course, hold=await _hold(unit, kind, course, UUID(int=1)))


DELIVERY = """SELECT delivery.id FROM record_delivery delivery JOIN note_version version ON version.id = note_version_id
JOIN note ON note.id = note_id WHERE note.visit_id = :visit"""


async def _alert(unit: Unit, visit: VisitId) -> UUID:
    """What says that the patient of that visit waits."""
    found: UUID = (
        await unit.session.execute(text("SELECT id FROM alert WHERE visit_id = :visit"), {"visit": visit})
    ).scalar_one()
    return found


async def _entry(unit: Unit, patient: Patient, kind: VisitType) -> UUID:
    """A place in the queue, with the alert that the worker would raise."""
    queued = await waiting.enqueue(unit, patient_id=patient.id, visit_type_id=kind.id)
    await watch_queue(unit, QueueMoved(entry_id=queued.standing.entry.id))
    return queued.standing.entry.id


async def _prepare(guest: Unit, visit: Visit) -> None:
    """Agree to what is asked, and answer."""
    text = await asked.text_for(guest, visit)
    assert text is not None
    await gates.agree(guest, visit.id, text_id=text.id, language="en")
    await gates.save_intake(guest, visit.id, revision=0, given={"sleeps": True}, complete=True)


async def _companion(unit: Unit, visit: VisitId) -> guests.Identified:
    """An interpreter who has shown who they are."""
    whom = Companion(kind=ParticipantKind.INTERPRETER, name="Ines Vidal", email="ines@interpreters.example")
    invited = await participants.invite(unit, visit, whom)
    identified = await guests.identify_by_name(unit, invited.link.rpartition("/")[2], "Ines Vidal")
    assert isinstance(identified, guests.Identified)
    return identified


async def _booked(unit: Unit, kind: VisitType, clinician: Clinician, patient: Patient) -> appointments.Booked:
    asked = Asked(visit_type_id=kind.id, clinician_ids=[clinician.id])
    (slot,) = await times.search(unit, asked, Interval(unit.now, unit.now + timedelta(hours=1)), 1)
    return await appointments.book(
        unit, patient_id=patient.id, clinician_id=clinician.id, visit_type_id=kind.id, start=slot.start
    )


async def _hold(unit: Unit, kind: VisitType, course: Course, holder: UUID) -> UUID:
    """A time next month, kept by that account."""
    wanted = Wanted(
        visit_type_id=kind.id,
        patient_id=course.patient.id,
        start=(unit.now + timedelta(days=30)).replace(minute=0, second=0, microsecond=0),
        clinician_ids=(course.clinician.id,),
    )
    acting = replace(unit, actor=replace(course.host, id=holder))
    return (await scheduling.hold(acting, wanted, seconds=3600)).id


async def _series(unit: Unit, kind: VisitType, clinician: Clinician, patient: Patient) -> SeriesId:
    """Two visits, a fortnight from now and on the day after."""
    wish = SeriesWish(
        patient_id=patient.id,
        visit_type_id=kind.id,
        local_start=(unit.now + timedelta(days=14)).replace(minute=0, second=0, microsecond=0, tzinfo=None),
        rrule="FREQ=DAILY;COUNT=2",
        policy=Policy.ATOMIC,
        time_zone="UTC",
        clinician_ids=(clinician.id,),
    )
    return (await series.book_series(unit, wish)).series.id


async def _offered(unit: Unit, kind: VisitType, clinician: Clinician, patient: Patient) -> Offer:
    terms = Terms(clinician_ids=frozenset({clinician.id}))
    waits = await waitlist.join(unit, patient.id, kind.id, terms)
    asked = Asked(visit_type_id=kind.id, clinician_ids=[clinician.id])
    (slot,) = await times.search(unit, asked, Interval(unit.now + timedelta(days=2), unit.now + timedelta(days=3)), 1)
    return await waitlist.promote(unit, waits.id, waitlist.Time(clinician.id, slot.start))

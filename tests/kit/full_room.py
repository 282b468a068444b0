"""A clinic with many people in it at once: each visit is now, each patient has a session, each of the staff too."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import UUID

from telehealth.access.guests import open_guest_session
from telehealth.access.rules import SCOPES
from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import ClinicianId, ParticipantId, VisitId, VisitTypeId
from telehealth.core.time import SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.db.vault import Vault, parse_key_ring
from telehealth.people import service as people
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Rule, WeeklyHours
from telehealth.scheduling.booking import service as scheduling
from telehealth.scheduling.booking.rules import VisitType
from telehealth.visits.appointments import service
from telehealth.visits.appointments.wishes import Wish
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import DeviceCheck
from telehealth.visits.participants import queries
from tests.kit.house import settings_of
from tests.kit.staff import open_account

DESK = Actor(UUID(int=2), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK])
ALWAYS = tuple(Rule(weekday, 0, 24 * 60) for weekday in range(1, 8))
BORN = date(1947, 6, 5)
Headers = Mapping[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waiter:
    """A patient; `clinician` is the number of theirs in the room."""

    visit: VisitId
    participant: ParticipantId
    clinician: int
    headers: Headers
    link: str


@dataclass(frozen=True, slots=True)
class Room:
    """Everyone has arrived and checked their devices. Headers are those of a signed-in browser."""

    patients: Sequence[Waiter]
    clinicians: Sequence[Headers]
    clinician_ids: Sequence[ClinicianId]
    desks: Sequence[Headers]


async def filled(database: str, *, patients: int, clinicians: int, desks: int = 1) -> Room:
    """The room in a database whose processes have the settings of `house.environment_of`."""
    return await _once(database, lambda unit: fill(unit, patients=patients, clinicians=clinicians, desks=desks))


async def connected(database: str, visit_id: VisitId) -> None:
    """Both sides of that visit are in the call."""
    await _once(database, lambda unit: lifecycle.connected(unit, visit_id))


async def _once(database: str, do: Callable[[Unit], Coroutine[Any, Any, T]]) -> T:
    settings = settings_of(database, "unix:///nowhere")
    vault = Vault(parse_key_ring(settings.data_keys.get_secret_value()))
    engine = open_engine(database, pool_size=1)
    unit_of_work = UnitOfWork(engine, SystemClock(), vault, read_catalogue().conflicts, _unheard)
    try:
        return await unit_of_work.run(do, SYSTEM)
    finally:
        await engine.dispose()


async def _unheard(_: object) -> None:
    """Nobody listens yet."""


async def fill(unit: Unit, *, patients: int, clinicians: int, desks: int = 1) -> Room:
    """Everything, in one transaction. Visits of one clinician lie over each other, as on a very bad day."""
    kind = VisitType(id=VisitTypeId(unit.new_id()), code="video", name="Video visit", minutes=20, grid=5)
    await scheduling.add_visit_type(unit, kind)
    await people.set_clinic(unit, name="Riverside", phone="+1 507 555 0100", time_zone="UTC")
    employed = [await _employ(unit, number) for number in range(clinicians)]
    accounts = [await _signed_in(unit, Role.CLINICIAN, each, number) for number, each in enumerate(employed)]
    return Room(
        patients=[await _invite(unit, kind, employed, number=number) for number in range(patients)],
        clinicians=accounts,
        clinician_ids=employed,
        desks=[await _signed_in(unit, Role.FRONT_DESK, None, number) for number in range(desks)],
    )


async def _employ(unit: Unit, number: int) -> ClinicianId:
    clinician = await people.add_clinician(
        unit, given="Ada", family=f"Number {number}", prefix="Dr.", email="ada@clinic.example", time_zone="UTC"
    )
    await availability.publish_hours(unit, clinician.id, WeeklyHours("UTC", ALWAYS))
    return clinician.id


async def _signed_in(unit: Unit, role: Role, person: ClinicianId | None, number: int) -> Headers:
    return browser(f"__Host-session={await open_account(unit, role, person, email=f'{role}{number}@clinic.example')}")


async def _invite(unit: Unit, kind: VisitType, employed: Sequence[ClinicianId], *, number: int) -> Waiter:
    """The clinicians take turns."""
    patient = await people.register_patient(unit, given="Rosa", family=f"Number {number}", birth_date=BORN)
    wish = Wish(
        patient_id=patient.id,
        visit_type_id=kind.id,
        start=unit.now.replace(second=0, microsecond=0) + timedelta(minutes=5),
        clinician_ids=(employed[number % len(employed)],),
        override="everyone comes at once",
    )
    booked = await service.appoint(replace(unit, actor=DESK), wish)
    participant = await queries.patients_own(unit, booked.visit.id, patient.id)
    assert participant is not None
    secret = await open_guest_session(
        unit,
        participant_id=participant,
        visit_id=booked.visit.id,
        person_id=patient.id,
        until=unit.now + timedelta(hours=2),
    )
    guest = Actor(participant, Role.PATIENT, SCOPES[Role.PATIENT], person_id=patient.id, visit_id=booked.visit.id)
    await lifecycle.record_check(replace(unit, actor=guest), booked.visit.id, DeviceCheck.GOOD)
    headers = browser(f"__Host-visit={secret}")
    return Waiter(booked.visit.id, participant, number % len(employed), headers, booked.link_secret)


def browser(cookie: str) -> Headers:
    return {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}

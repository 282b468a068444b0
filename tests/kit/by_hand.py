"""The pages of a clinic, used with nothing but links and forms: one browser for each of desk, clinician and patient."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx

from telehealth.access.authentication import StoredCredentials
from telehealth.access.routes import PAGES as SIGN_IN
from telehealth.core.actors import SYSTEM, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.credentials import STAFF_COOKIE
from telehealth.http.locales import Locales
from telehealth.http.paging import CursorKey
from telehealth.http.ports import Authenticator
from telehealth.notifications.ports import PublicUrl
from telehealth.scheduling.availability import routes as availability
from telehealth.scheduling.availability.ports import KeptVisits
from telehealth.scheduling.booking import routes as booking
from telehealth.visits.appointments.kept import VisitsOutsideHours
from telehealth.visits.waiting_room.ports import FollowUps, LateNotes
from tests.kit import ways_in
from tests.kit.clinic import BORN, TUESDAY_NINE, Clinic, open_clinic
from tests.kit.staff import NothingDue, NothingLate, open_account
from tests.kit.web import client_of

BIRTH = {"birth_day": str(BORN.day), "birth_month": str(BORN.month), "birth_year": str(BORN.year)}
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
EVERYTHING = (
    *ways_in.OPERATIONS,
    *ways_in.PAGES,
    *availability.OPERATIONS,
    *booking.OPERATIONS,
    *availability.PAGES,
    *SIGN_IN,
)


PORTS: dict[type, object] = {}  # what more doors need


@dataclass(frozen=True)
class House:
    """One browser for each: `desk`, `clinician` and `admin` are signed in, `phone` is the patient's."""

    clinic: Clinic
    clock: FixedClock
    unit_of_work: UnitOfWork
    desk: httpx.AsyncClient
    clinician: httpx.AsyncClient
    phone: httpx.AsyncClient
    admin: httpx.AsyncClient


@asynccontextmanager
async def open_by_hand(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    """Six hours before the clinic's first time."""
    clock.advance(TUESDAY_NINE - timedelta(hours=6) - clock.now())
    clinic, desk, doctor, admin = await unit_of_work.run(_open, SYSTEM)
    async with (
        _browser(unit_of_work, desk) as first,
        _browser(unit_of_work, doctor) as second,
        _browser(unit_of_work, None) as third,
        _browser(unit_of_work, admin) as fourth,
    ):
        yield House(clinic, clock, unit_of_work, first, second, third, fourth)


async def invite(client: httpx.AsyncClient, at: str, data: Mapping[str, str]) -> httpx.Response:
    """The form of a page where people are invited, sent as a browser does: what it is led to, or the form again."""
    answer = await client.post(at, data={"press": str(uuid4()), **data})
    return await client.get(answer.headers["location"]) if answer.status_code == 303 else answer


@asynccontextmanager
async def _browser(unit_of_work: UnitOfWork, secret: str | None) -> AsyncIterator[httpx.AsyncClient]:
    ports: dict[type, object] = {
        FollowUps: NothingDue(),
        LateNotes: NothingLate(),
        KeptVisits: VisitsOutsideHours(),
        Authenticator: StoredCredentials(unit_of_work),
        CursorKey: CursorKey("k" * 32),
        Locales: Locales.load(),
        PublicUrl: PublicUrl("https://visits.example"),
        **PORTS,
    }
    async with client_of(unit_of_work, EVERYTHING, {}, ports=ports) as client:
        client.headers.update(SAME_SITE)
        client.headers["Cookie"] = f"{STAFF_COOKIE}={secret}" if secret else ""
        yield client


async def _open(unit: Unit) -> tuple[Clinic, str, str, str]:
    clinic = await open_clinic(unit)
    desk = await open_account(unit, Role.FRONT_DESK, None)
    doctor = await open_account(unit, Role.CLINICIAN, clinic.clinician.id)
    return clinic, desk, doctor, await open_account(unit, Role.ADMIN, None)

"""The board and the patient's page hear of a change; strangers hear nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from telehealth.access import queries as access
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ports import Ports, Signals
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.call import Call, Kit
from telehealth.http.locales import Locales
from telehealth.http.pages import open_pages
from telehealth.http.ports import Authenticator
from telehealth.visits.lifecycle import routes, service
from telehealth.visits.lifecycle.events import FRONT_DESK_TOPIC, clinician_topic, visit_topic
from telehealth.visits.waiting_room import streams as pages
from telehealth.visits.waiting_room.presence import Presence
from telehealth.visits.waiting_room.versions import Versions
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, guest_of, open_clinic
from tests.kit.staff import NothingDue, NothingLate, open_account
from tests.kit.web import ORIGIN, KnownActors


@dataclass
class Ringing:
    """`Signals` that always wake, and remember what was listened to."""

    topics: list[str] = field(default_factory=list)

    async def publish(self, topics: tuple[str, ...]) -> None:
        del topics

    @asynccontextmanager
    async def listen(self, topics: tuple[str, ...]) -> AsyncIterator[AsyncIterator[None]]:
        self.topics += topics
        yield _rings()


async def _rings() -> AsyncIterator[None]:
    while True:
        yield


def _call(unit_of_work: UnitOfWork, actor: Actor, signals: Ringing) -> Call:
    authenticator = KnownActors({"reader": actor})
    versions = Versions(unit_of_work, NothingDue(), NothingLate())
    kept = {Signals: signals, Versions: versions, Presence: Presence(unit_of_work), Authenticator: authenticator}
    ports = Ports(kept)
    headers = [(b"authorization", b"Bearer reader")]
    request = Request({"type": "http", "headers": headers, "path": "/", "query_string": b""})
    return Call(request, actor, Kit(unit_of_work, ports, open_pages(Locales.load()), ORIGIN))


async def _ids(answer: Response) -> AsyncIterator[str]:
    assert isinstance(answer, StreamingResponse)
    async for chunk in answer.body_iterator:
        text = chunk if isinstance(chunk, str) else bytes(chunk).decode()
        if text.startswith("id:"):
            yield text.split("\n")[0]


async def _staff(unit: Unit, clinic: Clinic) -> tuple[Actor, Actor]:
    clinician = await open_account(unit, Role.CLINICIAN, clinic.clinician.id)
    desk = await open_account(unit, Role.FRONT_DESK, None)
    found = [await access.session_actor(unit, secret) for secret in (clinician, desk)]
    first, second = [each for each in found if each is not None]
    return first, second


async def test_boards_and_pages_hear_of_an_arrival(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    clock.advance(TUESDAY_NINE - timedelta(minutes=5) - clock.now())
    clinician, desk = await unit_of_work.run(_staff, SYSTEM, clinic)
    patient, signals = await guest_of(unit_of_work, booked), Ringing()
    streams = [
        _ids(await pages.follow_board(_call(unit_of_work, clinician, signals))),
        _ids(await pages.follow_board(_call(unit_of_work, desk, signals))),
        _ids(await pages.follow_visit(_call(unit_of_work, patient, signals), booked.visit.id)),
        _ids(await routes.follow_visit_as_staff(_call(unit_of_work, clinician, signals), booked.visit.id)),
    ]
    before = [await anext(each) for each in streams]
    assert signals.topics == [
        clinician_topic(clinic.clinician.id),
        FRONT_DESK_TOPIC,
        *[visit_topic(booked.visit.id)] * 2,
    ]
    await unit_of_work.run(service.arrive, patient, booked.visit.id)
    after = [await anext(each) for each in streams]
    assert all(old != new for old, new in zip(before, after, strict=True))
    for each in streams:
        await each.aclose()  # type: ignore[attr-defined]


async def test_a_stream_of_a_foreign_visit_does_not_begin(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    stranger = Actor(UUID(int=9), Role.CLINICIAN, person_id=UUID(int=9))
    with pytest.raises(NotFound):
        await routes.follow_visit_as_staff(_call(unit_of_work, stranger, Ringing()), booked.visit.id)

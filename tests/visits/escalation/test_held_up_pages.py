"""A patient whose place needs another licence comes and cannot get ready: board, mail, what the desk does, and it ends.

Over HTTP, with links and forms alone.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.notifications.memory import MemoryMailer
from telehealth.notifications.sending import send_due
from telehealth.people import service as people
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.people.rules import Clinician
from telehealth.scheduling.booking import service as booking
from telehealth.visits.appointments.service import Booked
from telehealth.visits.escalation import tasks
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, add_colleague, book
from tests.visits.escalation.conftest import relay, work_of

HELD_UP = re.compile(r'data-alert="held_up">\s*<span>(.*?)</span>', re.DOTALL)
FORM = re.compile(r'name="command" value="(\w+)"><input type="hidden" name="revision" value="(\d+)"')
DESK = "front_desk@clinic.example"


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def next_door(unit: Unit, house: House) -> tuple[Booked, Clinician]:
    """A visit with Ada, who is licensed in California; a colleague is in Nevada."""
    colleague = await add_colleague(unit, house.clinic)
    await booking.add_visit_type(unit, replace(house.clinic.visit_type, needs_licence=True))
    await people.add_licence(unit, Licence(house.clinic.clinician.id, "US-CA"))
    await people.add_licence(unit, Licence(colleague.id, "US-NV"))
    await people.attest(unit, house.clinic.patient.id, Whereabouts("US-CA"))
    return await book(unit, house.clinic), colleague


async def come(house: House, booked: Booked) -> httpx.Response:
    """Five minutes early the patient opens their link, checks their devices and says that they are in Nevada."""
    house.clock.advance(TUESDAY_NINE - timedelta(minutes=5) - house.clock.now())
    visit, phone = booked.visit.id, house.phone
    opened = await phone.post(f"/join/{booked.link_secret}", data=BIRTH)
    assert opened.status_code == 303, opened.text
    phone.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in opened.cookies.items())
    await phone.post(f"/v1/visits/{visit}/check", json={"camera": "ok", "microphone": "ok", "speaker": "ok"})
    await phone.post(f"/v1/visits/{visit}/location", json={"jurisdiction": "US-NV"})
    return await phone.post(f"/v1/visits/{visit}/ready")


async def give(house: House, booked: Booked, command: str, **more: str) -> None:
    """Use a form of the desk's page of the visit, which the board leads to."""
    page = f"/visits/{booked.visit.id}/desk"
    revision = dict(FORM.findall((await house.desk.get(page)).text))[command]
    answer = await house.desk.post(page, data={"command": command, "revision": revision, **more})
    assert answer.status_code == 303, answer.text


async def boards(house: House) -> list[list[str]]:
    """What the boards of the desk and of the clinician say about who is held up."""
    return [HELD_UP.findall((await each.get("/day")).text) for each in (house.desk, house.clinician)]


async def test_who_is_held_up_is_seen_and_helped(house: House) -> None:
    booked, colleague = await house.unit_of_work.run(next_door, SYSTEM, house)
    refused = await come(house, booked)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (409, "jurisdiction-mismatch")
    work, mailer = work_of(house.unit_of_work, house.clock), MemoryMailer()
    await tasks.watch_held_up(work)
    assert await boards(house) == [[], []], "nobody is late before the start"
    house.clock.advance(timedelta(minutes=5))
    await tasks.watch_held_up(work)
    for said in await boards(house):
        assert len(said) == 1
        assert "Rosa Moreno" in said[0]
        assert "Held up since 9:00" in said[0]
    assert f'href="/visits/{booked.visit.id}/desk">See what is missing' in (await house.desk.get("/day")).text
    house.clock.advance(timedelta(minutes=3))
    work = work_of(house.unit_of_work, house.clock, mailer)
    await tasks.escalate(work)
    await relay(work)
    await send_due(work)
    assert [mail.recipient for mail in mailer.sent if "held up" in mail.subject] == [DESK]
    await give(house, booked, "hand_over", clinician=str(colleague.id))
    assert (await house.phone.post(f"/v1/visits/{booked.visit.id}/ready")).status_code == 200
    assert await boards(house) == [[], []]
    await relay(work)
    alerts = (await house.desk.get("/v1/alerts")).json()["items"]
    assert [each["kind"] for each in alerts] == ["waiting"]


async def test_what_the_desk_waives_lets_the_patient_on(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    house.clock.advance(TUESDAY_NINE - house.clock.now())
    await give(house, booked, "arrive")
    house.clock.advance(timedelta(minutes=5))
    await tasks.watch_held_up(work_of(house.unit_of_work, house.clock))
    assert [len(said) for said in await boards(house)] == [1, 1]
    await give(house, booked, "waive", gate="devices", words="It is a call by phone.")
    await give(house, booked, "make_ready")
    assert await boards(house) == [[], []]

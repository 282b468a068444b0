"""A clinician's own calendar: for whoever has the address, true at every look, and silent about patients."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from icalendar import Calendar, Event

from telehealth.core.actors import SYSTEM
from telehealth.core.intervals import Interval
from telehealth.db.unit import UnitOfWork
from telehealth.exchange.routes import OPERATIONS
from telehealth.scheduling.availability.rules import to_minute
from telehealth.scheduling.calendars import service as calendars
from telehealth.scheduling.calendars.reading import View, read_calendar
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import service as lifecycle
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, open_clinic
from tests.kit.web import ORIGIN, client_of


@pytest.fixture
async def clinic(unit_of_work: UnitOfWork) -> Clinic:
    return await unit_of_work.run(open_clinic, SYSTEM)


@pytest.fixture
async def client(unit_of_work: UnitOfWork) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(unit_of_work, OPERATIONS, {}) as opened:
        yield opened


async def address(unit_of_work: UnitOfWork, clinic: Clinic) -> str:
    secret = await unit_of_work.run(calendars.open_link, clinic.clinician_actor, clinic.clinician.id)
    return f"/calendar/{secret}.ics"


def only(answer: httpx.Response) -> Event:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    (event,) = Calendar.from_ical(answer.text).walk("VEVENT")
    assert isinstance(event, Event)
    return event


async def test_visits_are_followed_as_they_move_and_go(
    unit_of_work: UnitOfWork, clinic: Clinic, client: httpx.AsyncClient
) -> None:
    path = await address(unit_of_work, clinic)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    first = await client.get(path)
    event = only(first)
    assert (event["UID"], event["SEQUENCE"]) == (f"visit-{booked.visit.id}@{ORIGIN.partition('://')[2]}", 1)
    assert event["DTSTART"].params["TZID"] == "America/Chicago"
    assert isinstance(event.start, datetime)
    assert event.start.astimezone(UTC) == TUESDAY_NINE
    assert "BEGIN:VTIMEZONE" in first.text
    for private in ("Rosa", "Moreno", "Lindqvist", "Riverside", str(clinic.patient.id), booked.link_secret):
        assert private not in first.text

    same = await client.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])

    later = TUESDAY_NINE + timedelta(hours=2)
    await unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    second = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    moved = only(second)
    assert isinstance(moved.start, datetime)
    assert (moved["UID"], moved["SEQUENCE"], moved.start.astimezone(UTC)) == (event["UID"], 2, later)

    await unit_of_work.run(lifecycle.cancel, SYSTEM, booked.visit.id, reason="patient")
    gone = only(await client.get(path, headers={"If-None-Match": second.headers["etag"]}))
    assert (gone["STATUS"], gone["SEQUENCE"], gone["UID"]) == ("CANCELLED", 3, event["UID"])


async def test_a_calendar_that_follows_ours_closes_nothing(
    unit_of_work: UnitOfWork, clinic: Clinic, client: httpx.AsyncClient
) -> None:
    await unit_of_work.run(book, SYSTEM, clinic)
    content = (await client.get(await address(unit_of_work, clinic))).text
    day = Interval(to_minute(TUESDAY_NINE) - 1440, to_minute(TUESDAY_NINE) + 1440)
    views = [View(zone_on=lambda _: "UTC", span=day, domain=each) for each in (ORIGIN.partition("://")[2], "other")]
    start = to_minute(TUESDAY_NINE)
    assert [read_calendar(content, view).times for view in views] == [[], [Interval(start, start + 20)]]


async def test_an_address_ends_when_another_is_made(
    unit_of_work: UnitOfWork, clinic: Clinic, client: httpx.AsyncClient
) -> None:
    old, new = [await address(unit_of_work, clinic) for _ in range(2)]
    assert [(await client.get(path)).status_code for path in (old, new, "/calendar/x.ics")] == [404, 200, 404]
    await unit_of_work.run(calendars.close_link, clinic.clinician_actor, clinic.clinician.id)
    assert (await client.get(new)).status_code == 404

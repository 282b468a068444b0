"""Outside calendars close what they say, fail closed, and staff is told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Travel
from telehealth.scheduling.booking.rules import Audience, Reason
from telehealth.scheduling.calendars import queries, service
from telehealth.scheduling.calendars.rules import (
    MOST_FEEDS,
    AlertCode,
    FeedState,
    TooManyCalendars,
    UnfitAddress,
    feed_address,
)
from tests.kit.clinic import TUESDAY_NINE
from tests.kit.elsewhere import answer, cut_off, dripping, endless, moved, tagged
from tests.scheduling.calendars.conftest import DOMAIN, Desk
from tests.scheduling.calendars.test_reading import calendar, event

NINE = calendar(event("DTSTART:20260303T150000Z", "DTEND:20260303T160000Z")).encode()
EMPTY = calendar().encode()
LATER = TUESDAY_NINE + timedelta(hours=2)


async def test_a_calendar_closes_what_it_says_from_its_first_read_on(desk: Desk) -> None:
    assert await desk.why(TUESDAY_NINE) is Reason.OK
    desk.there.pages["/a"] = answer(200, NINE)
    feed = await desk.add("/a")
    assert feed.state(desk.moment.now()) is FeedState.WAITING
    assert await desk.why(LATER) is Reason.CALENDAR_UNVERIFIED
    assert await desk.read() == 1
    assert await desk.why(TUESDAY_NINE) is not Reason.OK
    assert await desk.why(LATER) is Reason.OK
    desk.there.pages["/a"] = answer(200, EMPTY)
    assert await desk.read() == 0
    assert await desk.read(minutes=5) == 1
    assert await desk.why(TUESDAY_NINE) is Reason.OK


async def test_what_is_removed_is_open_again(desk: Desk) -> None:
    desk.there.pages["/a"] = answer(200, NINE)
    feed = await desk.add("/a")
    await desk.read()
    actor, clinician = desk.clinic.clinician_actor, desk.clinic.clinician.id
    await desk.unit_of_work.run(service.remove_feed, actor, clinician, feed.id)
    desk.wait(30)
    assert await desk.why(TUESDAY_NINE) is Reason.OK
    with pytest.raises(NotFound):
        await desk.unit_of_work.run(service.remove_feed, actor, clinician, feed.id)
    assert await desk.read() == 0


@pytest.mark.parametrize(
    ("fault", "page"),
    [
        ("broken", answer(500)),
        ("private_address", moved("http://127.0.0.2:9/")),
        ("redirect_loop", moved("/a")),
        ("too_large", endless(50 * 1024 * 1024)),
        ("too_slow", dripping),
        ("cut_off", cut_off),
        ("not_a_calendar", answer(200, b"<html>Sign in</html>")),
        ("cut_short", answer(200, NINE[:60])),
        ("too_often", answer(200, calendar(event("DTSTART:20260303T150000Z", "RRULE:FREQ=SECONDLY")).encode())),
    ],
)
async def test_the_last_good_copy_holds_for_a_quarter_of_an_hour(desk: Desk, fault: str, page: Any) -> None:
    desk.there.pages["/a"] = answer(200, NINE)
    await desk.add("/a")
    await desk.read()
    desk.there.pages["/a"] = page
    await desk.read(minutes=10)
    feed = await desk.feed()
    assert (feed.fault, feed.failures, feed.state(desk.moment.now())) == (fault, 1, FeedState.FAILING)
    assert await desk.why(LATER) is Reason.OK
    assert await desk.why(TUESDAY_NINE) is not Reason.OK
    assert await desk.attention() == []
    desk.wait(5)  # by time alone: nothing is read, nothing is swept
    assert await desk.why(LATER) is Reason.CALENDAR_UNVERIFIED
    assert await desk.why(LATER, Audience.STAFF) is Reason.OK
    assert [each.id for each in await desk.attention()] == [feed.id]
    desk.there.pages["/a"] = answer(200, NINE)
    assert await desk.read(minutes=5) == 1
    assert await desk.why(LATER) is Reason.OK
    assert await desk.attention() == []


async def test_two_calendars_are_known_when_both_are(desk: Desk) -> None:
    desk.there.pages |= {"/a": answer(200, NINE), "/b": answer(500)}
    first, second = await desk.add("/a"), await desk.add("/b")
    assert {first.no, second.no} == {0, 1}
    await desk.read()
    assert await desk.why(LATER) is Reason.CALENDAR_UNVERIFIED
    desk.there.pages["/b"] = answer(200, EMPTY)
    await desk.read(minutes=1)
    assert await desk.why(LATER) is Reason.OK
    assert await desk.why(TUESDAY_NINE) is not Reason.OK, "one calendar does not open what another closes"
    await desk.unit_of_work.run(service.remove_feed, SYSTEM, desk.clinic.clinician.id, first.id)
    assert await desk.why(TUESDAY_NINE) is Reason.OK


async def test_an_unchanged_calendar_is_not_sent_again_but_once_a_day(desk: Desk) -> None:
    desk.there.pages["/a"] = tagged(NINE, '"1"')
    await desk.add("/a")
    for _ in range(4):
        await desk.read(minutes=5)
    assert [each.get("if-none-match") for each in desk.there.asked] == [None, '"1"', '"1"', '"1"']
    assert await desk.why(TUESDAY_NINE) is not Reason.OK
    assert await desk.why(LATER) is Reason.OK
    await desk.read(minutes=24 * 60)
    assert "if-none-match" not in desk.there.asked[-1]


async def test_a_journey_moves_what_has_no_zone(desk: Desk) -> None:
    floating = calendar(event("DTSTART:20260303T090000", "DTEND:20260303T093000")).encode()
    desk.there.pages["/a"] = tagged(floating, '"1"')
    await desk.add("/a")
    await desk.read()
    assert await desk.why(TUESDAY_NINE) is not Reason.OK
    day = datetime(2026, 3, 3, tzinfo=UTC).date()
    trip = [Travel(day, day, "America/New_York")]
    await desk.unit_of_work.run(availability.set_travel, SYSTEM, desk.clinic.clinician.id, trip)
    await desk.read(minutes=5)
    assert "if-none-match" not in desk.there.asked[-1]
    assert await desk.why(TUESDAY_NINE) is Reason.OK
    assert await desk.why(TUESDAY_NINE - timedelta(hours=1)) is not Reason.OK


async def test_our_own_visits_come_back_as_nothing(desk: Desk) -> None:
    mirrored = event("DTSTART:20260303T150000Z", "DTEND:20260303T160000Z", uid=f"visit-{uuid4()}@{DOMAIN}")
    desk.there.pages["/a"] = answer(200, calendar(mirrored).encode())
    await desk.add("/a")
    await desk.read()
    assert await desk.why(TUESDAY_NINE) is Reason.OK


async def test_an_unknown_zone_is_told_to_staff(desk: Desk) -> None:
    strange = event("DTSTART;TZID=Totally/Unknown:20260303T230000", "DURATION:PT1H")
    desk.there.pages["/a"] = answer(200, calendar(strange).encode())
    await desk.add("/a")
    await desk.read()
    assert await desk.why(TUESDAY_NINE) is not Reason.OK, "the whole day is closed"
    assert await desk.why(TUESDAY_NINE + timedelta(days=1)) is Reason.OK
    (feed,) = await desk.attention()
    assert [each.code for each in feed.alerts] == [AlertCode.UNKNOWN_TIME_ZONE]


async def test_many_calendars_are_read_side_by_side_and_each_once(desk: Desk) -> None:
    for number in range(MOST_FEEDS):
        desk.there.pages[f"/{number}"] = answer(200, NINE)
        await desk.add(f"/{number}")
    with pytest.raises(TooManyCalendars):
        await desk.add("/more")
    assert sum(await asyncio.gather(desk.read(), desk.read())) == MOST_FEEDS
    assert sorted(each[":path"] for each in desk.there.asked) == sorted(f"/{n}" for n in range(MOST_FEEDS))
    assert await desk.why(LATER) is Reason.OK


async def test_a_reader_that_died_is_followed_by_another(desk: Desk) -> None:
    desk.there.pages["/a"] = answer(200, NINE)
    await desk.add("/a")
    (errand,) = await desk.unit_of_work.run(service.claim_due, SYSTEM)
    assert errand.url == desk.there.at("/a")
    assert await desk.read() == 0
    assert await desk.read(minutes=2) == 1


async def test_addresses_are_sealed_and_shown_to_nobody(desk: Desk) -> None:
    desk.there.pages["/secret-path"] = answer(200, NINE)
    feed = await desk.add("/secret-path")

    async def stored(unit: Unit) -> str:
        return str((await unit.session.execute(text("SELECT * FROM calendar_feed"))).all())

    assert "secret-path" not in await desk.unit_of_work.run(stored, SYSTEM) + repr(feed)


async def test_a_clinician_has_their_own_calendars_alone(desk: Desk) -> None:
    stranger = Actor(uuid4(), Role.CLINICIAN, person_id=uuid4())
    clinician = desk.clinic.clinician.id
    feed = await desk.add("/a")
    for action in (queries.feeds, queries.link, service.open_link, service.close_link):
        with pytest.raises(NotFound):
            await desk.unit_of_work.run(action, stranger, clinician)
    with pytest.raises(NotFound):
        await desk.unit_of_work.run(service.remove_feed, stranger, clinician, feed.id)
    with pytest.raises(NotFound):
        await desk.unit_of_work.run(
            service.add_feed, SYSTEM, ClinicianId(uuid4()), name="x", address="https://a.example"
        )
    desk.wait(20)
    assert await desk.unit_of_work.run(queries.attention, stranger) == []
    assert len(await desk.attention()) == 1, "never read is not known"


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("ftp://a.example/x", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("https://", "host"),
        ("https://a.example:99999/", "host"),
        ("https://[::1/", "host"),
        ("https://a.example/a b", "host"),
        ("https://user:pass@a.example/", "credentials"),
        ("https://a.example/" + "x" * 2000, "length"),
    ],
)
def test_addresses_that_cannot_be(written: str, fault: str) -> None:
    with pytest.raises(UnfitAddress) as refused:
        feed_address(written)
    assert refused.value.extras == {"fault": fault}


def test_webcal_is_https() -> None:
    assert feed_address(" webcal://a.example/b?c=d#e ") == "https://a.example/b?c=d"

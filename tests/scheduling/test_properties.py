"""What holds of searches and bookings whatever the zones, the team and the number of tries; on PostgreSQL, by HTTP."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from os import environ
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import DAY, Rule, WeeklyHours
from telehealth.scheduling.booking import queries, routes, service
from telehealth.scheduling.booking.rules import Asked, Audience, Wanted
from telehealth.visits.appointments import routes as visits
from telehealth.visits.lifecycle import service as lifecycle
from tests.kit.clinic import TUESDAY_NINE, Clinic, add_colleague, open_clinic, register
from tests.kit.examples import examples
from tests.kit.web import bearer, client_of
from tests.scheduling.test_membership import CHANGE_DAYS, ZONES

A_DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SERVERS = ("UTC", "America/Los_Angeles", "Europe/Berlin", "Australia/Sydney")
several = settings(max_examples=examples(4), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
async def clinic(unit_of_work: UnitOfWork) -> Clinic:
    return await unit_of_work.run(open_clinic, SYSTEM)


@asynccontextmanager
async def desk(unit_of_work: UnitOfWork, clinic: Clinic) -> AsyncIterator[httpx.AsyncClient]:
    operations = (*routes.OPERATIONS, *visits.OPERATIONS)
    async with client_of(unit_of_work, operations, {"desk": clinic.front_desk}) as client:
        client.headers.update(bearer("desk"))
        yield client


@contextmanager
def server_in(zone: str) -> Iterator[None]:
    """The process and its libraries take that for the machine's own zone."""
    before = environ.get("TZ")
    environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        environ.pop("TZ")
        if before is not None:
            environ["TZ"] = before
        time.tzset()


windows = st.tuples(st.integers(0, DAY - 60), st.integers(30, DAY))


async def _open(unit: Unit, clinician_id: ClinicianId, zone: str, window: tuple[int, int]) -> None:
    """The same hours every day."""
    start, length = window
    rules = tuple(Rule(weekday, start, min(start + length, start + DAY)) for weekday in range(1, 8))
    await availability.publish_hours(unit, clinician_id, WeeklyHours(zone, rules))


@dataclass(frozen=True)
class Reading:
    """Hours in the zone around one of its clock changes, and where they are read: the page's zone, the server's."""

    change: tuple[str, date]
    window: tuple[int, int]
    shown_in: str
    server: str


readings = st.builds(Reading, st.sampled_from(CHANGE_DAYS), windows, st.sampled_from(ZONES), st.sampled_from(SERVERS))


@several
@given(read=readings)
async def test_instants_do_not_depend_on_who_reads_them_where(
    unit_of_work: UnitOfWork, clinic: Clinic, read: Reading
) -> None:
    """P6. Around a clock change, in any display zone and on a server in any zone: the same times, each with its own
    local reading; and the month view counts what the search lists.
    """
    (zone, day), shown_in = read.change, read.shown_in
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - A_DAY
    moved = UnitOfWork(
        unit_of_work.engine, FixedClock(start - A_DAY), unit_of_work.vault, unit_of_work.conflicts, unit_of_work.nudge
    )
    await moved.run(_open, SYSTEM, clinic.clinician.id, zone, read.window)
    span = Interval(start, start + 3 * A_DAY)
    asked = Asked(visit_type_id=clinic.visit_type.id, audience=Audience.STAFF)
    truth = [each.start for each in await moved.run(queries.search, SYSTEM, asked, span, 1000)]
    body = {"visit_type_id": str(clinic.visit_type.id), "start": f"{span.start:%FT%TZ}", "end": f"{span.end:%FT%TZ}"}
    with server_in(read.server):
        async with desk(moved, clinic) as client:
            shown = await _all_pages(client, {**body, "time_zone": shown_in, "limit": 200})
        counted = await moved.run(queries.day_counts, SYSTEM, asked, span, shown_in)
    assert [datetime.fromisoformat(each["start"]) for each in shown] == truth
    local = [each.astimezone(ZoneInfo(shown_in)) for each in truth]
    assert [each["local_start"] for each in shown] == [f"{each:%Y-%m-%dT%H:%M}" for each in local]
    assert counted == Counter(each.date() for each in local)


async def _all_pages(client: httpx.AsyncClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    following = None
    while True:
        asked = body if following is None else {**body, "cursor": following}
        answer = await client.post("/v1/slots/search", json=asked)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        following = answer.json()["next"]
        if following is None:
            return items


taken = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 23)), max_size=12, unique=True)


@several
@given(zone=st.sampled_from(ZONES), given_=st.tuples(st.tuples(windows, windows, windows), taken))
async def test_any_of_is_the_union_and_all_of_what_is_common(
    unit_of_work: UnitOfWork, clinic: Clinic, zone: str, given_: tuple[Any, Any]
) -> None:
    """P9. A team can what one of its members can, never what two can in turn; together they can what each can."""
    undone = await _in_a_transaction(unit_of_work, lambda unit: _team_agrees(unit, clinic, zone, given_))
    assert undone == []


async def _team_agrees(unit: Unit, clinic: Clinic, zone: str, given_: tuple[Any, Any]) -> list[str]:
    hours, busy = given_
    team = [clinic.clinician.id, *[(await add_colleague(unit, clinic)).id for _ in range(2)]]
    for who, window in zip(team, hours, strict=True):
        await _open(unit, who, zone, window)
    day = TUESDAY_NINE.replace(hour=0)
    for member, quarter in busy:
        other = (await register(unit, "Ines")).id
        wanted = Wanted(
            visit_type_id=clinic.visit_type.id,
            patient_id=other,
            start=day + quarter * 60 * MINUTE,
            clinician_ids=(team[member],),
            audience=Audience.STAFF,
            override="arranged",
        )
        await service.occupy(unit, wanted, unit.new_id(), fresh=True)
    span = Interval(day, day + A_DAY)

    async def starts(*who: ClinicianId, also: tuple[ClinicianId, ...] = ()) -> dict[ClinicianId, list[datetime]]:
        asked = Asked(visit_type_id=clinic.visit_type.id, clinician_ids=who, also=also, audience=Audience.STAFF)
        return await queries.free_starts(unit, asked, span)

    alone = {each: (await starts(each))[each] for each in team}
    together = await starts(*team)
    wrong = [f"{each} alone and in the team" for each in team if together[each] != alone[each]]
    first, second, third = team
    common = set(alone[first]) & set(alone[second])
    if set((await starts(first, also=(second,)))[first]) != common:
        wrong.append("two at once")
    if set((await starts(first, also=(second, third)))[first]) != common & set(alone[third]):
        wrong.append("three at once")
    return wrong


class _Undone(Exception):
    """Rolls a transaction back."""


async def _in_a_transaction(unit_of_work: UnitOfWork, act: Callable[[Unit], Any]) -> list[str]:
    """What it answers, and nothing of it stays."""
    answer: list[list[str]] = []

    async def once(unit: Unit) -> None:
        answer.append(await act(unit))
        raise _Undone

    with pytest.raises(_Undone):
        await unit_of_work.run(once, SYSTEM)
    return answer[-1]


requests = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=2, max_size=8)


@several
@given(asked=requests)
async def test_a_key_books_once_however_often_it_is_sent(
    unit_of_work: UnitOfWork, clinic: Clinic, asked: list[tuple[str, int]]
) -> None:
    """P11. Of one key and one body there is one visit and one answer; another body under the key is refused; what was
    refused leaves nothing behind, and the key may be used again.
    """
    kept: dict[str, tuple[int, dict[str, Any]]] = {}
    run = str(time.monotonic_ns())
    patient = (await unit_of_work.run(register, SYSTEM, "Rosa")).id
    async with desk(unit_of_work, clinic) as client:
        for key, number in asked:
            start = TUESDAY_NINE + timedelta(days=7, minutes=20 * number)
            body = {
                "patient_id": str(patient),
                "clinician_id": str(clinic.clinician.id),
                "visit_type_id": str(clinic.visit_type.id),
                "start": start.isoformat(),
            }
            answer = await client.post("/v1/visits", json=body, headers={"Idempotency-Key": run + key})
            if key in kept and kept[key][0] == number:
                assert (answer.status_code, answer.json()) == (201, kept[key][1])
            elif key in kept:
                assert answer.status_code == 422
            elif number in {each for each, _ in kept.values()}:
                assert answer.status_code == 409  # another key has this time
            else:
                assert answer.status_code == 201, answer.text
                kept[key] = number, answer.json()
        booked = [each["visit"]["id"] for _, each in kept.values()]
        assert len(set(booked)) == len(kept)
        for each in booked:
            await unit_of_work.run(lifecycle.cancel, SYSTEM, UUID(each), reason="patient_request")

"""Which time goes to those who wait: all that opens, with what is free beside it, and beside the visit they give up."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.availability import queries as hours
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.events import TimeOpened
from telehealth.scheduling.availability.rules import (
    HolidayCalendar,
    Override,
    TimeOff,
    WeeklyHours,
    to_minute,
)
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Audience, VisitType, Wanted
from telehealth.scheduling.waitlist import service
from telehealth.scheduling.waitlist.rules import Entry, FreeTime, OfferMode, Terms
from telehealth.visits.appointments import offers
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import service as visits
from tests.kit.clinic import TUESDAY_NINE, book, register
from tests.scheduling.waiting import Waiting, waiting_room

MINUTE = timedelta(minutes=1)
TUESDAY = date(2026, 3, 3)
NINE, TEN, NOON = 9 * 60, 10 * 60, 12 * 60
Act = Callable[[Unit], Awaitable[None]]
ON_TUESDAY = Terms(first=TUESDAY, last=TUESDAY)


@pytest.fixture
async def room(unit_of_work: UnitOfWork, database: str) -> AsyncIterator[Waiting]:
    async with waiting_room(unit_of_work, database) as opened:
        yield opened


async def _hours(room: Waiting, *windows: tuple[int, int]) -> None:
    """On that Tuesday alone; on all other days there are none."""
    ada = room.clinic.clinician.id
    await room.unit_of_work.run(availability.publish_hours, SYSTEM, ada, WeeklyHours("America/Chicago"))
    await _open(room, *windows)


async def _open(room: Waiting, *windows: tuple[int, int]) -> None:
    override = Override(TUESDAY, tuple(Interval(*each) for each in windows))

    async def put(unit: Unit) -> None:
        await availability.put_override(unit, room.clinic.clinician.id, override)

    await _later(room, put)


async def _kind(room: Waiting, minutes: int, *, grid: int, seats: int = 1) -> VisitType:
    kind = replace(room.clinic.visit_type, minutes=minutes, grid=grid, seats=seats)
    return await room.unit_of_work.run(booking.add_visit_type, SYSTEM, kind)


async def _later(room: Waiting, act: Act) -> None:
    """A second after whatever was last: who waits has waited before it."""
    room.moment.move(room.moment.now() + timedelta(seconds=1))
    await room.unit_of_work.run(act, SYSTEM)


async def _offered(room: Waiting) -> list[tuple[UUID, int]]:
    """To whom, and how many minutes after nine."""
    await room.goes_on()
    return [(each.entry_id, (each.start - TUESDAY_NINE) // MINUTE) for each in await room.open_offers()]


async def _would_come_earlier(room: Waiting, start: int) -> Entry:
    """The clinic's patient has the visit that begins so many minutes after nine, and would rather come earlier."""
    booked = await room.unit_of_work.run(book, SYSTEM, room.clinic, TUESDAY_NINE + start * MINUTE)
    kind, patient = room.clinic.visit_type.id, room.clinic.patient.id
    return await room.unit_of_work.run(offers.join, SYSTEM, patient, kind, Terms(), visit_id=booked.visit.id)


@pytest.mark.parametrize("mode", OfferMode)
@pytest.mark.parametrize("capacity", [1, 2])
async def test_an_earlier_time_may_meet_the_visit_it_replaces(room: Waiting, mode: OfferMode, capacity: int) -> None:
    """Ten minutes before a visit of half an hour come free: it can begin ten minutes earlier, and nobody else's can."""
    await _kind(room, 30, grid=10)
    await _hours(room, (NINE, NINE + 40))
    await room.unit_of_work.run(_with_room_for, SYSTEM, room.clinic.clinician.id, capacity)
    entry = await _would_come_earlier(room, 10)
    if capacity == 2:
        await room.unit_of_work.run(_book_another, SYSTEM, room)
    other = await room.joins("Bea")
    freed = FreeTime(room.clinic.clinician.id, TUESDAY_NINE, TUESDAY_NINE + 10 * MINUTE)
    made = await room.unit_of_work.run(service.refill, SYSTEM, freed, mode)
    assert [(each.entry_id, each.start) for each in made.offers] == [(entry.id, TUESDAY_NINE)]
    assert other.id in made.skipped
    accepted = await room.unit_of_work.run(offers.accept, SYSTEM, made.offers[0].id)
    assert (accepted.visit.starts_at, accepted.link_secret) == (TUESDAY_NINE, "")
    assert not await room.is_found(Audience.STAFF)
    await room.unit_of_work.run(visits.cancel, SYSTEM, accepted.visit.id, reason="patient_request")
    assert await room.is_found(Audience.STAFF)


async def _with_room_for(unit: Unit, clinician_id: ClinicianId, capacity: int) -> None:
    for entry in await hours.resources(unit):
        if entry.id == clinician_id:
            await availability.change_resource(unit, replace(entry, capacity=capacity))


async def _book_another(unit: Unit, room: Waiting) -> None:
    other = await register(unit, "Cora")
    await appointments.book(
        unit,
        patient_id=PatientId(other.id),
        clinician_id=room.clinic.clinician.id,
        visit_type_id=room.clinic.visit_type.id,
        start=TUESDAY_NINE,
    )


async def test_what_is_offered_beside_a_visit_is_kept_from_others(room: Waiting) -> None:
    await _kind(room, 30, grid=10)
    await _hours(room, (NINE - 20, NINE + 40))
    entry = await _would_come_earlier(room, 10)
    await room.unit_of_work.run(service.promote, SYSTEM, entry.id, service.Time(room.clinic.clinician.id, TUESDAY_NINE))
    assert not await room.is_found(Audience.STAFF, TUESDAY_NINE - 20 * MINUTE)
    (offer,) = await room.open_offers()
    await room.unit_of_work.run(service.decline, SYSTEM, offer.id)
    assert await room.is_found(Audience.STAFF, TUESDAY_NINE - 20 * MINUTE)


@pytest.mark.parametrize("begins", [NINE - 30, NINE])
async def test_freed_time_is_joined_with_what_is_free_beside_it(room: Waiting, begins: int) -> None:
    """Half an hour comes free beside half an hour that was free: enough for an hour."""
    await _kind(room, 30, grid=30)
    await _hours(room, (begins, begins + 60))
    booked = await room.unit_of_work.run(book, SYSTEM, room.clinic)
    await _kind(room, 60, grid=30)
    entry = await room.joins("Ana")
    await room.unit_of_work.run(visits.cancel, SYSTEM, booked.visit.id, reason="patient_request")
    assert await _offered(room) == [(entry.id, begins - NINE)]


async def test_who_said_no_is_not_asked_for_what_meets_the_same_time(room: Waiting) -> None:
    await _kind(room, 30, grid=5)
    await _hours(room, (NINE, NINE + 45))
    await room.joins("Ana")
    await room.refill()
    (offer,) = await room.open_offers()
    await room.unit_of_work.run(service.decline, SYSTEM, offer.id)
    assert await _offered(room) == []


async def test_who_said_no_to_nine_is_asked_for_noon(room: Waiting) -> None:
    await _hours(room, (NINE, NINE + 20))
    entry = await room.joins("Ana")
    (offer,) = await room.refill()
    await room.unit_of_work.run(service.decline, SYSTEM, offer.id)
    await _open(room, (NINE, NINE + 20), (NOON, NOON + 20))
    assert await _offered(room) == [(entry.id, 180)]


async def test_time_that_opens_is_offered(room: Waiting) -> None:
    """By other weekly hours, another day's hours, an absence that ends, a holiday that is none any more."""
    ada = room.clinic.clinician.id
    for close, reopen in (_by_hours(ada), _by_absence(ada), _by_holiday()):
        await room.unit_of_work.run(close, SYSTEM)
        await room.goes_on()
        entry = await room.joins("Ana", ON_TUESDAY)
        assert not await room.is_found(Audience.STAFF)
        await _later(room, reopen)
        assert await _offered(room) == [(entry.id, 0)]
        await room.unit_of_work.run(service.withdraw, SYSTEM, entry.id)
        await room.goes_on()


def _by_hours(clinician_id: ClinicianId) -> tuple[Act, Act]:
    async def close(unit: Unit) -> None:
        await availability.put_override(unit, clinician_id, Override(TUESDAY))

    async def reopen(unit: Unit) -> None:
        await availability.drop_override(unit, clinician_id, TUESDAY)

    return close, reopen


def _by_absence(clinician_id: ClinicianId) -> tuple[Act, Act]:
    added: list[TimeOff] = []

    async def close(unit: Unit) -> None:
        added.append(await availability.add_time_off(unit, clinician_id, TimeOff(first=TUESDAY, last=TUESDAY)))

    async def reopen(unit: Unit) -> None:
        (away,) = added
        assert away.id
        await availability.remove_time_off(unit, clinician_id, away.id)

    return close, reopen


def _by_holiday() -> tuple[Act, Act]:
    added: list[HolidayCalendar] = []

    async def close(unit: Unit) -> None:
        calendar = HolidayCalendar(unit.new_id(), "Clinic", everyone=True, days=(TUESDAY,))
        added.append(await availability.add_holidays(unit, calendar))

    async def reopen(unit: Unit) -> None:
        await availability.drop_holidays(unit, added[0].id)

    return close, reopen


async def test_what_another_calendar_gives_back_is_offered(room: Waiting) -> None:
    ada, nine = room.clinic.clinician.id, to_minute(TUESDAY_NINE)
    await room.unit_of_work.run(booking.close_external, SYSTEM, ada, 0, [Interval(nine - 6000, nine + 6000)])
    entry = await room.joins("Ana", ON_TUESDAY)
    rest = [Interval(nine - 6000, nine), Interval(nine + 40, nine + 6000)]

    async def give_back(unit: Unit) -> None:
        await booking.close_external(unit, ada, 0, rest)

    await _later(room, give_back)
    assert await _offered(room) == [(entry.id, 0)]


async def test_a_seat_that_comes_free_in_a_group_is_offered(room: Waiting) -> None:
    kind = await _kind(room, 20, grid=20, seats=2)
    await _hours(room, (NINE, NINE + 20))
    first = await room.unit_of_work.run(book, SYSTEM, room.clinic)
    await room.unit_of_work.run(_seat_another, SYSTEM, room, kind)
    entry = await room.joins("Ana")
    assert await _offered(room) == []
    await room.unit_of_work.run(visits.cancel, SYSTEM, first.visit.id, reason="patient_request")
    assert await _offered(room) == [(entry.id, 0)]


async def _seat_another(unit: Unit, room: Waiting, kind: VisitType) -> None:
    other = await register(unit, "Dora")
    ada = room.clinic.clinician.id
    wanted = Wanted(visit_type_id=kind.id, patient_id=PatientId(other.id), start=TUESDAY_NINE, clinician_ids=(ada,))
    await booking.occupy(unit, wanted, unit.new_id())


async def test_of_time_that_opens_now_the_part_ahead_is_asked_in_turn(room: Waiting) -> None:
    entries = [await room.joins(name, ON_TUESDAY) for name in ("Ana", "Bea")]
    await _open(room)
    await room.goes_on()
    room.moment.move(TUESDAY_NINE - 10 * MINUTE)
    await _open(room, (NINE, TEN))
    assert await _offered(room) == [(entries[0].id, 0), (entries[1].id, 0)]  # a broadcast of what begins too soon
    (modes,) = {frozenset(each.mode for each in await room.open_offers())}
    assert modes == {OfferMode.BROADCAST}
    third = await room.joins("Cora", ON_TUESDAY)
    await _open(room)
    await _open(room, (TEN, TEN + 20))
    offered = await _offered(room)
    assert (third.id, 60) in offered


@given(st.lists(st.tuples(st.integers(0, 60_000_000), st.integers(1, 5000)), max_size=8))
def test_what_opened_survives_the_way_to_the_worker(pairs: Iterable[tuple[int, int]]) -> None:
    spans = [Interval(start, start + length) for start, length in pairs]
    assert TimeOpened.of(UUID(int=1), TUESDAY_NINE, spans).spans == spans

"""A time that came free goes to one patient after the other, and to nobody twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Audience, SlotTaken
from telehealth.scheduling.waitlist import queries, service
from telehealth.scheduling.waitlist.events import OfferMade
from telehealth.scheduling.waitlist.rules import (
    AlreadyOffered,
    EntryState,
    FreeTime,
    NotWaiting,
    Offer,
    OfferExpired,
    OfferGone,
    OfferMode,
    Skip,
    Terms,
    UnfitWish,
    Wish,
)
from telehealth.scheduling.waitlist.service import Time
from tests.kit.clinic import TUESDAY_NINE, add_colleague, book
from tests.kit.quicker import beaten
from tests.scheduling.waiting import NOON, Waiting, waiting_room

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def room(unit_of_work: UnitOfWork, database: str) -> AsyncIterator[Waiting]:
    async with waiting_room(unit_of_work, database) as opened:
        yield opened


async def test_one_after_the_other_and_late_is_late(room: Waiting, nudged: list[Event]) -> None:
    first, second = await room.joins("Ana"), await room.joins("Bea")
    (offer,) = await room.refill()
    assert (offer.entry_id, offer.mode, offer.start) == (first.id, OfferMode.EXCLUSIVE, TUESDAY_NINE)
    assert offer.expires_at == room.moment.now() + 15 * MINUTE
    assert [each for each in nudged if isinstance(each, OfferMade)] == [
        OfferMade(offer_id=offer.id, patient_id=first.patient_id)
    ]
    room.moment.move(offer.expires_at)
    await room.goes_on()
    (next_offer,) = await room.open_offers()
    assert (next_offer.entry_id, next_offer.start) == (second.id, TUESDAY_NINE)
    room.moment.move(offer.expires_at + timedelta(seconds=1))
    with pytest.raises(OfferExpired):
        await room.unit_of_work.run(service.take, SYSTEM, offer.id)
    taken = await room.unit_of_work.run(service.take, SYSTEM, next_offer.id)
    assert taken.entry.id == second.id
    assert (await room.unit_of_work.run(queries.entry, SYSTEM, first.id)).state is EntryState.WAITING


async def test_late_is_late_though_nobody_swept(room: Waiting) -> None:
    await room.joins("Ana")
    (offer,) = await room.refill()
    room.moment.move(offer.expires_at)
    with pytest.raises(OfferExpired):
        await room.unit_of_work.run(service.take, SYSTEM, offer.id)
    with pytest.raises(OfferExpired):
        await room.unit_of_work.run(service.decline, SYSTEM, offer.id)
    assert await room.is_found(Audience.PATIENT)


async def test_an_offered_time_is_on_nobodys_search_until_it_is_declined(room: Waiting) -> None:
    await room.joins("Ana")
    (offer,) = await room.refill()
    assert not await room.is_found(Audience.PATIENT)
    assert not await room.is_found(Audience.STAFF)
    for _ in range(2):
        await room.unit_of_work.run(service.decline, SYSTEM, offer.id)
    assert await room.is_found(Audience.PATIENT)
    await room.goes_on()
    assert await room.open_offers() == []  # nobody is asked twice for the same time
    with pytest.raises(OfferGone):
        await room.unit_of_work.run(service.take, SYSTEM, offer.id)


async def test_time_freed_inside_the_notice_goes_to_the_waitlist(room: Waiting) -> None:
    await room.joins("Ana")
    soon = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    booked = await room.unit_of_work.run(book, SYSTEM, room.clinic, soon)
    await _notice(room, 120)
    room.moment.move(soon - 30 * MINUTE)
    await room.unit_of_work.run(booking.release, SYSTEM, booked.visit.id)
    assert not await room.is_found(Audience.PATIENT, soon)
    assert await room.is_found(Audience.STAFF, soon)
    await room.goes_on()
    assert [each.start for each in await room.open_offers()] == [soon]


async def test_short_notice_asks_several_and_the_first_has_it(room: Waiting) -> None:
    for name in ("Ana", "Bea", "Cora"):
        await room.joins(name)
    room.moment.move(TUESDAY_NINE - 20 * MINUTE)
    offers = await room.refill()
    assert {each.mode for each in offers} == {OfferMode.BROADCAST}
    assert len(offers) == 3
    assert await room.is_found(Audience.STAFF)  # a broadcast keeps nothing
    answers = await asyncio.gather(*(_take(room, each) for each in offers), return_exceptions=True)
    assert Counter(type(each) for each in answers) == {service.Taken: 1, OfferGone: 2}
    waiting = await room.unit_of_work.run(queries.waiting, SYSTEM)
    assert len(waiting) == 2


async def test_a_broadcast_nobody_wants_goes_to_the_next_round(room: Waiting) -> None:
    for number in range(7):
        await room.joins(f"P{number}")
    room.moment.move(TUESDAY_NINE - 20 * MINUTE)
    offers = await room.refill()
    assert len(offers) == 5
    for each in offers:
        await room.goes_on()
        await room.unit_of_work.run(service.decline, SYSTEM, each.id)
    await room.goes_on()
    assert len(await room.open_offers()) == 2


async def test_the_automatic_and_a_hand_at_once_make_one_offer(room: Waiting) -> None:
    await room.joins("Ana")
    second = await room.joins("Bea")
    time = Time(room.clinic.clinician.id, TUESDAY_NINE)
    by_hand = room.unit_of_work.run(service.promote, SYSTEM, second.id, time)
    answers = await asyncio.gather(room.refill(), by_hand, return_exceptions=True)
    assert len(await room.open_offers()) == 1, answers
    assert all(isinstance(each, list | tuple | Offer | SlotTaken) for each in answers), answers


async def test_who_was_asked_meanwhile_is_not_asked_again(room: Waiting) -> None:
    """Between the look at who waits and the turn of one of them, somebody at the desk was quicker."""
    entry = await room.joins("Ana")
    colleague = await room.unit_of_work.run(add_colleague, SYSTEM, room.clinic)
    elsewhere = Time(colleague.id, TUESDAY_NINE)
    told: list[bool] = []

    async def one_after_the_other(unit: Unit) -> None:
        assert await queries.waiting(unit)
        await room.unit_of_work.run(service.promote, SYSTEM, entry.id, elsewhere)
        told.append(await queries.can_be_asked(unit, entry.id))

    await room.unit_of_work.run(one_after_the_other, SYSTEM)
    assert told == [False]
    assert not await room.refill()


async def test_a_hand_offers_out_of_turn_once(room: Waiting) -> None:
    await room.joins("Ana")
    second = await room.joins("Bea")
    time = Time(room.clinic.clinician.id, TUESDAY_NINE)
    offer = await room.unit_of_work.run(service.promote, SYSTEM, second.id, time)
    assert offer.entry_id == second.id
    later = Time(room.clinic.clinician.id, TUESDAY_NINE + 40 * MINUTE)
    with pytest.raises(AlreadyOffered):
        await room.unit_of_work.run(service.promote, SYSTEM, second.id, later)
    room.moment.move(offer.expires_at)
    again = await room.unit_of_work.run(service.promote, SYSTEM, second.id, later)
    assert again.start == later.start
    await room.unit_of_work.run(service.withdraw, SYSTEM, second.id)
    with pytest.raises(NotWaiting):
        await room.unit_of_work.run(service.promote, SYSTEM, second.id, time)


async def test_who_leaves_passes_the_offer_on(room: Waiting) -> None:
    first, second = await room.joins("Ana"), await room.joins("Bea")
    await room.refill()
    for _ in range(2):
        assert (await room.unit_of_work.run(service.withdraw, SYSTEM, first.id)).state is EntryState.WITHDRAWN
    await room.goes_on()
    assert [each.entry_id for each in await room.open_offers()] == [second.id]


async def test_a_long_free_time_is_shared_out(room: Waiting) -> None:
    entries = [await room.joins(name) for name in ("Ana", "Bea", "Cora")]
    hour = FreeTime(room.clinic.clinician.id, TUESDAY_NINE, TUESDAY_NINE + 60 * MINUTE)
    made = await room.unit_of_work.run(service.refill, SYSTEM, hour)
    assert {(each.entry_id, each.start) for each in made.offers} == {
        (entry.id, TUESDAY_NINE + 20 * number * MINUTE) for number, entry in enumerate(entries)
    }


async def test_changing_a_wish_keeps_the_place(room: Waiting) -> None:
    first, second = await room.joins("Ana"), await room.joins("Bea")
    changed = await room.unit_of_work.run(service.change, SYSTEM, first.id, Terms(wishes=(Wish(end=8 * 60),)))
    assert changed.joined_at == first.joined_at
    made = await room.unit_of_work.run(service.refill, SYSTEM, room.freed)
    assert [each.entry_id for each in made.offers] == [second.id]
    assert made.skipped == {first.id: "wish"}
    with pytest.raises(UnfitWish):
        await room.unit_of_work.run(service.change, SYSTEM, first.id, Terms(wishes=(Wish(start=9, end=9),)))


async def test_who_waits_for_other_things_keeps_nobody_from_a_time(
    room: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ahead in the queue: one who waits for somebody else, one for another week, two whose wish the time is not."""
    monkeypatch.setattr(queries, "ASKED_AT_A_TIME", 1)
    elsewhere = await room.unit_of_work.run(_colleague, SYSTEM)
    far = (TUESDAY_NINE + timedelta(days=7)).date()
    for terms in (Terms(clinician_ids=frozenset({elsewhere}), priority=1), Terms(first=far), Terms(last=NOON.date())):
        await room.joins("Ana", terms)
    late = [await room.joins("Bea", Terms(wishes=(Wish(start=12 * 60),), priority=each)) for each in (2, 0)]
    last = await room.joins("Cora")
    made = await room.unit_of_work.run(service.refill, SYSTEM, room.freed)
    assert [each.entry_id for each in made.offers] == [last.id]
    assert {late[0].id, late[1].id} <= made.skipped.keys()


async def test_nobody_waits_for_yesterday(room: Waiting) -> None:
    entry = await room.joins("Ana", Terms(last=TUESDAY_NINE.date()))
    assert await room.unit_of_work.run(service.lapse, SYSTEM) == 0
    room.moment.move(TUESDAY_NINE + timedelta(days=2))
    assert await room.unit_of_work.run(service.lapse, SYSTEM) == 1
    assert (await room.unit_of_work.run(queries.entry, SYSTEM, entry.id)).state is EntryState.LAPSED


async def _take(room: Waiting, offer: Offer) -> service.Taken:
    return await room.unit_of_work.run(service.take, SYSTEM, offer.id)


async def _colleague(unit: Unit) -> ClinicianId:
    added = await people.add_clinician(
        unit, given="Grace", family="Okafor", email="grace@clinic.example", time_zone="America/Chicago"
    )
    return added.id


async def _notice(room: Waiting, minutes: int) -> None:
    changed = replace(room.clinic.visit_type, notice=minutes)
    await room.unit_of_work.run(booking.add_visit_type, SYSTEM, changed)


async def test_a_refill_that_loses_a_race_passes_over_and_stands(room: Waiting, nudged: list[Event]) -> None:
    first, second = await room.joins("Ana"), await room.joins("Bea")
    refill = room.unit_of_work.run(service.refill, SYSTEM, room.freed)
    found = await beaten(room.unit_of_work, room.clinic.clinician.id, TUESDAY_NINE, refill)
    assert not found.offers
    assert found.skipped == {first.id: Skip.NOT_FREE, second.id: Skip.NOT_FREE}
    assert not await room.open_offers()
    assert not [each for each in nudged if isinstance(each, OfferMade)]

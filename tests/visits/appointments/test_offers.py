"""An accepted offer is one visit: booked, or moved to the earlier time; and the patient's own page for the answer."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from telehealth.access.authentication import StoredCredentials
from telehealth.core.actors import SYSTEM, Role
from telehealth.core.errors import Refusal
from telehealth.core.ids import PatientId, VisitId
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.credentials import STAFF_COOKIE
from telehealth.http.ports import Authenticator
from telehealth.people import service as people
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Audience, SlotTaken
from telehealth.scheduling.waitlist import queries, routes, service
from telehealth.scheduling.waitlist.rules import Entry, EntryState, Offer, OfferExpired, OfferGone, OfferMode, Terms
from telehealth.scheduling.waitlist.service import Time
from telehealth.tasks.relay import Relay
from telehealth.visits.appointments import offers, tasks
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.waiting_room import queries as visits_queries
from tests.kit import ways_in
from tests.kit.clinic import BORN, TUESDAY_NINE, book
from tests.kit.locks import giving_up_soon, holding
from tests.kit.staff import open_account
from tests.kit.web import client_of
from tests.scheduling.waiting import Waiting, waiting_room

MINUTE = timedelta(minutes=1)
BIRTH = {"birth_day": str(BORN.day), "birth_month": str(BORN.month), "birth_year": str(BORN.year)}
EVERYTHING = (*ways_in.OPERATIONS, *ways_in.PAGES, *routes.OPERATIONS)


@pytest.fixture
async def room(unit_of_work: UnitOfWork, database: str) -> AsyncIterator[Waiting]:
    async with waiting_room(unit_of_work, database) as opened:
        yield opened


async def _accept(room: Waiting, offer: Offer) -> offers.Accepted:
    return await room.unit_of_work.run(offers.accept, SYSTEM, offer.id)


async def _visits(room: Waiting) -> list[VisitStatus]:
    async def read(unit: Unit) -> list[VisitStatus]:
        board = await visits_queries.board(unit, (room.moment.now(), room.moment.now() + timedelta(days=30)))
        return [each.status for each in board.visits]

    return await room.unit_of_work.run(read, SYSTEM)


async def test_offered_expired_offered_on_and_booked(room: Waiting) -> None:
    """To the second: at 12:15 the next one is asked, at 12:15:01 it is too late, at 12:16 it is booked."""
    for name in ("Ana", "Bea"):
        await room.joins(name)
    (first,) = await room.refill()
    room.moment.move(first.expires_at)
    await room.goes_on()
    (second,) = await room.open_offers()
    room.moment.move(first.expires_at + timedelta(seconds=1))
    with pytest.raises(OfferExpired):
        await _accept(room, first)
    room.moment.move(first.expires_at + MINUTE)
    accepted = await _accept(room, second)
    assert (accepted.visit.patient_id, accepted.visit.starts_at) == (second.patient_id, TUESDAY_NINE)
    assert len(accepted.link_secret) == 43
    with pytest.raises(OfferGone):
        await _accept(room, second)
    assert await _visits(room) == [VisitStatus.BOOKED]


@pytest.mark.parametrize("mode", OfferMode)
async def test_two_who_accept_at_once_make_one_visit(room: Waiting, mode: OfferMode) -> None:
    """Broadcast: two patients. Exclusive: one patient twice. Who loses keeps the place."""
    for name in ("Ana", "Bea"):
        await room.joins(name)
    made = (await room.unit_of_work.run(service.refill, SYSTEM, room.freed, mode)).offers
    tries = made if mode is OfferMode.BROADCAST else made * 4
    answers = await asyncio.gather(*(_accept(room, each) for each in tries), return_exceptions=True)
    assert Counter(map(type, answers)) == {offers.Accepted: 1, OfferGone: len(tries) - 1}, answers
    assert await _visits(room) == [VisitStatus.BOOKED]
    (loser,) = await room.unit_of_work.run(queries.waiting, SYSTEM)
    assert loser.state is EntryState.WAITING


async def test_the_automatic_and_staff_at_once_book_once(room: Waiting) -> None:
    """Each offers the one free time to another patient, and each patient accepts whatever comes."""
    await room.joins("Ana")
    second = await room.joins("Bea")

    async def automatic() -> list[offers.Accepted]:
        return [await _accept(room, each) for each in await room.refill()]

    async def by_hand() -> list[offers.Accepted]:
        time = Time(room.clinic.clinician.id, TUESDAY_NINE)
        return [await _accept(room, await room.unit_of_work.run(service.promote, SYSTEM, second.id, time))]

    answers = await asyncio.gather(automatic(), by_hand(), return_exceptions=True)
    assert sum(len(each) for each in answers if isinstance(each, list)) == 1, answers
    assert all(isinstance(each, list | SlotTaken) for each in answers), answers
    assert await _visits(room) == [VisitStatus.BOOKED]


async def test_an_accepted_broadcast_and_a_booking_at_once_make_one_visit(room: Waiting) -> None:
    await room.joins("Ana")
    (made,) = (await room.unit_of_work.run(service.refill, SYSTEM, room.freed, OfferMode.BROADCAST)).offers
    booking = room.unit_of_work.run(book, SYSTEM, room.clinic)
    answers = await asyncio.gather(_accept(room, made), booking, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in answers) == 1, answers
    assert all(isinstance(each, Refusal) for each in answers if isinstance(each, BaseException)), answers
    assert await _visits(room) == [VisitStatus.BOOKED]


async def _would_come_earlier(room: Waiting) -> tuple[Entry, VisitId]:
    """The clinic's patient has a visit two days later and waits for an earlier time."""
    later = await room.unit_of_work.run(book, SYSTEM, room.clinic, TUESDAY_NINE + timedelta(days=2))
    kind, patient = room.clinic.visit_type.id, room.clinic.patient.id
    entry = await room.unit_of_work.run(offers.join, SYSTEM, patient, kind, Terms(), visit_id=later.visit.id)
    return entry, later.visit.id


@pytest.mark.parametrize("mode", OfferMode)
async def test_an_earlier_time_replaces_the_visit_and_frees_the_later_one(room: Waiting, mode: OfferMode) -> None:
    entry, visit_id = await _would_come_earlier(room)
    other = await room.joins("Bea", Terms(first=(TUESDAY_NINE + timedelta(days=1)).date()))
    (made,) = (await room.unit_of_work.run(service.refill, SYSTEM, room.freed, mode)).offers
    assert made.entry_id == entry.id
    accepted = await _accept(room, made)
    assert (accepted.visit.id, accepted.visit.starts_at, accepted.link_secret) == (visit_id, TUESDAY_NINE, "")
    assert await _visits(room) == [VisitStatus.BOOKED]
    await room.goes_on()
    (onward,) = await room.open_offers()
    assert (onward.entry_id, onward.start) == (other.id, TUESDAY_NINE + timedelta(days=2))
    assert not await room.is_found(Audience.PATIENT)


async def test_the_wish_to_come_earlier_follows_the_visit(room: Waiting) -> None:
    entry, visit_id = await _would_come_earlier(room)
    sooner = TUESDAY_NINE + timedelta(days=1)
    await room.unit_of_work.run(appointments.reschedule, SYSTEM, visit_id, start=sooner)
    await Relay(tasks.SUBSCRIPTIONS).sweep(room.work)
    assert (await room.unit_of_work.run(queries.entry, SYSTEM, entry.id)).earlier_than == sooner
    await room.unit_of_work.run(lifecycle.cancel, SYSTEM, visit_id, reason="patient_request")
    await Relay(tasks.SUBSCRIPTIONS).sweep(room.work)
    assert (await room.unit_of_work.run(queries.entry, SYSTEM, entry.id)).state is EntryState.WITHDRAWN


async def test_nobody_comes_later_by_an_offer_to_come_earlier(room: Waiting) -> None:
    _, visit_id = await _would_come_earlier(room)
    (made,) = await room.refill()
    sooner = TUESDAY_NINE - timedelta(hours=18)
    await room.unit_of_work.run(appointments.reschedule, SYSTEM, visit_id, start=sooner)
    with pytest.raises(OfferGone):
        await _accept(room, made)
    assert (await room.unit_of_work.run(lifecycle.open_visit, SYSTEM, visit_id)).starts_at == sooner


async def test_a_cancelled_visits_time_is_offered(room: Waiting) -> None:
    booked = await room.unit_of_work.run(book, SYSTEM, room.clinic)
    entry = await room.joins("Ana")
    await room.unit_of_work.run(lifecycle.cancel, SYSTEM, booked.visit.id, reason="patient_request")
    await room.goes_on()
    assert [(each.entry_id, each.start) for each in await room.open_offers()] == [(entry.id, TUESDAY_NINE)]


# Pages


@asynccontextmanager
async def _browser(room: Waiting, secret: str = "") -> AsyncIterator[httpx.AsyncClient]:
    ports: dict[type, object] = {Authenticator: StoredCredentials(room.unit_of_work)}
    async with client_of(room.unit_of_work, EVERYTHING, {}, ports=ports) as client:
        client.headers.update({"Sec-Fetch-Site": "same-origin", "Cookie": f"{STAFF_COOKIE}={secret}" if secret else ""})
        yield client


async def _link(room: Waiting, offer: Offer) -> str:
    return await room.unit_of_work.run(queries.link_of, SYSTEM, offer.id)


async def test_looking_answers_nothing_and_the_right_date_books(room: Waiting) -> None:
    await room.joins("Ana")
    (offer,) = await room.refill()
    path = await _link(room, offer)
    async with _browser(room) as phone:
        for method in ("GET", "HEAD", "GET"):
            assert (await phone.request(method, path)).status_code == 200
        seen = await phone.get(path, headers={"Accept-Language": "en"})
        assert "9:00" in seen.text
        assert "Lindqvist" not in seen.text  # who holds the link alone does not learn with whom
        wrong = await phone.post(path, data={**BIRTH, "birth_year": "1950", "answer": "accept"})
        assert wrong.status_code == 422
        assert [each.id for each in await room.open_offers()] == [offer.id]
        taken = await phone.post(path, data={**BIRTH, "answer": "accept"})
        assert taken.status_code == 200
        assert "Lindqvist" in taken.text
        link = re.search(r'href="(/join/[\w-]{43})"', taken.text)
        assert link
        assert (await phone.get(link[1])).status_code == 200
        again = await phone.post(path, data={**BIRTH, "answer": "accept"})
        assert again.status_code == 200  # pressed twice is accepted once
    assert await _visits(room) == [VisitStatus.BOOKED]


async def test_five_wrong_dates_pause_the_link(room: Waiting) -> None:
    await room.joins("Ana")
    (offer,) = await room.refill()
    path = await _link(room, offer)
    async with _browser(room) as phone:
        data = {**BIRTH, "birth_year": "1950", "answer": "accept"}
        answers = [(await phone.post(path, data=data)).status_code for _ in range(5)]
        assert answers == [422] * 4 + [429]
        assert (await phone.post(path, data={**BIRTH, "answer": "accept"})).status_code == 429
    assert await _visits(room) == []


async def test_the_page_moves_the_visit_of_who_has_one(room: Waiting) -> None:
    _, visit_id = await _would_come_earlier(room)
    (offer,) = await room.refill()
    path = await _link(room, offer)
    async with _browser(room) as phone:
        taken = await phone.post(path, data={**BIRTH, "answer": "accept"})
        assert taken.status_code == 200, taken.text
    moved = await room.unit_of_work.run(lifecycle.open_visit, SYSTEM, visit_id)
    assert moved.starts_at == TUESDAY_NINE


@pytest.mark.parametrize("answer", ["accept", "decline"])
async def test_an_answer_that_could_not_be_written_down_is_not_shown_as_if_it_were(
    room: Waiting, database: str, answer: str
) -> None:
    await room.joins("Ana")
    (offer,) = await room.refill()
    path = await _link(room, offer)
    async with giving_up_soon(room.unit_of_work, database) as soon, _browser(replace(room, unit_of_work=soon)) as phone:
        async with holding(room.unit_of_work, "LOCK TABLE occupancy IN SHARE MODE"):
            refused = await phone.post(path, data={**BIRTH, "answer": answer}, headers={"Accept-Language": "en"})
        assert refused.status_code == 429
        assert "Please wait a moment" in refused.text
        assert (await phone.post(path, data={**BIRTH, "answer": answer})).status_code == 200
    assert await room.open_offers() == []


async def test_who_cannot_have_what_they_accept_hears_why_and_it_goes_on(room: Waiting) -> None:
    patient = room.clinic.patient.id
    entry = await room.unit_of_work.run(offers.join, SYSTEM, patient, room.clinic.visit_type.id, Terms())
    second = await room.joins("Bea")
    (offer,) = await room.refill()
    assert offer.entry_id == entry.id
    await room.unit_of_work.run(_licence_needed, SYSTEM, room, {patient: "US-TX", second.patient_id: "US-IL"})
    async with _browser(room) as phone:
        told = await phone.post(await _link(room, offer), data={**BIRTH, "answer": "accept"})
    assert told.status_code == 409
    assert "El profesional no tiene licencia donde usted estará entonces." in told.text
    assert "Conserva su puesto en la lista de espera" in told.text
    await room.goes_on()
    assert [(each.entry_id, each.start) for each in await room.open_offers()] == [(second.id, TUESDAY_NINE)]


@pytest.mark.parametrize("key", ["", "one-answer"])
async def test_a_refused_offer_goes_on_whatever_the_request_was(room: Waiting, key: str) -> None:
    """With an Idempotency-Key all that a request did is undone with its refusal; the offer is given up all the same."""
    patient = room.clinic.patient.id
    await room.unit_of_work.run(offers.join, SYSTEM, patient, room.clinic.visit_type.id, Terms())
    second = await room.joins("Bea")
    (offer,) = await room.refill()
    await room.unit_of_work.run(_licence_needed, SYSTEM, room, {patient: "US-TX", second.patient_id: "US-IL"})
    desk = await room.unit_of_work.run(open_account, SYSTEM, Role.FRONT_DESK, None)
    async with _browser(room, desk) as client:
        headers = {"Idempotency-Key": key} if key else {}
        refused = await client.post(f"/v1/offers/{offer.id}/accept", headers=headers)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "offer-gone")
    await room.goes_on()
    assert [(each.entry_id, each.start) for each in await room.open_offers()] == [(second.id, TUESDAY_NINE)]


async def _licence_needed(unit: Unit, room: Waiting, places: Mapping[PatientId, str]) -> None:
    """From now on, and the clinician has one for Illinois; each patient says where they will be."""
    await booking.add_visit_type(unit, replace(room.clinic.visit_type, needs_licence=True))
    await people.add_licence(unit, Licence(room.clinic.clinician.id, "US-IL"))
    for patient, place in places.items():
        await people.attest(unit, patient, Whereabouts(place))


async def test_no_is_an_answer_and_late_is_late(room: Waiting) -> None:
    for name in ("Ana", "Bea"):
        await room.joins(name)
    (offer,) = await room.refill()
    async with _browser(room) as phone:
        assert (await phone.post(await _link(room, offer), data={**BIRTH, "answer": "decline"})).status_code == 200
        await room.goes_on()
        (second,) = await room.open_offers()
        room.moment.move(second.expires_at)
        late = await phone.post(await _link(room, second), data={**BIRTH, "answer": "accept"})
        assert late.status_code == 410
        assert (await phone.get("/offers/nobody-has-this-link")).status_code == 404


async def test_the_desk_puts_on_offers_and_takes_off(room: Waiting) -> None:
    desk = await room.unit_of_work.run(open_account, SYSTEM, Role.FRONT_DESK, None)
    kind, clinician = room.clinic.visit_type.id, room.clinic.clinician.id
    async with _browser(room, desk) as browser:
        found = await browser.post("/waitlist", data={"name": "rosa moreno", **BIRTH})
        address = re.search(r'href="(/waitlist/add/[0-9a-f-]{36})"', found.text)
        assert address, found.text
        assert "Any day" in (await browser.get(address[1])).text
        backwards = {"visit_type": str(kind), "start": "12:00", "end": "09:00"}
        assert (await browser.post(address[1], data=backwards)).status_code == 422
        wish = {"visit_type": str(kind), "start": "08:00", "end": "12:00", "weekdays": "1-5", "priority": "10"}
        assert (await browser.post(address[1], data=wish)).headers["location"] == "/waitlist?told=joined"
        listed = await browser.get("/waitlist?told=joined")
        assert all(text in listed.text for text in ("Rosa Moreno", "Urgent", "08:00", "12:00"))
        offering = re.search(r'href="(/waitlist/[0-9a-f-]{36})"', listed.text)
        assert offering
        times = await browser.get(f"{offering[1]}?day=2026-03-03")
        assert TUESDAY_NINE.isoformat() in times.text
        for nobodys in ("", "1899-12-31", "9999-99-99"):
            assert (await browser.get(f"{offering[1]}?clinician={clinician}&day={nobodys}")).status_code == 200
        chosen = {"offer": TUESDAY_NINE.isoformat(), "clinician": str(clinician)}
        assert (await browser.post(offering[1], data=chosen)).headers["location"] == "/waitlist?told=offered"
        assert (await browser.post(offering[1], data=chosen)).status_code == 409
        assert "to be answered until" in (await browser.get("/waitlist")).text
        gone = await browser.post(f"{offering[1]}/withdraw")
        assert gone.headers["location"] == "/waitlist?told=withdrawn"
        assert "Nobody waits" in (await browser.get("/waitlist")).text


async def test_over_the_api(room: Waiting) -> None:
    desk = await room.unit_of_work.run(open_account, SYSTEM, Role.FRONT_DESK, None)
    kind, patient = room.clinic.visit_type.id, room.clinic.patient.id
    async with _browser(room, desk) as client:
        asked = {"patient_id": str(patient), "visit_type_id": str(kind), "wishes": [{"start": "09:00", "end": "24:00"}]}
        joined = (await client.post("/v1/waitlist", json=asked)).json()
        free = {"clinician_id": str(room.clinic.clinician.id), "start": f"{TUESDAY_NINE:%Y-%m-%dT%H:%M}:00Z"}
        offered = await client.post(f"/v1/waitlist/{joined['id']}/offer", json={**free, "minutes_to_answer": 5})
        assert offered.status_code == 201, offered.text
        offer = offered.json()
        assert (await client.get("/v1/waitlist")).json()["items"][0]["offer"]["id"] == offer["id"]
        accepted = await client.post(f"/v1/offers/{offer['id']}/accept")
        assert accepted.status_code == 201, accepted.text
        assert accepted.json()["visit"]["starts_at"] == free["start"]
        late = await client.post(f"/v1/offers/{offer['id']}/accept")
        assert (late.status_code, late.json()["type"].rpartition("/")[2]) == (409, "offer-gone")
        assert (await client.get(f"/v1/offers/{offer['id']}")).json()["state"] == "accepted"

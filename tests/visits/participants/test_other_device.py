"""The same link on another device: the first one says so and does no more, the newer one goes on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from telehealth.access.authentication import StoredCredentials
from telehealth.core.actors import SYSTEM, Actor, Role, Scope
from telehealth.core.errors import OpenedElsewhere
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.http.credentials import choose
from telehealth.video import routes as video
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.participants import service
from telehealth.visits.participants.rules import Companion
from tests.kit import ways_in
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, book

ELSEWHERE = 'id="elsewhere"'


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def enter(house: House, link: str, answer: dict[str, str]) -> str:
    """The cookie of a device on which the link was opened just now."""
    house.clock.advance(timedelta(seconds=5))
    house.phone.headers["Cookie"] = ""
    entered = await house.phone.post(link, data=answer)
    return str(entered.headers["set-cookie"].partition(";")[0])


async def show(house: House, device: str, page: str) -> str:
    house.phone.headers["Cookie"] = device
    return (await house.phone.get(page)).text


async def test_the_patients_first_device_says_that_the_visit_is_open_on_another(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    house.clock.advance(TUESDAY_NINE - timedelta(minutes=5) - house.clock.now())
    link, join = f"/join/{booked.link_secret}", f"/v1/visits/{booked.visit.id}/join"
    first = await enter(house, link, BIRTH)
    assert ELSEWHERE not in await show(house, first, "/visit")
    second = await enter(house, link, BIRTH)
    for page in ("/visit", "/visit/prepare"):
        assert ELSEWHERE in await show(house, first, page)
    assert '"elsewhere":true' in await show(house, first, join)
    assert 'data-stage="check"' in await show(house, second, "/visit")
    assert '"elsewhere":false' in await show(house, second, join)
    third = await enter(house, link, BIRTH)  # the first one again
    assert ELSEWHERE not in await show(house, third, "/visit")
    assert ELSEWHERE in await show(house, second, "/visit")


async def test_a_device_that_was_left_changes_nothing_more(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    house.clock.advance(TUESDAY_NINE - timedelta(minutes=5) - house.clock.now())
    link, check = f"/join/{booked.link_secret}", f"/v1/visits/{booked.visit.id}/check"
    fine = {"camera": "ok", "microphone": "ok", "speaker": "ok"}
    first = await enter(house, link, BIRTH)
    house.phone.headers["Cookie"] = first
    assert (await house.phone.post(check, json=fine)).status_code == 200
    second = await enter(house, link, BIRTH)
    house.phone.headers["Cookie"] = first
    refused = await house.phone.post(check, json=fine)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/opened-elsewhere")
    page = await house.phone.post("/visit/location", data={"jurisdiction": "US-CA"})
    assert page.status_code == 409
    assert "That is not possible any more" in page.text
    assert '<a class="button quiet" href="/">Back to the visit</a>' in page.text
    assert (await house.phone.post(f"/v1/visits/{booked.visit.id}/leave")).status_code == 409
    house.phone.headers["Cookie"] = second
    assert (await house.phone.post(check, json=fine)).status_code == 200


def test_it_comes_back_into_the_call_until_its_seat_is_taken() -> None:
    left = Actor(None, Role.PATIENT, frozenset({Scope.VISITS_JOIN}), elsewhere=True)
    here = replace(left, elsewhere=False)
    tickets, sending = [
        next(each for each in (*ways_in.OPERATIONS, *video.OPERATIONS) if (each.method, each.path) == ("POST", path))
        for path in ("/v1/visits/{visit:uuid}/tickets", "/v1/visits/{visit:uuid}/check")
    ]
    assert choose([left], tickets).elsewhere
    assert not choose([left, here], sending).elsewhere
    with pytest.raises(OpenedElsewhere):
        choose([left], sending)


async def test_a_stream_of_the_first_device_ends_and_a_companion_is_told_as_well(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    ines = Companion(kind=ParticipantKind.INTERPRETER, name="Inés Vidal", language="es")
    invited = await house.unit_of_work.run(service.invite, house.clinic.front_desk, booked.visit.id, ines)
    first = await enter(house, invited.link, {"name": "Ines Vidal"})
    sessions = StoredCredentials(house.unit_of_work)
    before = await sessions.session(first.partition("=")[2])
    second = await enter(house, invited.link, {"name": "Ines Vidal"})
    after = await sessions.session(first.partition("=")[2])
    assert before is not None
    assert after is not None
    assert (before.elsewhere, after.elsewhere) == (False, True)  # which is what a stream asks at each look
    told = await show(house, first, "/attend")
    assert ELSEWHERE in told
    assert "otro dispositivo" in told
    assert ELSEWHERE not in await show(house, second, "/attend")

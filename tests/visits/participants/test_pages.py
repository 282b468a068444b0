"""Companions with links and forms alone; links that scanners open; what of a link is to be found anywhere."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import VisitId
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.http.credentials import GUEST_COOKIE
from telehealth.people import service as people
from telehealth.people.rules import Relationship
from telehealth.people.service import Authority
from telehealth.visits.lifecycle.parts import ParticipantState
from telehealth.visits.participants import queries
from tests.kit.by_hand import BIRTH, House, invite, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, book

INES = {"kind": "interpreter", "name": "Inés Vidal", "email": "ines@interpreters.example", "language": "es"}
LINK = re.compile(r"http://localhost(/invited/[\w-]{43})")
WRONG = {"name": "Somebody Else"}


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def _visit(house: House) -> tuple[str, str]:
    """Its id, and the path of the patient's link."""
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    return str(booked.visit.id), f"/join/{booked.link_secret}"


async def _enter(phone: httpx.AsyncClient, link: str, answer: dict[str, str]) -> str:
    entered = await phone.post(link, data=answer)
    assert entered.status_code == 303, entered.text
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    phone.headers["Cookie"] = cookie.partition(";")[0]
    assert phone.headers["Cookie"].startswith(f"{GUEST_COOKIE}=")
    return str(entered.headers["location"])


async def test_an_interpreter_with_links_and_forms_alone(house: House) -> None:
    visit, _ = await _visit(house)
    page = await invite(house.desk, f"/visits/{visit}/people", INES)
    assert page.status_code == 200
    link = LINK.search(page.text)
    assert link, page.text
    assert await _enter(house.phone, link[1], {"name": "vidal ines"}) == "/attend"
    assert (await house.phone.get("/")).headers["location"] == "/attend"
    early = await house.phone.get("/attend")
    assert 'data-stage="early"' in early.text
    assert "Rosa" not in early.text  # a companion learns nothing of the patient
    assert "Moreno" not in early.text
    house.clock.advance(TUESDAY_NINE - house.clock.now())
    assert 'data-stage="waiting"' in (await house.phone.get("/attend")).text
    for mine in ("/visit", "/visit/times", "/visit/people", f"/v1/visits/{visit}/join", f"/v1/visits/{visit}"):
        assert (await house.phone.get(mine)).status_code == 403
    for command in ("arrive", "check", "ready", "tickets", "location"):
        assert (await house.phone.post(f"/v1/visits/{visit}/{command}", json={})).status_code in {403, 404}

    people = await house.clinician.get(f"/visits/{visit}/people")
    address = re.search(rf"/visits/{visit}/people/([0-9a-f-]{{36}})/admit", people.text)
    assert address, people.text
    assert f"people/{address[1]}/admit" not in (await house.desk.get(f"/visits/{visit}/people")).text
    let_in = await house.clinician.post(address[0])
    assert let_in.headers["location"] == f"/visits/{visit}"
    assert 'data-stage="let_in"' in (await house.phone.get("/attend")).text
    assert (await house.phone.post("/attend/leave")).status_code == 303
    assert 'data-stage="left"' in (await house.phone.get("/attend")).text
    assert (await house.phone.post("/attend/return")).status_code == 303
    assert 'data-stage="waiting"' in (await house.phone.get("/attend")).text

    out = await house.desk.post(f"/visits/{visit}/people/{address[1]}/out")
    assert out.status_code == 303
    gone = await house.phone.get("/attend")
    assert (gone.status_code, gone.headers.get("location")) == (401, None)
    assert (await house.phone.post(link[1], data={"name": "Inés Vidal"})).status_code == 422


@pytest.mark.parametrize("whose", ["desk", "phone"])
async def test_pressed_twice_one_is_invited_and_both_see_the_link(house: House, whose: str) -> None:
    visit, link = await _visit(house)
    await _enter(house.phone, link, BIRTH)
    client, at = (house.desk, f"/visits/{visit}/people") if whose == "desk" else (house.phone, "/visit/people")
    (press,) = re.findall(r'name="press" value="([0-9a-f-]{36})"', (await client.get(at)).text)
    form = {**INES, "press": press}
    wrong = {**form, "name": ""}
    assert [(await client.post(at, data=wrong)).status_code for _ in range(2)] == [422, 422], "shown again each time"
    pages = await asyncio.gather(*[invite(client, at, form) for _ in range(2)])
    assert pages[0].url == pages[1].url
    links = [LINK.findall(page.text) for page in pages]
    assert (len(links[0]), links[0]) == (1, links[1])
    assert len(re.findall(r"<bdi>Inés Vidal<", pages[0].text)) == 1
    another = await invite(client, at, INES)
    assert LINK.findall(another.text) not in (links[0], []), "another press invites one more"
    theirs = await house.unit_of_work.run(queries.ever_invited, SYSTEM, VisitId(UUID(visit)))
    assert [each.name for each in theirs].count("Inés Vidal") == 2


async def test_the_link_is_shown_to_who_invited_until_they_come(house: House) -> None:
    visit, own = await _visit(house)
    at = f"/visits/{visit}/people"
    page = await invite(house.desk, at, INES)
    (link,) = LINK.findall(page.text)
    await _enter(house.phone, own, BIRTH)
    invited = page.url.params["invited"]
    assert LINK.findall((await house.phone.get(f"/visit/people?invited={invited}")).text) == [], "the clinic's guest"
    other = (await house.unit_of_work.run(book, SYSTEM, house.clinic, TUESDAY_NINE + timedelta(hours=2))).visit.id
    assert LINK.findall((await house.desk.get(f"/visits/{other}/people?invited={invited}")).text) == []
    await _enter(house.phone, link, {"name": "vidal ines"})
    assert LINK.findall((await house.desk.get(f"{at}?invited={invited}")).text) == [], "they have come"


async def test_who_acts_for_the_patient_sees_whom_the_patient_invited_without_their_link(house: House) -> None:
    visit, own = await _visit(house)
    await _enter(house.phone, own, BIRTH)
    page = await invite(house.phone, "/visit/people", {"kind": "family", "name": "Luis Moreno"})
    assert LINK.search((await house.phone.get(page.url)).text), "the patient, and after a reload"
    marta = Authority(given="Marta", family="Moreno", relationship=Relationship.REPRESENTATIVE, email="m@x.example")
    person = await house.unit_of_work.run(people.add_related_person, SYSTEM, house.clinic.patient.id, marta)
    asked = {"kind": "proxy", "related_person_id": str(person.id)}
    proxy = (await house.desk.post(f"/v1/visits/{visit}/participants", json=asked)).json()
    await _enter(house.phone, proxy["link"].removeprefix("http://localhost"), BIRTH)
    theirs = await house.phone.get(page.url)
    assert "Luis Moreno" in theirs.text
    assert LINK.findall(theirs.text) == []
    mine = await invite(house.phone, "/visit/people", {"kind": "family", "name": "Rosa Moreno"})
    assert LINK.search(mine.text)


async def test_a_patient_brings_a_relative_and_takes_it_back(house: House) -> None:
    _, link = await _visit(house)
    await _enter(house.phone, link, BIRTH)
    assert 'href="/visit/people"' in (await house.phone.get("/visit")).text
    wrong = await invite(house.phone, "/visit/people", {"kind": "trainee", "name": "", "email": "x"})
    assert wrong.status_code == 422
    assert wrong.text.count('aria-invalid="true"') == 2
    page = await invite(house.phone, "/visit/people", {"kind": "family", "name": "Luis Moreno"})
    assert (page.status_code, bool(LINK.search(page.text))) == (200, True)
    address = re.search(r"/visit/people/[0-9a-f-]{36}/withdraw", page.text)
    assert address, page.text
    assert (await house.phone.post(address[0])).status_code == 303
    assert "Luis" not in (await house.phone.get("/visit/people")).text
    for number in range(3):
        added = await invite(house.phone, "/visit/people", {"kind": "family", "name": f"Luis {number}"})
        assert added.status_code == 200
    full = await invite(house.phone, "/visit/people", {"kind": "family", "name": "Luis 9"})
    assert full.status_code == 409
    assert "No se puede invitar a más personas" in full.text  # the patient reads Spanish


@pytest.mark.parametrize("whose", ["patient", "interpreter"])
async def test_a_mail_scanner_leaves_the_link_working(house: House, whose: str) -> None:
    """GET, HEAD and five POSTs without the answer, more than once: the link is as it was."""
    visit, link = await _visit(house)
    answer = BIRTH
    if whose == "interpreter":
        invited = (await house.desk.post(f"/v1/visits/{visit}/participants", json=INES)).json()
        link, answer = invited["link"].removeprefix("http://localhost"), {"name": "Inés Vidal"}
    for _ in range(2):
        assert (await house.phone.get(link)).status_code == 200
        assert (await house.phone.head(link)).status_code == 200
        for body in ({}, {"birth_day": "", "name": " "}, {"birth_day": "31", "birth_month": "2"}, {"name": ""}, {}):
            tried = await house.phone.post(link, data=body)
            assert tried.status_code == (422 if body else 415)  # without a body there is no form
    found = await house.unit_of_work.run(queries.participants_of, SYSTEM, visit)  # type: ignore[arg-type]
    assert {each.state for each in found} == {ParticipantState.INVITED}
    assert {each.locked_until for each in found} == {None}
    await _enter(house.phone, link, answer)


@pytest.mark.parametrize("whose", ["patient", "interpreter"])
async def test_six_wrong_answers_lock_gently_and_the_front_desk_sees_it(house: House, whose: str) -> None:
    visit, link = await _visit(house)
    right, wrong, leads_to = BIRTH, {**BIRTH, "birth_year": "1951"}, "/visit"
    api = f"/v1/visits/{visit}/participants"
    if whose == "interpreter":
        invited = (await house.desk.post(api, json=INES)).json()
        link = invited["link"].removeprefix("http://localhost")
        right, wrong, leads_to = {"name": "Inés Vidal"}, WRONG, "/attend"
    answers = [await house.phone.post(link, data=wrong) for _ in range(6)]
    assert [each.status_code for each in answers] == [422] * 4 + [429] * 2
    assert "+1 507 555 0100" in answers[-1].text
    listed = (await house.desk.get(api)).json()["items"]
    assert [each["kind"] for each in listed if each["locked_until"] is not None] == [whose]
    assert "Link paused" in (await house.desk.get(f"/visits/{visit}/people")).text
    house.clock.advance(timedelta(minutes=15))
    assert (await _enter(house.phone, link, right)).startswith(leads_to)


async def test_no_secret_of_a_link_is_in_a_query_a_log_or_a_referer(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    visit, _ = await _visit(house)
    invited = (await house.desk.post(f"/v1/visits/{visit}/participants", json=INES)).json()
    link = invited["link"].removeprefix("http://localhost")
    secret = link.rpartition("/")[2]
    assert "?" not in link
    pages = [await house.phone.get(link), await house.phone.post(link, data=WRONG)]
    location = await _enter(house.phone, link, {"name": "Inés Vidal"})
    pages.append(await house.phone.get(location))
    for page in pages:
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert re.findall(rf'(?:href|src|action)="[^"]*\?[^"]*{secret}', page.text) == []
    assert secret not in pages[-1].text
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith(("httpx", "httpcore"))]
    assert [each for each in ours if secret in each] == []


async def test_who_was_put_out_meanwhile_is_not_asked_back_by_an_old_page(house: House) -> None:
    visit, _ = await _visit(house)
    await invite(house.desk, f"/visits/{visit}/people", INES)
    old = await house.desk.get(f"/visits/{visit}/people")
    (ines,) = re.findall(r'id="participant-([0-9a-f-]{36})"><span><bdi>Inés Vidal<', old.text)
    one = f"/visits/{visit}/people/{ines}"
    assert (await house.clinician.post(f"{one}/out")).status_code == 303
    late = await house.desk.post(f"{one}/resend", data={"state": "invited"})
    assert late.status_code == 409
    assert "Somebody else has changed this meanwhile" in late.text
    assert LINK.search(late.text) is None
    assert (await house.desk.post(f"{one}/out")).status_code == 409
    asked_back = await house.desk.post(f"{one}/resend", data={"state": "revoked"})
    assert LINK.search(asked_back.text), "who knows that they were put out may ask them back"

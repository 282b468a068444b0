"""Times chosen by hand: patients move or are invited, the desk books over, clinicians change their days."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, add_colleague, book, register

TEN = TUESDAY_NINE + timedelta(hours=1)


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def _enter(house: House, link: str) -> httpx.Response:
    """Past the identity step; the cookie is kept."""
    entered = await house.phone.post(link, data=BIRTH)
    assert entered.status_code == 303, entered.text
    house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    return await house.phone.get(entered.headers["location"])


async def test_a_patient_moves_their_visit(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    page = await _enter(house, f"/join/{booked.link_secret}")
    assert 'href="/visit/times"' in page.text

    times = await house.phone.get("/visit/times?zone=Europe/Paris&day=2026-03-03")
    assert f'value="{TUESDAY_NINE.isoformat()}"' not in times.text  # it is the present one
    assert "in Chicago" in (await house.phone.get("/visit/times?zone=Europe/Paris&lang=en")).text
    assert "بتوقيت شيكاغو" in (await house.phone.get("/visit/times?zone=Europe/Paris&lang=ar")).text
    assert await _moved(house, TUESDAY_NINE, TEN) == (303, "/visit?moved=1")
    assert "10:00" in (await house.phone.get("/visit?moved=1&lang=en")).text

    other = await house.unit_of_work.run(register, SYSTEM, "Ines")
    kind = str(house.clinic.visit_type.id)
    wish = {"patient_id": str(other.id), "visit_type_id": kind, "start": TUESDAY_NINE.isoformat()}
    assert (await house.desk.post("/v1/visits", json=wish)).status_code == 201
    both = {"offer": TUESDAY_NINE.isoformat(), "was": TEN.isoformat(), "who": str(house.clinic.clinician.id)}
    late = await house.phone.post("/visit/times?day=2026-03-03&lang=en", data=both)
    assert late.status_code == 409
    assert "has just been taken" in late.text
    assert 'value="2026-03-03T15:20:00+00:00"' in late.text

    house.clock.advance(TEN - house.clock.now())
    await house.phone.get("/visit")  # arrives
    assert "cannot be moved" in (await house.phone.get("/visit/times?lang=en")).text
    assert (await house.phone.post("/visit/times", data=both)).status_code == 409


async def _moved(house: House, was: datetime, start: datetime) -> tuple[int, str]:
    """The press on the page that asks; where it leads."""
    shown = {"was": was.isoformat(), "who": str(house.clinic.clinician.id)}
    answer = await house.phone.post("/visit/times", data={"offer": start.isoformat(), **shown})
    return answer.status_code, answer.headers.get("location", "")


async def _revision(house: House) -> int:
    (shown,) = (await house.desk.get("/v1/board?day=2026-03-03")).json()["items"]
    found: int = shown["visit"]["revision"]
    return found


async def test_a_patient_is_asked_before_a_visit_moves(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    await _enter(house, f"/join/{booked.link_secret}")
    tapped = await house.phone.post("/visit/times?day=2026-03-03&zone=Europe/Paris", data={"offer": TEN.isoformat()})
    assert tapped.status_code == 303
    asked = await house.phone.get(f"{tapped.headers['location']}&lang=en")
    assert asked.status_code == 200
    assert "4:00" in asked.text  # 15:00 until now, in Paris; 16:00 in an hour
    assert 'name="was" value="2026-03-03T15:00:00+00:00"' in asked.text
    assert 'action="/visit/times?day=2026-03-03&amp;zone=Europe%2FParis"' in asked.text
    assert '<input type="hidden" name="offer" value="2026-03-03T16:00:00+00:00">' in asked.text.partition("<footer")[2]
    assert await _revision(house) == 1
    older = await house.phone.post("/visit/times", data={"offer": TEN.isoformat(), "was": TUESDAY_NINE.isoformat()})
    assert older.headers["location"].startswith("/visit/times/chosen?")  # a form that told no clinician asks again
    assert await _revision(house) == 1

    assert await _moved(house, TUESDAY_NINE, TEN) == (303, "/visit?moved=1")
    assert await _moved(house, TUESDAY_NINE, TEN) == (303, "/visit?moved=1")  # pressed twice: done once
    assert await _revision(house) == 2


async def test_two_presses_at_the_same_moment_move_a_visit_once(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    await _enter(house, f"/join/{booked.link_secret}")
    both = await asyncio.gather(*(_moved(house, TUESDAY_NINE, TEN) for _ in range(2)))
    assert both == [(303, "/visit?moved=1")] * 2
    assert await _revision(house) == 2


async def test_what_happened_while_the_page_asked_is_said_and_nothing_is_lost(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    await _enter(house, f"/join/{booked.link_secret}")
    visit, noon = f"/v1/visits/{booked.visit.id}", TUESDAY_NINE + timedelta(hours=2)

    other = await house.unit_of_work.run(register, SYSTEM, "Ines")
    kind = str(house.clinic.visit_type.id)
    wish = {"patient_id": str(other.id), "visit_type_id": kind, "start": TEN.isoformat()}
    taken = (await house.desk.post("/v1/visits", json=wish)).json()["visit"]["id"]
    asked = {"offer": TEN.isoformat(), "lang": "en"}
    gone = await house.phone.get("/visit/times/chosen", params=asked)
    assert (gone.status_code, "has just been taken" in gone.text) == (409, True)
    await house.desk.post(f"/v1/visits/{taken}/cancel", json={"reason": "other"})

    assert (await house.desk.post(f"{visit}/reschedule", json={"start": noon.isoformat()})).status_code == 200
    both = {"offer": TEN.isoformat(), "was": TUESDAY_NINE.isoformat(), "who": str(house.clinic.clinician.id)}
    stale = await house.phone.post("/visit/times?lang=en", data=both)
    assert (stale.status_code, "was changed meanwhile" in stale.text) == (409, True)
    assert f'name="was" value="{noon.isoformat()}"' in stale.text
    assert (await house.desk.get(visit)).json()["starts_at"] == noon.isoformat().replace("+00:00", "Z")

    await house.desk.post(f"{visit}/cancel", json={"reason": "clinician_unavailable"})
    over = await house.phone.post("/visit/times?lang=en", data={**both, "was": noon.isoformat()})
    assert (over.status_code, "This visit was cancelled" in over.text) == (409, True)
    assert "This visit was cancelled" in (await house.phone.get("/visit/times/chosen", params=asked)).text


async def test_a_visit_that_another_clinician_gives_meanwhile_is_asked_about_again(house: House) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    await _enter(house, f"/join/{booked.link_secret}")
    other = (await house.unit_of_work.run(add_colleague, SYSTEM, house.clinic)).id
    visit, same = f"/v1/visits/{booked.visit.id}", TUESDAY_NINE.isoformat()
    given = await house.desk.post(f"{visit}/reschedule", json={"start": same, "clinician_ids": [str(other)]})
    assert given.json()["clinician_id"] == str(other)
    shown = {"offer": TEN.isoformat(), "was": same, "who": str(house.clinic.clinician.id)}
    for who in (shown["who"], "several"):
        stale = await house.phone.post("/visit/times?lang=en", data={**shown, "who": who})
        assert (stale.status_code, "was changed meanwhile" in stale.text) == (409, True)
        assert f'name="who" value="{other}"' in stale.text
    assert (await house.desk.get(visit)).json()["starts_at"] == same.replace("+00:00", "Z")
    assert (await house.phone.post("/visit/times", data={**shown, "who": str(other)})).status_code == 303
    assert (await house.desk.get(visit)).json()["clinician_id"] == str(other)


async def test_a_patient_chooses_by_invitation(house: House) -> None:
    patient, kind = house.clinic.patient, house.clinic.visit_type
    desk = f"/book/{patient.id}"
    wish = {"press": str(uuid4()), "visit_type": str(kind.id), "clinician": ""}
    sent, again = await asyncio.gather(*[house.desk.post(f"{desk}/invitation", data=wish) for _ in range(2)])
    assert again.headers["location"] == sent.headers["location"], "pressed twice, sent once"
    shown = await house.desk.get(sent.headers["location"])
    link = re.search(r"http://localhost(/times/[\w-]{43})", shown.text)
    assert link, shown.text  # no address to send it to: the desk hands it over

    assert (await house.phone.get("/times")).status_code == 410
    assert "Choose a time" in (await house.phone.get(link[1])).text
    wrong = await house.phone.post(link[1], data={**BIRTH, "birth_year": "1950"})
    assert (wrong.status_code, "4 more times" in wrong.text) == (422, True)
    times = await _enter(house, link[1])
    assert f'value="{TUESDAY_NINE.isoformat()}"' in times.text
    for nobodys in ("", "1899-12-31", "2026-02-30", "tomorrow"):
        assert f'value="{TUESDAY_NINE.isoformat()}"' in (await house.phone.get(f"/times?day={nobodys}")).text
    refused = await house.phone.post("/times", data={"offer": (TUESDAY_NINE - timedelta(hours=5)).isoformat()})
    assert refused.status_code == 409
    chosen = await house.phone.post("/times", data={"offer": TEN.isoformat()})
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/times")
    again = await house.phone.post("/times", data={"offer": TUESDAY_NINE.isoformat()})
    assert again.status_code == 303  # one invitation, one visit
    done = await house.phone.get("/times?lang=en")
    assert "Your visit is booked" in done.text
    own = re.search(r"http://localhost(/join/[\w-]{43})", done.text)
    assert own
    board = (await house.desk.get("/v1/board?day=2026-03-03")).json()["items"]
    assert [each["visit"]["starts_at"] for each in board] == ["2026-03-03T16:00:00Z"]
    assert 'data-stage="early"' in (await _enter(house, own[1])).text


async def test_an_invitation_ends(house: House) -> None:
    wish = {
        "patient_id": str(house.clinic.patient.id),
        "visit_type_id": str(house.clinic.visit_type.id),
        "valid_days": 1,
    }
    foreign = {**wish, "clinician_ids": [str(house.clinic.patient.id)]}
    assert (await house.clinician.post("/v1/booking-invitations", json=foreign)).status_code == 404
    first, second = [(await house.desk.post("/v1/booking-invitations", json=wish)).json() for _ in range(2)]
    links = [urlsplit(each["link"]).path for each in (first, second)]
    assert (await house.phone.post(links[0], data=BIRTH)).status_code == 410  # the newer one took its place
    await _enter(house, links[1])
    for _ in range(5):
        locked = await house.phone.post(links[1], data={**BIRTH, "birth_year": "1950"})
    assert locked.status_code == 429
    house.clock.advance(timedelta(days=1))
    assert (await house.phone.get("/times")).status_code == 410
    assert (await house.phone.post("/times", data={"offer": TEN.isoformat()})).status_code == 410


async def test_the_desk_books_with_anyone_and_over(house: House) -> None:
    await house.unit_of_work.run(add_colleague, SYSTEM, house.clinic)
    desk, kind = f"/book/{house.clinic.patient.id}", str(house.clinic.visit_type.id)
    page = await house.desk.get(f"{desk}?day=2026-03-03")
    assert "2 clinicians" in page.text
    anyone = {"offer": TUESDAY_NINE.isoformat(), "visit_type": kind, "clinician": "", "location": ""}
    assert (await house.desk.post(desk, data=anyone)).status_code == 200

    over = {"visit_type": kind, "other_day": "2026-03-03", "other_time": "06:10", "other_reason": ""}
    wrong = await house.desk.post(f"{desk}/other", data=over)
    assert wrong.status_code == 422
    assert 'id="other_reason-error"' in wrong.text
    assert 'value="06:10"' in wrong.text  # nothing typed is lost
    early = {**over, "other_clinician": str(house.clinic.clinician.id), "other_reason": "asked for by the ward"}
    assert (await house.desk.post(f"{desk}/other", data=early)).status_code == 200
    twice = await house.desk.post(f"{desk}/other", data=early)  # a double click: still one visit
    assert (twice.status_code, "The visit is booked" in twice.text) == (200, True)
    busy = await house.desk.post(f"{desk}/other", data={**early, "other_time": "09:05"})
    assert (busy.status_code, "another visit at that time" in busy.text) == (409, True)
    gap = await house.desk.post(f"{desk}/other", data={**early, "other_day": "2026-03-08", "other_time": "02:30"})
    assert (gap.status_code, 'id="other_time-error"' in gap.text) == (422, True)


async def test_the_clinicians_own_days(house: House) -> None:
    await house.unit_of_work.run(book, SYSTEM, house.clinic)
    assert "outside" not in (await house.clinician.get("/hours")).text

    half = {"day_date": "2026-03-03", "day_from_a": "13:00"}
    wrong = await house.clinician.post("/hours/day", data=half)
    assert (wrong.status_code, 'id="day_to_a-error"' in wrong.text, 'value="13:00"' in wrong.text) == (422, True, True)
    saved = await house.clinician.post("/hours/day", data={**half, "day_to_a": "17:00"})
    assert saved.headers["location"] == "/hours?saved=1"
    page = (await house.clinician.get("/hours?saved=1")).text
    assert re.search("13:00.17:00", page)
    assert "Visits outside your hours" in page
    assert "Rosa Moreno" in page
    assert (await house.clinician.post("/hours/day/remove", data={"day": "2026-03-03"})).status_code == 303
    assert (await house.clinician.post("/hours/day/remove", data={"day": "2026-03-03"})).status_code == 303
    assert "Visits outside" not in (await house.clinician.get("/hours")).text
    assert (await house.clinician.post("/hours/day", data={"day_date": "2026-03-04", "closed": "1"})).status_code == 303

    order = {"away_first": "2026-03-09", "away_last": "2026-03-06", "away_reason": "congress"}
    assert 'id="away_last-error"' in (await house.clinician.post("/hours/away", data=order)).text
    away = {"away_first": "2026-03-03", "away_from": "09:00", "away_to": "12:00", "away_reason": "dentist"}
    assert (await house.clinician.post("/hours/away", data=away)).status_code == 303
    page = (await house.clinician.get("/hours")).text
    assert "dentist" in page
    assert "Visits outside" in page
    off = (await house.desk.get(f"/v1/clinicians/{house.clinic.clinician.id}/time-off")).json()["items"]
    assert off[0]["start"] == TUESDAY_NINE.isoformat().replace("+00:00", "Z")
    assert (await house.clinician.post("/hours/away/remove", data={"id": off[0]["id"]})).status_code == 303

    trip = {"trip_first": "2026-05-04", "trip_last": "2026-05-08", "trip_zone": "Asia/Dubai"}
    assert (await house.clinician.post("/hours/travel", data=trip)).status_code == 303
    twice = await house.clinician.post("/hours/travel", data={**trip, "trip_first": "2026-05-08", "trip_last": ""})
    assert (twice.status_code, "another journey" in twice.text) == (422, True)
    assert "Asia/Dubai" in (await house.clinician.get("/hours")).text
    assert (await house.clinician.post("/hours/travel/remove", data={"first": "2026-05-04"})).status_code == 303

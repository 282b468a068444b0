"""A visit by hand: front desk, patient and clinician with nothing but links and forms, then the same over the API."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.http.credentials import GUEST_COOKIE
from telehealth.scheduling.calendars import service as calendars
from telehealth.visits.lifecycle import service as lifecycle
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE

TICKED = 'name="another" value="yes" checked'
WRONG_BIRTH = {**BIRTH, "birth_year": "1950"}


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def _book(house: House) -> tuple[str, str]:
    """Through the desk's pages. Answers the visit's id and the path of the personal link."""
    found = await house.desk.post("/book", data={"name": "rosa moreno", **BIRTH})
    address = re.search(r'href="(/book/[0-9a-f-]{36})"', found.text)
    assert address, found.text
    times = await house.desk.get(f"{address[1]}?day=2026-03-03")
    assert TUESDAY_NINE.isoformat() in times.text
    kind, doctor = house.clinic.visit_type.id, house.clinic.clinician.id
    wish = {"offer": TUESDAY_NINE.isoformat(), "visit_type": str(kind), "clinician": str(doctor)}
    booked = await house.desk.post(address[1], data=wish)
    assert booked.status_code == 200, booked.text
    again = await house.desk.post(address[1], data=wish)  # a double click, or the answer loaded again
    assert again.status_code == 200
    assert "The visit is booked" in again.text
    assert "/join/" not in again.text
    other = await house.desk.post(address[1], data={**wish, "offer": (TUESDAY_NINE + timedelta(minutes=5)).isoformat()})
    assert other.status_code == 409
    assert "free now" in other.text
    link = re.search(r"http://localhost(/join/[\w-]{43})", booked.text)
    assert link
    board = (await house.desk.get("/v1/board?day=2026-03-03")).json()
    return board["items"][0]["visit"]["id"], link[1]


async def _enter(house: House, link: str) -> httpx.Response:
    for _ in range(2):  # a mail scanner looks first
        assert (await house.phone.get(link)).status_code == 200
        assert (await house.phone.head(link)).status_code == 200
    entered = await house.phone.post(link, data=BIRTH)
    assert (entered.status_code, entered.headers["location"]) == (303, "/visit")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    house.phone.headers["Cookie"] = cookie.partition(";")[0]
    assert house.phone.headers["Cookie"].startswith(f"{GUEST_COOKIE}=")
    return await house.phone.get("/visit")


async def test_a_visit_with_links_and_forms_alone(house: House) -> None:
    visit_id, link = await _book(house)
    early = await _enter(house, link)
    assert 'data-stage="early"' in early.text
    house.clock.advance(TUESDAY_NINE - timedelta(minutes=20) - house.clock.now())
    assert 'data-stage="check"' in (await house.phone.get("/visit")).text
    assert (await house.phone.post("/visit/ready")).status_code == 303
    assert 'data-stage="waiting"' in (await house.phone.get("/visit")).text

    board = await house.clinician.get("/day")
    assert f'id="admit-{visit_id}"' in board.text
    assert "Rosa Moreno" in board.text
    admitted = await house.clinician.post(f"/visits/{visit_id}/admit")
    assert admitted.headers["location"] == f"/visits/{visit_id}"
    assert 'data-stage="call"' in (await house.phone.get("/visit")).text
    twice = await house.clinician.post(f"/visits/{visit_id}/admit")
    assert twice.status_code == 303
    await house.unit_of_work.run(lifecycle.connected, SYSTEM, UUID(visit_id))
    for _ in range(2):  # it may have been finished in another window meanwhile
        ended = await house.clinician.post(f"/visits/{visit_id}/end")
        assert (ended.status_code, ended.headers["location"]) == (303, f"/visits/{visit_id}")
    assert 'data-stage="ended"' in (await house.phone.get("/visit")).text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("31 2 1980", "This cannot be a date of birth."),
        ("1 1 1066", "This cannot be a date of birth."),
        ("x 1 1980", "This cannot be a date of birth."),
        ("31  1980", "Enter the day, the month and the year"),
    ],
)
async def test_a_date_that_cannot_be_is_told_from_one_that_is_incomplete(house: House, typed: str, said: str) -> None:
    _, link = await _book(house)
    boxes = dict(zip(BIRTH, typed.split(" "), strict=True))
    answer = await house.phone.post(link, data=boxes)
    assert answer.status_code == 422
    assert said in answer.text
    assert said in (await house.desk.post("/desk", data={"name": "Rosa", **boxes})).text


async def test_the_identity_step_never_says_which_part_is_wrong(house: House) -> None:
    _, link = await _book(house)
    incomplete = await house.phone.post(link, data={"birth_day": "5"})
    wrong = await house.phone.post(link, data=WRONG_BIRTH)
    unknown = await house.phone.post("/join/of-nobody", data=WRONG_BIRTH)
    assert [each.status_code for each in (incomplete, wrong, unknown)] == [422, 422, 422]
    said = "Check the date of birth, and that this is your own link"
    assert said in wrong.text
    assert said in unknown.text
    assert "You can try 4 more times" in wrong.text
    for _ in range(4):
        last = await house.phone.post(link, data=WRONG_BIRTH)
    assert last.status_code == 429
    assert "+1 507 555 0100" in last.text
    assert (await house.phone.post(link, data=BIRTH)).status_code == 429


async def test_the_same_over_the_api(house: House) -> None:
    visit_id, link = await _book(house)
    await _enter(house, link)
    api = f"/v1/visits/{visit_id}"
    early = (await house.phone.get(f"{api}/join")).json()
    assert (early["can_join"], early["reason"], early["what_to_do"]) == (False, "too_early", "come_back")
    assert early["fallback_phone"] == "+1 507 555 0100"
    refused = await house.phone.post(f"{api}/ready")
    assert (refused.status_code, refused.json()["reason"]) == (409, "inside_join_window")

    house.clock.advance(TUESDAY_NINE - house.clock.now())
    check = {"camera": "ok", "microphone": "ok", "speaker": "ok", "network": {"verdict": "good", "rtt_ms": 12.5}}
    assert (await house.phone.post(f"{api}/check", json=check)).json()["check"] == "good"
    assert (await house.phone.post(f"{api}/ready", json={})).json()["status"] == "ready"
    assert (await house.phone.get(api)).status_code == 403
    seen = await house.clinician.get(api)
    assert (seen.json()["allowed"], seen.headers["etag"]) == (
        ["waive", "admit", "hand_over", "cancel", "leave"],
        '"4"',
    )
    stale = await house.clinician.post(f"{api}/admit", headers={"If-Match": '"3"'})
    assert stale.status_code == 412
    admitted = await house.clinician.post(f"{api}/admit", json={}, headers={"If-Match": '"4"'})
    assert (admitted.status_code, admitted.json()["status"]) == (200, "admitting")
    assert (await house.phone.get(f"{api}/join")).json()["can_join"]
    cancelled = await house.desk.post(f"{api}/cancel", json={"reason": "technical"})
    assert cancelled.json()["status"] == "cancelled"
    assert (await house.phone.get(f"{api}/join")).json()["reason"] == "cancelled"
    assert 'data-stage="over"' in (await house.phone.get("/visit")).text


async def test_moving_over_the_api(house: House) -> None:
    visit_id, _ = await _book(house)
    later = (TUESDAY_NINE + timedelta(hours=1)).isoformat()
    moved = await house.desk.post(f"/v1/visits/{visit_id}/reschedule", json={"start": later})
    assert moved.json()["revision"] == 2
    outside = (TUESDAY_NINE + timedelta(hours=9)).isoformat()
    refused = await house.desk.post(f"/v1/visits/{visit_id}/reschedule", json={"start": outside})
    assert refused.json()["type"] == "/problems/not-offered"
    assert refused.json()["alternatives"]


async def test_booking_twice_with_one_key_books_once(house: House) -> None:
    wish = {
        "patient_id": str(house.clinic.patient.id),
        "clinician_id": str(house.clinic.clinician.id),
        "visit_type_id": str(house.clinic.visit_type.id),
        "start": TUESDAY_NINE.isoformat(),
    }
    key = {"Idempotency-Key": "one"}
    first, second = [await house.desk.post("/v1/visits", json=wish, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (201, second.content)
    taken = await house.desk.post("/v1/visits", json=wish)
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/slot-taken")
    assert taken.json()["alternatives"][0].endswith("Z")


async def test_an_offer_a_hold_and_a_request_become_visits(house: House) -> None:
    patient, kind = str(house.clinic.patient.id), str(house.clinic.visit_type.id)
    search = {"visit_type_id": kind, "start": TUESDAY_NINE.isoformat(), "end": "2026-03-04T00:00:00Z", "limit": 4}
    offers = (await house.desk.post("/v1/slots/search", json=search)).json()["items"]
    booked = await house.desk.post("/v1/visits", json={"patient_id": patient, "offer": offers[0]["offer"]})
    assert booked.status_code == 201, booked.text
    assert booked.json()["visit"]["local_start"] == "2026-03-03T09:00"
    held = await house.desk.post("/v1/holds", json={"patient_id": patient, "offer": offers[1]["offer"]})
    by_hold = await house.desk.post("/v1/visits", json={"patient_id": patient, "hold_id": held.json()["id"]})
    assert by_hold.status_code == 201, by_hold.text
    wish = {"patient_id": patient, "offer": offers[2]["offer"], "request": True}
    asked = (await house.desk.post("/v1/visits", json=wish)).json()
    assert (asked["visit"]["status"], asked["link"]) == ("requested", None)
    confirm = f"/v1/visits/{asked['visit']['id']}/confirm"
    assert (await house.desk.post(confirm, headers={"If-Match": '"7"'})).status_code == 412
    confirmed = await house.clinician.post(confirm, headers={"If-Match": '"1"'})
    assert (confirmed.status_code, confirmed.json()["visit"]["status"]) == (200, "booked"), confirmed.text
    for wrong in ({}, {"offer": "x", "hold_id": held.json()["id"]}, {"offer": "made up"}):
        assert (await house.desk.post("/v1/visits", json={"patient_id": patient, **wrong})).status_code == 422


async def test_a_series_over_the_api(house: House) -> None:
    wish = {
        "patient_id": str(house.clinic.patient.id),
        "clinician_id": str(house.clinic.clinician.id),
        "visit_type_id": str(house.clinic.visit_type.id),
        "local_start": "2026-03-03T12:00",
        "rrule": "FREQ=WEEKLY;COUNT=4",
        "policy": "atomic",
    }
    search = {name: wish[name] for name in ("patient_id", "clinician_id", "visit_type_id", "rrule")}
    span = {"start": "2026-03-03T18:00:00Z", "end": "2026-03-03T18:40:00Z"}
    found = (await house.desk.post("/v1/series/search", json={**search, **span})).json()["items"]
    assert [each["local_start"] for each in found] == ["2026-03-03T12:00", "2026-03-03T12:20"]
    key = {"Idempotency-Key": "series"}
    first, second = [await house.desk.post("/v1/series", json=wish, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (201, second.content)
    refused = await house.desk.post("/v1/series", json=wish)
    assert (refused.status_code, refused.json()["conflicts"]) == (409, [1, 2, 3, 4])
    bomb = await house.desk.post("/v1/series", json={**wish, "rrule": "FREQ=SECONDLY;COUNT=9"})
    assert (bomb.status_code, bomb.json()["type"]) == (422, "/problems/invalid-recurrence")
    api = f"/v1/series/{first.json()['id']}"
    seen = await house.clinician.get(api)
    assert (seen.headers["etag"], len(seen.json()["visits"])) == ('"1"', 4)
    moved = {"occurrence": 3, "local_start": "2026-03-17T13:00"}
    assert (await house.desk.post(f"{api}/reschedule", json=moved, headers={"If-Match": '"2"'})).status_code == 412
    answer = await house.desk.post(f"{api}/reschedule", json=moved, headers={"If-Match": '"1"'})
    assert [each["local_start"][5:] for each in answer.json()["visits"]][2:] == ["03-17T13:00", "03-24T13:00"]
    off = await house.desk.post(f"{api}/cancel", json={"reach": "following", "occurrence": 2, "reason": "other"})
    assert [each["status"] for each in off.json()["visits"]] == ["booked", "cancelled", "cancelled", "cancelled"]


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
async def test_times_at_the_ends_of_time(house: House, start: str) -> None:
    wish = {
        "patient_id": str(house.clinic.patient.id),
        "clinician_id": str(house.clinic.clinician.id),
        "visit_type_id": str(house.clinic.visit_type.id),
        "start": start,
    }
    assert (await house.desk.post("/v1/visits", json=wish)).status_code == 422
    search = {"visit_type_id": wish["visit_type_id"], "start": start, "end": "9999-12-31T23:59:59-12:00"}
    found = 422 if start.startswith("0001") else 200  # ten thousand years are too many, none are none
    assert (await house.desk.post("/v1/slots/search", json=search)).status_code == found
    assert (await house.desk.get("/v1/board?day=9999-12-31")).status_code == 422
    form = {"offer": start, "visit_type": wish["visit_type_id"], "clinician": wish["clinician_id"]}
    assert (await house.desk.post(f"/book/{wish['patient_id']}", data=form)).status_code == 409


async def test_a_new_patient_at_the_desk(house: House) -> None:
    person = {"given_name": "Ines", "family_name": "Okafor", "zone": "Africa/Lagos", "language": "en", **BIRTH}
    wrong = await house.desk.post("/book/patients", data={**person, "email": "no address"})
    assert wrong.status_code == 422
    assert 'id="email-error"' in wrong.text
    taken = await house.desk.post("/book/patients", data={**person, "email": "ines@example.org"})
    assert re.fullmatch(r"/book/[0-9a-f-]{36}", taken.headers["location"])
    assert (await house.desk.get(taken.headers["location"])).status_code == 200
    again = await house.desk.post("/book/patients", data={**person, "email": "ines@example.org"})  # a double click
    assert again.status_code == 409
    assert "is here already" in again.text
    assert f'href="{taken.headers["location"]}"' in again.text
    assert 'value="ines@example.org"' in again.text
    misspelt = await house.desk.post("/book/patients", data={**person, "email": "no address"})
    assert f'href="{taken.headers["location"]}"' in misspelt.text
    somebody_else = {"another": "yes", "others": re.findall(r'name="others" value="([^"]+)"', again.text)}
    namesake = {**person, "email": "i@example.org", **somebody_else}
    misspelt = await house.desk.post("/book/patients", data={**namesake, "email": "no address"})
    assert (misspelt.status_code, TICKED in misspelt.text) == (422, True)
    assert re.findall(r'name="others" value="([^"]+)"', misspelt.text) == somebody_else["others"]
    answers = [await house.desk.post("/book/patients", data=namesake) for _ in "ab"]  # a double click
    assert [each.status_code for each in answers] == [303, 409]
    assert answers[0].headers["location"] != taken.headers["location"]
    assert f'href="{answers[0].headers["location"]}"' in answers[1].text
    assert TICKED not in answers[1].text  # nobody has said it of who came since


async def test_what_is_pressed_twice_at_once_at_the_desk_is_done_once(house: House) -> None:
    person = {"given_name": "Ines", "family_name": "Okafor", "zone": "Africa/Lagos", "language": "en", **BIRTH}
    presses = [house.desk.post("/book/patients", data={**person, "email": "ines@example.org"}) for _ in range(4)]
    made = await asyncio.gather(*presses)
    assert sorted(each.status_code for each in made) == [303, 409, 409, 409]
    (taken,) = [each.headers["location"] for each in made if each.status_code == 303]
    found = await house.desk.post("/book", data={"name": "Ines Okafor", **BIRTH})
    assert re.findall(r'href="(/book/[0-9a-f-]{36})"', found.text) == [taken]
    kind, doctor = house.clinic.visit_type.id, house.clinic.clinician.id
    wish = {"offer": TUESDAY_NINE.isoformat(), "visit_type": str(kind), "clinician": str(doctor)}
    booked = await asyncio.gather(*(house.desk.post(taken, data=wish) for _ in range(4)))
    assert ["The visit is booked" in each.text for each in booked] == [True] * 4
    assert ["/join/" in each.text for each in booked].count(True) == 1
    board = (await house.desk.get("/v1/board?day=2026-03-03")).json()
    assert len(board["items"]) == 1


FOR_EVERYONE: dict[str, object] = {
    "valid_from": None,
    "valid_to": None,
    "only": [],
    "release_before": None,
    "staffing": 100,
}


async def test_my_hours(house: House) -> None:
    shown = await house.clinician.get("/hours")
    assert 'name="from_1a" type="time" step="300" value="09:00"' in shown.text
    saved = await house.clinician.post("/hours", data={"zone": "Europe/Paris", "from_2a": "18:00", "to_2a": "00:00"})
    assert saved.headers["location"] == "/hours?saved=1"
    api = f"/v1/clinicians/{house.clinic.clinician.id}/hours"
    hours = await house.desk.get(api)
    assert hours.json() == {
        "time_zone": "Europe/Paris",
        "windows": [{"weekday": 2, "start": "18:00", "end": "24:00", **FOR_EVERYONE}],
    }
    assert hours.headers["etag"] == '"2"'
    overlap = {"zone": "Europe/Paris", "from_2a": "09:00", "to_2a": "12:00", "from_2b": "11:00", "to_2b": "13:00"}
    assert "overlap other hours" in (await house.clinician.post("/hours", data=overlap)).text
    order = {"zone": "Europe/Paris", "from_2a": "12:00", "to_2a": "09:00"}
    assert "must come after" in (await house.clinician.post("/hours", data=order)).text
    put = await house.clinician.put(api, json=hours.json(), headers={"If-Match": '"1"'})
    assert put.status_code == 412
    foreign = api.replace(str(house.clinic.clinician.id), str(house.clinic.patient.id))
    assert (await house.clinician.put(foreign, json=hours.json())).status_code == 404


async def test_a_visit_may_be_followed(house: House) -> None:
    visit_id, link = await _book(house)
    await _enter(house, link)
    for client, address in ((house.phone, "stream"), (house.clinician, "changes")):
        foreign = await client.get(f"/v1/visits/{house.clinic.patient.id}/{address}")
        assert foreign.status_code == 404
    lifecycle = (await house.phone.get("/v1/lifecycle")).json()
    assert "  ready --> admitting: admit" in lifecycle["diagram"].splitlines()
    assert len(lifecycle["statuses"]) == 17
    assert visit_id


async def test_the_board_names_a_calendar_that_cannot_be_read(
    house: House, unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    clinician = house.clinic.clinician.id
    address = "https://calendar.invalid/unseen.ics"
    await unit_of_work.run(calendars.add_feed, SYSTEM, clinician, name="Choir", address=address)
    assert "Choir" not in (await house.clinician.get("/day")).text
    clock.advance(timedelta(minutes=15))
    board = (await house.clinician.get("/day")).text
    assert "Dr. Ada Lindqvist: the calendar Choir cannot be read." in board
    assert "unseen" not in board


async def test_a_command_with_its_key_is_done_once(house: House) -> None:
    visit, _ = await _book(house)
    house.clock.advance(TUESDAY_NINE + timedelta(minutes=15) - house.clock.now())
    headers = {"If-Match": '"1"', "Idempotency-Key": "twice"}
    marked = [
        await house.desk.post(f"/v1/visits/{visit}/no-show", json={"who": "patient"}, headers=headers) for _ in "ab"
    ]
    assert [each.status_code for each in marked] == [200, 200]
    assert marked[0].json() == marked[1].json()
    assert marked[0].json()["status"] == "patient_no_show"
    other = await house.desk.post(f"/v1/visits/{visit}/no-show", json={"who": "patient"}, headers={"If-Match": '"2"'})
    assert (other.status_code, other.json()["allowed"]) == (409, ["mark_error", "correct"])
    corrected = await house.desk.post(f"/v1/visits/{visit}/correct", json={"reason": "came_after_all"})
    assert corrected.json()["status"] == "booked"
    drawn = await house.desk.get("/v1/lifecycle/diagram")
    assert drawn.text == (await house.desk.get("/v1/lifecycle")).json()["diagram"]
    assert "ready --> admitting: admit" in drawn.text

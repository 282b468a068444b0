"""The front desk with links and forms alone: find, check in, move, hand over, mark, take back; and two at one desk."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import VisitId
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.appointments.service import Booked
from telehealth.visits.front_desk import queries
from telehealth.visits.lifecycle import service as lifecycle
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, add_colleague, book, guest_of

FORM = re.compile(r'name="command" value="(\w+)"><input type="hidden" name="revision" value="(\d+)"')


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


@pytest.fixture
async def booked(house: House) -> Booked:
    return await house.unit_of_work.run(book, house.clinic.front_desk, house.clinic)


def desk_of(booked: Booked) -> str:
    return f"/visits/{booked.visit.id}/desk"


def forms(page: httpx.Response) -> dict[str, str]:
    """Command -> revision, of the forms of a page."""
    return dict(FORM.findall(page.text))


async def press(house: House, booked: Booked, command: str, **more: str) -> httpx.Response:
    """Use a form of the page as it is now; it has to be there."""
    revision = forms(await house.desk.get(desk_of(booked)))[command]
    return await house.desk.post(desk_of(booked), data={"command": command, "revision": revision, **more})


async def at(house: House, minutes: int) -> None:
    house.clock.advance(TUESDAY_NINE + timedelta(minutes=minutes) - house.clock.now())


async def test_from_a_name_and_a_date_of_birth_to_the_visit(house: House, booked: Booked) -> None:
    found = await house.desk.post("/desk", data={"name": "rosa moreno", **BIRTH})
    chosen = re.search(r'href="(/desk/[0-9a-f-]{36})"', found.text)
    assert chosen, found.text
    listed = await house.desk.get(chosen[1])
    assert f'href="{desk_of(booked)}"' in listed.text
    page = await house.desk.get(desk_of(booked))
    assert set(forms(page)) == {"cancel", "mark_error", "waive"}, "nobody checks in six hours before"
    assert f'href="/visits/{booked.visit.id}/times"' in page.text
    assert "Front desk</span>" in page.text, "who booked is a role"
    assert desk_of(booked) in (await house.desk.get("/day")).text


@pytest.mark.parametrize("typed", [{"name": "", **BIRTH}, {"name": "Rosa", "birth_day": "40"}])
async def test_what_is_missing_in_the_search_is_said(house: House, typed: dict[str, str]) -> None:
    answer = await house.desk.post("/desk", data=typed)
    assert answer.status_code == 422
    assert "There is something to put right" in answer.text


async def test_nothing_typed_is_answered_with_what_is_missing_and_no_browser_keeps_it_back(house: House) -> None:
    answer = await house.desk.post("/desk", data=dict.fromkeys(("name", *BIRTH), ""))
    assert answer.status_code == 422
    assert 'id="name-error">Fill this in' in answer.text
    assert 'id="birth-error">Enter the day, the month and the year' in answer.text
    form = re.search(r'<form [^>]*role="search"[^>]*>', (await house.desk.get("/desk")).text)
    assert form
    assert "novalidate" in form[0]


async def test_a_message_from_the_visits_page_leads_back_to_it(house: House, booked: Booked) -> None:
    await at(house, -5)
    await press(house, booked, "arrive")
    form = f'action="/visits/{booked.visit.id}/message"><input type="hidden" name="back" value="visit">'
    assert form in (await house.desk.get(desk_of(booked))).text
    message = {"code": "soon", "back": "visit"}
    sent = await house.desk.post(f"/visits/{booked.visit.id}/message", data=message)
    assert sent.headers["location"] == f"{desk_of(booked)}?told=message"
    assert "The message stands on the patient" in (await house.desk.get(sent.headers["location"])).text
    await press(house, booked, "leave")
    late = await house.desk.post(f"/visits/{booked.visit.id}/message", data=message)
    assert "Nothing was sent" in (await house.desk.get(late.headers["location"])).text


async def test_yesterdays_visit_is_not_listed_unless_it_can_be_corrected(house: House, booked: Booked) -> None:
    await at(house, 16)
    await press(house, booked, "patient_no_show")
    house.clock.advance(timedelta(hours=23))
    assert await listed(house) == [booked.visit.id]
    house.clock.advance(timedelta(hours=2))
    assert await listed(house) == []


async def listed(house: House) -> list[VisitId]:
    clinic, now = house.clinic, house.clock.now()
    found = await house.unit_of_work.run(queries.visits_of, clinic.front_desk, clinic.patient.id, now)
    return [visit.id for visit in found]


async def test_check_in_then_into_the_waiting_room_once_nothing_stands_before_it(house: House, booked: Booked) -> None:
    await at(house, -5)
    done = await press(house, booked, "arrive")
    assert (done.status_code, done.headers["location"]) == (303, f"{desk_of(booked)}?told=arrive")
    shown = await house.desk.get(done.headers["location"])
    assert 'role="status">Checked in' in shown.text
    assert "make_ready" not in forms(shown), "the devices are not checked"
    nothing_said = await press(house, booked, "waive", gate="devices", words=" ")
    assert nothing_said.status_code == 422
    assert 'href="#why-devices"' in nothing_said.text
    assert (await press(house, booked, "waive", gate="devices", words="comes by phone")).status_code == 303
    assert (await press(house, booked, "make_ready")).status_code == 303
    waiting = await house.desk.get(desk_of(booked))
    assert "comes by phone" in waiting.text
    assert "Waiting</span>" in waiting.text
    assert {"leave", "cancel", "mark_error"} <= set(forms(waiting))
    assert (await press(house, booked, "leave")).status_code == 303


async def test_an_ending_is_marked_and_taken_back_with_its_history(house: House, booked: Booked) -> None:
    await at(house, 14)
    assert "patient_no_show" not in forms(await house.desk.get(desk_of(booked)))
    await at(house, 15)
    await press(house, booked, "patient_no_show")
    over = await house.desk.get(desk_of(booked))
    assert set(forms(over)) == {"correct", "mark_error"}
    assert (await press(house, booked, "correct")).status_code == 422
    assert (await press(house, booked, "correct", reason="came_after_all")).status_code == 303
    again = await house.desk.get(desk_of(booked))
    assert "Ending taken back \u2013 They came after all" in again.text
    assert "Patient did not come" in again.text
    assert "arrive" in forms(again)


async def test_cancelling_asks_why(house: House, booked: Booked) -> None:
    refused = await press(house, booked, "cancel")
    assert refused.status_code == 422
    assert 'href="#reason-cancel"' in refused.text
    assert (await press(house, booked, "cancel", reason="patient_request")).status_code == 303
    over = await house.desk.get(desk_of(booked))
    assert "Cancelled \u2013 The patient asks for it" in over.text
    assert "Send the link again" not in over.text
    assert set(forms(over)) == {"mark_error"}


async def test_two_at_one_desk_do_not_overwrite_each_other(house: House, booked: Booked) -> None:
    seen = forms(await house.desk.get(desk_of(booked)))
    await press(house, booked, "waive", gate="devices", words="comes by phone")
    late = await house.desk.post(
        desk_of(booked), data={"command": "cancel", "revision": seen["cancel"], "reason": "other"}
    )
    assert late.status_code == 412
    assert "Nothing was overwritten" in late.text
    now = forms(late)
    assert now["cancel"] != seen["cancel"]
    assert 'value="other" selected' in late.text, "what was typed is kept"
    alert = re.search(r'role="alert">(.*?)</div>', late.text, re.DOTALL)
    assert alert
    assert re.findall(r"<li>(.*?) \(", alert[1]) == ["Waived \u2013 Device check"], "what the other one did"


async def test_a_command_that_is_not_possible_is_refused_with_what_is(house: House, booked: Booked) -> None:
    revision = forms(await house.desk.get(desk_of(booked)))["cancel"]
    refused = await house.desk.post(desk_of(booked), data={"command": "arrive", "revision": revision})
    assert refused.status_code == 409
    assert "That is not possible any more." in refused.text
    assert "cancel" in forms(refused)
    for word in ("connect", "complete", "away"):
        assert (await house.desk.post(desk_of(booked), data={"command": word, "revision": revision})).status_code == 404
    unknown = await house.desk.post(desk_of(booked), data={"command": "delete", "revision": revision})
    assert unknown.status_code == 422


async def test_handing_over(house: House, booked: Booked) -> None:
    await at(house, -5)
    assert "Nobody else may give this visit." in (await house.desk.get(desk_of(booked))).text
    colleague = await house.unit_of_work.run(add_colleague, SYSTEM, house.clinic)
    assert (await press(house, booked, "hand_over")).status_code == 422
    assert (await press(house, booked, "hand_over", clinician=str(colleague.id))).status_code == 303
    shown = await house.desk.get(desk_of(booked))
    assert "Handed over \u2013 <bdi>Dr. Grace Okafor</bdi>" in shown.text
    assert (await house.clinician.get(desk_of(booked))).status_code == 404


async def test_who_hands_a_visit_over_is_led_to_their_own_day(house: House, booked: Booked) -> None:
    colleague = await house.unit_of_work.run(add_colleague, SYSTEM, house.clinic)
    revision = forms(await house.clinician.get(desk_of(booked)))["hand_over"]
    order = {"command": "hand_over", "revision": revision, "clinician": str(colleague.id)}
    assert (await house.clinician.post(desk_of(booked), data=order)).headers["location"] == "/day"


async def test_moving_keeps_the_link_and_refuses_a_time_that_is_gone(house: House, booked: Booked) -> None:
    times = f"/visits/{booked.visit.id}/times"
    shown = await house.desk.get(times)
    offers = re.findall(r'name="offer" value="([^"]+)"', shown.text)
    assert len(offers) > 10
    revision = re.search(r'name="revision" value="(\d+)"', shown.text)
    assert revision
    move = {"offer": offers[3], "revision": revision[1], "clinician": str(booked.visit.clinician_id)}
    assert (await house.desk.post(times, data=move)).headers["location"] == f"{desk_of(booked)}?told=reschedule"
    late = await house.desk.post(times, data={**move, "offer": offers[5]})
    assert late.status_code == 412
    assert "Nothing was overwritten" in late.text
    now = re.search(r'name="revision" value="(\d+)"', late.text)
    assert now
    gone = await house.desk.post(times, data={**move, "revision": now[1], "offer": "2026-03-03T03:00:00+00:00"})
    assert gone.status_code in {409, 422}
    assert "Here are the times that are free now." in gone.text
    await guest_of(house.unit_of_work, booked)
    await press(house, booked, "cancel", reason="other")
    assert 'name="offer"' not in (await house.desk.get(times)).text


async def test_the_link_is_sent_again_from_the_visit(house: House, booked: Booked) -> None:
    page = await house.desk.get(desk_of(booked))
    (found,) = re.findall(r'action="(/visits/[^"]+/resend)"><input type="hidden" name="state" value="(\w+)"', page.text)
    sent = await house.desk.post(found[0], data={"state": found[1]})
    assert sent.status_code == 200
    assert f"/join/{booked.link_secret}" in sent.text


async def test_the_desk_sees_that_who_prepares_has_closed_the_page(house: House, booked: Booked) -> None:
    await at(house, -5)
    patient = await guest_of(house.unit_of_work, booked)
    await house.unit_of_work.run(lifecycle.arrive, patient, booked.visit.id)
    assert "Page closed" not in (await house.desk.get(desk_of(booked))).text
    await house.unit_of_work.run(lifecycle.away, SYSTEM, booked.visit.id)
    for page in (desk_of(booked), "/day"):
        assert '<span class="tag warn">Page closed</span>' in (await house.desk.get(page)).text


async def test_the_desk_sees_what_happened_to_everyone_who_takes_part(house: House, booked: Booked) -> None:
    listed = await house.desk.get(f"/v1/visits/{booked.visit.id}/participants")
    patient = next(each["id"] for each in listed.json()["items"] if each["kind"] == "patient")
    house.clock.advance(timedelta(minutes=1))
    await house.desk.post(f"/visits/{booked.visit.id}/people/{patient}/resend", data={"state": "invited"})
    page = (await house.desk.get(desk_of(booked))).text
    assert "What happened to each" in page
    assert page.index("Link sent again") < page.rindex("Invited"), "the last first"
    told = (await house.desk.get(f"/v1/visits/{booked.visit.id}/participants/history")).json()["items"]
    assert [(each["step"], each["before"], each["after"], each["role"]) for each in told[-1:]] == [
        ("resend", "invited", "invited", "front_desk")
    ]
    assert {each["step"] for each in told[:2]} == {"invite"}
    assert (await house.desk.get(f"/v1/visits/{patient}/participants/history")).status_code == 404

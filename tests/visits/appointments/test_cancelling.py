"""Patients cancel by themselves: asked first, in time, once, heard of by staff; never from under a clinician."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.time import FixedClock
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.rules import Relationship
from telehealth.people.service import Authority
from telehealth.visits.appointments.models import CalledOffRow
from telehealth.visits.lifecycle.joining import may_call_off
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.rules import IN_CALL, OVER, Command, VisitStatus, decide, situation_of
from telehealth.visits.participants import service as company
from telehealth.visits.participants.rules import Companion
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE, book
from tests.kit.written import visit as visit_at

WHY = "My granddaughter has a fever"
STARTS = datetime(2026, 3, 3, 15, tzinfo=UTC)
AROUND = st.timedeltas(min_value=timedelta(days=-2), max_value=timedelta(days=2))


@given(status=st.sampled_from(VisitStatus), role=st.sampled_from(Role), before=AROUND)
def test_patients_cancel_in_time_what_the_machine_lets_them(status: VisitStatus, role: Role, before: timedelta) -> None:
    now = STARTS - before
    visit = replace(visit_at(STARTS, "UTC"), status=status)
    if may_call_off(visit, role, now):
        assert now < visit.starts_at
        assert status not in IN_CALL | OVER
        by_patient = situation_of(visit, now, reason="patient_request")
        assert decide(Command.CANCEL, status, role, by_patient).after is VisitStatus.CANCELLED
    elif role is Role.PATIENT and status is VisitStatus.BOOKED:
        assert now >= visit.starts_at


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


@pytest.fixture
async def visit(house: House) -> str:
    """The address of a visit whose patient has come by their link."""
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    entered = await house.phone.post(f"/join/{booked.link_secret}", data=BIRTH)
    house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    return f"/v1/visits/{booked.visit.id}"


async def _status(house: House, visit: str) -> tuple[str, int]:
    shown = (await house.desk.get(visit)).json()
    return shown["status"], shown["revision"]


async def _comes(house: House, before: timedelta) -> None:
    """Into the waiting room, so long before the start."""
    house.clock.advance(TUESDAY_NINE - before - house.clock.now())
    await house.phone.get("/visit")
    assert (await house.phone.post("/visit/ready")).status_code == 303


async def test_a_patient_is_asked_and_cancels_once(house: House, visit: str) -> None:
    assert 'href="/visit/cancel"' in (await house.phone.get("/visit")).text
    asked = await house.phone.get("/visit/cancel?lang=en")
    assert "Cancel this visit?" in asked.text
    assert "9:00" in asked.text
    assert await _status(house, visit) == ("booked", 1)

    for _ in range(2):
        done = await house.phone.post("/visit/cancel", data={"sure": "yes", "words": f" {WHY} "})
        assert (done.status_code, done.headers["location"]) == (303, "/visit/cancel")
        assert await _status(house, visit) == ("cancelled", 2)
    assert "Your visit is cancelled" in (await house.phone.get("/visit/cancel?lang=en")).text

    heard = await house.unit_of_work.run(_heard, SYSTEM)
    assert heard.count("VisitCancelled") == 1
    assert heard.count("TimeFreed") == 1  # which the waitlist offers on


async def _heard(unit: Unit) -> list[str]:
    return list(await unit.session.scalars(select(OutboxRow.kind)))


async def test_staff_read_why_and_nobody_reads_it_in_the_table(house: House, visit: str) -> None:
    await house.phone.post("/visit/cancel", data={"sure": "yes", "words": WHY})
    page = await house.desk.get(f"{visit.removeprefix('/v1')}/desk?lang=en")
    told = re.search(r"Cancelled . The patient asks for it: <q [^>]*>([^<]*)</q>", page.text)
    assert told
    assert told[1] == WHY
    (kept,) = await house.unit_of_work.run(_kept, SYSTEM)
    assert WHY.encode() not in kept


async def test_who_says_nothing_leaves_nothing(house: House, visit: str) -> None:
    assert (await house.phone.post("/visit/cancel", data={"unknown": ""})).status_code == 422
    assert (await house.phone.post("/visit/cancel", data={"sure": "yes", "words": ""})).status_code == 303
    assert await _status(house, visit) == ("cancelled", 2)
    assert await house.unit_of_work.run(_kept, SYSTEM) == []


async def test_a_line_that_ends_counts_once(house: House, visit: str) -> None:
    typed = "\r\n".join(["a" * 98] * 5) + "a" * 6
    assert (await house.phone.post("/visit/cancel", data={"sure": "yes", "words": f"{typed}a"})).status_code == 422
    assert (await house.phone.post("/visit/cancel", data={"sure": "yes", "words": typed})).status_code == 303
    assert await _status(house, visit) == ("cancelled", 2)


async def _kept(unit: Unit) -> list[bytes]:
    return list(await unit.session.scalars(select(CalledOffRow.words)))


async def test_who_waits_may_cancel_until_the_visit_is_to_begin(house: House, visit: str) -> None:
    await _comes(house, timedelta(minutes=5))
    assert await _shown(house) == ("waiting", [WAYS[1]])
    assert "Yes, cancel my visit" in (await house.phone.get("/visit/cancel?lang=en")).text
    house.clock.advance(timedelta(minutes=5))
    assert await _shown(house) == ("waiting", [])
    late = await house.phone.get("/visit/cancel?lang=en")
    assert (late.status_code, "cannot be cancelled here any more" in late.text) == (200, True)
    refused = await house.phone.post("/visit/cancel?lang=en", data={"sure": "yes", "words": WHY})
    assert (refused.status_code, "call the clinic" in refused.text) == (409, True)
    assert (await _status(house, visit))[0] == "ready"
    assert await house.unit_of_work.run(_kept, SYSTEM) == []


WAYS = ("/visit/times", "/visit/cancel")


async def _shown(house: House) -> tuple[str, list[str]]:
    """Where the patient's page stands, and where it leads to what its reader may change."""
    page = (await house.phone.get("/visit")).text
    stage = re.search(r'data-stage="(\w+)"', page)
    assert stage, page
    return stage[1], [each for each in WAYS if f'href="{each}"' in page]


async def test_nobody_is_shown_what_they_may_not_do_any_more(house: House, visit: str) -> None:
    assert await _shown(house) == ("early", [*WAYS])
    house.clock.advance(TUESDAY_NINE - timedelta(minutes=5) - house.clock.now())
    assert await _shown(house) == ("check", [WAYS[1]])  # they have come
    house.clock.advance(timedelta(minutes=5))
    assert await _shown(house) == ("check", [])
    assert (await _status(house, visit))[0] == "arrived"


@pytest.mark.parametrize("may_book", [False, True])
async def test_who_acts_for_the_patient_is_shown_what_their_authority_lets_them(house: House, may_book: bool) -> None:
    booked = await house.unit_of_work.run(book, SYSTEM, house.clinic)
    carer = Authority(given="Marta", family="Moreno", relationship=Relationship.REPRESENTATIVE, may_book=may_book)
    person = await house.unit_of_work.run(people.add_related_person, SYSTEM, house.clinic.patient.id, carer)
    proxy = Companion(kind=ParticipantKind.PROXY, related_person_id=person.id)
    invited = await house.unit_of_work.run(company.invite, SYSTEM, booked.visit.id, proxy)
    entered = await house.phone.post(invited.link, data=BIRTH)
    house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    assert await _shown(house) == ("early", [*WAYS] if may_book else [])
    for each in WAYS:
        assert (await house.phone.get(each)).status_code == (200 if may_book else 403)


async def test_two_presses_at_the_same_moment_cancel_once(house: House, visit: str) -> None:
    both = await asyncio.gather(
        *(house.phone.post("/visit/cancel", data={"sure": "yes", "words": WHY}) for _ in range(2))
    )
    assert [each.status_code for each in both] == [303, 303]
    assert await _status(house, visit) == ("cancelled", 2)


async def test_of_a_patient_who_cancels_and_a_clinician_who_admits_one_is_told(house: House, visit: str) -> None:
    await _comes(house, timedelta(minutes=10))
    cancelled, admitted = await asyncio.gather(
        house.phone.post("/visit/cancel", data={"sure": "yes", "words": WHY}),
        house.clinician.post(f"{visit}/admit", json={}),
    )
    status, _ = await _status(house, visit)
    answers = (cancelled.status_code, admitted.status_code)
    assert (status, answers) in [("cancelled", (303, 409)), ("admitting", (409, 200))]


async def test_what_staff_cancelled_meanwhile_is_cancelled(house: House, visit: str) -> None:
    await house.desk.post(f"{visit}/cancel", json={"reason": "technical"})
    assert (await house.phone.post("/visit/cancel", data={"sure": "yes", "words": WHY})).status_code == 303
    assert await _status(house, visit) == ("cancelled", 2)
    assert await house.unit_of_work.run(_kept, SYSTEM) == []

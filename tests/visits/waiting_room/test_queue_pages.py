"""The queue with links and forms alone: desk, clinician and the patient's phone; and what staff tell who waits."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import anyio
import httpx
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.waiting_room import attendance, service, standings, waiting
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import register

PRESS = re.compile(r'name="press" value="([0-9a-f-]{36})"')
WAIT_LINK = re.compile(r"http://localhost(/wait/[\w-]{43})")


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def put_in_queue(house: House) -> str:
    """By the desk's page; answers the path of the personal link."""
    found = await house.desk.post("/queue", data={"name": "rosa moreno", **BIRTH})
    chosen = re.search(r'href="(/queue\?patient=[0-9a-f-]{36})"', found.text)
    assert chosen, found.text
    form = await house.desk.get(chosen[1])
    address = re.search(r'action="(/queue/add/[0-9a-f-]{36})"', form.text)
    assert address, form.text
    added = await house.desk.post(address[1], data={"visit_type": str(house.clinic.visit_type.id)})
    page = await house.desk.get(added.headers["location"])
    link = WAIT_LINK.search(page.text)
    assert link, page.text
    again = await house.desk.post(address[1], data={"visit_type": str(house.clinic.visit_type.id)})
    assert again.headers["location"] == "/queue?told=already"
    return link[1]


async def enter(house: House, link: str) -> httpx.Response:
    for _ in range(2):  # a mail scanner looks first
        assert (await house.phone.get(link)).status_code == 200
    wrong = await house.phone.post(link, data={**BIRTH, "birth_year": "1950"})
    assert wrong.status_code == 422
    entered = await house.phone.post(link, data=BIRTH)
    assert (entered.status_code, entered.headers["location"]) == (303, "/visit")
    house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    return await house.phone.get("/visit")


async def next_form(house: House, **more: str) -> dict[str, str]:
    """The form of the clinician's page, as it is shown now."""
    pressed = PRESS.search((await house.clinician.get("/queue")).text)
    assert pressed
    return {"press": pressed[1], "visit_type": "", **more}


async def call_next(house: House) -> httpx.Response:
    return await house.clinician.post("/queue/next", data=await next_form(house))


async def test_from_the_desk_to_the_call(house: House) -> None:
    page = await enter(house, await put_in_queue(house))
    assert "Es su turno a continuación" in page.text
    assert "Todavía nadie puede decir" in page.text
    line = (await house.desk.get("/v1/queue")).json()["items"]
    assert [(each["position"], each["estimate"]) for each in line] == [(1, None)]
    assert "Presente" not in (await house.desk.get("/queue")).text
    assert "Here" in (await house.desk.get("/queue")).text
    taken = await call_next(house)
    visit = f"/visits/{line[0]['id']}"
    assert taken.headers["location"] == visit
    nobody = await call_next(house)
    assert nobody.headers["location"] == "/queue?told=nobody"
    assert "No visits today" not in (await house.clinician.get("/day")).text
    assert 'data-stage="check"' in (await house.phone.get("/visit")).text
    assert (await house.phone.post("/visit/ready")).status_code == 303
    waiting = await house.phone.get("/visit")
    assert 'data-stage="waiting"' in waiting.text
    assert (await house.clinician.post(f"{visit}/admit")).status_code == 303
    assert 'data-stage="call"' in (await house.phone.get("/visit")).text


async def test_next_asked_again_with_the_same_key_takes_nobody_else(house: House) -> None:
    await put_in_queue(house)
    await queue_luis(house)
    keyed = {"Idempotency-Key": "lost-in-the-lift"}
    answers = [
        await house.clinician.post("/v1/queue/next", json={"visit_type_id": None}, headers=keyed) for _ in range(2)
    ]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert len((await house.desk.get("/v1/queue")).json()["items"]) == 1


async def queue_luis(house: House) -> None:
    luis = await house.unit_of_work.run(register, SYSTEM, "Luis")
    kind = house.clinic.visit_type.id
    await house.unit_of_work.run(waiting.enqueue, SYSTEM, patient_id=luis.id, visit_type_id=kind)


@pytest.mark.parametrize("at_once", [True, False])
async def test_one_press_takes_one_patient_however_often_it_arrives(house: House, at_once: bool) -> None:
    await put_in_queue(house)
    await queue_luis(house)
    form = await next_form(house)
    answers: list[httpx.Response] = []

    async def press() -> None:
        answers.append(await house.clinician.post("/queue/next", data=form))

    if at_once:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(press)
    else:
        for _ in range(3):
            await press()
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len((await house.desk.get("/v1/queue")).json()["items"]) == 1
    second = await call_next(house)
    assert second.headers["location"] not in {answers[0].headers["location"], "/queue?told=nobody"}


async def test_a_press_belongs_to_who_pressed_and_a_form_without_one_takes_nobody(house: House) -> None:
    await put_in_queue(house)
    assert (await house.clinician.post("/queue/next", data={"visit_type": ""})).status_code == 422
    assert len((await house.desk.get("/v1/queue")).json()["items"]) == 1
    form = await next_form(house)
    nobody = await house.clinician.post("/queue/next", data={**form, "visit_type": str(uuid4())})
    assert nobody.headers["location"] == "/queue?told=nobody"
    assert (await house.clinician.post("/queue/next", data=form)).headers["location"].startswith("/visits/")


async def test_who_opens_the_page_again_is_back(house: House) -> None:
    await enter(house, await put_in_queue(house))
    visit = await house.unit_of_work.run(service.take_next, house.clinic.clinician_actor)
    await house.phone.get("/visit")
    await house.phone.post("/visit/ready")
    assert (await house.unit_of_work.run(lifecycle.away, SYSTEM, visit.id)).away_since is not None
    await house.phone.get("/visit")
    assert (await house.unit_of_work.run(visits.find, SYSTEM, visit.id)).away_since is None


async def test_who_opens_the_page_of_the_queue_again_is_back_and_counts_as_here(house: House) -> None:
    await enter(house, await put_in_queue(house))
    (shown,) = (await house.desk.get("/v1/queue")).json()["items"]
    entry_id = UUID(shown["id"])
    entry = await house.unit_of_work.run(waiting.drop, SYSTEM, entry_id)
    assert entry.dropped_at is not None
    assert "Es su turno" in (await house.phone.get("/visit")).text
    assert (await house.unit_of_work.run(standings.find, SYSTEM, entry_id)).dropped_at is None
    house.clock.advance(timedelta(seconds=59))
    assert await house.unit_of_work.run(attendance.gone_from_queue, SYSTEM) == []
    house.clock.advance(timedelta(seconds=1))
    assert await house.unit_of_work.run(attendance.gone_from_queue, SYSTEM) == [entry.id]


async def test_opening_the_link_alone_is_not_coming_back(house: House) -> None:
    """Mail scanners and previews open links too."""
    link = await put_in_queue(house)
    await enter(house, link)
    (each,) = (await house.desk.get("/v1/queue")).json()["items"]
    await house.unit_of_work.run(waiting.drop, SYSTEM, each["id"])
    del house.phone.headers["Cookie"]
    await house.phone.get(link)
    assert (await house.unit_of_work.run(standings.find, SYSTEM, each["id"])).dropped_at is not None
    await enter(house, link)
    assert (await house.unit_of_work.run(standings.find, SYSTEM, each["id"])).dropped_at is None


async def test_who_reads_without_scripts_before_the_waiting_room_is_not_away(house: House) -> None:
    await enter(house, await put_in_queue(house))
    visit = await house.unit_of_work.run(service.take_next, house.clinic.clinician_actor)
    await house.phone.get("/visit")
    house.clock.advance(timedelta(minutes=29))
    assert await house.unit_of_work.run(attendance.gone, SYSTEM) == []
    await house.phone.post("/visit/ready")
    await house.phone.get("/visit")
    house.clock.advance(timedelta(minutes=1))
    assert await house.unit_of_work.run(attendance.gone, SYSTEM) == [visit.id]


async def test_the_link_leads_to_the_visit_once_there_is_one(house: House) -> None:
    link = await put_in_queue(house)
    await call_next(house)
    assert 'data-stage="check"' in (await enter(house, link)).text


async def test_who_leaves_is_gone_for_everyone(house: House) -> None:
    await enter(house, await put_in_queue(house))
    assert (await house.phone.post("/visit/leave")).status_code == 303
    assert "Ya no está esperando" in (await house.phone.get("/visit")).text
    assert (await house.desk.get("/v1/queue")).json()["items"] == []
    assert (await house.phone.post("/visit/leave")).status_code == 303


async def test_a_message_stands_on_the_page_in_the_readers_language(house: House) -> None:
    await enter(house, await put_in_queue(house))
    (entry,) = (await house.desk.get("/v1/queue")).json()["items"]
    coded = await house.desk.post(f"/queue/{entry['id']}/message", data={"code": "longer"})
    assert coded.headers["location"] == "/queue?told=message"
    assert "No nos hemos olvidado de usted" in (await house.phone.get("/visit")).text
    own = await house.desk.post(f"/v1/queue/{entry['id']}/messages", json={"words": "Room 3 <soon>"})
    assert own.status_code == 204
    assert "Room 3 &lt;soon&gt;" in (await house.phone.get("/visit")).text
    both = await house.desk.post(f"/v1/queue/{entry['id']}/messages", json={"words": "x", "code": "soon"})
    assert both.status_code == 422
    await house.desk.delete(f"/v1/queue/{entry['id']}")
    gone = await house.desk.post(f"/queue/{entry['id']}/message", data={"code": "soon"})
    assert gone.headers["location"] == "/queue?told=gone"
    assert "Nothing was sent" in (await house.desk.get("/queue?told=gone")).text
    late = await house.desk.post(f"/v1/queue/{entry['id']}/messages", json={"code": "soon"})
    assert late.status_code == 409


async def test_running_late_is_told_to_whoever_waits(house: House) -> None:
    await enter(house, await put_in_queue(house))
    await call_next(house)
    assert (await house.clinician.post("/late", data={"minutes": "10"})).headers["location"] == "/day?told=late"
    assert "un retraso de aproximadamente 10 minutos" in (await house.phone.get("/visit")).text
    assert 'id="late-10" name="minutes" value="10" aria-pressed="true"' in (await house.clinician.get("/day")).text
    clinician = f"/v1/clinicians/{house.clinic.clinician.id}/running-late"
    assert (await house.desk.put(clinician, json={"minutes": 20})).json() == {"minutes": 20, "told": 1}
    assert "20 minutos" in (await house.phone.get("/visit")).text
    assert (await house.desk.put(clinician, json={"minutes": 7})).status_code == 422
    assert (await house.desk.put(clinician, json={"minutes": 0})).status_code == 200
    assert "retraso" not in (await house.phone.get("/visit")).text
    assert (await house.desk.post("/late", data={"minutes": "5"})).status_code == 404

"""Asked and answered with nothing but links and forms: the patient's page, the tasks of staff, the series."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import queries as tasks
from telehealth.followups import routes as followups
from telehealth.followups import service as tasks_of
from telehealth.followups.parts import Facing, FollowUp, TaskKind, TaskStatus, Wish
from telehealth.followups.ports import Questionnaires
from telehealth.followups.tasks import fire_due
from telehealth.monitoring import queries, routes, service
from telehealth.monitoring.library import QuestionnaireLibrary
from telehealth.visits.appointments.service import Booked
from tests.followups.working import work_of
from tests.kit import by_hand
from tests.kit.by_hand import BIRTH, House, open_by_hand
from tests.kit.clinic import book
from tests.monitoring.pressure import CODE, CONTENT, DAILY, HIGH_ANSWERS, RESOURCE, WELL

PAGE, API = f"/admin/monitoring/{CODE}", f"/v1/questionnaires/{CODE}"
TYPED = {
    "version": "0",
    "questionnaire": json.dumps(RESOURCE),
    "action": "publish",
    "item_1": "systolic",
    "comparison_1": "above",
    "value_1": "180",
    "words_1": "Call: very high blood pressure",
    "kind_1": "call",
    "owner_1": "clinicians",
    "priority_1": "urgent",
    "item_2": "",
    "words_2": "left out",
    "item_3": "dizzy",
    "comparison_3": "equals",
    "value_3": "true",
    "words_3": "Offer a visit",
    "kind_3": "rebook",
    "owner_3": "desk",
    "priority_3": "routine",
}


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    more = (*routes.OPERATIONS, *routes.PAGES, *followups.PAGES)
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *more))
    monkeypatch.setattr(by_hand, "PORTS", {Questionnaires: QuestionnaireLibrary()})
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


@dataclass(frozen=True)
class Asked:
    house: House
    booked: Booked
    task: FollowUp
    link: str
    at: str


@pytest.fixture
async def asked(house: House) -> Asked:
    """The first of three days; the patient has the link."""

    async def begin(unit: Unit) -> tuple[Booked, list[FollowUp]]:
        await service.publish(unit, CODE, CONTENT, version=0)
        booked = await book(unit, house.clinic)
        mine = replace(unit, actor=house.clinic.clinician_actor)
        return booked, await tasks_of.plan(mine, booked.visit.id, replace(DAILY, due_in="0d"))

    run = house.unit_of_work.run
    booked, (task, *_) = await run(begin, SYSTEM)
    await fire_due(work_of(house.unit_of_work))
    await run(service.ask, SYSTEM, task.id)
    request = await run(queries.request_for, SYSTEM, task.id)
    assert request is not None
    _, link = await run(queries.sent, SYSTEM, request.id)
    return Asked(house, booked, task, link, f"/visit/questions/{request.id}")


async def enter(asked: Asked) -> httpx.AsyncClient:
    entered = await asked.house.phone.post(asked.link, data=BIRTH)
    assert (entered.status_code, entered.headers["location"]) == (303, asked.at)
    asked.house.phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    return asked.house.phone


def fields(answers: dict[str, str]) -> dict[str, str]:
    return {"revision": "0", **{f"a.{link}": each for link, each in answers.items()}}


@pytest.fixture
async def to_do(house: House) -> Asked:
    """Something to do at home, with nothing to answer."""
    wish = Wish(title="Walk for an hour", facing=Facing.PATIENT)

    async def begin(unit: Unit) -> tuple[Booked, list[FollowUp]]:
        booked = await book(unit, house.clinic)
        return booked, await tasks_of.plan(replace(unit, actor=house.clinic.clinician_actor), booked.visit.id, wish)

    booked, (task,) = await house.unit_of_work.run(begin, SYSTEM)
    await fire_due(work_of(house.unit_of_work))
    await house.unit_of_work.run(service.ask, SYSTEM, task.id)
    request = await house.unit_of_work.run(queries.request_for, SYSTEM, task.id)
    assert request is not None
    assert request.form_id is None
    _, link = await house.unit_of_work.run(queries.sent, SYSTEM, request.id)
    return Asked(house, booked, task, link, "/visit/questions")


# By the patient


async def test_what_is_to_be_done_is_read_and_said_to_be_done_behind_its_link(to_do: Asked) -> None:
    first = await to_do.house.phone.get(to_do.link)
    assert (first.status_code, "Walk" in first.text) == (200, False)
    phone = await enter(to_do)
    page = (await phone.get(to_do.at)).text
    assert "Walk for an hour" in page
    done = f"/visit/questions/tasks/{to_do.task.id}/done"
    assert done in page
    request = await to_do.house.unit_of_work.run(queries.request_for, SYSTEM, to_do.task.id)
    assert request is not None
    assert (await phone.get(f"/visit/questions/{request.id}")).status_code == 404, "there is nothing to answer"
    for _ in range(2):
        assert (await phone.post(done)).headers["location"] == "/visit/questions?told=done"
    task = await to_do.house.unit_of_work.run(tasks.follow_up, SYSTEM, to_do.task.id)
    assert task.status is TaskStatus.DONE


async def test_what_is_to_be_done_may_be_said_to_be_done_late_but_not_when_somebody_has_seen_to_it(
    to_do: Asked, clock: FixedClock
) -> None:
    clock.advance(timedelta(days=4))
    assert "Walk for an hour" in (await (await enter(to_do)).get(to_do.at)).text
    await to_do.house.unit_of_work.run(tasks_of.done, to_do.house.clinic.clinician_actor, to_do.task.id)
    to_do.house.phone.headers.pop("Cookie")
    over = await to_do.house.phone.post(to_do.link, data=BIRTH)
    assert (over.status_code, "set-cookie" in over.headers) == (200, False)
    assert "answers" not in over.text


async def test_link_date_of_birth_answers_thanks(asked: Asked) -> None:
    first = await asked.house.phone.get(asked.link)
    assert (first.status_code, "Blood pressure" in first.text) == (200, False)
    wrong = await asked.house.phone.post(asked.link, data={**BIRTH, "birth_year": "1948"})
    assert (wrong.status_code, "4" in wrong.text) == (422, True)
    phone = await enter(asked)
    page = (await phone.get(asked.at)).text
    assert "Tensión arterial" in page  # in the patient's language
    assert "De 50 a 280" in page
    done = await phone.post(asked.at, data=fields(HIGH_ANSWERS))
    assert (done.status_code, done.headers["location"]) == (303, asked.at)
    thanks = (await phone.get(asked.at)).text
    assert "911" in thanks
    assert "+1 507 555 0100" in thanks
    assert "192" not in thanks


async def test_what_is_wrong_is_said_and_nothing_typed_is_lost(asked: Asked) -> None:
    phone = await enter(asked)
    wrong = await phone.post(asked.at, data=fields({"systolic": "1280", "diastolic": "", "dizzy": "true"}))
    assert wrong.status_code == 422
    for sign in ('value="1280"', 'href="#a.systolic"', 'href="#a.diastolic"', 'value="true" id="a.dizzy" checked'):
        assert sign in wrong.text, sign
    assert 'aria-describedby="a.systolic-range a.systolic-error"' in wrong.text
    assert "Es demasiado bajo o demasiado alto" in wrong.text


async def test_the_first_answers_stay(asked: Asked) -> None:
    phone = await enter(asked)
    await phone.post(asked.at, data=fields(WELL))
    assert (await phone.post(asked.at, data=fields(WELL))).status_code == 303
    other = await phone.post(asked.at, data=fields(HIGH_ANSWERS))
    assert (other.status_code, "se conservan sus primeras respuestas" in other.text) == (409, True)


async def test_after_the_window_it_is_said_kindly(asked: Asked) -> None:
    phone = await enter(asked)
    asked.house.clock.advance(asked.task.ends_at - timedelta(hours=1) - asked.house.clock.now())
    phone = await enter(asked)
    asked.house.clock.advance(timedelta(hours=1))
    late = await phone.post(asked.at, data=fields(WELL))
    assert (late.status_code, "El plazo para responder a estas preguntas ha terminado" in late.text) == (409, True)
    again = await asked.house.phone.post(asked.link, data=BIRTH)
    assert (again.status_code, "set-cookie" in again.headers) == (200, False)
    assert "The time to answer these questions is over" in again.text


async def test_all_that_is_asked_stands_on_one_page_and_plain_tasks_are_done_there(asked: Asked) -> None:
    house = asked.house
    wish = Wish(title="Walk half an hour", facing=Facing.PATIENT, due_in="0d")
    mine = house.clinic.clinician_actor, asked.booked.visit.id
    (walk,) = await house.unit_of_work.run(tasks_of.plan, *mine, wish)
    (call,) = await house.unit_of_work.run(tasks_of.plan, *mine, Wish(kind=TaskKind.CALL, title="Secret"))
    phone = await enter(asked)
    page = (await phone.get("/visit/questions")).text
    assert f'href="{asked.at}"' in page
    assert ("Walk half an hour" in page, "Secret" in page) == (True, False)
    done = await phone.post(f"/visit/questions/tasks/{walk.id}/done")
    assert done.headers["location"] == "/visit/questions?told=done"
    assert (await phone.post(f"/visit/questions/tasks/{call.id}/done")).status_code == 404
    assert (await phone.post(f"/visit/questions/tasks/{asked.task.id}/done")).status_code == 422
    board = (await house.clinician.get("/tasks")).text
    assert "Walk half an hour" not in board


# By staff


async def test_the_board_shows_the_call_and_the_series_the_answers(asked: Asked) -> None:
    phone, house = await enter(asked), asked.house
    await phone.post(asked.at, data=fields(HIGH_ANSWERS))
    await fire_due(work_of(house.unit_of_work))
    board = (await house.clinician.get("/tasks")).text
    assert "Call: very high blood pressure: Upper value (mmHg) 192" in board
    assert "answer asks for it" in board
    series = f"/visits/{asked.booked.visit.id}/monitoring"
    assert f'href="{series}"' in board
    desk = (await house.desk.get("/tasks")).text
    assert ("Offer a visit" in desk, "192" in desk, "true" in desk.partition("Offer a visit")[2][:300]) == (
        True,
        False,
        False,
    )
    page = (await house.clinician.get(series)).text
    assert [sign for sign in ("192", "110", "Yes", "2 still to come") if sign not in page] == []
    assert (await house.desk.get(series)).status_code == 403
    (listed,) = (await house.clinician.get(f"/v1{series}")).json()["items"]
    assert listed["items"][0]["answers"] == {"systolic": 192, "diastolic": 110, "dizzy": True}
    assert [each["missed"] for each in listed["items"]] == [False, False, False]


async def test_by_stroke_in_the_room(asked: Asked) -> None:
    visit = asked.booked.visit.id
    stroke = f"questionnaire {CODE} +1d x2"
    assert (await asked.house.clinician.post(f"/visits/{visit}/follow-ups", data={"stroke": stroke})).status_code == 303
    named = await asked.house.unit_of_work.run(queries.series, asked.house.clinic.clinician_actor, visit)
    assert len(named[0][0].entries) == 5
    assert [each.waits for each in named[0][0].entries] == [True] * 5


# By an administrator


async def test_written_by_hand(house: House) -> None:
    assert 'href="/admin/monitoring"' in (await house.admin.get("/admin")).text
    wrong = await house.admin.post("/admin/monitoring", data={"code": "Blood Pressure"})
    assert (wrong.status_code, 'value="Blood Pressure"' in wrong.text) == (422, True)
    assert (await house.admin.post("/admin/monitoring", data={"code": CODE})).headers["location"] == PAGE
    seen = await house.admin.post(PAGE, data={**TYPED, "action": "preview"})
    assert (seen.status_code, "From 50 to 280" in seen.text) == (200, True)
    done = await house.admin.post(PAGE, data=TYPED)
    assert (done.status_code, done.headers.get("location")) == (303, f"{PAGE}?told=published")
    kept = (await house.admin.get(API)).json()
    assert [(each["item"], each["value"]) for each in kept["thresholds"]] == [("systolic", 180), ("dizzy", True)]
    page = (await house.admin.get(PAGE)).text
    assert ('value="true"' in page, 'id="item_3"' in page) == (True, True)
    late = await house.admin.post(PAGE, data=TYPED)
    assert (late.status_code, 'name="version" value="1"' in late.text) == (409, True)
    gone = await house.admin.post(PAGE, data={"version": "1", "action": "retire"})
    assert gone.headers["location"] == "/admin/monitoring?told=retired"
    assert (await house.admin.get("/admin/monitoring/Not%20one")).status_code == 404


async def test_what_was_typed_stands_there_still_with_what_is_wrong(house: House) -> None:
    typed = {**TYPED, "item_1": "pulse", "value_3": "maybe", "words_3": ""}
    wrong = await house.admin.post(PAGE, data=typed)
    assert wrong.status_code == 422
    for field in ("item_1", "value_3", "words_3"):
        assert f'id="{field}" name="{field}" aria-invalid="true"' in wrong.text, field
    assert 'value="maybe"' in wrong.text
    broken = await house.admin.post(PAGE, data={**TYPED, "questionnaire": '{"resourceType": "Questionnaire"}'})
    assert (broken.status_code, 'value="Offer a visit"' in broken.text) == (422, True)
    assert (await house.admin.post(PAGE, data={**TYPED, "questionnaire": " "})).status_code == 422


async def test_by_api(house: House) -> None:
    body = {
        "questionnaire": RESOURCE,
        "thresholds": [{"item": "systolic", "comparison": "above", "value": 180, "words": "Call"}],
    }
    assert (await house.admin.put(API, json=body)).status_code == 428
    first = await house.admin.put(API, json=body, headers={"If-None-Match": "*"})
    assert (first.status_code, first.headers["etag"], first.json()["version"]) == (200, '"1"', 1)
    late = await house.admin.put(API, json=body, headers={"If-None-Match": "*"})
    assert (late.status_code, late.json()["type"]) == (412, "/problems/stale")
    unfit = {**body, "thresholds": [{"item": "pulse", "comparison": "above", "value": 1, "words": "x"}]}
    refused = await house.admin.put(API, json=unfit, headers={"If-Match": '"1"'})
    assert (refused.status_code, refused.json()["faults"]) == (422, [{"field": "item_1", "code": "invalid"}])
    unread = await house.admin.put(API, json={"questionnaire": {}}, headers={"If-Match": '"1"'})
    assert unread.json()["type"] == "/problems/invalid-questionnaire"
    assert (await house.admin.put(API, json=body, headers={"If-Match": '"1"'})).json()["version"] == 2
    assert [each["version"] for each in (await house.admin.get(f"{API}/versions")).json()["items"]] == [2, 1]
    assert (await house.admin.delete(API, headers={"If-Match": '"0"'})).status_code == 412
    assert (await house.admin.delete(API, headers={"If-Match": '"2"'})).status_code == 204
    assert (await house.admin.get(API)).status_code == 404
    assert (await house.clinician.get("/v1/questionnaires")).status_code == 403

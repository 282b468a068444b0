"""Follow-up tasks through the door."""

from collections.abc import AsyncIterator

import httpx
import pytest

from telehealth.db.unit import UnitOfWork
from telehealth.followups.ports import Questionnaires
from telehealth.followups.routes import OPERATIONS, PAGES
from tests.kit.staff import NothingAsked
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
async def client(unit_of_work: UnitOfWork, arranged: Arranged) -> AsyncIterator[httpx.AsyncClient]:
    ports: dict[type, object] = {Questionnaires: NothingAsked()}
    doors = [*OPERATIONS, *PAGES]
    async with client_of(unit_of_work, doors, {"nurse": arranged.clinician}, ports=ports) as opened:
        opened.headers.update(bearer("nurse"))
        yield opened


async def test_plan_list_and_finish(client: httpx.AsyncClient, arranged: Arranged) -> None:
    address = f"/v1/visits/{arranged.visit_id}/follow-ups"
    planned = []
    for due_in in ("2w", "1d", "1m"):
        answer = await client.post(address, json={"title": f"Call in {due_in}", "due_in": due_in})
        assert answer.status_code == 201, answer.text
        planned.append(answer.json())
    assert planned[0]["due_at"] == "2026-03-16T09:00:00Z"

    seen: list[str] = []
    following = ""
    while True:
        page = (
            await client.get("/v1/follow-ups", params={"limit": 2} | ({"after": following} if following else {}))
        ).json()
        seen += [task["title"] for task in page["items"]]
        if (following := page["next"]) is None:
            break
    assert seen == ["Call in 1d", "Call in 2w", "Call in 1m"]

    done = await client.post(f"/v1/follow-ups/{planned[0]['id']}/done")
    assert done.json()["status"] == "done"
    assert (await client.post(f"/v1/follow-ups/{planned[0]['id']}/cancel")).status_code == 409
    assert len((await client.get("/v1/follow-ups")).json()["items"]) == 2
    assert len((await client.get("/v1/follow-ups?status=done")).json()["items"]) == 1


@pytest.mark.parametrize("body", [{}, {"title": " ", "due_in": "2w"}, {"title": "x", "due_in": "soon"}, {"kind": "x"}])
async def test_shapes_are_checked(client: httpx.AsyncClient, arranged: Arranged, body: dict[str, str]) -> None:
    assert (await client.post(f"/v1/visits/{arranged.visit_id}/follow-ups", json=body)).status_code == 422


async def test_a_delay_that_is_too_long_says_so(client: httpx.AsyncClient, arranged: Arranged) -> None:
    answer = await client.post(f"/v1/visits/{arranged.visit_id}/follow-ups", json={"title": "x", "due_in": "900w"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unfit-delay")


async def test_a_browser_without_scripts(client: httpx.AsyncClient, arranged: Arranged) -> None:
    answer = await client.post(f"/visits/{arranged.visit_id}/follow-ups", data={"stroke": "Call +2w"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/visits/{arranged.visit_id}")
    (task,) = (await client.get("/v1/follow-ups")).json()["items"]
    answer = await client.post(f"/follow-ups/{task['id']}/done", data={})
    assert (answer.status_code, answer.headers["location"]) == (303, "/day")


async def test_one_stroke_two_writers_and_an_undo(client: httpx.AsyncClient, arranged: Arranged) -> None:
    address = f"/v1/visits/{arranged.visit_id}/follow-ups/stroke"
    made = await client.post(address, json={"stroke": "meds +1d x3 !"})
    assert made.status_code == 201, made.text
    task = made.json()
    assert (task["kind"], task["priority"], task["number"]) == ("medication", "urgent", 1)
    at = f"/v1/follow-ups/{task['id']}"
    read = await client.get(at)
    assert read.headers["etag"] == '"1"'
    kept = await client.post(f"{at}/claim", headers={"If-Match": '"1"'})
    assert kept.headers["etag"] == '"2"'
    late = await client.post(f"{at}/done", headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["type"]) == (412, "/problems/stale")
    assert (await client.post(f"{at}/skip", json={"reason": " "})).status_code == 422
    assert (await client.post(f"{at}/skip", json={"reason": "at the clinic anyway"})).json()["status"] == "skipped"
    assert (await client.post(f"{at}/reopen")).json()["status"] == "planned"
    told = (await client.get(f"{at}/history")).json()["items"]
    assert [each["command"] for each in told] == ["plan", "claim", "skip", "reopen"]
    unfit = await client.post(address, json={"stroke": "call +1d @nobody"})
    assert (unfit.status_code, unfit.json()["fault"]) == (422, "owner")


async def test_the_boards_buttons(client: httpx.AsyncClient, arranged: Arranged) -> None:
    await client.post(f"/visits/{arranged.visit_id}/follow-ups", data={"stroke": "call +2w @team"})
    (task,) = (await client.get("/v1/follow-ups")).json()["items"]
    at = f"/tasks/{task['id']}"
    presses: tuple[tuple[str, dict[str, str], str], ...] = (
        ("claim", {}, ""),
        ("skip", {"reason": " "}, "?told=reason"),
        ("done", {}, f"?closed={task['id']}"),
        ("skip", {"reason": "x"}, "?told=closed"),
        ("reopen", {}, "?told=reopened"),
        ("reopen", {}, "?told=late"),
    )
    for press, data, told in presses:
        answer = await client.post(f"{at}/{press}", data=data)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks{told}")

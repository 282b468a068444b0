"""The whole way of a platform: keys, a token of its own, the alert, the task that a clinician reads, and its end."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from telehealth.access import service as access
from telehealth.access.authentication import StoredCredentials
from telehealth.access.routes import OPERATIONS as ACCESS
from telehealth.alerts.board import TaskAlerts
from telehealth.alerts.parts import Severity
from telehealth.alerts.routes import OPERATIONS
from telehealth.alerts.rules import RESPONSES, SAID_EVERY
from telehealth.core.actors import SYSTEM, Actor, Role, Scope
from telehealth.core.ids import AccountId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.board import TaskBoards
from telehealth.followups.ports import DeviceAlerts, Questionnaires
from telehealth.followups.routes import OPERATIONS as TASKS
from telehealth.followups.routes import PAGES
from telehealth.followups.rules import SWITCHES
from telehealth.http.credentials import STAFF_COOKIE
from telehealth.http.ports import Authenticator
from tests.alerts.telling import Platform, another_patient
from tests.kit.integrations import BackendClient, jwks_of
from tests.kit.staff import NothingAsked, open_account
from tests.kit.web import ORIGIN, client_of

ALERTS, PAGE = "/v1/device-alerts", "/admin/follow-ups"
WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"identifier": ""}, "/identifier"),
    ({"identifier": "a\u0007"}, "/identifier"),
    ({"device": {"name": " ", "identifier": "1"}}, "/device/name"),
    ({"device": {"name": "Cuff"}}, "/device/identifier"),
    ({"code": {"system": "urn:made-up", "code": "1", "text": "x"}}, "/code/system"),
    ({"severity": "critical"}, "/severity"),
    ({"raised_at": "2026-03-02T09:00:00"}, "/raised_at"),
    ({"quantity": {"value": 192}}, "/quantity/unit"),
    ({"quantity": {"value": 1e10, "unit": "1"}}, "/quantity/value"),
    ({"quantity": {"value": "much", "unit": "1"}}, "/quantity/value"),
    ({"note": "CANARY" * 100}, "/note"),
    ({"patient_id": "CANARY"}, "/patient_id"),
    ({"unknown": "CANARY"}, "/unknown"),
)


@dataclass
class Doors:
    """`nurse` is signed in as who gives the visit; `desk` at the front desk; `platform` has a token."""

    of: Platform
    platform: httpx.AsyncClient
    nurse: httpx.AsyncClient
    desk: httpx.AsyncClient

    async def tell(self, status: int = 201, key: str = "", **more: Any) -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.platform.post(ALERTS, json=self.of.body(**more), headers=headers)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def over(self, alert: str, status: int = 200) -> dict[str, Any]:
        answer = await self.platform.post(f"{ALERTS}/{alert}/resolve")
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def token_of(client: httpx.AsyncClient, platform: Platform, scope: str) -> str:
    """SMART Backend Services, by keys of its own."""
    backend = BackendClient(f"{ORIGIN}/oauth/token")
    scopes = [Scope.ALERTS_WRITE, Scope.SUMMARIES_READ]
    known: dict[str, Any] = {"name": "Cuffs", "scopes": scopes, "jwks": jwks_of(backend.key)}
    added = await platform.unit_of_work.run(access.add_integration, SYSTEM, **known)
    platform.actor = Actor(added.id, Role.INTEGRATION, frozenset(scopes))
    backend.client_id = str(added.id)
    answer = await client.post("/oauth/token", data=backend.form(platform.now, scope))
    assert (answer.status_code, answer.json()["scope"]) == (200, scope), answer.text
    return str(answer.json()["access_token"])


async def _session(unit: Unit, platform: Platform) -> str:
    opened = await access.open_staff_session(unit, AccountId(platform.nurse.id or UUID(int=0)), compared="")
    assert opened is not None
    return opened.secret


@pytest.fixture
async def doors(platform: Platform, unit_of_work: UnitOfWork) -> AsyncIterator[Doors]:
    ports: dict[type, object] = {
        Authenticator: StoredCredentials(unit_of_work),
        Questionnaires: NothingAsked(),
        DeviceAlerts: TaskAlerts(),
        TaskBoards: TaskBoards(unit_of_work),
    }
    nurse = await unit_of_work.run(_session, SYSTEM, platform)
    desk = await unit_of_work.run(open_account, SYSTEM, Role.FRONT_DESK, None)
    every = (*ACCESS, *OPERATIONS, *TASKS, *PAGES)

    def opened() -> Any:
        return client_of(unit_of_work, every, {}, ports=ports)

    async with opened() as sender, opened() as signed_in, opened() as at_desk:
        sender.headers["Authorization"] = f"Bearer {await token_of(sender, platform, 'alerts.write')}"
        await platform.permit()
        for client, secret in ((signed_in, nurse), (at_desk, desk)):
            client.headers.update({"Cookie": f"{STAFF_COOKIE}={secret}", "Sec-Fetch-Site": "same-origin"})
        yield Doors(platform, sender, signed_in, at_desk)


async def test_from_the_token_to_the_end(doors: Doors) -> None:
    alert = await doors.tell()
    sent = doors.of.body()
    assert {name: alert[name] for name in ("identifier", "device", "code", "severity", "note", "patient_id")} == {
        name: sent[name] for name in ("identifier", "device", "code", "severity", "note", "patient_id")
    }
    assert (alert["quantity"], alert["resolved_at"]) == ({"value": "192", "unit": "mm[Hg]"}, None)
    await doors.of.fire()
    (task,) = (await doors.nurse.get("/v1/follow-ups")).json()["items"]
    assert (task["id"], task["origin"], task["priority"]) == (alert["task_id"], "device_alert", "stat")
    board = (await doors.nurse.get("/tasks")).text
    assert "Systolic pressure CANARY 192 mm[Hg]" in board
    assert f'href="/tasks/{task["id"]}"' in board
    page = (await doors.nurse.get(f"/tasks/{task['id']}")).text
    for word in ("CANARY three in a row", "Cuff CANARY", "SN-1", "High priority", "1 alert, the last first"):
        assert word in page
    read = await doors.nurse.get(f"/v1/follow-ups/{task['id']}/device-alerts")
    assert read.json() == {"items": [alert], "count": 1}
    ended = await doors.over(alert["id"])
    assert ended == {**alert, "resolved_at": ended["resolved_at"]}
    assert (await doors.nurse.get(f"/v1/follow-ups/{task['id']}")).json()["status"] == "done"
    told = (await doors.nurse.get(f"/v1/follow-ups/{task['id']}/history")).json()["items"]
    assert [each["note"] for each in told if each["note"]] == ["device_alert", "alert_resolved"]
    closed = (await doors.nurse.get(f"/tasks/{task['id']}")).text
    assert "Over since" in closed
    entities = [(action, entity) for action, entity, _, _ in await doors.of.traces() if entity == "device_alert"]
    assert entities == [("create", "device_alert"), ("update", "device_alert")]
    assert {purpose for _, entity, purpose, _ in await doors.of.traces() if entity == "device_alert"} == {"TREAT"}


async def test_sent_again_by_key_or_by_identifier_it_is_answered_again(doors: Doors) -> None:
    body = doors.of.body()
    first = await doors.platform.post(ALERTS, json=body, headers={"Idempotency-Key": "one"})
    again = await doors.platform.post(ALERTS, json=body, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert (await doors.platform.post(ALERTS, json=body)).json() == first.json()
    assert (await doors.platform.post(ALERTS, json=body, headers={"Idempotency-Key": "two"})).json() == first.json()
    other = {**body, "severity": "low"}
    assert (await doors.platform.post(ALERTS, json=other)).json()["type"] == "/problems/alert-differs"
    reused = await doors.platform.post(ALERTS, json=other, headers={"Idempotency-Key": "one"})
    assert reused.status_code == 422
    assert len(await doors.of.tasks()) == 1


async def test_bad_input_says_what_is_wrong_and_repeats_nothing(doors: Doors) -> None:
    for wrong, pointer in WRONG:
        answer = await doors.platform.post(ALERTS, json=doors.of.body(**wrong))
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), wrong
        assert pointer in {each["pointer"] for each in answer.json()["errors"]}, wrong
        assert "CANARY" not in answer.text
    for at, fault in ((timedelta(minutes=6), "ahead"), (timedelta(days=-8), "old")):
        refused = await doors.tell(422, raised_at=(doors.of.now + at).isoformat())
        assert (refused["type"], refused["fault"]) == ("/problems/unfit-alert", fault)
    assert (await doors.platform.post(ALERTS, content=b"{")).status_code == 415
    assert await doors.of.tasks() == []


async def test_without_a_visit_it_is_refused_and_taken_once_there_is_one(doors: Doors) -> None:
    status = "UPDATE visit SET status = :status WHERE id = :id"
    await doors.of.change(status, status="entered_in_error", id=doors.of.arranged.visit_id)
    await doors.tell(404, patient_id=str(UUID(int=1)))  # nobody, whatever is granted
    refused = await doors.tell(409, key="kept")
    assert refused["type"] == "/problems/no-visit"
    await doors.of.change(status, status="completed", id=doors.of.arranged.visit_id)
    assert (await doors.tell(key="kept"))["task_id"] is not None


@pytest.mark.parametrize("lost", ["revoked", "over", "never"])
async def test_without_a_grant_nothing_is_taken_and_nothing_said(doors: Doors, clock: FixedClock, lost: str) -> None:
    alert = await doors.tell()
    await doors.of.change(ENDS[lost])
    for answer in (await doors.tell(403), await doors.over(alert["id"], 403)):
        assert answer["type"] == "/problems/no-grant"
    if lost == "never":
        stranger = await doors.of.unit_of_work.run(another_patient)
        await doors.of.permit(frozenset({stranger.patient_id}))
        unknown = await doors.over(str(UUID(int=1)), 404)
        known = await doors.over(alert["id"], 404)
        assert {**unknown, "instance": "", "request_id": ""} == {**known, "instance": "", "request_id": ""}
        await doors.tell(404)
    assert ("take_device_alert", "no-grant") in {(a.partition(".")[2], o) for a, _, _, o in await doors.of.traces()}
    assert (await doors.of.tasks())[0].closed_at is None


async def test_the_scope_alone_opens_this_door_and_staff_read(doors: Doors) -> None:
    alert = await doors.tell()
    reading = f"/v1/follow-ups/{alert['task_id']}/device-alerts"
    of_visit = f"/v1/visits/{doors.of.arranged.visit_id}/device-alerts"
    for client in (doors.nurse, doors.desk):
        assert (await client.post(ALERTS, json=doors.of.body(identifier="b"))).status_code == 403
    for path in (reading, of_visit):
        assert (await doors.platform.get(path)).status_code == 403
        assert (await doors.desk.get(path)).status_code == 403
        assert (await doors.nurse.get(path)).json()["count"] == 1
    other = await token_of(doors.platform, doors.of, "summaries.read")
    refused = await doors.platform.post(ALERTS, json=doors.of.body(), headers={"Authorization": f"Bearer {other}"})
    assert refused.status_code == 403


async def test_the_desk_is_not_given_it_and_reads_nothing_of_it(doors: Doors) -> None:
    alert = await doors.tell()
    given = await doors.nurse.put(f"/v1/follow-ups/{alert['task_id']}/owner", json={"pool": "desk"})
    assert (given.status_code, given.json()["fault"]) == (422, "owner")
    assert (await doors.desk.get(f"/tasks/{alert['task_id']}")).headers["location"] == "/tasks?told=gone"


async def test_who_read_it_before_more_was_told_closes_nothing_unread(doors: Doors, clock: FixedClock) -> None:
    alert = await doors.tell()
    page = (await doors.nurse.get(f"/tasks/{alert['task_id']}")).text
    (done,) = re.findall(r'action="(/tasks/[^"]+/done[^"]*)"', page)
    (skipped,) = re.findall(r'action="(/tasks/[^"]+/skip[^"]*)"', page)
    clock.advance(SAID_EVERY)
    await doors.tell(identifier="a-2")
    same = {"Sec-Fetch-Site": "same-origin"}
    for path, form in ((done, {}), (skipped, {"reason": "Slept"})):
        pressed = await doors.nurse.post(path, data=form, headers=same)
        assert (pressed.status_code, pressed.headers["location"]) == (303, "/tasks?told=changed")
    assert (await doors.nurse.get("/tasks?told=changed")).text.count("has changed since you read it") == 1
    page = (await doors.nurse.get(f"/tasks/{alert['task_id']}")).text
    (done,) = re.findall(r'action="(/tasks/[^"]+/done[^"]*)"', page)
    assert (await doors.nurse.post(done, headers=same)).headers["location"] == f"/tasks?closed={alert['task_id']}"


async def test_what_devices_reckon_in_binary_is_taken_to_six_places(doors: Doors) -> None:
    alert = await doors.tell(quantity={"value": 81.30000305175781, "unit": "kg"})
    assert float(alert["quantity"]["value"]) == 81.300003
    again = await doors.tell(quantity={"value": 81.30000305175781, "unit": "kg"})
    assert again["id"] == alert["id"]


async def test_an_administrator_switches_it_off_on_the_page(doors: Doors, unit_of_work: UnitOfWork) -> None:
    admin = await unit_of_work.run(open_account, SYSTEM, Role.ADMIN, None)
    signed_in = {"Cookie": f"{STAFF_COOKIE}={admin}", "Sec-Fetch-Site": "same-origin"}
    shown = await doors.desk.get(PAGE, headers=signed_in)
    assert 'name="device_alert" value="on" checked' in shown.text
    boxes = re.findall(r'name="shown" value="(\w+)"', shown.text)
    assert boxes == list(SWITCHES)

    async def save(*ticked: str, of: list[str]) -> list[str]:
        """What is on after a page with these boxes was sent with these ticks."""
        before = re.findall(r'name="was" value="(\w+)"', (await doors.desk.get(PAGE, headers=signed_in)).text)
        form = {"shown": of, "was": before, **dict.fromkeys(ticked, "on")}
        saved = await doors.desk.post(PAGE, data=form, headers=signed_in)
        assert saved.status_code == 303
        triggers = (await doors.desk.get("/v1/follow-up-triggers", headers=signed_in)).json()
        return [name for name, on in triggers.items() if on]

    older = boxes[:-1]
    assert await save("incomplete", of=older) == ["incomplete", "device_alert"], "an older page has no box of it"
    assert await save("left_unseen", of=boxes) == ["left_unseen"]
    assert (await doors.tell())["task_id"] is None
    assert await save(of=older) == []
    assert await save("device_alert", of=boxes) == ["device_alert"]
    nothing = await doors.desk.post(PAGE, data={"incomplete": "on"}, headers=signed_in)
    assert nothing.status_code == 422


def _form(page: str, *, without: str) -> dict[str, list[str] | str]:
    """As the page is sent back when one tick was taken away."""
    shown, was = (re.findall(rf'name="{name}" value="(\w+)"', page) for name in ("shown", "was"))
    return {"shown": shown, "was": was, **{name: "on" for name in was if name != without}}


async def test_of_two_administrators_who_switch_the_second_reads_what_the_first_did(
    doors: Doors, unit_of_work: UnitOfWork
) -> None:
    admin = await unit_of_work.run(open_account, SYSTEM, Role.ADMIN, None)
    office, client = {"Cookie": f"{STAFF_COOKIE}={admin}", "Sec-Fetch-Site": "same-origin"}, doors.desk
    page = (await client.get(PAGE, headers=office)).text
    first, second = (_form(page, without=name) for name in ("incomplete", "left_unseen"))
    assert (await client.post(PAGE, data=first, headers=office)).status_code == 303
    refused = await client.post(PAGE, data=second, headers=office)
    assert refused.status_code == 409
    assert "Somebody else has just changed this" in refused.text
    boxes = dict(re.findall(r'type="checkbox" name="(\w+)" value="on"( checked)?', refused.text))
    assert [name for name, ticked in boxes.items() if not ticked] == ["left_unseen"], "what was typed"
    assert (refused.text.count("Not ticked now"), refused.text.count(">Ticked now")) == (1, 1), "what is there now"
    switches = (await client.get("/v1/follow-up-triggers", headers=office)).json()
    assert [name for name, on in switches.items() if not on] == ["incomplete"]
    again = {**second, "was": re.findall(r'name="was" value="(\w+)"', refused.text)}
    assert (await client.post(PAGE, data=again, headers=office)).status_code == 303
    switches = (await client.get("/v1/follow-up-triggers", headers=office)).json()
    assert [name for name, on in switches.items() if not on] == ["left_unseen"]


async def test_time_escalates_what_is_grave_within_minutes(doors: Doors, clock: FixedClock) -> None:
    alert = await doors.tell()
    for wait in (timedelta(0), RESPONSES[Severity.HIGH].within / 2, RESPONSES[Severity.HIGH].within / 2):
        clock.advance(wait)
        await doors.of.fire()
    assert (await doors.nurse.get(f"/v1/follow-ups/{alert['task_id']}")).json()["status"] == "escalated"


ENDS = {
    "revoked": "UPDATE access_grant SET revoked_at = now()",
    "over": "UPDATE access_grant SET valid_from = valid_from - interval '9 days', valid_until = valid_from",
    "never": "UPDATE access_grant SET data_kinds = '{tasks}'",
}

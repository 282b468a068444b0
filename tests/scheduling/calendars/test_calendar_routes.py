"""Calendars over HTTP: a clinician keeps their own, staff sees how they are."""

from typing import Any

from telehealth.exchange.routes import OPERATIONS as AGENDA
from telehealth.scheduling.calendars.routes import OPERATIONS
from tests.kit.elsewhere import answer
from tests.kit.web import bearer, client_of
from tests.scheduling.calendars.conftest import Desk
from tests.scheduling.calendars.test_feeds import NINE


async def test_a_calendar_from_its_adding_to_its_end(desk: Desk) -> None:
    desk.there.pages["/hidden"] = answer(200, NINE)
    clinic, path = desk.clinic, f"/v1/clinicians/{desk.clinic.clinician.id}/calendars"
    known = {"clinician": clinic.clinician_actor, "desk": clinic.front_desk}
    async with client_of(desk.unit_of_work, OPERATIONS, known) as client:
        own, staff = bearer("clinician"), bearer("desk")

        async def listed(at: str) -> list[Any]:
            found = await client.get(at, headers=staff)
            assert found.status_code == 200
            assert "hidden" not in found.text
            items: list[Any] = found.json()["items"]
            return items

        wrong = await client.post(path, json={"name": "Own", "address": "file:///etc/passwd"}, headers=own)
        assert (wrong.status_code, wrong.json()["fault"]) == (422, "scheme")
        refused = await client.post(path, json={"name": "Own", "address": desk.there.at("/hidden")}, headers=staff)
        assert refused.status_code == 403
        added = await client.post(path, json={"name": "Own", "address": desk.there.at("/hidden")}, headers=own)
        assert (added.status_code, added.json()["state"], added.json()["host"]) == (201, "waiting", "127.0.0.1")
        await desk.read()
        assert [each["state"] for each in await listed(path)] == ["current"]
        assert await listed("/v1/calendar-alerts") == []
        desk.there.pages["/hidden"] = answer(500)
        await desk.read(minutes=20)
        (alert,) = await listed("/v1/calendar-alerts")
        assert (alert["state"], alert["fault"], alert["failures"]) == ("withheld", "broken", 1)
        assert alert["clinician_id"] == str(clinic.clinician.id)
        gone = f"{path}/{added.json()['id']}"
        assert [(await client.delete(gone, headers=own)).status_code for _ in range(2)] == [204, 404]
        assert await listed(path) == []


async def test_an_own_address_is_told_once(desk: Desk) -> None:
    path = f"/v1/clinicians/{desk.clinic.clinician.id}/calendar-feed"
    known = {"clinician": desk.clinic.clinician_actor}
    async with client_of(desk.unit_of_work, (*OPERATIONS, *AGENDA), known) as client:
        own = bearer("clinician")
        assert (await client.get(path, headers=own)).json() == {"created_at": None, "address": None}
        made = (await client.post(path, headers=own)).json()
        assert (await client.get(path, headers=own)).json() == {**made, "address": None}
        assert (await client.get(made["address"])).status_code == 200
        assert (await client.delete(path, headers=own)).status_code == 204
        assert (await client.get(made["address"])).status_code == 404

"""The doors of availability: what was entered comes back, what makes no sense is refused with a reason."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.availability.checks import MOST_ABSENCES
from telehealth.scheduling.availability.routes import OPERATIONS
from tests.kit.clinic import open_clinic
from tests.kit.web import bearer, client_of

OWN, COLLEAGUE, DESK, ADMIN = bearer("own"), bearer("colleague"), bearer("desk"), bearer("admin")
KIND = str(UUID(int=7))
WINDOW = {
    "weekday": 5,
    "start": "22:00",
    "end": "30:00",
    "valid_from": "2026-03-01",
    "valid_to": None,
    "only": [KIND],
    "release_before": 1440,
    "staffing": 50,
}


@dataclass(frozen=True)
class Door:
    http: httpx.AsyncClient
    clinician: str
    unit_of_work: UnitOfWork

    async def refused(self, method: str, path: str, body: dict[str, Any], who: dict[str, str] = OWN) -> tuple[str, Any]:
        """The problem and what is wrong: `fault`, or the pointer into the body."""
        answer = await self.http.request(method, path, json=body, headers=who)
        assert answer.status_code == 422, answer.text
        problem = answer.json()
        where = problem["errors"][0]["pointer"] if "errors" in problem else problem.get("fault")
        return problem["type"].rpartition("/")[2], where


@pytest.fixture
async def door(unit_of_work: UnitOfWork) -> AsyncIterator[Door]:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    own = clinic.clinician.id
    known = {
        "own": Actor(UUID(int=1), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=own),
        "colleague": Actor(UUID(int=2), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=UUID(int=3)),
        "desk": Actor(UUID(int=4), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK]),
        "admin": Actor(UUID(int=5), Role.ADMIN, SCOPES[Role.ADMIN]),
    }
    async with client_of(unit_of_work, OPERATIONS, known) as http:
        yield Door(http, f"/v1/clinicians/{own}", unit_of_work)


async def test_hours_with_all_their_terms(door: Door) -> None:
    path, hours = f"{door.clinician}/hours", {"time_zone": "Europe/Berlin", "windows": [WINDOW]}
    put = await door.http.put(path, json=hours, headers=OWN | {"If-Match": '"1"'})
    assert (put.json(), put.headers["etag"]) == (hours, '"2"')
    read = await door.http.get(path, headers=DESK)
    assert (read.json(), read.headers["etag"]) == (hours, '"2"')
    assert (await door.http.put(path, json=hours, headers=OWN | {"If-Match": '"1"'})).status_code == 412
    assert (await door.http.put(path, json=hours, headers=OWN | {"If-Match": "2"})).status_code == 412
    assert (await door.http.put(path, json=hours, headers=COLLEAGUE)).status_code == 404


BAD_HOURS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"start": "09:00", "end": "09:00"}, "order"),
    ({"start": "17:00", "end": "09:00"}, "order"),
    ({"start": "09:00", "end": "33:01"}, "length"),
    ({"start": "09:00", "end": "48:01"}, "/windows/0/end"),
    ({"valid_from": "2026-03-02", "valid_to": "2026-03-01"}, "validity"),
    ({"valid_from": "1887-03-02"}, "range"),
    ({"weekday": 8}, "/windows/0/weekday"),
    ({"staffing": 0}, "/windows/0/staffing"),
    ({"release_before": -1}, "/windows/0/release_before"),
    ({"only": [KIND] * 51}, "/windows/0/only"),
)


async def test_hours_that_make_no_sense(door: Door) -> None:
    for wrong, where in BAD_HOURS:
        body = {"time_zone": "Europe/Berlin", "windows": [WINDOW | wrong]}
        slug = "invalid-request" if where.startswith("/") else "invalid-hours"
        assert await door.refused("PUT", f"{door.clinician}/hours", body) == (slug, where)


async def test_hours_that_overlap_or_are_nowhere(door: Door) -> None:
    path = f"{door.clinician}/hours"
    twice = {"time_zone": "UTC", "windows": [WINDOW, WINDOW | {"weekday": 6, "start": "05:00", "end": "07:00"}]}
    assert await door.refused("PUT", path, twice) == ("invalid-hours", "overlap")
    elsewhere = {"time_zone": "Mars/Olympus", "windows": []}
    assert await door.refused("PUT", path, elsewhere) == ("invalid-hours", "zone")
    many = {"time_zone": "UTC", "windows": [WINDOW] * 201}
    assert await door.refused("PUT", path, many) == ("invalid-request", "/windows")
    others: list[dict[str, Any]] = [{"only": []}, {"valid_from": None, "valid_to": "2026-02-28"}]
    for other in others:  # other types, or another time
        apart = {"time_zone": "UTC", "windows": [WINDOW, WINDOW | other]}
        assert (await door.http.put(path, json=apart, headers=OWN)).status_code == 200


async def test_the_hours_of_one_date(door: Door) -> None:
    path = f"{door.clinician}/overrides"
    assert (await door.http.get(path, headers=DESK)).json() == {"items": []}
    night = {"windows": [{"start": "09:00", "end": "12:00"}, {"start": "22:00", "end": "26:00"}]}
    put = await door.http.put(f"{path}/2026-03-04", json=night, headers=OWN)
    assert put.json() == {"day": "2026-03-04", **night}
    over = OWN | {"If-Match": put.headers["etag"]}
    closed = await door.http.put(f"{path}/2026-03-05", json={"windows": []}, headers=over)
    assert closed.status_code == 200
    stale = await door.http.put(f"{path}/2026-03-06", json=night, headers=over)
    assert stale.status_code == 412
    listed = await door.http.get(path, headers=COLLEAGUE)
    assert listed.headers["etag"] == closed.headers["etag"]
    assert [each["day"] for each in listed.json()["items"]] == ["2026-03-04", "2026-03-05"]
    for _, status in ((1, 204), (2, 404)):
        assert (await door.http.delete(f"{path}/2026-03-04", headers=OWN)).status_code == status
    for day in ("2026-02-30", "20260304", "tomorrow"):
        assert (await door.http.put(f"{path}/{day}", json=night, headers=OWN)).status_code == 404
    assert await door.refused("PUT", f"{path}/1066-10-14", night) == ("invalid-hours", "range")
    upside = {"windows": [{"start": "12:00", "end": "09:00"}]}
    assert await door.refused("PUT", f"{path}/2026-03-04", upside) == ("invalid-hours", "order")
    twice = {"windows": [*night["windows"], {"start": "11:00", "end": "13:00"}]}
    assert await door.refused("PUT", f"{path}/2026-03-04", twice) == ("invalid-hours", "overlap")


async def test_time_off(door: Door) -> None:
    path = f"{door.clinician}/time-off"
    days = {"first": "2026-03-04", "last": "2026-03-06", "reason": "congress"}
    added = await door.http.post(path, json=days, headers=OWN)
    assert added.status_code == 201
    hours = {"start": "2026-03-09T09:00:00+01:00", "end": "2026-03-09T10:00:00Z", "only": [KIND]}
    assert (await door.http.post(path, json=hours, headers=OWN)).json()["start"] == "2026-03-09T08:00:00Z"
    assert [each["reason"] for each in (await door.http.get(path, headers=DESK)).json()["items"]] == ["congress", ""]
    assert [each["reason"] for each in (await door.http.get(path, headers=COLLEAGUE)).json()["items"]] == ["", ""]
    own = f"{path}/{added.json()['id']}"
    assert (await door.http.delete(own, headers=COLLEAGUE)).status_code == 404
    assert (await door.http.delete(own, headers=OWN)).status_code == 204
    assert (await door.http.delete(own, headers=OWN)).status_code == 404


BAD_TIME_OFF: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "order"),
    ({"first": "2026-03-04"}, "order"),
    ({"first": "2026-03-04", "last": "2026-03-03"}, "order"),
    ({"start": "2026-03-04T10:00:00Z", "end": "2026-03-04T10:00:00Z"}, "order"),
    ({"start": "2026-03-04T10:00:00Z", "end": "2026-03-04T11:00:00Z", "first": "2026-03-04"}, "order"),
    ({"first": "2026-03-04", "last": "2036-03-06"}, "range"),
    ({"start": "2026-03-04T10:00:00Z", "end": "2036-03-06T11:00:00Z"}, "range"),
    ({"start": "0001-01-01T00:00:00+14:00", "end": "0001-01-02T00:00:00+14:00"}, "range"),
)


async def test_time_off_that_makes_no_sense(door: Door) -> None:
    for wrong, fault in BAD_TIME_OFF:
        assert await door.refused("POST", f"{door.clinician}/time-off", wrong) == ("invalid-dates", fault)


FILL = text(
    "INSERT INTO time_off (id, resource_id, first, last, reason)"
    " SELECT gen_random_uuid(), :own, '2026-03-01', '2026-03-01', '' FROM generate_series(1, :most)"
)


async def test_absences_without_number(door: Door) -> None:
    async def fill(unit: Unit) -> None:
        await unit.session.execute(FILL, {"own": UUID(door.clinician[-36:]), "most": MOST_ABSENCES})

    await door.unit_of_work.run(fill, SYSTEM)
    one_more = {"first": "2026-03-04", "last": "2026-03-04"}
    slug, _ = await door.refused("POST", f"{door.clinician}/time-off", one_more)
    assert slug == "too-many-entries"


async def test_journeys(door: Door) -> None:
    path = f"{door.clinician}/travel"
    trips = {"items": [{"first": "2026-03-04", "last": "2026-03-06", "time_zone": "Asia/Dubai"}]}
    before = await door.http.get(path, headers=OWN)
    over = OWN | {"If-Match": before.headers["etag"]}
    put = await door.http.put(path, json=trips, headers=over)
    assert (put.status_code, put.json()) == (200, trips)
    assert (await door.http.put(path, json=trips, headers=over)).status_code == 412
    assert (await door.http.get(path, headers=DESK)).json() == trips
    assert await door.refused("PUT", path, {"items": trips["items"] * 2}) == ("invalid-dates", "overlap")
    nowhere = {"items": [trips["items"][0] | {"time_zone": "Mars/Olympus"}]}
    assert await door.refused("PUT", path, nowhere) == ("invalid-dates", "zone")


async def test_rooms_interpreters_and_holidays(door: Door) -> None:
    days = {"name": "Town", "days": ["2026-12-26", "2026-12-25", "2026-12-25"]}
    calendar = (await door.http.post("/v1/holiday-calendars", json=days, headers=ADMIN)).json()
    assert (calendar["days"], calendar["revision"], calendar["everyone"]) == (["2026-12-25", "2026-12-26"], 1, False)
    room = {"kind": "interpreter", "name": "Ines", "time_zone": "UTC", "skills": ["es"], "pools": ["phone"]}
    added = await door.http.post("/v1/resources", json=room, headers=ADMIN)
    assert added.status_code == 201
    own = f"/v1/resources/{added.json()['id']}"
    changed = {"name": "Ines", "capacity": 2, "skills": ["es", "pt"], "holiday_calendars": [calendar["id"]]}
    over = ADMIN | {"If-Match": added.headers["etag"]}
    put = await door.http.put(own, json=changed, headers=over)
    assert put.json() | changed == put.json()
    assert (await door.http.put(own, json=changed, headers=over)).status_code == 412
    listed = (await door.http.get("/v1/resources", headers=DESK)).json()["items"]
    assert [(each["kind"], each["skills"]) for each in listed] == [("clinician", []), ("interpreter", ["es", "pt"])]
    unknown = changed | {"holiday_calendars": [KIND]}
    assert (await door.http.put(own, json=unknown, headers=ADMIN)).status_code == 404
    hours = {"time_zone": "UTC", "windows": [WINDOW]}
    assert (await door.http.get(f"{own}/hours", headers=DESK)).status_code == 404
    assert (await door.http.put(f"{own}/hours", json=hours, headers=ADMIN)).headers["etag"] == '"1"'
    assert (await door.http.get(f"{own}/hours", headers=DESK)).json() == hours
    assert (await door.http.put(f"{own}/hours", json=hours, headers=OWN)).status_code == 403
    assert (await door.http.delete(own, headers=ADMIN)).status_code == 204
    clinician = room | {"kind": "clinician"}
    assert await door.refused("POST", "/v1/resources", clinician, ADMIN) == ("invalid-request", "/kind")
    gone = f"/v1/holiday-calendars/{calendar['id']}"
    stale = await door.http.put(gone, json=days, headers=ADMIN | {"If-Match": '"7"'})
    assert stale.status_code == 412
    assert (await door.http.delete(gone, headers=ADMIN)).status_code == 204
    assert (await door.http.put(gone, json=days, headers=ADMIN)).status_code == 404

"""What whoever runs the house sees and does, over HTTP."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import Actor, Role
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.delivery.routes import OPERATIONS
from telehealth.records.delivery.rules import Rejected
from telehealth.records.delivery.tasks import Courier
from telehealth.tasks.work import Work
from tests.kit.signed import Everybody, signed_note
from tests.kit.web import bearer, client_of

ADMIN, DESK = bearer("admin"), bearer("desk")
LIST = "/v1/deliveries"


@pytest.fixture
async def http(unit_of_work: UnitOfWork) -> AsyncIterator[httpx.AsyncClient]:
    known = {role.value: Actor(uuid4(), role, SCOPES[role]) for role in (Role.ADMIN, Role.FRONT_DESK)}
    known["desk"] = known.pop(Role.FRONT_DESK.value)
    async with client_of(unit_of_work, OPERATIONS, known) as client:
        yield client


async def sweep(unit_of_work: UnitOfWork, records: Everybody) -> None:
    destination = Destination(RECORD_SERVICE, US_CORE, records)
    await Courier().sweep(Work(unit_of_work, Ports({Destinations: Destinations((destination,))}), unit_of_work.clock))


async def test_what_was_refused_is_listed_with_its_reason_and_sent_again(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, clock: FixedClock
) -> None:
    await signed_note(unit_of_work)
    await sweep(unit_of_work, Everybody(before=lambda _: Rejected(422, ("invalid",))))
    told = (await http.get(LIST, headers=ADMIN)).json()
    (item,) = told["items"]
    assert (item["state"], item["last_status"], item["codes"]) == ("dead", 422, ["invalid"])
    assert (item["reason"], item["attempt"], item["age"]) == ("record-rejected", 1, 0)
    assert told["destinations"][0]["dead"] == 1
    again = await http.post(f"{LIST}/{item['id']}/redrive", headers=ADMIN)
    assert again.status_code == 204
    await sweep(unit_of_work, Everybody())
    assert (await http.get(LIST, headers=ADMIN)).json()["items"] == []
    assert (await http.post(f"{LIST}/{item['id']}/redrive", headers=ADMIN)).status_code == 409
    assert (await http.post(f"{LIST}/{uuid4()}/redrive", headers=ADMIN)).status_code == 404


async def test_the_list_goes_on_after_the_last_of_a_page(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, clock: FixedClock
) -> None:
    for _ in range(5):
        await signed_note(unit_of_work)
    whole = [each["id"] for each in (await http.get(LIST, headers=ADMIN)).json()["items"]]
    pages: list[str] = []
    while found := (await http.get(LIST, headers=ADMIN, params={"limit": 2, **after(pages)})).json()["items"]:
        pages += [each["id"] for each in found]
    assert pages == whole
    assert len(set(pages)) == 5


def after(pages: list[str]) -> dict[str, str]:
    return {"after": pages[-1]} if pages else {}


async def test_only_an_admin_sees_and_sends(unit_of_work: UnitOfWork, http: httpx.AsyncClient) -> None:
    await signed_note(unit_of_work)
    assert (await http.get(LIST, headers=DESK)).status_code == 403
    assert (await http.post(f"{LIST}/{uuid4()}/redrive", headers=DESK)).status_code == 403

"""A browser that was given another place by its push service says so itself, and only it can."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from alembic import command
from telehealth.core.actors import SYSTEM, Role
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.notifications import devices, routes
from telehealth.notifications.devices import RENEWABLE, Person
from telehealth.notifications.memory import MemoryPusher
from telehealth.notifications.ports import Device, Pusher
from tests.architecture.test_migrations import THEN, insert
from tests.kit import by_hand
from tests.kit.by_hand import House, open_by_hand
from tests.kit.database import Databases, alembic_config, migrate
from tests.kit.pushes import Browser

ROSA: Person = (Role.PATIENT, UUID(int=7))
DOOR = "/v1/devices/renewed"
OLD = {"id": UUID(int=80), "role": "patient", "person_id": ROSA[1], "subscription": b"", "asked_at": THEN}


def browser(name: str) -> Browser:
    return Browser(f"https://push.example/{name}")


def device(known: Browser, number: int) -> Device:
    return replace(known.device, id=UUID(int=number))


async def of_rosa(unit_of_work: UnitOfWork) -> list[str]:
    return [each.endpoint for each in await unit_of_work.run(devices.devices_of, SYSTEM, ROSA)]


async def test_it_stays_the_same_persons(unit_of_work: UnitOfWork) -> None:
    former, present = device(browser("a"), 1), device(browser("b"), 2)
    await unit_of_work.run(devices.keep, SYSTEM, ROSA, former)
    await unit_of_work.run(devices.renew, SYSTEM, former, present)
    assert await of_rosa(unit_of_work) == [present.endpoint]
    with pytest.raises(NotFound):
        await unit_of_work.run(devices.renew, SYSTEM, former, device(browser("c"), 3))


async def test_places_that_are_gone_take_nobodys_place(unit_of_work: UnitOfWork) -> None:
    lives, others = browser("lives"), [browser(f"gone{number}") for number in range(devices.MOST)]
    await unit_of_work.run(devices.keep, SYSTEM, ROSA, device(lives, 1))
    for number, each in enumerate(others, start=2):
        await unit_of_work.run(devices.keep, SYSTEM, ROSA, device(each, number))
        if number <= devices.MOST:
            await unit_of_work.run(devices.forget_gone, SYSTEM, UUID(int=number))
    assert lives.endpoint in await of_rosa(unit_of_work)


async def test_only_who_knows_what_the_browser_was_told_can(unit_of_work: UnitOfWork) -> None:
    former, other = device(browser("a"), 1), device(browser("b"), 2)
    await unit_of_work.run(devices.keep, SYSTEM, ROSA, former)
    guesses = (replace(former, auth=other.auth), replace(former, p256dh=other.p256dh), replace(former, auth=b""), other)
    for guess in guesses:
        with pytest.raises(NotFound):
            await unit_of_work.run(devices.renew, SYSTEM, guess, device(browser("mine"), 3))
    assert await of_rosa(unit_of_work) == [former.endpoint]


@pytest.mark.parametrize(("late", "renewed"), [(timedelta(), True), (timedelta(seconds=1), False)])
async def test_what_was_gone_for_long_is_forgotten(
    unit_of_work: UnitOfWork, clock: FixedClock, late: timedelta, renewed: bool
) -> None:
    former, present = device(browser("a"), 1), device(browser("b"), 2)
    await unit_of_work.run(devices.keep, SYSTEM, ROSA, former)
    await unit_of_work.run(devices.forget_gone, SYSTEM, former.id)
    assert (await of_rosa(unit_of_work), await unit_of_work.run(devices.has_any, SYSTEM, ROSA)) == ([], False)
    clock.advance(RENEWABLE + late)
    (came,) = await asyncio.gather(unit_of_work.run(devices.renew, SYSTEM, former, present), return_exceptions=True)
    assert (came is None, isinstance(came, NotFound)) == (renewed, not renewed)
    assert await of_rosa(unit_of_work) == [present.endpoint] * renewed


async def test_of_two_at_once_one_counts(unit_of_work: UnitOfWork) -> None:
    former, first, second = (device(browser(name), number) for number, name in enumerate("abc"))
    await unit_of_work.run(devices.keep, SYSTEM, ROSA, former)
    came = await asyncio.gather(
        *(unit_of_work.run(devices.renew, SYSTEM, former, each) for each in (first, second)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in came) == ["NoneType", "NotFound"]
    assert len(await of_rosa(unit_of_work)) == 1


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *routes.OPERATIONS))
    monkeypatch.setattr(by_hand, "PORTS", {Pusher: MemoryPusher()})
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def test_without_a_session_and_said_to_nobody_else(house: House) -> None:
    former, present = browser("a"), browser("b")
    await house.unit_of_work.run(devices.keep, SYSTEM, ROSA, device(former, 1))

    async def tell(known: dict[str, Any], now: dict[str, Any]) -> httpx.Response:
        return await house.phone.post(DOOR, json={"former": known, "present": now})

    keys = present.subscription["keys"]
    assert (await tell({**former.subscription, "keys": keys}, present.subscription)).status_code == 404
    inside = {**present.subscription, "endpoint": "http://10.0.0.1/push"}
    assert (await tell(former.subscription, inside)).json()["type"] == "/problems/no-notifications"
    assert (await tell(former.subscription, present.subscription)).status_code == 204
    assert await of_rosa(house.unit_of_work) == [present.subscription["endpoint"]]
    assert (await tell(former.subscription, present.subscription)).status_code == 404


def test_the_migration_forgets_what_is_gone_on_its_way_back(databases: Databases) -> None:
    empty = databases.create_empty()
    migrate(empty, "0056")
    with psycopg.connect(empty) as connection:
        insert(connection, "push_device", {**OLD, "endpoint_hash": b"1"})
    migrate(empty)
    with psycopg.connect(empty) as connection:
        insert(connection, "push_device", {**OLD, "id": UUID(int=81), "endpoint_hash": b"2", "gone_at": THEN})
    command.check(alembic_config(empty))
    command.downgrade(alembic_config(empty), "0056")
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT id FROM push_device").fetchall() == [(OLD["id"],)]

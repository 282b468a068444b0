"""Platforms that tell alerts in floods: they wait for themselves, the clinic does not, and nothing grave is lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from telehealth.access.rules import SCOPES
from telehealth.alerts.parts import Device, Severity, TooManyAlerts
from telehealth.alerts.routes import OPERATIONS
from telehealth.alerts.rules import MOST, MOST_OF_DEVICE, WITHIN
from telehealth.bootstrap import WEB_POOL
from telehealth.core.actors import Role
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.routes import OPERATIONS as TASKS
from telehealth.http.turns import Turns
from tests.alerts.telling import Platform, second_platform
from tests.kit.patience import PATIENCE, until_it
from tests.kit.web import bearer, client_of

ALERTS, LOW, HIGH = "/v1/device-alerts", 18, 5
TOLD = [(number, who) for number in range(LOW + HIGH) for who in ("cuffs", "scales")]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
OF_DEVICES = "SELECT count(*) FROM device_alert"


async def fill(platform: Platform, severity: Severity, *devices: str) -> None:
    """As many of that severity as are taken of each device."""
    for device in devices:
        for _ in range(MOST_OF_DEVICE):
            told = platform.report(severity, device=Device("Cuff", device), raised_at=platform.now)
            platform.clock.advance(-timedelta(seconds=1))  # all at one moment
            await platform.take(told)


async def test_a_device_that_repeats_itself_is_sent_away_and_taken_again_when_it_was_told(
    platform: Platform, clock: FixedClock
) -> None:
    await fill(platform, Severity.LOW, "SN-1")
    more = platform.report(Severity.LOW)
    with pytest.raises(TooManyAlerts) as refused:
        await platform.take(more)
    assert refused.value.extras == {"retry_after": WITHIN.total_seconds() - 1}
    assert await platform.scalar(OF_DEVICES) == MOST_OF_DEVICE
    await platform.tell(Severity.LOW, device=Device("Scale", "SN-2"))
    await platform.tell(Severity.HIGH)
    clock.advance(WITHIN - timedelta(seconds=3))
    await platform.take(more)


async def test_of_a_platform_so_many_are_taken_and_what_is_grave_waits_for_none_of_them(platform: Platform) -> None:
    devices = [f"SN-{number}" for number in range(MOST // MOST_OF_DEVICE)]
    await fill(platform, Severity.LOW, *devices)
    known = replace(platform.report(Severity.LOW, device=Device("Cuff", "SN-1")), identifier="alert-1")
    more = platform.report(Severity.LOW, device=Device("Cuff", "SN-99"))
    with pytest.raises(TooManyAlerts):
        await platform.take(more)
    other = await second_platform(platform)
    assert (await other.take(more)).report == more
    for severity in (Severity.MEDIUM, Severity.HIGH):
        assert (await platform.tell(severity)).task_id is not None
    first = "SELECT raised_at FROM device_alert WHERE identifier = 'alert-1'"
    again = replace(known, device=Device("Cuff", "SN-0"), raised_at=await platform.scalar(first))
    assert (await platform.take(again)).report == again


@pytest.fixture
async def doors(platform: Platform, database: str) -> AsyncIterator[httpx.AsyncClient]:
    """A web process with as many connections as it has."""
    engine = open_engine(database, pool_size=WEB_POOL, patience=PATIENCE)
    nurse = replace(platform.nurse, scopes=SCOPES[Role.CLINICIAN])
    crowded = replace(platform.unit_of_work, engine=engine)
    known = {"cuffs": platform.actor, "scales": (await second_platform(platform)).actor, "nurse": nurse}
    async with client_of(crowded, (*OPERATIONS, *TASKS), known, turns=Turns(altogether=WEB_POOL - 1)) as client:
        yield client
    await engine.dispose()


async def test_while_alerts_of_a_patient_wait_the_clinic_goes_on_and_none_is_lost(
    platform: Platform, doors: httpx.AsyncClient, unit_of_work: UnitOfWork
) -> None:
    going, held = asyncio.Event(), asyncio.Event()

    async def hold(unit: Unit) -> None:
        key = text("SELECT pg_advisory_xact_lock(hashtext('device_alert'), hashtext(:patient))")
        await unit.session.execute(key, {"patient": str(platform.arranged.patient_id)})
        held.set()
        await going.wait()

    async def tell(number: int, who: str) -> httpx.Response:
        severity = "low" if number < LOW else "high"
        body = platform.body(identifier=f"a-{number}", severity=severity)
        key = {"Idempotency-Key": f"key {number}"} if number % 2 else {}
        return await doors.post(ALERTS, json=body, headers=bearer(who) | key)

    async def waiting() -> int:
        return int(await platform.scalar(WAITING))

    async def as_many_as_may() -> bool:
        return await waiting() >= WEB_POOL - 1

    holding = asyncio.create_task(unit_of_work.run(hold))
    await held.wait()
    telling = [asyncio.create_task(tell(*each)) for each in TOLD]
    await until_it(as_many_as_may)
    assert max([await waiting() for _ in range(30)]) < WEB_POOL, "one connection is left"
    for _ in range(5):
        assert (await doors.get("/v1/follow-ups", headers=bearer("nurse"))).status_code == 200
    done, _ = await asyncio.wait(telling, return_when=asyncio.FIRST_COMPLETED)
    first = done.pop().result()
    assert (first.status_code, first.headers["retry-after"]) == (429, "1")
    assert first.json()["type"] == "/problems/overloaded"
    going.set()
    await holding
    answers = await asyncio.gather(*telling)
    assert {each.status_code for each in answers} <= {201, 429}
    again = [await tell(*each) for each in TOLD]
    assert {each.status_code for each in again} == {201}
    assert await platform.scalar(OF_DEVICES) == len(TOLD)

"""An exam camera, played by aiortc, in a call of two Chromium pages: over real web and node processes, and sweeps."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from telehealth.db.unit import UnitOfWork
from tests.kit.call_process import Behind, running_web
from tests.kit.calls import Side, chromium, open_side
from tests.kit.devices import http_peer
from tests.kit.frozen import see
from tests.kit.media_process import running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.signalling import HOST, behind
from tests.kit.sweeping import sweeping
from tests.kit.web import bearer

pytestmark = pytest.mark.browser
STOPPED_WITHIN = 2.0


@dataclass
class Call:
    """The clinician and the patient, and where devices go."""

    sides: tuple[Side, Side]
    client: httpx.AsyncClient
    visit: str


@pytest.fixture
async def call(database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork) -> AsyncIterator[Call]:
    with running_node() as node:
        await a_node_reports(unit_of_work, node.url)
        web: Behind = behind(database, valkey, meeting, grant_key=node.private)
        with running_web(web):
            async with (
                sweeping(web, node.url),
                chromium() as browser,
                httpx.AsyncClient(base_url=web.origin, trust_env=False) as client,
            ):
                sides = [await open_side(browser, web, meeting, host=host) for host in (True, False)]
                yield Call((sides[0], sides[1]), client, f"/v1/visits/{meeting.visit_id}")


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_everybody_sees_the_camera_and_it_stops_when_it_is_taken_back(call: Call) -> None:
    for side in call.sides:
        await side.becomes("connected", within=60)
        await see(side, 1)
    made = await made_by_host(call, "device")
    async with http_peer(call.client, made) as camera:
        assert (await camera.send()).status_code == 201
        for side in call.sides:
            await see(side, 2)  # the other person and the camera
            assert await side.do("room.mode") == "node"
            assert "device" in [peer["kind"] for peer in await side.do("room.peers")]

        other = await made_by_host(call, "observer")
        async with http_peer(call.client, other) as observer:
            assert (await observer.receive(3)).status_code == 201
            assert await observer.sees(more=60, within=30)
            for side in call.sides:
                await side.until("room.peers.some(({ kind }) => kind === 'observer')")

        path = f"{call.visit}/media-credentials/{made['participant']}/revoke"
        assert (await call.client.post(path, headers=bearer(HOST))).status_code == 204
        await asyncio.sleep(STOPPED_WITHIN)
        for side in call.sides:
            assert await side.do("faces().length") == 1
            assert not [peer for peer in await side.do("room.peers") if peer["kind"] == "device"]
            await see(side, 1)  # and the call goes on
            assert side.complaints == []


async def made_by_host(call: Call, kind: str) -> dict[str, str]:
    body = {"kind": kind, "name": "Otoscope"}
    answer = await call.client.post(f"{call.visit}/media-credentials", json=body, headers=bearer(HOST))
    assert answer.status_code == 201
    found: dict[str, str] = answer.json()
    return found

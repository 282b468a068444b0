"""The door to the network check: through our web process to a real media node, and what is said when it is away."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from telehealth.core.time import SystemClock
from telehealth.db.unit import UnitOfWork
from telehealth.video.media_client import HttpMediaNode
from telehealth.video.media_grants import GrantSigner
from telehealth.video.ports import IceServers, MediaNode
from telehealth.video.routes import OPERATIONS
from tests.kit.media_process import free_port, running_node
from tests.kit.meetings import Meeting
from tests.kit.web import bearer, client_of
from tests.kit.webrtc import calling, key_pair

TURN = IceServers(("turn:turn.example.org",), "secret")


@asynccontextmanager
async def clinic(unit_of_work: UnitOfWork, meeting: Meeting, node: MediaNode) -> AsyncIterator[httpx.AsyncClient]:
    known = {"guest": meeting.patient, "host": meeting.clinician}
    ports: Mapping[type, object] = {MediaNode: node, IceServers: TURN}
    async with client_of(unit_of_work, OPERATIONS, known, ports=ports) as client:
        client.headers.update(bearer("guest"))
        yield client


def path(meeting: Meeting, last: str = "precheck") -> str:
    return f"/v1/visits/{meeting.visit_id}/{last}"


async def test_a_patient_checks_the_network_through_the_media_node(unit_of_work: UnitOfWork, waiting: Meeting) -> None:
    with running_node() as node:
        today = replace(unit_of_work, clock=SystemClock())  # the node goes by the real time
        async with clinic(today, waiting, HttpMediaNode(node.url, node.signer)) as client, calling() as caller:
            offer = {"type": "offer", "sdp": await caller.offer()}
            answer = await client.post(path(waiting), json=offer)
            assert answer.status_code == 200
            assert answer.json()["type"] == "answer"
            assert await caller.accept(answer.json()["sdp"])
            assert await caller.probe() == 5
            refused = await client.post(path(waiting), json={"type": "offer", "sdp": "nonsense"})
            assert (refused.status_code, refused.json()["type"]) == (422, "/problems/offer-refused")


@pytest.mark.parametrize("signed", [True, False])
async def test_a_media_node_that_is_away_stops_nobody(
    unit_of_work: UnitOfWork, waiting: Meeting, *, signed: bool
) -> None:
    signer = GrantSigner(key_pair()[0]) if signed else None
    async with clinic(unit_of_work, waiting, HttpMediaNode(f"http://127.0.0.1:{free_port()}", signer)) as client:
        answer = await client.post(path(waiting), json={"type": "offer", "sdp": "v=0"})
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (503, "/problems/media-away")
    assert "go on without the check" in problem["detail"]
    assert answer.headers["Retry-After"] == "10"


async def test_the_check_uses_the_servers_of_the_call(unit_of_work: UnitOfWork, waiting: Meeting) -> None:
    async with clinic(unit_of_work, waiting, HttpMediaNode("http://127.0.0.1:9", None)) as client:
        answer = await client.get(path(waiting, "ice-servers"))
        stranger = await client.get(path(waiting, "ice-servers"), headers=bearer("host"))
    (server,) = answer.json()["ice_servers"]
    assert server["urls"] == ["turn:turn.example.org"]
    assert server["username"].endswith(f":{waiting.patient.id}")
    assert stranger.status_code == 403


async def test_tickets_over_http(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    async with clinic(unit_of_work, meeting, HttpMediaNode("http://127.0.0.1:9", None)) as client:
        mine = await client.post(path(meeting, "tickets"))
        assert (mine.status_code, len(mine.json()["ticket"])) == (200, 43)
        assert (await client.post(path(meeting, "host-tickets"))).status_code == 403
        assert (await client.post(path(meeting, "host-tickets"), headers=bearer("host"))).status_code == 200
        assert (await client.post(path(meeting, "tickets"), headers=bearer("nobody"))).status_code == 401

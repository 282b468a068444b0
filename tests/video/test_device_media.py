"""WHIP and WHEP on the wire: a camera and an observer, played by aiortc, over a real media node's process."""

from collections.abc import AsyncIterator, Iterator
from time import monotonic

import pytest

from telehealth.db.unit import UnitOfWork
from telehealth.video.tasks import sweep_connections
from tests.kit.devices import DeviceHouse, device_house, http_peer
from tests.kit.media_process import RunningNode, running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.patience import until, until_it
from tests.kit.web import bearer


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node() as running:
        yield running


@pytest.fixture
async def house(
    database: str, meeting: Meeting, unit_of_work: UnitOfWork, node: RunningNode
) -> AsyncIterator[DeviceHouse]:
    await a_node_reports(unit_of_work, node.url)
    async with device_house(database, meeting, node=node) as opened:
        yield opened


async def test_a_camera_is_seen_by_an_observer_until_it_is_taken_back(house: DeviceHouse) -> None:
    made, other = await house.make(), await house.make("observer")
    async with http_peer(house.client, made) as camera, http_peer(house.client, other) as observer:
        answer = await camera.send()
        assert answer.status_code == 201
        assert (await observer.receive()).status_code == 201
        assert await observer.sees(more=10)
        await sweep_connections(house.work)
        room = await house.rooms.look(house.meeting.visit_id)
        assert {str(seat.id): (seat.media, seat.live_epoch) for seat in room.seats} == {
            made["participant"]: ("connected", 1),
            other["participant"]: ("connected", 1),
        }

        assert (await house.revoke(made)).status_code == 204
        await until(lambda: camera.peer.connectionState in ("closed", "failed"))

        async def sees_nothing() -> bool:
            return not await observer.sees(more=1, within=1.0)

        await until_it(sees_nothing)  # after what was on its way


async def test_what_the_node_does_not_take_is_refused_and_costs_nothing(house: DeviceHouse) -> None:
    made = await house.make()
    refused = await house.offer(made, sdp="v=0\r\n")
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/offer-unfit")
    assert (await house.rooms.look(house.meeting.visit_id)).seats == ()
    async with http_peer(house.client, made) as camera:
        assert (await camera.send()).status_code == 201


async def test_ice_is_restarted_on_the_wire_and_a_device_that_ended_is_gone(house: DeviceHouse) -> None:
    made = await house.make()
    fragment = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"
    headers = {**bearer(made["token"]), "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    async with http_peer(house.client, made) as camera:
        assert (await camera.send()).status_code == 201
        restarted = await house.client.patch(camera.location, content=fragment, headers=headers)
        assert restarted.status_code == 200
        assert "\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=candidate:1 1 udp " in restarted.text
        assert (await camera.end()).status_code == 200
        await until(lambda: camera.peer.connectionState == "closed")  # told by the node
        assert (await house.client.patch(camera.location, content=fragment, headers=headers)).status_code == 404


@pytest.mark.soak
async def test_an_observer_whom_nobody_vouches_for_sees_nothing_more(house: DeviceHouse) -> None:
    """No worker, no room: the node itself ends it after ten seconds."""
    made, other = await house.make(), await house.make("observer")
    async with http_peer(house.client, made) as camera, http_peer(house.client, other) as observer:
        assert (await camera.send()).status_code == 201
        assert (await observer.receive()).status_code == 201
        assert await observer.sees(more=10)
        house.rooms.forget(house.meeting.visit_id)
        began = monotonic()
        while await observer.sees(more=5, within=1.0):
            assert monotonic() - began < 20
        assert not await observer.sees(more=1, within=2.0)

"""WHIP and WHEP on the wire: a camera and an observer, played by aiortc, over a real media node's process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from time import monotonic

import pytest

from telehealth.db.unit import UnitOfWork
from telehealth.video.tasks import sweep_connections
from tests.kit.devices import DeviceHouse, device_house, http_peer
from tests.kit.media_process import RunningNode, running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports


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

        began = monotonic()
        assert (await house.revoke(made)).status_code == 204
        seen = observer.frames.total()
        await asyncio.sleep(2)
        assert observer.frames.total() - seen < 10  # what was on its way
        assert not await observer.sees(more=1, within=0.5)
        assert monotonic() - began < 4
        assert camera.peer.connectionState in ("closed", "failed")

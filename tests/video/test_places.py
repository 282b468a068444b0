"""Places as rows: rooms are told where they are when a node reports, dies or drains."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.tasks.work import Work
from telehealth.video import places
from telehealth.video.language import Arrived, Cut, Negotiate, Placed
from telehealth.video.memory import MemoryRooms
from telehealth.video.placement import Node, Place, Reports
from telehealth.video.ports import MediaAway, MediaRooms, RoomBus
from telehealth.video.room import Mode, Room
from telehealth.video.tasks import SWEEPS, sweep_places
from tests.kit.meetings import Meeting
from tests.kit.rooms import CLINICIAN, INTERPRETER, PATIENT


class Nodes:
    """`MediaRooms` that report what a test says."""

    def __init__(self) -> None:
        self.load: dict[str, float] = {}
        self.draining: set[str] = set()
        self.deserted: set[str] = set()
        self.lives = 1

    async def reports(self, now: datetime) -> Reports:
        nodes = [
            Node(
                name=f"{name}{self.lives}",
                url=f"http://{name}",
                reported_at=now,
                load=load,
                draining=name in self.draining,
            )
            for name, load in self.load.items()
        ]
        return Reports(nodes=nodes, deserted=[f"http://{name}" for name in self.deserted])

    async def negotiate(self, place: Place, task: Negotiate, now: datetime) -> str:
        return f"{place.url} {task.offer.way} {now}"

    async def cut(self, place: Place, task: Cut, now: datetime) -> None:
        raise MediaAway(f"{place.url} {task.ways} {now}")


@dataclass
class House:
    """A worker, its rooms, and the nodes that report to it."""

    work: Work
    rooms: MemoryRooms
    nodes: Nodes
    clock: FixedClock

    async def later(self, seconds: float = 2) -> int:
        """How many rooms have moved."""
        self.clock.advance(timedelta(seconds=seconds))
        return await sweep_places(self.work)


@pytest.fixture
def house(unit_of_work: UnitOfWork, clock: FixedClock) -> House:
    rooms, nodes = MemoryRooms(), Nodes()
    work = Work(unit_of_work, Ports({RoomBus: rooms, MediaRooms: nodes}), clock)
    return House(work, rooms, nodes, clock)


async def placed_room(house: House, meeting: Meeting) -> Room:
    """Three people, on the node that took the room."""
    house.nodes.load = {"a": 0.1}
    for who in (CLINICIAN, PATIENT, INTERPRETER):
        name = who.kind.value
        await house.rooms.apply(meeting.visit_id, Arrived(house.clock.now(), name, name, who, admitted=True))
    await sweep_places(house.work)
    place = await house.work.run(places.find_place, meeting.visit_id, above=0)
    assert place is not None
    return (await house.rooms.apply(meeting.visit_id, Placed(house.clock.now(), place.epoch))).room


async def test_a_lease_lives_as_long_as_its_node_reports(house: House, meeting: Meeting) -> None:
    room = await placed_room(house, meeting)
    assert (room.mode, room.epoch) == (Mode.NODE, 1)
    for _ in range(5):
        assert await house.later() == 0
    place = await house.work.run(places.standing_place, meeting.visit_id, 1)
    assert place == Place(meeting.visit_id, "http://a", 1)


async def test_when_a_node_dies_its_rooms_go_elsewhere_and_hear_so(house: House, meeting: Meeting) -> None:
    await placed_room(house, meeting)
    house.nodes.load = {"b": 0.1}
    assert [await house.later() for _ in range(3)] == [0, 0, 1]
    room = await house.rooms.look(meeting.visit_id)
    assert (room.mode, room.epoch) == (Mode.NODE, 2)
    assert (await house.work.run(places.standing_place, meeting.visit_id, 2)).url == "http://b"
    with pytest.raises(MediaAway):
        await house.work.run(places.standing_place, meeting.visit_id, 1)


async def test_a_node_that_is_known_to_be_dead_is_left_at_once(house: House, meeting: Meeting) -> None:
    await placed_room(house, meeting)
    house.nodes.load, house.nodes.deserted = {"b": 0.1}, {"a"}
    assert await house.later(1) == 1
    assert (await house.work.run(places.standing_place, meeting.visit_id, 2)).url == "http://b"


async def test_a_node_that_began_anew_has_none_of_its_calls(house: House, meeting: Meeting) -> None:
    """Its supervisor was quicker than our look at it."""
    await placed_room(house, meeting)
    house.nodes.lives = 2
    assert [await house.later(1) for _ in range(2)] == [1, 0]
    room = await house.rooms.look(meeting.visit_id)
    assert (room.mode, room.epoch) == (Mode.NODE, 2)
    assert (await house.work.run(places.standing_place, meeting.visit_id, 2)).url == "http://a"


async def test_a_place_that_nobody_looked_after_still_stands(house: House, meeting: Meeting) -> None:
    """Background work was down for a minute, the node was not."""
    await placed_room(house, meeting)
    house.clock.advance(timedelta(minutes=1))
    assert (await house.work.run(places.standing_place, meeting.visit_id, 1)).url == "http://a"
    assert await house.later(1) == 0


async def test_without_another_node_two_go_on_browser_to_browser(house: House, meeting: Meeting) -> None:
    await placed_room(house, meeting)
    house.nodes.load = {}
    assert await house.later(5) == 1
    assert (await house.rooms.look(meeting.visit_id)).mode is Mode.P2P
    assert await house.work.run(places.find_place, meeting.visit_id, above=1) is None
    house.nodes.load = {"a": 0.1}
    await sweep_places(house.work)
    place = await house.work.run(places.find_place, meeting.visit_id, above=1)
    assert place is not None
    assert place.epoch == 2


async def test_a_draining_node_is_left_when_there_is_another(house: House, meeting: Meeting) -> None:
    await placed_room(house, meeting)
    house.nodes.draining = {"a"}
    await house.later()
    assert ((await house.rooms.look(meeting.visit_id)).mode, (await house.rooms.look(meeting.visit_id)).epoch) == (
        Mode.NODE,
        1,
    )
    assert (await house.work.run(places.standing_place, meeting.visit_id, 1)).url == "http://a"
    house.nodes.load = {"a": 0.1, "b": 0.1}
    await house.later()
    assert (await house.rooms.look(meeting.visit_id)).epoch == 2
    assert (await house.work.run(places.standing_place, meeting.visit_id, 2)).url == "http://b"


async def test_a_released_place_is_nobodys_and_its_epoch_stays_used(house: House, meeting: Meeting) -> None:
    await placed_room(house, meeting)
    await house.work.run(places.release, meeting.visit_id, 1)
    with pytest.raises(MediaAway):
        await house.work.run(places.standing_place, meeting.visit_id, 1)
    place = await house.work.run(places.find_place, meeting.visit_id, above=0)
    assert place is not None
    assert place.epoch == 2
    await house.work.run(places.release, meeting.visit_id, 1)  # of a place that is no more
    assert (await house.work.run(places.standing_place, meeting.visit_id, 2)).epoch == 2


def test_the_sweep_is_run_every_second() -> None:
    assert [each.every for each in SWEEPS if each.sweep is sweep_places] == [1.0]

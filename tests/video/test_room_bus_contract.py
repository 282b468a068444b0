"""What every RoomBus does, the fake as well as the adapter on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from telehealth.core.ids import VisitId
from telehealth.db.vault import Vault
from telehealth.video.language import Answer, Arrived, Chat, Said, Signal
from telehealth.video.memory import MemoryRooms
from telehealth.video.ports import Behind, Delivery, RoomBus, RoomsAway
from telehealth.video.room import Room
from telehealth.video.rules import REPLAY
from telehealth.video.valkey_rooms import ValkeyRooms
from tests.kit.patience import PATIENCE
from tests.kit.rooms import CLINICIAN, PATIENT

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
VAULT = Vault({"test": b"k" * 32})
WORD = "sertraline"


@dataclass(frozen=True, slots=True)
class Buses:
    """The same rooms as two web processes see them."""

    one: RoomBus
    other: RoomBus


@pytest.fixture(params=["memory", "valkey"])
async def buses(request: pytest.FixtureRequest) -> AsyncIterator[Buses]:
    if request.param == "memory":
        rooms = MemoryRooms()
        yield Buses(rooms, rooms)
        return
    url = request.getfixturevalue("valkey")
    one, other = ValkeyRooms(url, VAULT), ValkeyRooms(url, VAULT)
    yield Buses(one, other)
    await one.close()
    await other.close()


@pytest.fixture
def visit() -> VisitId:
    return VisitId(uuid4())


def clinician() -> Arrived:
    return Arrived(NOW, "c", "host", CLINICIAN, admitted=True)


def patient() -> Arrived:
    return Arrived(NOW, "p", "guest", PATIENT, admitted=True)


async def both_arrive(buses: Buses, visit: VisitId) -> Room:
    await buses.one.apply(visit, clinician())
    return (await buses.other.apply(visit, patient())).room


async def heard(bus: RoomBus, visit: VisitId, after: int, *, count: int) -> list[Delivery]:
    async with asyncio.timeout(PATIENCE), bus.follow(visit, after) as deliveries:
        return [await anext(deliveries) for _ in range(count)]


async def test_a_room_is_the_same_from_every_process(buses: Buses, visit: VisitId) -> None:
    room = await both_arrive(buses, visit)
    assert [seat.session for seat in room.seats] == ["host", "guest"]
    assert room.generation == 2


async def test_what_one_process_sends_another_delivers_at_once(buses: Buses, visit: VisitId) -> None:
    room = await both_arrive(buses, visit)
    waiting = asyncio.create_task(heard(buses.other, visit, room.seq, count=1))
    await asyncio.sleep(0.05)
    offer = {"type": "offer", "sdp": "v=0\r\n"}
    await buses.one.apply(visit, Said(NOW, "c", Signal(1, "description", 2, offer)))
    (delivery,) = await waiting
    assert (delivery.to, delivery.message["description"]) == ("guest", offer)
    assert delivery.seq == delivery.message["seq"] == room.seq + 1


async def test_a_late_follower_gets_everything_after_its_number_in_order(buses: Buses, visit: VisitId) -> None:
    room = await both_arrive(buses, visit)
    for number in range(1, 101):
        await buses.one.apply(visit, Said(NOW, "c", Chat(number, f"{number}")))
    deliveries = await heard(buses.other, visit, room.seq + 40, count=60)
    assert [each.message["text"] for each in deliveries] == [f"{number}" for number in range(41, 101)]


async def test_two_processes_at_once_lose_and_repeat_nothing(buses: Buses, visit: VisitId) -> None:
    room = await both_arrive(buses, visit)

    async def talk(bus: RoomBus, connection: str) -> None:
        for number in range(1, 26):
            outcome = await bus.apply(visit, Said(NOW, connection, Chat(number, "word")))
            assert Answer({"type": "ack", "id": number}) in outcome.effects

    await asyncio.gather(talk(buses.one, "c"), talk(buses.other, "p"))
    deliveries = await heard(buses.one, visit, room.seq, count=50)
    assert [each.seq for each in deliveries] == list(range(room.seq + 1, room.seq + 51))
    assert sorted(each.to for each in deliveries) == ["guest"] * 25 + ["host"] * 25


async def test_who_missed_more_than_is_kept_is_told_so(buses: Buses, visit: VisitId) -> None:
    room = await both_arrive(buses, visit)
    for number in range(1, REPLAY + 2):
        await buses.one.apply(visit, Said(NOW, "c", Chat(number, "word")))
    with pytest.raises(Behind):
        await heard(buses.other, visit, room.seq, count=1)
    assert len(await heard(buses.other, visit, room.seq + 1, count=REPLAY)) == REPLAY


async def test_whoever_looks_sees_the_room_and_changes_nothing(buses: Buses, visit: VisitId) -> None:
    assert await buses.one.look(visit) == Room()
    room = await both_arrive(buses, visit)
    assert [await bus.look(visit) for bus in (buses.one, buses.other)] == [room, room]
    assert (await buses.one.apply(visit, Said(NOW, "c", Chat(1, "word")))).room.seq == room.seq + 1


async def test_rooms_of_different_visits_are_strangers(buses: Buses, visit: VisitId) -> None:
    await both_arrive(buses, visit)
    assert (await buses.one.apply(VisitId(uuid4()), clinician())).room.generation == 1


async def test_nothing_that_is_said_stands_open_in_valkey(valkey: str, visit: VisitId) -> None:
    rooms = ValkeyRooms(valkey, VAULT)
    await both_arrive(Buses(rooms, rooms), visit)
    await rooms.apply(visit, Said(NOW, "c", Chat(1, WORD)))
    await rooms.close()
    async with Redis.from_url(valkey) as client:
        keys = [key async for key in client.scan_iter(f"*{visit}*")]
        contents = [await client.dump(key) for key in keys]
        left = [await client.ttl(key) for key in keys]
    assert len(keys) == 2
    assert all(0 < seconds <= 120 for seconds in left)
    assert not any(WORD.encode() in (content or b"") for content in contents)


async def test_a_room_that_was_lost_begins_again(valkey: str, visit: VisitId) -> None:
    rooms = ValkeyRooms(valkey, VAULT)
    await both_arrive(Buses(rooms, rooms), visit)
    async with Redis.from_url(valkey) as client:
        await client.delete(f"telehealth:room:{{{visit}}}:state")
    outcome = await rooms.apply(visit, clinician())
    assert (outcome.room.generation, outcome.room.seq) == (1, 0)
    await rooms.apply(visit, patient())
    assert (await heard(rooms, visit, 0, count=1))[0].to == "host"
    await rooms.close()


async def test_without_valkey_rooms_are_away(visit: VisitId) -> None:
    rooms = ValkeyRooms("unix:///nowhere/valkey.sock", VAULT)
    with pytest.raises(RoomsAway):
        await rooms.apply(visit, clinician())
    with pytest.raises(RoomsAway):
        await rooms.look(visit)
    with pytest.raises(RoomsAway):
        await heard(rooms, visit, 0, count=1)
    await rooms.close()

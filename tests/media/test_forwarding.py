"""Calls through the node between aiortc peers: what one sends is decoded by the others."""

from tests.kit.guests import guests, open_rooms


async def test_two_hear_and_see_each_other(escaped: list[str]) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann", "bob") as (ann, bob):
        for guest in (ann, bob):
            await guest.send(video=True)
        for guest in (ann, bob):
            await guest.receive("audio", "video")
        for guest in (ann, bob):
            assert await guest.sees("audio", 50)
            assert await guest.sees("video", 30)
        stats = rooms.stats()
        assert (stats.rooms, stats.sessions) == (1, 4)
        assert stats.drops == {}
    assert escaped == []

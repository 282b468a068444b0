"""Calls through the node between aiortc peers: what one sends is decoded by the others."""

import asyncio

from telehealth.media.transport import Ending
from tests.kit.guests import guests, open_rooms
from tests.kit.patience import PATIENCE, until, until_it
from tests.kit.webrtc import sctp_with_two_inits


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


async def test_a_data_channel_beside_the_media(escaped: list[str]) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann", "bob") as (ann, bob):
        channel = ann.up.createDataChannel("talk")
        opened = asyncio.Event()
        channel.on("open", opened.set)
        await ann.send()
        await bob.receive("audio")
        async with asyncio.timeout(PATIENCE):
            await opened.wait()
        sctp = ann.up.sctp
        assert sctp is not None
        await sctp.transport._send_data(sctp_with_two_inits())
        await sctp.transport._send_data(b"x")
        channel.send("still here")
        assert await bob.sees("audio", 50)
        assert channel.readyState == "open"
        assert rooms.stats().endings == {}
    assert escaped == []


async def test_one_who_comes_back_is_heard_again_without_a_new_offer(escaped: list[str]) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann", "ann", "bob") as (ann, again, bob):
        await ann.send()
        await bob.receive("audio")
        assert await bob.sees("audio", 20)
        await ann.up.close()
        await until(lambda: rooms.stats().endings == {Ending.HUNG_UP: 1})

        async def falls_silent() -> bool:
            return not await bob.sees("audio", 1, within=0.5)

        await until_it(falls_silent)
        await again.send()
        assert await bob.sees("audio", 50)
        assert rooms.stats().endings == {Ending.HUNG_UP: 1}
    assert escaped == []

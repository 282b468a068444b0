"""Calls of Chromium through the node's process: what each side decodes."""

import asyncio

import pytest

from tests.kit.calls import chromium
from tests.kit.media_process import RunningNode
from tests.kit.room_pages import people

pytestmark = pytest.mark.browser


async def test_two_see_and_hear_each_other(node: RunningNode) -> None:
    async with chromium() as browser, people(browser, node, "ann", "bob") as (ann, bob):
        await asyncio.gather(ann.send(), bob.send())
        await asyncio.gather(ann.receive(1), bob.receive(1))
        await asyncio.gather(ann.sees("bob", more=60), bob.sees("ann", more=60))
        transport = next(each for each in await ann.figures("up") if each["type"] == "transport")
        assert (transport["srtpCipher"], transport["dtlsRole"]) == ("SRTP_AEAD_AES_128_GCM", "client")
        assert ann.complaints == bob.complaints == []


async def test_four_see_and_hear_all_others(node: RunningNode) -> None:
    names = ("ann", "bob", "cas", "dee")
    async with chromium() as browser, people(browser, node, *names) as everyone:
        await asyncio.gather(*(person.send() for person in everyone))
        await asyncio.gather(*(person.receive(3) for person in everyone))
        for person in everyone:
            others = [name for name in names if name != person.name]
            counted = await person.sees(*others, more=15, within=40)
            assert {name.partition(" ")[0] for name in counted} == set(others)
            assert person.complaints == []


async def test_a_third_who_comes_later_is_shown_beside_the_others(node: RunningNode) -> None:
    async with chromium() as browser, people(browser, node, "ann", "bob", "cas") as (ann, bob, cas):
        await asyncio.gather(ann.send(), bob.send())
        await asyncio.gather(ann.receive(1), bob.receive(1))
        await asyncio.gather(ann.sees("bob"), bob.sees("ann"))
        await cas.send()
        await asyncio.gather(ann.receive(1), bob.receive(1), cas.receive(2))
        await ann.sees("bob", "cas")
        await bob.sees("ann", "cas")
        await cas.sees("ann", "bob")


@pytest.mark.parametrize("which", ["up", "down"])
async def test_an_ice_restart_in_the_middle(node: RunningNode, which: str) -> None:
    async with chromium() as browser, people(browser, node, "ann", "bob") as (ann, bob):
        await asyncio.gather(ann.send(), bob.send())
        await asyncio.gather(ann.receive(1), bob.receive(1))
        await asyncio.gather(ann.sees("bob"), bob.sees("ann"))
        assert await ann.restart(which)
        await asyncio.gather(ann.sees("bob", more=60), bob.sees("ann", more=60))
        assert await ann.page.evaluate("states") == [
            "up connecting",
            "up connected",
            "down connecting",
            "down connected",
        ]


@pytest.mark.parametrize("codec", ["video/VP8", "video/VP9", "video/H264", "video/AV1"])
async def test_codecs_are_passed_through(node: RunningNode, codec: str) -> None:
    async with chromium() as browser, people(browser, node, "ann", "bob") as (ann, bob):
        await ann.send(codec=codec)
        await bob.receive(1)
        await bob.sees("ann", within=30)
        used = {each["mimeType"] for each in await bob.figures("down") if each["type"] == "codec"}
        assert codec in used

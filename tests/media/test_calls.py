"""Calls of Chromium through the node's process: what each side decodes."""

import asyncio
from typing import Any

import pytest

from tests.kit.calls import chromium
from tests.kit.media_process import RunningNode
from tests.kit.room_pages import Person, people

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


LAYERS = [{"rid": "h", "maxBitrate": 900_000}, {"rid": "l", "scaleResolutionDownBy": 2, "maxBitrate": 150_000}]


async def pictures(person: Person, direction: str) -> list[dict[str, Any]]:
    """The node's figures of that person's video."""
    return [each for each in (await person.view(direction))["streams"] if each["kind"] == "video"]


async def figure(person: Person, which: str, kind: str) -> dict[str, Any]:
    """The browser's figures of its one video of that type."""
    [found] = [each for each in await person.figures(which) if (each["type"], each.get("kind")) == (kind, "video")]
    return found


async def test_both_layers_of_simulcast_come(node: RunningNode) -> None:
    async with chromium() as browser, people(browser, node, "ann", "bob") as (ann, bob):
        await ann.send(width=640, height=480, encodings=LAYERS)
        await bob.receive(1)
        await bob.sees("ann", more=60, within=40)
        streams = {
            each["rid"]: each["packets"] for each in (await ann.view("up"))["streams"] if each["kind"] == "video"
        }
        assert set(streams) == {"h", "l"}
        assert min(streams.values()) > 20
        [shown] = await pictures(bob, "down")
        assert shown["rid"] == "h"
        received = await figure(bob, "down", "inbound-rtp")
        assert (received["frameWidth"], received["frameHeight"]) == (640, 480)


async def test_the_browser_takes_what_the_node_tells_it(node: RunningNode) -> None:
    """Reports, transport-wide feedback and estimates are in the browser's own figures."""
    async with chromium() as browser, people(browser, node, "ann", "bob") as (ann, bob):
        await ann.send(width=640, height=480, encodings=[{"maxBitrate": 900_000}])
        await bob.receive(1)
        await bob.sees("ann", more=300, within=60)  # an estimate without feedback is gone by then
        heard = [each for each in await ann.figures("up") if each["type"] == "remote-inbound-rtp"]
        assert {each["kind"] for each in heard} == {"audio", "video"}
        assert all(each["packetsLost"] == 0 for each in heard)
        [sent] = [
            each for each in await ann.figures("up") if each["type"] == "outbound-rtp" and each["kind"] == "video"
        ]
        assert sent["targetBitrate"] > 400_000  # it begins at 300,000
        view = await bob.view("down")
        assert view["estimate"] > 100_000
        assert not view["audio_only"]
        [told] = [
            each
            for each in await bob.figures("down")
            if each["type"] == "remote-outbound-rtp" and each["kind"] == "video"
        ]
        assert told["reportsSent"] >= 1

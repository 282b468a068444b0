"""Calls of Chromium through the node over a poor network: loss, a narrow way, another address, a cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.kit.calls import chromium
from tests.kit.media_process import RunningNode
from tests.kit.room_pages import Person, people
from tests.kit.udp_proxy import UdpProxy

pytestmark = pytest.mark.browser

LAYERS = [{"rid": "h", "maxBitrate": 900_000}, {"rid": "l", "scaleResolutionDownBy": 2, "maxBitrate": 120_000}]


@asynccontextmanager
async def call(
    node: RunningNode, *, by: str, simulcast: bool = False
) -> AsyncIterator[tuple[Person, Person, UdpProxy]]:
    """Ann sends, Bob receives; `by` says whose way is poor."""
    async with chromium() as browser, people(browser, node, "ann", "bob") as (ann, bob):
        (ann if by == "up" else bob).by_proxy(by)
        await ann.send(width=640, height=480, encodings=LAYERS if simulcast else [{"maxBitrate": 600_000}])
        await bob.receive(1)
        await bob.sees("ann", more=60, within=40)
        yield ann, bob, (ann if by == "up" else bob).proxies[by]


@pytest.mark.parametrize("by", ["up", "down"])
async def test_another_address_in_the_middle(node: RunningNode, by: str) -> None:
    """A network that changed under the browser: its next check tells the node, nobody else is asked."""
    async with call(node, by=by) as (ann, bob, proxy):
        proxy.move()
        await bob.sees("ann", more=30)
        assert await (ann if by == "up" else bob).page.evaluate("states") == [f"{by} connecting", f"{by} connected"]


@pytest.mark.parametrize("by", ["up", "down"])
async def test_what_is_lost_is_sent_again(node: RunningNode, by: str) -> None:
    async with call(node, by=by) as (ann, bob, proxy):
        proxy.loss = 0.05
        await bob.sees("ann", more=200, within=40)
        proxy.loss = 0.0
        [stream] = [
            each for each in (await (ann if by == "up" else bob).view(by))["streams"] if each["kind"] == "video"
        ]
        assert proxy.lost > 10
        assert stream["repeated"] > 5
        [received] = [
            each for each in await bob.figures("down") if (each["type"], each.get("kind")) == ("inbound-rtp", "video")
        ]
        assert received["freezeCount"] <= 1


async def test_a_cut_of_four_seconds(node: RunningNode) -> None:
    async with call(node, by="down") as (_, bob, proxy):
        proxy.cut = True
        await asyncio.sleep(4)
        proxy.cut = False
        await bob.sees("ann", more=30, within=10)


async def test_a_narrow_way_gets_the_lower_layer_and_a_wide_one_the_upper_again(node: RunningNode) -> None:
    async with call(node, by="down", simulcast=True) as (_, bob, proxy):
        assert await layer(bob) == "h"
        proxy.narrow = 200_000
        await becomes(bob, "l")
        await bob.sees("ann", more=30)
        proxy.narrow = None
        await becomes(bob, "h")
        await bob.sees("ann", more=30)


async def layer(person: Person) -> str:
    [shown] = [each for each in (await person.view("down"))["streams"] if each["kind"] == "video"]
    return str(shown["rid"])


async def becomes(person: Person, rid: str, *, within: float = 45.0) -> None:
    for _ in range(int(within / 0.25)):
        if await layer(person) == rid:
            return
        await asyncio.sleep(0.25)
    raise AssertionError(f"never {rid}: {await person.told()}")

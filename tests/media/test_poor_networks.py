"""Calls of Chromium through the node over a poor network: loss, a narrow way, another address, a cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.kit.media_process import RunningNode
from tests.kit.patience import PATIENCE, until_it
from tests.kit.room_pages import Person, people
from tests.kit.udp_proxy import UdpProxy

pytestmark = pytest.mark.browser

LONG = pytest.mark.soak  # in networks of its own (test_namespaces.py) the same is shown each time
LAYERS = [{"rid": "h", "maxBitrate": 900_000}, {"rid": "l", "scaleResolutionDownBy": 2, "maxBitrate": 120_000}]


@asynccontextmanager
async def call(
    browser: Browser, node: RunningNode, *, by: str, simulcast: bool = False
) -> AsyncIterator[tuple[Person, Person, UdpProxy]]:
    """Ann sends, Bob receives; `by` says whose way is poor."""
    async with people(browser, node, "ann", "bob") as (ann, bob):
        (ann if by == "up" else bob).by_proxy(by)
        await ann.send(width=640, height=480, encodings=LAYERS if simulcast else [{"maxBitrate": 600_000}])
        await bob.receive(1)
        await bob.sees("ann", more=60)
        yield ann, bob, (ann if by == "up" else bob).proxies[by]


@LONG
@pytest.mark.parametrize("by", ["up", "down"])
async def test_another_address_in_the_middle(browser: Browser, node: RunningNode, by: str) -> None:
    """A network that changed under the browser: its next check tells the node, nobody else is asked."""
    async with call(browser, node, by=by) as (ann, bob, proxy):
        proxy.move()
        await bob.sees("ann", more=30)
        assert await (ann if by == "up" else bob).page.evaluate("states") == [f"{by} connecting", f"{by} connected"]


@LONG
@pytest.mark.parametrize("by", ["up", "down"])
async def test_what_is_lost_is_sent_again(browser: Browser, node: RunningNode, by: str) -> None:
    async with call(browser, node, by=by) as (ann, bob, proxy):
        proxy.loss = 0.05
        await bob.sees("ann", more=200, within=2 * PATIENCE)
        proxy.loss = 0.0
        stream = await picture(ann if by == "up" else bob, by)
        assert proxy.lost > 10
        assert stream["repeated"] > 5  # how long pictures stand still: tests/bench/recovery.py


@LONG
async def test_a_cut_of_four_seconds(browser: Browser, node: RunningNode) -> None:
    async with call(browser, node, by="down") as (_, bob, proxy):
        proxy.cut = True
        await asyncio.sleep(4)
        proxy.cut = False
        await bob.sees("ann", more=30)


async def test_a_narrow_way_gets_less_and_a_wide_one_the_upper_layer_again(browser: Browser, node: RunningNode) -> None:
    """On 200 kb/s the lower layer is decoded, after sound alone while the browser's estimate is too low for that."""
    async with call(browser, node, by="down", simulcast=True) as (_, bob, proxy):
        await becomes(bob, "h")
        await decodes(bob, 640)
        proxy.narrow = 200_000
        await becomes(bob, "l", "")
        await becomes(bob, "l")
        await decodes(bob, 320)
        proxy.narrow = None
        await becomes(bob, "h")
        await decodes(bob, 640)


WIDTH = """(async () => [...(await down.getStats()).values()]
  .find(({ type, kind }) => type === "inbound-rtp" && kind === "video").frameWidth)()"""


async def width(person: Person) -> int:
    """Of the picture that was decoded last."""
    return int(await person.page.evaluate(WIDTH))


async def decodes(person: Person, wanted: int) -> None:
    """Waits until pictures of that width are decoded, and some more of them."""

    async def arrives() -> bool:
        return await width(person) == wanted

    await until_it(arrives)
    await person.sees("ann", more=20)
    await until_it(arrives)


async def picture(person: Person, direction: str) -> dict[str, Any]:
    """The node's figures of that person's one video."""
    streams: list[dict[str, Any]] = (await person.view(direction))["streams"]
    [found] = [each for each in streams if each["kind"] == "video"]
    return found


async def becomes(person: Person, *rids: str, within: float = 2 * PATIENCE) -> None:
    for _ in range(int(within / 0.25)):
        if (await picture(person, "down"))["rid"] in rids:
            return
        await asyncio.sleep(0.25)
    raise AssertionError(f"never {rids}: {await person.told()}")

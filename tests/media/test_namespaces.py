"""Calls of Chromium over a media node, one browser in a namespace whose packets are lost, cut off, re-addressed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.kit.calls import chromium
from tests.kit.media_process import RunningNode, running_node
from tests.kit.poor_network import PoorNetwork, poor_network
from tests.kit.room_pages import Person, people

pytestmark = [pytest.mark.browser, pytest.mark.namespaces]
FROZEN = """(async () => [...(await down.getStats()).values()]
  .find(({ type, kind }) => type === "inbound-rtp" && kind === "video").totalFreezesDuration)()"""
NO_NACK = """
const original = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  return original.call(this, { type, sdp: sdp.replace(/a=rtcp-fb:\\d+ nack\\r\\n/g, "") });
};
"""


@pytest.fixture
def network() -> Iterator[PoorNetwork]:
    with poor_network() as made:
        yield made


@pytest.fixture
def node(network: PoorNetwork) -> Iterator[RunningNode]:
    with running_node({"TELEHEALTH_MEDIA_HOST": f"127.0.0.1 {network.near}"}) as running:
        yield running


@asynccontextmanager
async def call(node: RunningNode, network: PoorNetwork, *, script: str = "") -> AsyncIterator[tuple[Person, Person]]:
    """Ann, whose network is poor, and Bob: each sends and each receives."""
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(chromium(network.browser))
        near = await stack.enter_async_context(chromium())
        [ann] = await stack.enter_async_context(people(far, node, "ann", script=script))
        [bob] = await stack.enter_async_context(people(near, node, "bob", place=ann.place, script=script))
        for each in (ann, bob):
            await each.send()
        for each, other in ((ann, "bob"), (bob, "ann")):
            await each.receive(1)
            await each.sees(other, more=20)
        yield ann, bob


async def frozen(*pages: Person) -> float:
    """Seconds, as the browsers count freezes."""
    return sum([float(await each.page.evaluate(FROZEN)) for each in pages])


async def lossy(node: RunningNode, network: PoorNetwork, share: float, *, script: str = "") -> float:
    """Seconds frozen in both pictures while so much is lost for half a minute, either way."""
    async with call(node, network, script=script) as (ann, bob):
        before = await frozen(ann, bob)
        network.loses(share)
        await asyncio.sleep(30)
        after = await frozen(ann, bob)
        network.mend()
        await ann.sees("bob")
        await bob.sees("ann")
        return after - before


async def test_what_a_network_loses_is_sent_again(node: RunningNode, network: PoorNetwork) -> None:
    async with call(node, network) as (ann, bob):
        network.loses(0.1)
        await ann.sees("bob", more=60)
        await bob.sees("ann", more=60)
        network.mend()
        for person, direction in ((ann, "down"), (ann, "up")):
            assert sum(each["repeated"] for each in (await person.view(direction))["streams"]) > 0


async def test_a_cut_and_another_address(node: RunningNode, network: PoorNetwork) -> None:
    async with call(node, network) as (ann, bob):
        network.cut()
        await asyncio.sleep(4)
        network.mend()
        for person, other in ((ann, "bob"), (bob, "ann")):
            await person.sees(other)
        network.move(77)
        for which in ("up", "down"):
            assert await ann.restart(which)  # call.js does it by itself when nothing comes
        for person, other in ((ann, "bob"), (bob, "ann")):
            await person.sees(other)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
async def test_thirty_seconds_of_loss(node: RunningNode, network: PoorNetwork, share: float) -> None:
    """The table of both is that of tests/bench/recovery.py."""
    with_nack = await lossy(node, network, share)
    without = await lossy(node, network, share, script=NO_NACK)
    print(f"{share:.0%} loss for 30 s: {with_nack:.1f} s frozen with NACK, {without:.1f} s without")  # noqa: T201
    assert with_nack < 3

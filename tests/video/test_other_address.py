"""Calls of Chromium in a namespace whose address becomes another one, over the media node and browser to browser."""

import pytest

from telehealth.db.unit import UnitOfWork
from tests.kit.call_process import running_web
from tests.kit.calls import Side, chromium, open_side
from tests.kit.meetings import Meeting
from tests.kit.node_calls import node_call
from tests.kit.poor_network import PoorNetwork, poor_network
from tests.kit.signalling import behind

pytestmark = [pytest.mark.browser, pytest.mark.namespaces]
OPEN = "peers.filter(({ connectionState }) => connectionState !== 'closed').length"
FRAMES = "document.querySelectorAll('iframe').length"
# By which of this machine's addresses a connection that is up goes.
WAYS = """Promise.all(peers.filter(({ connectionState }) => connectionState === "connected").map(async (pc) => {
  const stats = await pc.getStats();
  const { selectedCandidatePairId } = [...stats.values()].find(({ type }) => type === "transport");
  return stats.get(stats.get(selectedCandidatePairId)?.localCandidateId)?.address;
}))"""


async def goes_by(side: Side, network: PoorNetwork, last: int, connections: int) -> None:
    """And by no other, with no more connections and frames than that takes."""
    address = f"{network.subnet}.{last}"
    await side.until(
        f"{WAYS}.then((ways) => ways.length === {connections} && ways.every((way) => way === '{address}'))"
    )
    await side.until(f"{OPEN} === {connections} && {FRAMES} <= {connections}")


@pytest.mark.timeout(500)
async def test_over_the_node(database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork) -> None:
    """There and elsewhere; how long it takes is measured by tests/bench/recovery.py."""
    with poor_network() as network:
        async with (
            chromium() as near,
            chromium(network.browser) as far,
            node_call(near, unit_of_work, meeting, database=database, valkey=valkey, far=(far, network)) as call,
        ):
            for last in (77, 78):
                network.move(last)
                await goes_by(call.sides[1], network, last, 2)
                await call.flows(more=5)
            assert [side.complaints for side in call.sides] == [[], [], []]


@pytest.mark.timeout(300)
async def test_browser_to_browser(database: str, valkey: str, meeting: Meeting) -> None:
    with poor_network() as network:
        web = behind(database, valkey, meeting, host="0.0.0.0")
        with running_web(web):
            network.serve(web.port)
            async with chromium() as near, chromium(network.browser) as far:
                sides = (
                    await open_side(near, web, meeting, host=True),
                    await open_side(far, web, meeting, host=False),
                )
                for side in sides:
                    await side.sees_the_other()
                for last in (77, 78):
                    network.move(last)
                    await goes_by(sides[1], network, last, 1)
                    for side in sides:
                        await side.sees_the_other()
                assert [side.complaints for side in sides] == [[], []]

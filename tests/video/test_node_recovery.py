"""Three Chromium pages on a media node that is killed, or told to stop: the other node takes over."""

import signal

import pytest

from telehealth.db.unit import UnitOfWork
from tests.kit.calls import chromium
from tests.kit.frozen import never_alone
from tests.kit.meetings import Meeting
from tests.kit.node_calls import node_call

pytestmark = pytest.mark.browser
# A tenth of the work for a busy machine: what is looked at is whether pictures come at all.
SMALL = """
const media = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = function () {
  return media.call(this, { audio: true, video: { width: 160, height: 120, frameRate: 8 } });
};
"""


@pytest.mark.timeout(500)
async def test_another_node_takes_over(database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork) -> None:
    """How long it takes is measured by tests/bench/recovery.py."""
    async with (
        chromium() as browser,
        node_call(browser, unit_of_work, meeting, database=database, valkey=valkey, script=SMALL) as call,
    ):
        first = await call.node()
        first.kill()
        await call.flows(more=5)
        assert await call.node() is not first
        assert [side.complaints for side in call.sides] == [[], [], []]


@pytest.mark.soak
@pytest.mark.timeout(500)
async def test_a_node_that_is_told_to_stop_lets_everybody_go(
    database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    async with (
        chromium() as browser,
        node_call(browser, unit_of_work, meeting, database=database, valkey=valkey, script=SMALL) as call,
    ):
        first = await call.node()
        await call.watch()
        first.signal(signal.SIGTERM)
        assert first.ended(60) == 0  # everybody had let go of it
        await call.flows(more=5)
        assert await call.node() is not first
        for side in call.sides:
            assert await never_alone(side)
            assert side.complaints == []

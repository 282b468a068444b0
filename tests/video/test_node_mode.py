"""call.js in three Chromium pages: two browser to browser, all three over a real media node, and two again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser

from telehealth.core.actors import Actor
from telehealth.db.unit import UnitOfWork
from tests.kit.call_process import Behind, running_web
from tests.kit.calls import Side, chromium, open_companion, open_side
from tests.kit.company import companion_of
from tests.kit.frozen import handed_over, see
from tests.kit.media_process import running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.signalling import behind

pytestmark = pytest.mark.browser


@dataclass
class Three:
    """The clinician and the patient, in a call browser to browser; and where an interpreter may come from."""

    host: Side
    patient: Side
    browser: Browser
    web: Behind
    meeting: Meeting
    companion: Actor


@pytest.fixture
async def three(database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork) -> AsyncIterator[Three]:
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    with running_node() as node:
        await a_node_reports(unit_of_work, node.url)
        web = behind(database, valkey, meeting, companion, grant_key=node.private)
        with running_web(web):
            async with chromium() as browser:
                host = await open_side(browser, web, meeting, host=True)
                patient = await open_side(browser, web, meeting, host=False)
                yield Three(host, patient, browser, web, meeting, companion)


async def test_a_third_brings_the_node_and_leaving_brings_the_browsers_back(three: Three) -> None:
    """What connects two is closed when pictures come by the node. How long they stand still is for a benchmark."""
    for side in (three.host, three.patient):
        await side.becomes("connected")
        await see(side, 1)
        await side.do("void (closings.length = 0)")

    interpreter = await open_companion(three.browser, three.web, three.meeting)
    for side in (three.host, three.patient, interpreter):
        await see(side, 2)
        await side.becomes("connected")
    for side in (three.host, three.patient):
        await side.until("peers[0].connectionState === 'closed'")  # what connected two is no more
        assert await handed_over(side), await side.do("Promise.all(closings)")

    await interpreter.do("call.close()")
    for side in (three.host, three.patient):
        await side.until("peers.at(-1).getReceivers().length === 2 && faces().length === 1")
        await see(side, 1)
        await side.becomes("connected")
        assert side.complaints == []

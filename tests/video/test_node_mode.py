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
from tests.kit.frozen import longest_frozen, see, watch_frozen
from tests.kit.media_process import running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.signalling import behind

pytestmark = pytest.mark.browser
FROZEN_AT_MOST = 1.0


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


@pytest.mark.timeout(300)
async def test_a_third_brings_the_node_and_leaving_brings_the_browsers_back(three: Three) -> None:
    for side in (three.host, three.patient):
        await side.becomes("connected", within=60)
        await see(side, 1)
    alone = await three.host.do("peers.length")
    assert alone == 1
    await watch_frozen(three.host, three.patient)

    interpreter = await open_companion(three.browser, three.web, three.meeting)
    for side in (three.host, three.patient, interpreter):
        await see(side, 2)
        await side.becomes("connected")
    assert "reconnecting" not in await three.host.states() + await three.patient.states()
    assert "frozen" not in await three.patient.states()
    assert await three.host.do("peers[0].connectionState") == "closed"  # what connected two is no more
    await stood_still_a_second_at_most(three.host, three.patient)

    await watch_frozen(three.host, three.patient)
    await interpreter.do("call.close()")
    for side in (three.host, three.patient):
        await side.until("peers.at(-1).getReceivers().length === 2 && faces().length === 1", 60)
        await see(side, 1)
        await side.becomes("connected")
        assert side.complaints == []
    await stood_still_a_second_at_most(three.host, three.patient)


async def stood_still_a_second_at_most(*sides: Side) -> None:
    """No picture, on the way from browsers to node or back, since the watch began."""
    stood = [await longest_frozen(side) for side in sides]
    assert max(stood) <= FROZEN_AT_MOST

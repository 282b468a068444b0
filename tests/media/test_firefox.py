"""Firefox and Chromium in one room of the node: what each decodes of the other."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any, cast
from uuid import uuid4

import pytest
from playwright.async_api import Page

from telehealth.core.grants import Place
from tests.kit.calls import chromium
from tests.kit.firefox import firefox
from tests.kit.media_process import RunningNode, running_node
from tests.kit.room_pages import Person

pytestmark = [pytest.mark.browser, pytest.mark.firefox]


def own_address() -> str:
    """One of this machine's that is not of the loopback, which Firefox offers nothing of; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.200", 9))
        return str(probe.getsockname()[0])


@pytest.fixture
def node() -> Iterator[RunningNode]:
    with running_node({"TELEHEALTH_MEDIA_HOST": own_address()}) as running:
        yield running


async def test_firefox_and_chromium_see_and_hear_each_other(node: RunningNode) -> None:
    place = Place(room=uuid4().hex, epoch=1)
    async with chromium() as browser, firefox() as tab:
        context = await browser.new_context(permissions=["camera", "microphone"])
        ann = Person("ann", node, await context.new_page(), place)
        bob = Person("bob", node, cast("Page", tab), place)
        for person in (ann, bob):
            await person.open()
        await asyncio.gather(ann.send(), bob.send())
        await asyncio.gather(ann.receive(1), bob.receive(1))
        await asyncio.gather(ann.sees("bob", more=60), bob.sees("ann", more=60))
        states: Any = await tab.evaluate("states")
        assert [each for each in states if "failed" in each] == []
        assert ann.complaints == []

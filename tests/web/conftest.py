"""One Chromium for the browser tests of a module: its event loop must not outlive them, others run their own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.kit.chromium import chromium

FAKE_DEVICES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module", name="chromium")
def opened_chromium() -> Iterator[Browser]:
    with chromium(*FAKE_DEVICES) as browser:
        yield browser

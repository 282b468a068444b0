"""What is sent in a call: another camera, the screen, and what the system took away; and how well it arrives."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from telehealth.video.said import read_said
from tests.kit.call_process import running_web
from tests.kit.calls import Side, open_side
from tests.kit.meetings import Meeting
from tests.kit.signalling import behind

pytestmark = pytest.mark.browser
PICTURE = "local.getVideoTracks()[0]"
# Chromium's made-up screen is wider than the camera of these pages.
WIDTH, CAMERA = "document.querySelector('video').videoWidth", 320


@pytest.fixture
async def sides(database: str, valkey: str, meeting: Meeting, browser: Browser) -> AsyncIterator[tuple[Side, Side]]:
    web = behind(database, valkey, meeting)
    with running_web(web):
        host = await open_side(browser, web, meeting, host=True)
        yield host, await open_side(browser, web, meeting, host=False)


async def test_what_is_sent_may_change_and_nobody_connects_anew(sides: tuple[Side, Side]) -> None:
    host, patient = sides
    for side in sides:
        await side.becomes("connected")
        await side.sees_the_other()

    # The screen goes where the camera was, and the camera comes back.
    await host.do("up.share()")
    await patient.until(f"{WIDTH} > {CAMERA}")
    await patient.sees_the_other(more_frames=5)
    await host.do("up.unshare()")
    await patient.until(f"{WIDTH} <= {CAMERA}")
    await patient.sees_the_other()
    assert await host.do("sharing") == [True, False]

    # Sharing that is ended in the browser's own bar ends like that, too.
    await host.do("up.share()")
    await patient.until(f"{WIDTH} > {CAMERA}")
    await host.do(f"{PICTURE}.dispatchEvent(new Event('ended'))")
    await patient.until(f"{WIDTH} <= {CAMERA}")

    # A phone call takes camera and microphone away: they are had again.
    for kind, track in (("video", PICTURE), ("audio", "local.getAudioTracks()[0]")):
        await host.do(f"{track}.stop(); {track}.dispatchEvent(new Event('ended'))")
        await host.until("losses.at(-1)?.length === 0 && losses.length % 2 === 0")
        assert (await host.do("losses"))[-2:] == [[kind], []]
        assert await host.do(f"{track}.readyState") == "live"
    await patient.sees_the_other()
    heard = await patient.do("audible()")
    await patient.until(f"audible().then((packets) => packets > {heard + 20})")

    # Another microphone while muted stays muted.
    await host.do("window.off = ['audio']; call.toggle('audio', false)")
    other = "(await navigator.mediaDevices.enumerateDevices()).findLast(({ kind }) => kind === 'audioinput').deviceId"
    await host.do(f"(async () => up.use('audio', {other}))()")
    assert await host.do("local.getAudioTracks().map(({ enabled, readyState }) => [enabled, readyState])") == [
        [False, "live"]
    ]

    for side in sides:
        assert await side.do("peers.length") == 1
        assert side.complaints == []


async def test_each_side_knows_how_well_it_receives_and_the_clinician_of_both(sides: tuple[Side, Side]) -> None:
    host, patient = sides
    for side in sides:
        await side.until("room?.you.quality")
    await host.until("room.peers[0].quality")
    assert "quality" not in await patient.do("room.peers[0]")


def test_jitter_need_not_be_told() -> None:
    report = {"type": "stats", "id": 1, "rtt_ms": 1, "loss": 0.0, "kbps": 1, "frozen_ms": 0, "relayed": False}
    assert read_said(report) is not None
    assert read_said({**report, "jitter_ms": 12}) is not None
    assert read_said({**report, "jitter_ms": -1}) is None

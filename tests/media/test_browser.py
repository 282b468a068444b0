"""precheck.js in Chromium against the media node, on a page as strict as ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, async_playwright

import telehealth
from telehealth.core.grants import MediaSessionId
from telehealth.core.verdict import judge
from telehealth.video.ports import IceServers
from telehealth.video.schemas import IceServer
from telehealth.video.turn import ice_servers
from tests.kit.coturn import SECRET, running_coturn
from tests.kit.media_process import RunningNode
from tests.kit.needs import program
from tests.kit.patience import PATIENCE, until_it

pytestmark = pytest.mark.browser

ORIGIN = "http://localhost:9"  # every request is answered by the route below; none leaves the browser
MODULE = Path(telehealth.__file__).parent / "web" / "static" / "precheck.js"
CSP = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; require-trusted-types-for 'script'"
LOOPBACK = ("--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns")
PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Network check</title><h1>Network check</h1></html>'

RUN = """async (options) => {
  const { checkNetwork, checkWays } = await import("/precheck.js");
  const exchange = async (offer) => {
    const answer = await fetch("/offer", { method: "POST", body: JSON.stringify(offer) });
    if (!answer.ok) throw new Error(`exchange ${answer.status}`);
    return options.spoil ? spoiled(await answer.json()) : answer.json();
  };
  const spoiled = ({ type, sdp }) => ({ type, sdp: sdp.replace(/a=ice-pwd:.*/g, "a=ice-pwd:" + "x".repeat(22)) });
  const controller = new AbortController();
  if (options.quit) setTimeout(() => controller.abort(), options.quit);
  const stream = options.audio ? await navigator.mediaDevices.getUserMedia({ audio: true }) : null;
  const seen = [];
  const onProgress = ({ done, total }) => seen.push(done / total);
  try {
    if (options.ways) return await checkWays({ exchange, iceServers: options.iceServers });
    const found = await checkNetwork({
      exchange, onProgress, signal: controller.signal, iceServers: options.iceServers ?? [],
      track: stream?.getAudioTracks()[0],
    });
    return { ...found, progress: seen.at(-1), steps: seen.length };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
}"""


class Clinic:
    """The page's server: the page, the module, and the exchange with the media node."""

    def __init__(self, node: RunningNode) -> None:
        self.session = MediaSessionId(uuid4())
        self.anew = False  # another session for each offer
        self.sees: list[str] = []
        self._node = node

    async def answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        match path:
            case "/":
                await route.fulfill(content_type="text/html", headers={"Content-Security-Policy": CSP}, body=PAGE)
            case "/precheck.js":
                await route.fulfill(content_type="text/javascript", body=MODULE.read_text())
            case "/offer":
                await self._exchange(route)
            case _:
                await route.abort()

    async def _exchange(self, route: Route) -> None:
        if self.anew:
            self.session = MediaSessionId(uuid4())
        async with httpx.AsyncClient(base_url=self._node.url, timeout=PATIENCE) as client:
            told = await client.put(
                f"/sessions/{self.session}",
                content=route.request.post_data or "",
                headers=self._node.bearer(self.session) | {"Content-Type": "application/json"},
            )
        await route.fulfill(status=told.status_code, content_type="application/json", body=told.text)

    async def stats(self) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self._node.url, timeout=PATIENCE) as client:
            told: dict[str, Any] = (await client.get("/stats")).json()
        return told

    async def figures(self) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self._node.url, timeout=PATIENCE) as client:
            told = await client.get(f"/sessions/{self.session}", headers=self._node.bearer(self.session))
        found: dict[str, Any] = told.json()
        return found


@asynccontextmanager
async def page_in_chromium(clinic: Clinic, *flags: str) -> AsyncIterator[Page]:
    args = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", *flags]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("browser"), args=args)
        async with page_of(clinic, browser) as page:
            yield page
        await browser.close()


@asynccontextmanager
async def page_of(clinic: Clinic, browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    page.on("console", lambda message: clinic.sees.append(message.text))
    page.on("pageerror", lambda error: clinic.sees.append(str(error)))
    await page.route("**/*", clinic.answer)
    await page.goto(f"{ORIGIN}/")
    yield page
    await page.close()


@pytest.mark.parametrize(
    ("flags", "audio"), [(LOOPBACK, False), ((), True)], ids=["loopback-flags-data", "as-people-have-it-audio"]
)
async def test_the_check_measures_a_round_trip(node: RunningNode, flags: tuple[str, ...], audio: bool) -> None:
    """And judges by what it measured: a busy machine is a poor network."""
    await measured(node, flags, audio)


@pytest.mark.soak
async def test_on_a_machine_of_ones_own_the_network_is_good(node: RunningNode) -> None:
    found, figures = await measured(node, LOOPBACK, audio=False)
    assert (found["verdict"], figures["verdict"]) == ("good", "good")
    assert 0 < found["rtt_ms"] < 100
    assert 0 <= found["jitter_ms"] < 30
    assert found["loss"] <= 0.02
    assert abs(figures["probes"]["rtt_ms"] - found["rtt_ms"]) < 20


async def measured(node: RunningNode, flags: tuple[str, ...], audio: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page found, and the node of the same check."""
    clinic = Clinic(node)
    async with page_in_chromium(clinic, *flags) as page:
        found = await page.evaluate(RUN, {"audio": audio})
        figures = await clinic.figures()
    assert found.get("relay") is None, found
    assert found["candidate_type"] in {"host", "prflx"}
    assert (found["progress"], found["steps"]) == (1, 50)
    kbps = min(found["kbps_up"], found["kbps_down"])
    assert kbps > 0
    told = {name: found[name] for name in ("rtt_ms", "jitter_ms", "loss")}
    assert found["verdict"] == judge(**told, kbps=kbps)
    assert found["rtt_ms"] > 0
    assert figures["probes"]["rtt_ms"] > 0
    assert figures["probes"]["received"] >= round(50 * (1 - found["loss"]))  # an echo may get lost on its way back
    assert (figures["audio"] is not None) is audio
    assert not audio or figures["audio"]["packets"] > 0
    assert clinic.sees == []
    return found, figures


async def test_no_way_through_is_none(node: RunningNode, browser: Browser) -> None:
    clinic = Clinic(node)
    async with page_of(clinic, browser) as page:
        await page.clock.install()
        check = asyncio.create_task(page.evaluate(RUN, {"spoil": True, "iceServers": [turn("turn:127.0.0.1:9")]}))
        before = (await clinic.stats())["drops"].get("stun_unauthenticated", 0)

        async def knocks() -> bool:
            return bool((await clinic.stats())["drops"].get("stun_unauthenticated", 0) > before)

        await until_it(knocks)
        await page.clock.fast_forward(8000)
        found = await check
        assert (found["verdict"], found["rtt_ms"], found["loss"], found["relay"]) == ("none", None, 1, False)


@pytest.mark.relay
async def test_every_way_is_tried_by_itself(node: RunningNode) -> None:
    clinic = Clinic(node)
    clinic.anew = True
    with running_coturn() as coturn:
        async with page_in_chromium(clinic, *LOOPBACK, "--ignore-certificate-errors") as page:
            servers = [each.model_dump() for each in _servers((*coturn.urls, *coturn.tcp, *coturn.tls))]
            found = await page.evaluate(RUN, {"ways": True, "iceServers": servers})
            assert found == dict.fromkeys(("udp", "turn_udp", "turn_tcp", "turn_tls"), "open")
            for server in servers:
                server["credential"] = "of another secret"
            nothing = {"ways": True, "iceServers": [each | {"urls": [*coturn.urls, *coturn.tcp]} for each in servers]}
            found = await page.evaluate(RUN, nothing)
            assert found == {"udp": "open", "turn_udp": "blocked", "turn_tcp": "blocked", "turn_tls": None}


def _servers(urls: tuple[str, ...]) -> list[IceServer]:
    return ice_servers(IceServers(urls, SECRET), uuid4(), datetime.now(UTC))


def turn(url: str) -> dict[str, str]:
    return {"urls": url, "username": "u", "credential": "c"}


async def test_the_check_can_be_left(node: RunningNode, browser: Browser) -> None:
    clinic = Clinic(node)
    async with page_of(clinic, browser) as page:
        assert (await page.evaluate(RUN, {"quit": 400}))["error"] == "AbortError"
        clinic.session = MediaSessionId("no such thing")  # type: ignore[arg-type]
        assert (await page.evaluate(RUN, {}))["message"] == "exchange 404"


async def test_both_sides_judge_alike(node: RunningNode, browser: Browser) -> None:
    grid = [
        {"rtt_ms": rtt, "jitter_ms": jitter, "loss": loss, "kbps": kbps}
        for rtt in (None, 0, 199, 200, 201, 400, 401)
        for jitter in (0, 30, 31, 60, 61)
        for loss in (0, 0.02, 0.021, 0.08, 0.081, 1)
        for kbps in (None, 249, 250, 999, 1000)
    ]
    async with page_of(Clinic(node), browser) as page:
        told = await page.evaluate(
            'async (grid) => { const { judge } = await import("/precheck.js"); return grid.map(judge); }', grid
        )
    assert told == [
        judge(rtt_ms=at["rtt_ms"], jitter_ms=at["jitter_ms"] or 0, loss=at["loss"] or 0, kbps=at["kbps"]) for at in grid
    ]

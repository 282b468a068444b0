"""People in Chromium in a room of a media node's process: pages with nothing on them but calls."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from playwright.async_api import Browser, Page, Route

import telehealth
from telehealth.core.grants import GrantKind, MediaSessionId, Place
from tests.kit.media_process import RunningNode
from tests.kit.patience import PATIENCE
from tests.kit.udp_proxy import UdpProxy
from tests.kit.webrtc import address_in

MODULES = Path(telehealth.__file__).parent / "web" / "static"
ORIGIN = "http://localhost:9"  # every request is answered by the route below; none leaves the browser

# One connection up, one down; the browser always offers. What a test looks at are the browser's own counts.
SCRIPT = """
const exchange = async (direction, method, pc) => {
  await pc.setLocalDescription();
  const body = JSON.stringify(pc.localDescription);
  const reply = await fetch(`/${direction}`, { method, body });
  if (!reply.ok) throw new Error(`${direction} ${method} ${reply.status}`);
  await pc.setRemoteDescription(await reply.json());
};
const connected = (pc) => new Promise((resolve, reject) => {
  const look = () => {
    if (pc.connectionState === "connected") resolve();
    if (pc.connectionState === "failed") reject(new Error("failed"));
  };
  pc.addEventListener("connectionstatechange", look);
  look();
});
window.states = [];
window.send = async ({ encodings, width, height, codec }) => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width, height, frameRate: 30 } });
  window.up = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  up.addEventListener("connectionstatechange", () => states.push(`up ${up.connectionState}`));
  up.addTransceiver(stream.getAudioTracks()[0], { direction: "sendonly", streams: [stream] });
  const picture = { direction: "sendonly", streams: [stream], sendEncodings: encodings };
  const video = up.addTransceiver(stream.getVideoTracks()[0], picture);
  prefer(video, codec);
  await exchange("up", "PUT", up);
  await connected(up);
};
const prefer = (transceiver, codec) => {
  if (!codec) return;
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  const first = codecs.filter(({ mimeType }) => mimeType === codec);
  transceiver.setCodecPreferences([...first, ...codecs.filter(({ mimeType }) => mimeType === "video/rtx")]);
};
window.shown = new Map();
window.receive = async (people) => {
  const first = !window.down;
  window.down ??= new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  if (first) {
    down.addEventListener("connectionstatechange", () => states.push(`down ${down.connectionState}`));
    down.addEventListener("track", ({ track, streams, transceiver }) => {
      const element = document.createElement(track.kind === "video" ? "video" : "audio");
      element.autoplay = element.muted = element.playsInline = true;
      element.srcObject = new MediaStream([track]);
      document.body.append(element);
      shown.set(transceiver.mid, { person: streams[0]?.id, kind: track.kind });
    });
  }
  for (let each = 0; each < people; each += 1) {
    down.addTransceiver("audio", { direction: "recvonly" });
    down.addTransceiver("video", { direction: "recvonly" });
  }
  await exchange("down", first ? "PUT" : "PATCH", down);
  await connected(down);
};
window.restart = async (which) => {
  const pc = window[which];
  const old = pc.localDescription.sdp.match(/a=ice-ufrag:(.*)/)[1];
  pc.restartIce();
  await exchange(which, "PATCH", pc);
  return pc.localDescription.sdp.match(/a=ice-ufrag:(.*)/)[1] !== old;
};
window.counts = async () => {
  if (!window.down) return {};
  const found = {};
  for (const each of (await down.getStats()).values()) {
    if (each.type !== "inbound-rtp") continue;
    const { person, kind } = shown.get(each.mid) ?? {};
    const counted = kind === "video" ? each.framesDecoded : each.totalSamplesReceived / 960;
    found[`${person} ${kind}`] = Math.floor(counted ?? 0);
  }
  return found;
};
window.figures = async (which) => [...(await window[which].getStats()).values()]
  .filter(({ type }) => type.endsWith("bound-rtp") || type === "transport" || type === "codec");
"""
PAGE = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Room</title><script>{SCRIPT}</script>'


class Person:
    """One page, and its two sessions at the node."""

    def __init__(self, name: str, node: RunningNode, page: Page, place: Place) -> None:
        self.name, self.page, self.place = name, page, place
        self.complaints: list[str] = []
        self.proxies: dict[str, UdpProxy] = {}
        self.through: set[str] = set()
        self.sessions = {direction: MediaSessionId(uuid4()) for direction in ("up", "down")}
        self._node = node

    def bearer(self, direction: str) -> dict[str, str]:
        kind = GrantKind.SEND if direction == "up" else GrantKind.RECEIVE
        token = self._node.signer.sign(
            self.sessions[direction], sub=self.name, now=datetime.now(UTC), kind=kind, place=self.place
        )
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def open(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await self.page.route("**/*", self._serve)
        await self.page.goto(f"{ORIGIN}/")

    async def _serve(self, route: Route) -> None:
        path = route.request.url.removeprefix(f"{ORIGIN}/")
        if path.startswith("static/"):
            await route.fulfill(path=MODULES / path.removeprefix("static/"), content_type="text/javascript")
            return
        if path not in self.sessions:
            await route.fulfill(content_type="text/html", body=PAGE)
            return
        async with httpx.AsyncClient(base_url=self._node.url, timeout=PATIENCE) as client:
            told = await client.request(
                route.request.method,
                f"/sessions/{self.sessions[path]}",
                content=route.request.post_data or "",
                headers=self.bearer(path),
            )
        body = told.text
        if path in self.through:
            body = self._by_way(path, body)
        await route.fulfill(status=told.status_code, content_type="application/json", body=body)

    def _by_way(self, direction: str, body: str) -> str:
        """The answer as one sees it who reaches the node by a proxy, which is made for the first."""
        answer = json.loads(body)
        if direction not in self.proxies:
            self.proxies[direction] = UdpProxy(address_in(answer["sdp"]))
        return json.dumps({"type": "answer", "sdp": self.proxies[direction].before(answer["sdp"])})

    def by_proxy(self, *directions: str) -> None:
        """Lets these connections go by a `UdpProxy` each, in `proxies` once they are made."""
        self.through |= set(directions)

    async def send(
        self,
        *,
        width: int = 320,
        height: int = 240,
        encodings: list[dict[str, Any]] | None = None,
        codec: str | None = None,
    ) -> None:
        wanted = {"width": width, "height": height, "encodings": encodings or [{}], "codec": codec}
        await self.page.evaluate("(wanted) => send(wanted)", wanted)

    async def receive(self, people: int) -> None:
        """That many more people than before."""
        await self.page.evaluate(f"receive({people})")

    async def restart(self, which: str) -> bool:
        return bool(await self.page.evaluate(f"restart('{which}')"))

    async def counts(self) -> dict[str, int]:
        """Frames decoded, and 20 ms of sound received, by person and kind."""
        found: dict[str, int] = await self.page.evaluate("counts()")
        return found

    async def figures(self, which: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.page.evaluate(f"figures('{which}')")
        return found

    async def sees(self, *people: str, more: int = 20, within: float = PATIENCE) -> dict[str, int]:
        """Waits until of each so many more frames and as many frames of sound are there; the counts then."""
        wanted = [f"{person} {kind}" for person in people for kind in ("audio", "video")]
        before = await self.counts()
        for _ in range(int(within / 0.1)):
            now = await self.counts()
            if all(now.get(name, 0) >= before.get(name, 0) + more for name in wanted):
                return now
            await asyncio.sleep(0.1)
        raise AssertionError(f"{self.name} does not see {people}: {before} {now} {self.complaints} {await self.told()}")

    async def told(self) -> str:
        """What the node says of both sessions."""
        async with httpx.AsyncClient(base_url=self._node.url, timeout=PATIENCE) as client:
            views = [
                (await client.get(f"/sessions/{session}", headers=self.bearer(direction))).json()
                for direction, session in self.sessions.items()
            ]
            return json.dumps([*views, (await client.get("/stats")).json()])

    async def view(self, direction: str) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self._node.url, timeout=PATIENCE) as client:
            told = await client.get(f"/sessions/{self.sessions[direction]}", headers=self.bearer(direction))
        found: dict[str, Any] = told.json()
        return found


@asynccontextmanager
async def people(
    browser: Browser, node: RunningNode, *names: str, place: Place | None = None, script: str = ""
) -> AsyncIterator[list[Person]]:
    """Pages of people in a room, one that nobody else is in unless it is named, where that script ran first."""
    place = place or Place(room=uuid4().hex, epoch=1)
    context = await browser.new_context(permissions=["camera", "microphone"])
    await context.add_init_script(script)
    found = []
    for name in names:
        person = Person(name, node, await context.new_page(), place)
        await person.open()
        found.append(person)
    try:
        yield found
    finally:
        await context.close()
        for person in found:
            for proxy in person.proxies.values():
                proxy.close()

"""`telehealth check-call`: what /test does in a browser, from a command line: for IT departments and monitoring.

Talks to the public check of an installation, connects to the media node by every way a call could take, and measures.
A program of its own, `python -m telehealth.cli.check_call URL [--json]`, because no other command needs aiortc.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from rich.console import Console
from rich.table import Table

from telehealth.cli.errors import CannotStart
from telehealth.core.probes import BANDWIDTH_LABEL, PROBE_LABEL, Echo, Meter, Probe, send_bulk
from telehealth.core.verdict import Verdict, judge, round_trip
from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Outbound, open_client

WAYS = ("udp", "turn_udp", "turn_tcp", "turn_tls")
PROBES, EVERY, STRAGGLERS, SETUP = 50, 0.05, 1.0, 10.0
PROBE_BYTES = 160  # about a packet of speech
BANDWIDTH = 20.0  # its turn may have to be waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """As a browser reports it: milliseconds, 0 to 1, kilobits per second; None for what could not be measured.

    `ways` are open, blocked, or None for a server this installation has not.
    """

    rtt_ms: float | None
    jitter_ms: float
    loss: float
    kbps_up: int | None
    kbps_down: int | None
    ways: Mapping[str, str | None]
    verdict: Verdict

    @property
    def fits(self) -> bool:
        """Whether a call will do here: something leads to the node, and well enough."""
        return self.verdict in (Verdict.GOOD, Verdict.FAIR)

    def told(self) -> dict[str, Any]:
        return asdict(self)


NOTHING = (None, 0.0, 1.0)


async def check(url: str) -> Network:
    """Measures from here to the installation at that address. Raises CannotStart when its check does not answer."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise CannotStart("Give the address of an installation, such as https://visits.clinic.example")
    async with open_client(deadline=10, max_bytes=256 * 1024, connections=8) as client:
        door = _Door(client, f"{parts.scheme}://{parts.netloc}")
        servers = await door.servers()
        ways = await asyncio.gather(*(_way(door, servers, way) for way in WAYS))
        found = dict(zip(WAYS, ways, strict=True))
        best = next((way for way in WAYS if found[way] == "open"), None)
        if best is None:
            rtt, jitter, loss, up, down = *NOTHING, None, None
        else:
            rtt, jitter, loss, up, down = await _measure(door, only(servers, best), relayed=best != "udp")
    kbps = None if up is None or down is None else min(up, down)
    verdict = judge(rtt_ms=rtt, jitter_ms=jitter, loss=loss, kbps=kbps)
    return Network(rtt_ms=rtt, jitter_ms=jitter, loss=loss, kbps_up=up, kbps_down=down, ways=found, verdict=verdict)


class _Door:
    """The public check of an installation (`GET /v1/check/ice-servers`, `POST /v1/check`)."""

    def __init__(self, client: Outbound, origin: str) -> None:
        self._client, self._origin = client, origin

    async def servers(self) -> list[RTCIceServer]:
        answer = await self._ask("GET", "/v1/check/ice-servers", None)
        return [RTCIceServer(each["urls"], each["username"], each["credential"]) for each in answer["ice_servers"]]

    async def answer(self, offer: str) -> str:
        return str((await self._ask("POST", "/v1/check", {"type": "offer", "sdp": offer}))["sdp"])

    async def _ask(self, method: str, path: str, body: object) -> Any:
        try:
            reply = await self._client.send(
                method,
                f"{self._origin}{path}",
                headers={"Content-Type": "application/json"},
                content=b"" if body is None else json.dumps(body).encode(),
            )
            answer: Any = reply.json()
        except (NotSent, NoAnswer, NotJson):
            raise CannotStart(f"{self._origin} does not answer as an installation does.") from None
        if reply.status != 200:
            raise CannotStart(f"{self._origin} refuses the check: {answer.get('title', reply.status)}.")
        return answer


def only(servers: Sequence[RTCIceServer], way: str) -> list[RTCIceServer]:
    """The servers that way goes over, with their addresses of that kind alone."""
    found = []
    for server in servers:
        urls = [url for url in server.urls if _kind(url) == way]
        if urls:
            found.append(RTCIceServer(urls, server.username, server.credential))
    return found


def _kind(url: str) -> str:
    if url.startswith("turns:"):
        return "turn_tls"
    if url.startswith("turn:"):
        return "turn_tcp" if "transport=tcp" in url else "turn_udp"
    return ""


async def _way(door: _Door, servers: Sequence[RTCIceServer], way: str) -> str | None:
    theirs = only(servers, way)
    if way != "udp" and not theirs:
        return None
    async with _connected(door, theirs, relayed=way != "udp") as caller:
        return "open" if caller is not None else "blocked"


@asynccontextmanager
async def _connected(door: _Door, servers: list[RTCIceServer], *, relayed: bool) -> AsyncIterator["_Caller | None"]:
    """A connection that is up; None when that way leads nowhere."""
    policy = RTCIceTransportPolicy.RELAY if relayed else RTCIceTransportPolicy.ALL
    peer = RTCPeerConnection(RTCConfiguration(iceServers=servers, iceTransportPolicy=policy))
    caller = _Caller(peer)
    try:
        yield caller if await caller.connects(door) else None
    finally:
        await peer.close()


async def _measure(
    door: _Door, servers: list[RTCIceServer], *, relayed: bool
) -> tuple[float | None, float, float, int | None, int | None]:
    async with _connected(door, servers, relayed=relayed) as caller:
        if caller is None:
            return *NOTHING, None, None
        return *await caller.probe(), *await caller.bandwidth()


class _Caller:
    """One peer connection of ours with the media node."""

    def __init__(self, peer: RTCPeerConnection) -> None:
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._channel = peer.createDataChannel(PROBE_LABEL, ordered=False, maxRetransmits=0)
        self._bulk: RTCDataChannel = peer.createDataChannel(BANDWIDTH_LABEL)
        self._open = asyncio.Event()
        self._took: dict[int, float] = {}
        self._heard = (0.0, 0.0)
        self._words: asyncio.Queue[str] = asyncio.Queue()
        self._meter = Meter()
        self._channel.on("open", self._open.set)
        self._channel.on("message", self._on_echo)
        self._bulk.on("message", self._on_bulk)

    async def connects(self, door: _Door) -> bool:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(SETUP):
                await self._peer.setLocalDescription(await self._peer.createOffer())
                answer = await door.answer(self._peer.localDescription.sdp)
                await self._peer.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
                await self._open.wait()
                return True
        return False

    async def probe(self) -> tuple[float | None, float, float]:
        """Median round trip and jitter in milliseconds, loss of both ways together."""
        for number in range(PROBES):
            now, (clock, at) = self._now(), self._heard
            probe = Probe(number, now, clock, now - at if clock else 0.0)
            if self._channel.readyState == "open":
                self._channel.send(probe.pack(PROBE_BYTES))
            await asyncio.sleep(EVERY)
        await asyncio.sleep(0 if len(self._took) == PROBES else STRAGGLERS)
        rtt, jitter = round_trip([took for _, took in sorted(self._took.items())])
        return rtt, jitter, (PROBES - len(self._took)) / PROBES

    async def bandwidth(self) -> tuple[int | None, int | None]:
        """Kilobits per second up and down."""
        try:
            async with asyncio.timeout(BANDWIDTH):
                await self._words.get()  # go
                await send_bulk(self._bulk)
                up = (await self._words.get()).split()
                await self._words.get()  # end
        except TimeoutError:
            return None, None
        return int(up[1]), self._meter.kbps

    def _now(self) -> float:
        return self._loop.time() * 1000

    def _on_echo(self, message: bytes | str) -> None:
        echo = Echo.unpack(message)
        if echo is not None:
            self._took[echo.number] = self._now() - echo.sent_ms
            self._heard = (echo.clock_ms, self._now())

    def _on_bulk(self, message: bytes | str) -> None:
        if isinstance(message, str):
            self._words.put_nowait(message)
        else:
            self._meter.take(len(message), self._loop.time())


NAMES = {
    "udp": "straight to the clinic (UDP)",
    "turn_udp": "over the relay by UDP",
    "turn_tcp": "over the relay by TCP",
    "turn_tls": "over the relay by TLS",
}


def table(network: Network) -> Table:
    """What was found, for a person."""
    shown = Table(box=None, show_header=False)
    for way, name in NAMES.items():
        shown.add_row(name, network.ways[way] or "not used by this installation")

    def row(name: str, value: float | None, unit: str) -> None:
        shown.add_row(name, "not measured" if value is None else f"{value:.0f} {unit}")

    row("round trip", network.rtt_ms, "ms")
    row("jitter", network.jitter_ms, "ms")
    row("loss", network.loss * 100, "%")
    row("up", network.kbps_up, "kbit/s")
    row("down", network.kbps_down, "kbit/s")
    shown.add_row("for a call", network.verdict.value)
    return shown


def main(url: str, *, is_json: bool) -> int:
    """0 when a call will do from here, 1 when not, or when the installation does not answer."""
    try:
        network = asyncio.run(check(url))
    except CannotStart as error:
        Console(stderr=True).print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        return 1
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(json.dumps(network.told(), indent=2) if is_json else table(network))
    return 0 if network.fits else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], is_json="--json" in sys.argv[2:]))

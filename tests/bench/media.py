"""What a forwarded packet costs: `python -m tests.bench.media`.

The same people play to each server in turn: our media node, Debian's Janus (VideoRoom; `deploy/install-test-deps
janus`), aiortc's MediaRelay for a few. ICE, DTLS and SRTP (AEAD_AES_128_GCM) are real; senders and receivers are two
processes on one core, the server has another. Latency is what the server adds: the same packets were sent from the
one process to the other without it first. Run it as root with `chrt -r 5` on a machine that others use too.
"""

import json as js
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import IO, Annotated, Any

import typer

from telehealth.media.compiled import is_current
from tests.bench.figures import Report, Times, console
from tests.bench.forwarding import servers
from tests.bench.forwarding.player import Part
from tests.bench.forwarding.servers import Server

OURS, COMPILED, JANUS, RELAY, DIRECT = "telehealth", "telehealth, compiled", "Janus", "MediaRelay", "direct"
WARM_SECONDS = 9.0  # a visit lasts for minutes: what is kept of a stream, 512 packets of a picture, has come by then
LADDER = (2_500, 5_000, 10_000, 15_000, 20_000)
LOSSLESS = 20_000
OF_JANUS, COMPILED_OF_JANUS, OF_RELAY = 0.75, 0.45, 50.0


@dataclass(frozen=True, slots=True)
class Load:
    """`rooms` of `people` who each send one sound and one picture, and receive everybody else's."""

    name: str
    rooms: int
    people: int
    plan: str
    recorded: bool = False

    @property
    def fan_out(self) -> int:
        return self.people - 1

    @property
    def rate(self) -> float:
        """Forwarded packets a second."""
        each = {"360p": 50 + 30 * 2, "720p": 50 + 30 * 6}[self.plan]
        return self.rooms * self.people * self.fan_out * each


LOADS = {
    "20": Load("20 visits 1:1, 360p", 20, 2, "360p"),
    "50": Load("50 visits 1:1, 360p", 50, 2, "360p"),
    "rooms": Load("10 rooms of three, 720p", 10, 3, "720p"),
}
FEW = Load("2 visits 1:1, 360p", 2, 2, "360p", recorded=True)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one play. Microseconds for a packet, milliseconds of delay, parts of 1 of loss and of the core."""

    forwarded: int
    cpu_us: float
    p50_ms: float
    p95_ms: float
    loss: float
    core: float
    late_ms: float
    refused: int


@dataclass(frozen=True, slots=True)
class Found:
    """What one server did with one load. CPU in milliseconds for a person who joins: two connections."""

    join_ms: float
    plays: Sequence[Figures]


class Players:
    """One process of senders or receivers."""

    def __init__(self, part: Part, core: int) -> None:
        command = ["taskset", "--cpu-list", str(core), sys.executable, "-m", "tests.bench.forwarding.player"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._tell(asdict(part))
        self.hear()

    def play(self, seconds: float, scale: float) -> None:
        """Begins; `hear` returns when it is over."""
        self._tell({"seconds": seconds, "scale": scale})

    def hear(self) -> dict[str, Any]:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError("the players ended")
        return dict(js.loads(line))

    def close(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(10)

    def _tell(self, what: object) -> None:
        pipe = _pipe(self._process.stdin)
        pipe.write(js.dumps(what) + "\n")
        pipe.flush()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@contextmanager
def _players(part: Part, core: int) -> Iterator[Players]:
    players = Players(part, core)
    try:
        yield players
    finally:
        players.close()


def measure(server: Server, load: Load, where: tuple[str, int], plays: Sequence[tuple[float, float]]) -> Found:
    """Joins everybody, their players being at that (address, core), and plays once for each (seconds, scale)."""
    host, core = where
    ports, key = ([], "") if server.process is not None else (_free_ports(host, load), secrets.token_hex(28))
    part = Part(
        sends=True,
        host=host,
        server=dict(server.told),
        rooms=load.rooms,
        people=load.people,
        plan=load.plan,
        recorded=load.recorded,
        ports=ports,
        key=key,
    )
    receiving = Part(**asdict(part) | {"sends": False})
    fan_out = load.fan_out if server.process is not None else 1
    with ExitStack() as stack:
        before = server.cpu
        first, second = (part, receiving) if not ports else (receiving, part)
        both = {each.sends: stack.enter_context(_players(each, core)) for each in (first, second)}
        join_ms = (server.cpu - before) / (load.rooms * load.people) * 1000
        _play(server, both[True], both[False], (WARM_SECONDS, plays[0][1], fan_out))
        return Found(join_ms, [_play(server, both[True], both[False], (*each, fan_out)) for each in plays])


def _play(server: Server, senders: Players, receivers: Players, how: tuple[float, float, int]) -> Figures:
    seconds, scale, fan_out = how
    before = server.cpu
    receivers.play(seconds, scale)
    senders.play(seconds, scale)
    sent, heard = senders.hear(), receivers.hear()
    used, forwarded, wanted = server.cpu - before, heard["packets"], sent["packets"] * fan_out
    delays = Times(heard["delays_ms"] or [float("nan")])
    return Figures(
        forwarded=forwarded,
        cpu_us=used / max(1, forwarded) * 1_000_000,
        p50_ms=delays.percentile(0.5),
        p95_ms=delays.percentile(0.95),
        loss=1 - forwarded / wanted,
        core=used / seconds,
        late_ms=sent["late_ms"],
        refused=heard["refused"],
    )


def _free_ports(host: str, load: Load) -> list[int]:
    with ExitStack() as stack:
        found = []
        for _ in range(load.rooms * load.people):
            end = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            end.bind((host, 0))
            found.append(int(end.getsockname()[1]))
        return found


def main(
    *,
    load: Annotated[list[str] | None, typer.Option(help="Of: 20, 50, rooms, relay, ladder. None: all.")] = None,
    seconds: Annotated[float, typer.Option(help="Seconds of each play.")] = 5.0,
    rounds: Annotated[int, typer.Option(help="Times that every load is played; figures are medians.")] = 3,
    host: Annotated[str, typer.Option(help="An address of this machine; Janus takes no loopback address.")] = "",
    core: Annotated[int, typer.Option(help="The server's processor; the players take the next.")] = 0,
    log: Annotated[Path | None, typer.Option(help="What the servers say goes here.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report("Media: what it costs to forward a packet")
    wanted = set(load or [*LOADS, "relay", "ladder"])
    bench = Bench(host or _own_address(), core, seconds, log)
    if bench.janus is None:
        report.remark("Janus is not installed: deploy/install-test-deps janus")
    report.note("Janus", bench.janus)
    costs = {name: _loads(bench, LOADS[name], rounds, report) for name in LOADS if name in wanted}
    if "relay" in wanted:
        _relay(bench, costs, report)
    if "ladder" in wanted:
        _ladder(bench, report)
    average = os.getloadavg()[0]
    report.note("load of the machine at the end", round(average, 1))
    report.row("load of the machine at the end", f"{average:.1f}", "")
    report.show(json)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where servers run and how long they are played to."""

    host: str
    core: int
    seconds: float
    log: Path | None

    @property
    def janus(self) -> str | None:
        return servers.janus_version()

    def starts(self) -> dict[str, Callable[[], AbstractContextManager[Server]]]:
        """The servers, the direct path first."""
        found: dict[str, Callable[[], AbstractContextManager[Server]]] = {
            DIRECT: servers.direct,
            OURS: lambda: servers.node(self.host, self.core, self.log, compiled=False),
        }
        if is_current():
            found[COMPILED] = lambda: servers.node(self.host, self.core, self.log, compiled=True)
        if self.janus is not None:
            found[JANUS] = lambda: servers.janus(self.host, self.core, self.log)
        return found

    def run(self, start: Callable[[], AbstractContextManager[Server]], load: Load, scales: Sequence[float]) -> Found:
        players = (self.core + 1) % (os.cpu_count() or 1)
        with start() as server:
            return measure(server, load, (self.host, players), [(self.seconds, scale) for scale in scales])


def _loads(bench: Bench, load: Load, rounds: int, report: Report) -> float:
    """Our microseconds for a packet of that load, and everybody's in the report."""
    taken: dict[str, list[Found]] = {}
    for number in range(rounds):
        for name, start in bench.starts().items():
            console.print(f"{load.name}: {name}, round {number + 1} of {rounds}")
            taken.setdefault(name, []).append(bench.run(start, load, [1.0]))
    direct = _middle(taken[DIRECT])
    shown = {name: _shown(f"{load.name}: {name}", _middle(founds), direct, report) for name, founds in taken.items()}
    if JANUS in shown:
        for name, most in ((OURS, OF_JANUS), (COMPILED, COMPILED_OF_JANUS)):
            if name in shown:
                _beside_janus(f"{load.name}: {{}}, {name} / {JANUS}", (shown[name], shown[JANUS]), most, report)
    return shown[OURS]["cpu_us"]


def _beside_janus(title: str, found: tuple[dict[str, float], dict[str, float]], most: float, report: Report) -> None:
    report.at_most(title.format("CPU of a packet"), _ratio(*found, "cpu_us"), most)
    report.at_most(title.format("added latency p50"), _ratio(*found, "added_p50_ms"), 1.0)
    report.at_most(title.format("CPU of a join"), _ratio(*found, "join_ms"), 1.0)


def _middle(founds: Sequence[Found]) -> dict[str, float]:
    """Medians, but of loss the worst."""
    plays = [each.plays[0] for each in founds]
    names = ("cpu_us", "p50_ms", "p95_ms", "core", "late_ms")
    middle = {name: median(getattr(play, name) for play in plays) for name in names}
    return middle | {
        "join_ms": median(each.join_ms for each in founds),
        "loss": max(play.loss for play in plays),
        "refused": sum(play.refused for play in plays),
    }


def _shown(name: str, found: dict[str, float], direct: dict[str, float], report: Report) -> dict[str, float]:
    told = {key: round(value, 5) for key, value in found.items()}
    told |= {f"added_{key}": round(found[key] - direct[key], 4) for key in ("p50_ms", "p95_ms")}
    report.note(f"{name}", told)
    if found["cpu_us"] == 0:
        report.row(f"{name}", f"delay p50 {found['p50_ms']:.3f}, p95 {found['p95_ms']:.3f} ms", "")
        return told
    cells = f"{told['cpu_us']:.1f} us/packet, {told['core']:.0%} of a core, {told['join_ms']:.1f} ms/join; added p50"
    cells += f" {told['added_p50_ms']:.3f}, p95 {told['added_p95_ms']:.3f} ms; loss {told['loss']:.4%}"
    report.row(f"{name}", cells, "")
    return told


def _ratio(ours: dict[str, float], theirs: dict[str, float], name: str) -> float:
    return round(ours[name] / theirs[name], 3) if theirs[name] else 0.0


def _relay(bench: Bench, costs: dict[str, float], report: Report) -> None:
    """Its packets are new ones, more or fewer: what counts are those that were to be forwarded."""
    console.print(f"{FEW.name}: {RELAY} and {OURS}")
    start = lambda: servers.relay(bench.host, bench.core, bench.log)  # noqa: E731
    theirs = _sent_cost(bench.run(start, FEW, [1.0]))
    ours = _sent_cost(bench.run(bench.starts()[OURS], FEW, [1.0]))
    for name, cost in ((RELAY, theirs), (OURS, ours)):
        report.note(f"{FEW.name}: {name}, us of CPU for a packet", round(cost, 1))
        report.row(f"{FEW.name}: {name}", f"{cost:,.1f} us/packet", "")
    report.at_least(f"{FEW.name}: {RELAY} / ours", theirs / ours, OF_RELAY, "times")
    for name, cost in costs.items():
        report.at_least(f"{RELAY} with {FEW.name} / ours with {LOADS[name].name}", theirs / cost, OF_RELAY, "times")


def _sent_cost(found: Found) -> float:
    play = found.plays[0]
    return play.cpu_us * (1 - play.loss)


def _ladder(bench: Bench, report: Report) -> None:
    """The most packets a second that arrive without a loss, of those tried."""
    load = LOADS["rooms"]
    for name, start in bench.starts().items():
        if name == DIRECT:
            continue
        console.print(f"ladder: {name}")
        plays = bench.run(start, load, [rate / load.rate for rate in LADDER]).plays
        best = 0
        for rate, play in zip(LADDER, plays, strict=True):
            report.note(f"ladder {rate:,}/s: {name}", asdict(play))
            cells = (
                f"loss {play.loss:.4%}, {play.core:.0%} of a core, {play.cpu_us:.1f} us/packet, p50 {play.p50_ms:.2f}"
            )
            report.row(f"{rate:,} packets/s: {name}", f"{cells}, p95 {play.p95_ms:.2f} ms", "")
            best = rate if play.loss == 0 and best >= 0 else best
        report.at_least(f"packets/s without loss: {name}", best, LOSSLESS if name == OURS else 0, "/s")


def _own_address() -> str:
    """The address that this machine would send from; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.connect(("203.0.113.1", 9))
        return str(end.getsockname()[0])


if __name__ == "__main__":
    typer.run(main)

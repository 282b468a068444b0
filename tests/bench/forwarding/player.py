"""The people of a benchmark, all sending or all receiving, in a process of their own.

    python -m tests.bench.forwarding.player

The first line of its input says who they are and where the server is (`Part` as JSON). It connects them and prints
how many. Each line after that plays, `{"seconds": 5, "scale": 1}`, and is answered by a line of figures. It ends with
its input.
"""

import asyncio
import gc
import heapq
import json
import random
import select
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from telehealth.media.secure import Packet
from tests.bench.forwarding.arrivals import Arrivals, Listener
from tests.bench.forwarding.clips import clip
from tests.bench.forwarding.peer import Connection
from tests.bench.forwarding.signalling import signalling
from tests.bench.forwarding.streams import PLANS, Feedback, Stream

AT_ONCE = 6  # connections that come up at a time
CHECK_SECONDS = 4.0
LISTEN_SECONDS = 0.02
REPORT_SECONDS = 1.0
AFTERGLOW = 1.0  # seconds that receivers listen longer than senders play
DELAYS_TOLD = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`ports` and `key` are of the direct path, where nobody answers."""

    sends: bool
    host: str
    server: dict[str, str]
    rooms: int
    people: int
    plan: str
    recorded: bool = False
    ports: list[int] = field(default_factory=list)
    key: str = ""

    @property
    def everybody(self) -> list[tuple[int, int]]:
        return [(room, person) for room in range(self.rooms) for person in range(self.people)]


class Senders:
    """Everybody's sending connections, and what is played into them."""

    def __init__(self, part: Part, connections: Sequence[Connection], slab: Packet) -> None:
        self._connections = connections
        self._streams: list[Stream] = []
        for connection in connections:
            own = [
                Stream(connection, sort, slab, recorded=clip(sort, part.plan) if part.recorded else ())
                for sort in PLANS[part.plan]
            ]
            Feedback(connection, own)
            self._streams += own

    def play(self, seconds: float, scale: float) -> dict[str, object]:
        """Plays with frames that come `scale` times as fast."""
        before = sum(each.sent for each in self._streams)
        _check(self._connections)
        begun = time.monotonic()
        end = begun + seconds
        intervals = [1 / (each.sort.frames * scale) for each in self._streams]
        due = [(begun + random.random() * interval, number) for number, interval in enumerate(intervals)]
        heapq.heapify(due)
        listen_at, check_at, late = begun, begun + CHECK_SECONDS, []
        while due:
            at, number = due[0]
            now = time.monotonic()
            if now < at:
                time.sleep(min(at - now, LISTEN_SECONDS))
            else:
                late.append(now - at)
                self._streams[number].play(now)
                if at + intervals[number] < end:
                    heapq.heapreplace(due, (at + intervals[number], number))
                else:
                    heapq.heappop(due)
            if now >= listen_at:
                listen_at = now + LISTEN_SECONDS
                for each in self._connections:
                    each.drain()
            if now >= check_at:
                check_at = now + CHECK_SECONDS
                _check(self._connections)
        late.sort()
        return {
            "packets": sum(each.sent for each in self._streams) - before,
            "late_ms": round(late[int(len(late) * 0.95)] * 1000, 3),
        }


class Receivers:
    """Everybody's receiving connections."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections
        self._arrivals = Arrivals()
        self._listeners = {each.socket.fileno(): Listener(each, self._arrivals) for each in connections}
        self._poll = select.epoll()
        for number in self._listeners:
            self._poll.register(number, select.EPOLLIN)

    def play(self, seconds: float, _: float) -> dict[str, object]:
        arrivals = self._arrivals
        arrivals.packets = arrivals.again = arrivals.refused = 0
        arrivals.delays.clear()
        _check(self._connections)
        now = time.monotonic()
        end, check_at = now + seconds + AFTERGLOW, now + CHECK_SECONDS
        reports = [(now + random.random() * REPORT_SECONDS, number) for number in self._listeners]
        heapq.heapify(reports)
        while now < end:
            for number, _event in self._poll.poll(max(0.0, reports[0][0] - now)):
                self._listeners[number].connection.drain()
            now = time.monotonic()
            if now >= reports[0][0]:
                self._listeners[reports[0][1]].report()
                heapq.heapreplace(reports, (reports[0][0] + REPORT_SECONDS, reports[0][1]))
            if now >= check_at:
                check_at = now + CHECK_SECONDS
                _check(self._connections)
        delays = random.sample(arrivals.delays, min(DELAYS_TOLD, len(arrivals.delays)))
        return {
            "packets": arrivals.packets,
            "again": arrivals.again,
            "refused": arrivals.refused,
            "delays_ms": [round(each / 1_000_000, 4) for each in delays],
        }


def _check(connections: Iterable[Connection]) -> None:
    for each in connections:
        each.check()


async def _connected(part: Part, packet: Packet) -> list[Connection]:
    connections = [
        Connection(
            part.host, packet, port=0 if part.sends else port, controlling=part.sends or part.server["kind"] != "janus"
        )
        for _, port in zip(part.everybody, part.ports or [0] * len(part.everybody), strict=True)
    ]
    if part.ports:
        for connection, port in zip(connections, part.ports, strict=True):
            connection.connect_plainly((part.host, port) if part.sends else None, bytes.fromhex(part.key))
        return connections
    server, turns = signalling(part.server), asyncio.Semaphore(AT_ONCE)

    async def join(connection: Connection, room: int, person: int) -> None:
        others = [each for each in range(part.people) if each != person]
        async with turns:
            if part.sends:
                await server.send(connection, room, person)
            else:
                await server.receive(connection, room, others, person)

    await asyncio.gather(*(join(each, *who) for each, who in zip(connections, part.everybody, strict=True)))
    return connections


def main() -> None:
    part = Part(**json.loads(sys.stdin.readline()))
    packet = Packet()
    with asyncio.Runner() as runner:
        connections = runner.run(_connected(part, packet))
        _check(connections)
        players = Senders(part, connections, packet) if part.sends else Receivers(connections)
        gc.collect()
        gc.freeze()
        _tell({"connections": len(connections)})
        for line in sys.stdin:
            wanted = json.loads(line)
            _tell(players.play(wanted["seconds"], wanted["scale"]))


def _tell(figures: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

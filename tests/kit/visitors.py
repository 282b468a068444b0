"""Visits that come and go at a media node, in a process of their own, with real ICE, DTLS and SRTP.

    python -m tests.kit.visitors

Its input is one line, `Wanted` as JSON. It prints a line of figures when the time is over and everybody has left.
"""

import asyncio
import json
import random
import sys
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import httpx

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from telehealth.media.secure import Packet
from tests.kit.guest_at_node import Door, Guest
from tests.kit.webrtc import calling

SHORTEST, LONGEST = 6.0, 60.0
STAGGER = 20.0  # seconds over which the first of them come
NAMED_SECONDS = 1.0  # who is recorded is named again and again
CHECK_PAUSE, CHECK_PATIENCE = 5.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`visits` at a time, for that many seconds, at the node of that control door."""

    url: str
    key: str
    visits: int
    seconds: float
    seed: int


class Visit:
    """Two people who send sound and pictures and receive the other's, until they leave in one of many ways."""

    def __init__(self, door: Door, packet: Packet, seconds: float) -> None:
        self.door, self.packet, self.seconds = door, packet, seconds
        self.place = Place(room=uuid4().hex, epoch=1)
        self.guests: list[Guest] = []

    @property
    def heard(self) -> int:
        """Packets of the one who heard the least."""
        return min(each.heard for each in self.guests)

    async def begin(self) -> None:
        both = [Guest(self.door, self.packet, self.place, name) for name in ("ann", "bob")]
        self.guests += both
        for each in both:
            await each.send()
        for each in both:
            await each.receive(1)

    async def talk(self, share: float) -> None:
        await asyncio.sleep(self.seconds * share)

    async def leave(self, how: Callable[[Guest], Awaitable[object]]) -> None:
        for each in self.guests:
            await how(each)

    async def clear(self) -> None:
        """Nothing of it is left on our side."""
        for each in self.guests:
            await each.vanish()

    # The ways it goes, until it ends

    async def hung_up(self) -> None:
        await self.talk(1)
        await self.leave(Guest.hang_up)

    async def closed(self) -> None:
        await self.talk(1)
        await self.leave(Guest.close)

    async def vanished(self) -> None:
        await self.talk(1)
        await self.leave(Guest.vanish)

    async def restarted(self) -> None:
        await self.talk(0.5)
        for each in self.guests:
            await each.restart()
        await self.talk(0.5)
        await self.leave(Guest.hang_up)

    async def with_a_third(self) -> None:
        await self.talk(0.3)
        third = Guest(self.door, self.packet, self.place, "cyd")
        self.guests.append(third)
        await third.send()
        await third.receive(2)
        for each in self.guests[:2]:
            await each.receive_more(2)
        await self.talk(0.4)
        await random.choice((Guest.hang_up, Guest.vanish))(third)
        await self.talk(0.3)
        await self.leave(Guest.close)

    async def rejoined(self) -> None:
        """A page that is loaded again: it comes anew while the node still has what was before."""
        await self.talk(0.5)
        await self.guests[0].vanish()
        again = Guest(self.door, self.packet, self.place, self.guests[0].name)
        self.guests.append(again)
        await again.send()
        await again.receive(1)
        await self.talk(0.5)
        await self.leave(Guest.hang_up)

    async def moved(self) -> None:
        """The room's next epoch ends what was before."""
        await self.talk(0.5)
        self.place = Place(room=self.place.room, epoch=2)
        await self.begin()
        await self.talk(0.5)
        await self.leave(Guest.hang_up)

    async def recorded(self) -> None:
        recording, sub = MediaSessionId(uuid4()), str(uuid4())
        names: dict[str, object] = {"participants": [each.name for each in self.guests]}
        path, who = ("recordings", recording), (GrantKind.RECORD, sub, self.place)
        await self.door.ask("PUT", path, who, {"key": b64encode(bytes(32)).decode(), **names})
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            await asyncio.sleep(NAMED_SECONDS)
            await self.door.ask("PATCH", path, who, names)
        told = (await self.door.ask("DELETE", path, who)).json()
        assert {each["kind"] for each in told["tracks"]} == {"audio", "video"}, told
        await self.leave(Guest.hang_up)

    async def expected(self) -> None:
        """Somebody else has an answer too, and never comes."""
        await Guest(self.door, self.packet, self.place, "dan").be_awaited()
        await self.closed()


WAYS = (
    Visit.hung_up, Visit.closed, Visit.vanished, Visit.restarted, Visit.with_a_third, Visit.rejoined, Visit.moved,
    Visit.recorded, Visit.expected,
)  # fmt: skip


class House:
    """Everybody, and what became of them."""

    def __init__(self, door: Door) -> None:
        self.door, self.packet = door, Packet()
        self.ways: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()
        self.heard = self.deaf = 0

    async def keep_visiting(self, until: float) -> None:
        """One visit after the other."""
        await asyncio.sleep(random.uniform(0, min(STAGGER, (until - time.monotonic()) / 4)))
        while (left := until - time.monotonic()) > 0:
            way = random.choice(WAYS)
            visit = Visit(self.door, self.packet, min(random.uniform(SHORTEST, LONGEST), left))
            try:
                await visit.begin()
                await way(visit)
                self.ways[way.__name__] += 1
                self.heard += sum(each.heard for each in visit.guests)
                self.deaf += visit.heard == 0
            except (TimeoutError, OSError, httpx.HTTPError, AssertionError) as error:
                self.failed[f"{way.__name__}: {error!r:.200}"] += 1
            finally:
                await visit.clear()

    async def keep_checking(self, until: float) -> None:
        """One network check after the other, of which every other one ends without a word."""
        while time.monotonic() < until:
            session = MediaSessionId(uuid4())
            path, who = ("sessions", session), (GrantKind.PRECHECK, "p1", None)
            async with calling() as caller:
                body = {"type": "offer", "sdp": await caller.offer()}
                answer = (await self.door.ask("PUT", path, who, body)).json()["sdp"]
                if await caller.accept(answer, within=CHECK_PATIENCE) and await caller.probe(10, within=CHECK_PATIENCE):
                    self.checks["done"] += 1
                else:
                    self.checks["given up"] += 1  # aiortc repeats no flight that was lost
                if session.int % 2:
                    await self.door.ask("DELETE", path, who)
            await asyncio.sleep(CHECK_PAUSE)

    def figures(self) -> dict[str, object]:
        return {
            "visits": sum(self.ways.values()), "ways": dict(self.ways), "failed": dict(self.failed),
            "checks": dict(self.checks), "heard": self.heard, "deaf": self.deaf,
        }  # fmt: skip


async def visit(wanted: Wanted) -> dict[str, object]:
    random.seed(wanted.seed)
    until = time.monotonic() + wanted.seconds
    async with Door(wanted.url, wanted.key) as door:
        house = House(door)
        await asyncio.gather(house.keep_checking(until), *(house.keep_visiting(until) for _ in range(wanted.visits)))
    return house.figures()


def main() -> None:
    wanted = Wanted(**json.loads(sys.stdin.readline()))
    sys.stdout.write(json.dumps(asyncio.run(visit(wanted))) + "\n")


if __name__ == "__main__":
    main()

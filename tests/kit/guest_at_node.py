"""One person at a media node without a browser: what a page would send, and how it comes and goes."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

import httpx

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from telehealth.media.secure import Packet
from telehealth.video.media_grants import GrantSigner
from tests.bench.forwarding.arrivals import Arrivals, Listener
from tests.bench.forwarding.descriptions import offer
from tests.bench.forwarding.peer import Connection, read_remote
from tests.bench.forwarding.streams import Feedback, Sort, Stream
from tests.kit.patience import PATIENCE

HOST = "127.0.0.1"
KINDS = ("audio", "video")
TICK = 0.1  # seconds
SOUND = Sort("audio", 1 / TICK, 1, 100, 48_000)
PICTURE_TICKS, REPORT_TICKS, CHECK_TICKS = 3, 10, 40
PICTURE = Sort("video", 1 / TICK / PICTURE_TICKS, 2, 600, 90_000)

Who = tuple[GrantKind, str, Place | None]


class Door:
    """The control door of a node, with a grant for each request as the web process signs them."""

    def __init__(self, url: str, key: str) -> None:
        self._signer = GrantSigner(key)
        few = httpx.Limits(max_connections=8)
        self._client = httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=few, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(
        self, method: str, path: tuple[str, MediaSessionId], who: Who, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """Raises httpx.HTTPError, also when it is refused."""
        (where, session), (kind, sub, place) = path, who
        token = self._signer.sign(session, sub=sub, now=datetime.now(UTC), kind=kind, place=place)
        headers = {"Authorization": f"Bearer {token}"}
        answered = await self._client.request(method, f"/{where}/{session}", json=body, headers=headers)
        return answered.raise_for_status()


class Way:
    """One connection of somebody, up or down, under its session at the node."""

    def __init__(self, door: Door, packet: Packet, who: Who) -> None:
        self._door, self._who = door, who
        self.path = ("sessions", MediaSessionId(uuid4()))
        self.sends = who[0] is GrantKind.SEND
        self.connection = Connection(HOST, packet)
        self.open = True

    async def offer(self, people: int, *, method: str = "PUT") -> str:
        """The node's answer to an offer of a sound and a picture of so many people."""
        sdp = offer(self.connection, KINDS * people, sends=self.sends)
        answered = await self._door.ask(method, self.path, self._who, {"type": "offer", "sdp": sdp})
        return str(answered.json()["sdp"])

    async def connect(self, people: int) -> None:
        await self.connection.connect(read_remote(await self.offer(people), HOST))
        asyncio.get_running_loop().add_reader(self.connection.socket.fileno(), self.connection.drain)

    async def restart(self) -> None:
        self.connection.fragment = secrets.token_hex(4)
        told = (await self._door.ask("POST", self.path, self._who, {"fragment": self.connection.fragment})).json()
        self.connection.restart(told["fragment"], told["password"])
        self.connection.check()

    async def delete(self) -> None:
        """What the node has ended by itself is not there any more."""
        try:
            await self._door.ask("DELETE", self.path, self._who)
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in {404, 409}:
                raise

    async def close(self, *, silently: bool) -> None:
        if self.open:
            self.open = False
            asyncio.get_running_loop().remove_reader(self.connection.socket.fileno())
            await self.connection.close(silently=silently)


class Guest:
    """Sends ten packets of sound a second and a small picture three times, and hears what comes."""

    def __init__(self, door: Door, packet: Packet, place: Place, name: str) -> None:
        self._door, self._packet, self._place, self.name = door, packet, place, name
        self._up: Way | None = None
        self._down: Way | None = None
        self._streams: list[Stream] = []
        self._arrivals = Arrivals()
        self._listener: Listener | None = None
        self._playing: asyncio.Task[None] | None = None

    @property
    def heard(self) -> int:
        return self._arrivals.packets

    @property
    def _ways(self) -> Iterator[Way]:
        return (each for each in (self._up, self._down) if each is not None)

    def _way(self, kind: GrantKind) -> Way:
        return Way(self._door, self._packet, (kind, self.name, self._place))

    async def send(self) -> None:
        self._up = self._way(GrantKind.SEND)
        await self._up.connect(1)
        self._streams = [Stream(self._up.connection, sort, self._packet) for sort in (SOUND, PICTURE)]
        Feedback(self._up.connection, self._streams)
        self._playing = asyncio.create_task(self._play())

    async def receive(self, people: int) -> None:
        self._down = self._way(GrantKind.RECEIVE)
        await self._down.connect(people)
        self._listener = Listener(self._down.connection, self._arrivals)
        self._down.connection.check()

    async def receive_more(self, people: int) -> None:
        if self._down is not None:
            await self._down.offer(people, method="PATCH")

    async def be_awaited(self) -> None:
        """Asks to send, and does not come."""
        way = self._way(GrantKind.SEND)
        await way.offer(1)
        await way.close(silently=True)

    async def restart(self) -> None:
        for each in self._ways:
            await each.restart()

    async def _play(self) -> None:
        loop, number, due = asyncio.get_running_loop(), 0, 0.0
        while True:
            sound, picture = self._streams
            sound.play(loop.time())
            if number % PICTURE_TICKS == 0:
                picture.play(loop.time())
            if self._listener is not None and number % REPORT_TICKS == 0:
                self._listener.report()
            if number % CHECK_TICKS == 0:
                for each in self._ways:
                    each.connection.check()
            number += 1
            due = max(loop.time(), due + TICK)
            await asyncio.sleep(due - loop.time())

    # How one leaves

    async def hang_up(self) -> None:
        """As the page's button does: the web process ends it at the node."""
        for each in self._ways:
            await each.delete()
        await self.vanish()

    async def close(self) -> None:
        """As a page that is closed does: the browser ends its connections."""
        await self._end(silently=False)

    async def vanish(self) -> None:
        """As a browser that is killed: not a word."""
        await self._end(silently=True)

    async def _end(self, *, silently: bool) -> None:
        if self._playing is not None:
            self._playing.cancel()
            with suppress(asyncio.CancelledError):
                await self._playing
        for each in self._ways:
            await each.close(silently=silently)

"""Wake-ups through Valkey pub/sub: one subscription a process, handed to every open stream. Ids only."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from telehealth.http.notices import Notices

CHANNEL = "telehealth:topics"
TELL_SECONDS = 0.25  # a change that has been made does not wait longer for its wake-up
CONNECT_SECONDS = 1.0
RETRY_SECONDS = 1.0
DOUBT_SECONDS = 5.0  # after a failure both ways are used: others may take longer to come back
QUIET_SECONDS = 2.0  # then the listener asks whether anyone is there
FAULTS = (RedisError, OSError, TimeoutError, psycopg.Error)
log = logging.getLogger(__name__)


class ValkeySignals:
    """`Signals` over Valkey, and through the database while Valkey is away. Publishing never raises: whoever missed a
    wake-up sweeps. The streams of the process that publishes are woken without either.
    """

    def __init__(self, url: str, notices: Notices) -> None:
        self._client = Redis.from_url(url, socket_timeout=TELL_SECONDS, socket_connect_timeout=TELL_SECONDS)
        self._listener = Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS)
        self._notices = notices
        self._bells: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        self._name = uuid4().hex
        self._mute_until = self._doubt_until = 0.0

    async def publish(self, topics: tuple[str, ...]) -> None:
        if not topics:
            return
        self._ring(topics)
        loop, words = asyncio.get_running_loop(), (self._name, *topics)
        if loop.time() >= self._mute_until and not await _told(self._client.publish(CHANNEL, " ".join(words))):
            self._mute_until, self._doubt_until = loop.time() + RETRY_SECONDS, loop.time() + DOUBT_SECONDS
        if loop.time() < self._doubt_until:
            await _told(self._notices.tell(words))
        elif self._doubt_until:
            self._doubt_until = 0.0
            await self._notices.rest()

    @asynccontextmanager
    async def listen(self, topics: tuple[str, ...]) -> AsyncIterator[AsyncIterator[None]]:
        """Wake-ups on any of these topics; several that arrive together are one."""
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        bell = asyncio.Event()
        for topic in topics:
            self._bells[topic].add(bell)
        try:
            yield Rings(bell)
        finally:
            for topic in topics:
                self._bells[topic].discard(bell)
                if not self._bells[topic]:
                    del self._bells[topic]

    async def close(self) -> None:
        while self._reader is not None and not self._reader.done():
            self._reader.cancel()  # more than once: Python 3.11's wait_for may swallow one inside the client
            await asyncio.wait({self._reader}, timeout=0.5)
        await self._client.aclose()
        await self._listener.aclose()
        await self._notices.rest()

    async def _read(self) -> None:
        second: asyncio.Task[None] | None = None
        try:
            while True:
                try:
                    async with self._listener.pubsub() as channel:
                        await channel.subscribe(CHANNEL)
                        await self._hear(channel, second)
                except FAULTS as error:
                    log.warning("wake-ups lost, using the database instead: %s", type(error).__name__)
                if second is None or second.done():
                    second = asyncio.create_task(self._read_notices())
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            if second is not None:
                second.cancel()

    async def _hear(self, channel: Any, second: asyncio.Task[None] | None) -> None:
        """Until the connection breaks. Raises TimeoutError when a server that was asked says nothing: half open.

        Once it hears, the second way is closed.
        """
        asked = False
        while True:
            message = await channel.get_message(timeout=QUIET_SECONDS)
            if message is None and asked:
                raise TimeoutError
            if asked := message is None:
                await channel.ping()
            elif message["type"] == "subscribe":
                self._ring_all()
                if second is not None:
                    second.cancel()
            elif message["type"] == "message":
                self._pass_on(message["data"].decode().split(" "))

    async def _read_notices(self) -> None:
        while True:
            try:
                await self._notices.hear(opened=self._ring_all, heard=self._pass_on)
            except FAULTS as error:
                log.warning("the database does not tell either, sweeping: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    def _pass_on(self, words: Sequence[str]) -> None:
        if words[0] != self._name:
            self._ring(words[1:])

    def _ring_all(self) -> None:
        """Wake-ups come through from now on; what was published before went unheard."""
        self._ring(list(self._bells))

    def _ring(self, topics: Sequence[str]) -> None:
        for topic in topics:
            for bell in self._bells.get(topic, ()):
                bell.set()


async def _told(telling: Any) -> bool:
    """Whether it could be told, in time."""
    try:
        async with asyncio.timeout(TELL_SECONDS):
            await telling
    except FAULTS as error:
        log.warning("wake-up not published: %s", type(error).__name__)
        return False
    return True


class Rings:
    """Every ring of a bell. Not a generator: one that is cancelled while it waits would be over for good."""

    def __init__(self, bell: asyncio.Event) -> None:
        self._bell = bell

    def __aiter__(self) -> "Rings":
        return self

    async def __anext__(self) -> None:
        await self._bell.wait()
        self._bell.clear()

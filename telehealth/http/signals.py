"""Wake-ups through Valkey pub/sub: one subscription a process, handed to every open stream. Ids only."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError

CHANNEL = "telehealth:topics"
PUBLISH_SECONDS = 0.25  # a change that has been made does not wait longer for its wake-up
CONNECT_SECONDS = 1.0
RETRY_SECONDS = 1.0
QUIET_SECONDS = 2.0  # then the listener asks whether anyone is there
log = logging.getLogger(__name__)


class ValkeySignals:
    """`Signals` over Valkey. Publishing never raises: whoever missed a wake-up sweeps.

    The streams of the process that publishes are woken without Valkey.
    """

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(url, socket_timeout=PUBLISH_SECONDS, socket_connect_timeout=PUBLISH_SECONDS)
        self._listener = Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS)
        self._bells: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        self._name = uuid4().hex
        self._mute_until = 0.0
        self._hears = False

    @property
    def hears(self) -> bool:
        """Whether wake-ups of other processes come through, as far as is known."""
        return self._hears

    async def publish(self, topics: tuple[str, ...]) -> None:
        if not topics:
            return
        self._ring(topics)
        loop = asyncio.get_running_loop()
        if loop.time() < self._mute_until:
            return
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._client.publish(CHANNEL, " ".join((self._name, *topics)))
        except (RedisError, OSError, TimeoutError) as error:
            self._mute_until = loop.time() + RETRY_SECONDS
            log.warning("wake-up not published: %s", type(error).__name__)

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

    async def _read(self) -> None:
        while True:
            try:
                async with self._listener.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    await self._hear(channel)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("wake-ups lost, sweeping instead: %s", type(error).__name__)
            finally:
                self._hears = False
                self._ring_all()  # whoever waits for a wake-up sweeps from now on
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self, channel: Any) -> None:
        """Until the connection breaks. Raises TimeoutError when a server that was asked says nothing: half open."""
        asked = False
        while True:
            message = await channel.get_message(timeout=QUIET_SECONDS)
            if message is None:
                if asked:
                    raise TimeoutError
                await channel.ping()
            asked = message is None
            if message is None or message["type"] == "pong":
                continue
            if message["type"] == "subscribe":
                self._hears = True
                self._ring_all()  # what was published until now went unheard
            elif message["type"] == "message":
                sender, *topics = message["data"].decode().split(" ")
                if sender != self._name:
                    self._ring(topics)

    def _ring(self, topics: Sequence[str]) -> None:
        for topic in topics:
            for bell in self._bells.get(topic, ()):
                bell.set()

    def _ring_all(self) -> None:
        self._ring(list(self._bells))


class Rings:
    """Every ring of a bell. Not a generator: one that is cancelled while it waits would be over for good."""

    def __init__(self, bell: asyncio.Event) -> None:
        self._bell = bell

    def __aiter__(self) -> "Rings":
        return self

    async def __anext__(self) -> None:
        await self._bell.wait()
        self._bell.clear()

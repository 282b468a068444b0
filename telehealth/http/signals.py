"""Wake-ups through Valkey pub/sub: one subscription a process, handed to every open stream. Ids only."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

CHANNEL = "telehealth:topics"
TIMEOUT_SECONDS = 1.0
RETRY_SECONDS = 1.0
log = logging.getLogger(__name__)


class ValkeySignals:
    """`Signals` over Valkey. Publishing never raises: whoever missed a wake-up sweeps."""

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        self._listener = Redis.from_url(url, socket_connect_timeout=TIMEOUT_SECONDS)
        self._bells: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None

    async def publish(self, topics: tuple[str, ...]) -> None:
        if not topics:
            return
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._client.publish(CHANNEL, " ".join(topics))
        except (RedisError, OSError, TimeoutError) as error:
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
                async with self._listener.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    async for message in channel.listen():
                        self._ring(message["data"].decode())
            except (RedisError, OSError) as error:
                log.warning("wake-ups lost, sweeping instead: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    def _ring(self, topics: str) -> None:
        for topic in topics.split(" "):
            for bell in self._bells.get(topic, ()):
                bell.set()


class Rings:
    """Every ring of a bell. Not a generator: one that is cancelled while it waits would be over for good."""

    def __init__(self, bell: asyncio.Event) -> None:
        self._bell = bell

    def __aiter__(self) -> "Rings":
        return self

    async def __anext__(self) -> None:
        await self._bell.wait()
        self._bell.clear()

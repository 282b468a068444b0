"""The nudge: after a commit, wake open pages and the relay at once. The sweeps make it true without it."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from celery import Celery

from telehealth.core.events import Event
from telehealth.core.ports import Signals
from telehealth.tasks.app import SWEEP

RELAY_SWEEP = "outbox.relay"
EXPIRES_SECONDS = 5
log = logging.getLogger(__name__)


class Nudger:
    """Several nudges in a row become one message; publishing happens outside the request, in a thread."""

    def __init__(self, publisher: Celery, signals: Signals) -> None:
        self._publisher = publisher
        self._signals = signals
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def nudge(self, events: Sequence[Event]) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._publish_when_rung())
        self._bell.set()
        await self._signals.publish(tuple(dict.fromkeys(topic for event in events for topic in event.topics())))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _publish_when_rung(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            await asyncio.to_thread(self._publish)

    def _publish(self) -> None:
        try:
            self._publisher.send_task(SWEEP, [RELAY_SWEEP], expires=EXPIRES_SECONDS, retry=False)
        except Exception as error:  # noqa: BLE001 -- whatever the broker's client raises, the sweep delivers
            log.warning("relay not nudged: %s", type(error).__name__)

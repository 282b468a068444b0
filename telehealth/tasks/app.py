"""The Celery application: it carries letters, the database is the queue. Arguments are names and ids only."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from billiard import current_process
from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from telehealth.tasks.work import Lane, Sweep, Work

SWEEP = "telehealth.sweep"
HARD_LIMIT_SECONDS = 75
DEADLINE_SECONDS = 60
OpenWork = Callable[[], AbstractAsyncContextManager[Work]]


def open_publisher(broker_url: str) -> Celery:
    """An application that only sends, and gives up after a second: a dead broker delays nobody."""
    app = Celery("telehealth", broker=broker_url)
    app.conf.update(
        _shared(broker_url),
        broker_connection_timeout=1,
        broker_connection_retry=False,
        task_publish_retry=False,
    )
    if broker_url.startswith("redis"):
        app.conf.broker_transport_options |= {"socket_timeout": 1, "socket_connect_timeout": 1}
    return app


def build_celery(broker_url: str, sweeps: Sequence[Sweep], open_work: OpenWork) -> Celery:
    """The worker's and beat's application. `open_work` is entered once in each child process, on its one runner."""
    app = Celery("telehealth", broker=broker_url)
    app.conf.update(
        _shared(broker_url),
        task_queues={each.value: {} for each in Lane},  # a worker that names none takes from all
        task_acks_late=True,
        task_time_limit=HARD_LIMIT_SECONDS,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry_on_startup=True,
        beat_schedule={
            each.name: {
                "task": SWEEP,
                "schedule": each.every,
                "args": [each.name],
                "options": {"expires": each.every, "queue": each.lane.value},
            }
            for each in sweeps
        },
    )
    child = Child({each.name: each for each in sweeps}, open_work)
    worker_process_init.connect(child.start, weak=False)
    worker_process_shutdown.connect(child.stop, weak=False)
    app.task(name=SWEEP, ignore_result=True, typing=False)(child.sweep)  # Celery miscounts a bound method's arguments
    return app


class Child:
    """One worker child: one asyncio runner and one engine for its whole life."""

    def __init__(self, sweeps: Mapping[str, Sweep], open_work: OpenWork) -> None:
        self._sweeps = sweeps
        self._open_work = open_work
        self._runner: asyncio.Runner | None = None
        self._opened: AbstractAsyncContextManager[Work] | None = None
        self._work: Work | None = None

    def start(self, **_: Any) -> None:
        self._runner = asyncio.Runner()
        self._opened = self._open_work()
        self._work = replace(self._runner.run(self._opened.__aenter__()), place=current_process().index)

    def stop(self, **_: Any) -> None:
        if self._runner is not None and self._opened is not None:
            self._runner.run(self._opened.__aexit__(None, None, None))
            self._runner.close()

    def sweep(self, name: str) -> None:
        """Run one sweep by name, within its deadline."""
        if self._runner is None or self._work is None:
            raise RuntimeError("a sweep ran outside a worker child")
        self._runner.run(_within_deadline(self._sweeps[name], self._work))


async def _within_deadline(each: Sweep, work: Work) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        await each.sweep(work)


def _shared(broker_url: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if broker_url.startswith("redis"):
        options = {"visibility_timeout": 3 * HARD_LIMIT_SECONDS, "unacked_restore_throttle": 1}
    elif broker_url.startswith("amqp"):
        options = {"confirm_publish": True}  # without it a killed RabbitMQ loses accepted messages
    return {
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "task_default_queue": Lane.HOUSE.value,
        "task_reject_on_worker_lost": False,
        "timezone": "UTC",
        "broker_transport_options": options,
    }

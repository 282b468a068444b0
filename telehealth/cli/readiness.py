"""Who is ready: the questions `up` and `doctor` ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from celery import Celery
from kombu.exceptions import OperationalError

from telehealth.cli.errors import CannotStart
from telehealth.tasks.work import Lane

PATIENCE = 180.0
"""Seconds a process has to become ready."""
PAUSE = 0.1
LANES = {"worker": Lane.HOUSE, "messenger": Lane.MESSAGES, "courier": Lane.PARTNERS}
"""Which line of the Procfile serves which."""

Question = Callable[[], Awaitable[bool]]


async def until_ready(questions: dict[str, Question], patience: float = PATIENCE) -> None:
    """Waits for all. Raises CannotStart that names those who never were ready."""
    waiting = dict(questions)
    end = time.monotonic() + patience

    async def wait_for(name: str, question: Question) -> None:
        while not await question():
            if time.monotonic() > end:
                return
            await asyncio.sleep(PAUSE)
        del waiting[name]

    async with asyncio.TaskGroup() as group:
        for name, question in questions.items():
            group.create_task(wait_for(name, question))
    if waiting:
        raise CannotStart(f"Not ready after {patience:.0f} s: {', '.join(waiting)}. Their lines above tell more.")


def answers_ok(url: str) -> Question:
    """Ready when a GET of the address answers 200."""

    async def ask() -> bool:
        return await asyncio.to_thread(http_status, url) == 200

    return ask


def accepts(port: int) -> Question:
    """Ready when the port on loopback takes connections."""

    async def ask() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    return ask


def lane_is_served(broker_url: str, lane: Lane) -> Question:
    """Ready when a Celery worker says through the broker that it takes from that queue."""

    async def ask() -> bool:
        return lane in await asyncio.to_thread(served_lanes, broker_url)

    return ask


def served_lanes(broker_url: str) -> set[str]:
    """The queues of workers that answer within half a second; none when the broker cannot be reached."""
    app = Celery("up", broker=broker_url, set_as_current=False)
    try:
        with app.connection_for_write(connect_timeout=1) as connection:
            told = app.control.inspect(timeout=0.5, connection=connection).active_queues() or {}
            return {queue["name"] for queues in told.values() for queue in queues}
    except (OSError, OperationalError):
        return set()
    finally:
        app.close()


def http_status(url: str, timeout: float = 2.0) -> int | None:
    """Status code of a GET, without following redirects; None when nobody answers."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        try:
            connection.request("GET", parts.path or "/", headers={"Accept": "application/fhir+json, */*"})
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError):
        return None

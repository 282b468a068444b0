"""What a worker does for rooms on media nodes, beside the web process of a test, every second: the sweeps of places and
of connections.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from telehealth.catalogue import read_catalogue
from telehealth.core.events import Event
from telehealth.core.ports import Ports
from telehealth.core.time import SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.tasks.work import Work
from telehealth.video.captioner_client import HttpCaptioners
from telehealth.video.media_grants import GrantSigner
from telehealth.video.node_client import HttpMediaRooms
from telehealth.video.placement import REPORTS_EVERY
from telehealth.video.ports import Captioners, MediaRooms, Recorders, RoomBus, RoomsAway
from telehealth.video.recorder_client import HttpRecorders
from telehealth.video.tasks import sweep_connections, sweep_places
from telehealth.video.valkey_rooms import ValkeyRooms
from tests.kit.call_process import Behind


@asynccontextmanager
async def sweeping(web: Behind, *urls: str) -> AsyncIterator[Work]:
    """For the nodes at these control doors; the first look is over when this begins."""
    engine, vault = open_engine(web.database), Vault({"test": b"k" * 32})
    rooms = ValkeyRooms(web.valkey, vault)
    nodes = HttpMediaRooms(urls, GrantSigner(web.grant_key or ""))
    captioners = HttpCaptioners(None, offered=False)
    recorders = HttpRecorders(None, None, timedelta(days=1))
    unit_of_work = UnitOfWork(engine, SystemClock(), vault, read_catalogue().conflicts, _no_nudge)
    work = Work(
        unit_of_work,
        Ports({RoomBus: rooms, MediaRooms: nodes, Recorders: recorders, Captioners: captioners}),
        SystemClock(),
    )
    await sweep_places(work)
    task = asyncio.create_task(_sweep(work))
    try:
        yield work
    finally:
        task.cancel()
        await asyncio.wait([task])
        await rooms.close()
        await engine.dispose()


async def _no_nudge(_: Sequence[Event]) -> None:
    """Nobody listens."""


async def _sweep(work: Work) -> None:
    while True:
        await asyncio.sleep(REPORTS_EVERY.total_seconds())
        with suppress(RoomsAway):  # Celery would only tell, and go on too
            await sweep_places(work)
            await sweep_connections(work)

"""The house behind a real HTTP server, for clients that are not asynchronous."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from telehealth.core.actors import SYSTEM
from tests.kit.house import Residents, move_in, open_house, settings_of
from tests.kit.media_process import running_node


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    residents: Residents

    def document(self) -> dict[str, Any]:
        """The API's description as it is read."""
        found: dict[str, Any] = httpx.get(f"{self.url}/openapi.json", timeout=60).json()
        return found


@contextmanager
def serving_house(database: str, valkey: str, **more: str) -> Iterator[Served]:
    """On a free port, with a media node beside it and `more` settings; stopped at the end."""
    with running_node() as node:
        private = json.dumps(node.signer._key.as_dict(private=True))
        changed = {"TELEHEALTH_MEDIA_URL": node.url, "TELEHEALTH_GRANT_PRIVATE_KEY": private, **more}
        started: Future[tuple[Served, uvicorn.Server]] = Future()
        thread = threading.Thread(target=_serve, args=(database, valkey, changed, started))
        thread.start()
        try:
            served, server = started.result(60)
            try:
                yield served
            finally:
                server.should_exit = True
        finally:
            thread.join(60)


def _serve(
    database: str, valkey: str, changed: dict[str, str], started: "Future[tuple[Served, uvicorn.Server]]"
) -> None:
    try:
        asyncio.run(_run(database, valkey, changed, started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


async def _run(
    database: str, valkey: str, changed: dict[str, str], started: "Future[tuple[Served, uvicorn.Server]]"
) -> None:
    async with open_house(settings_of(database, valkey, **changed)) as (app, unit_of_work):
        residents = await unit_of_work.run(move_in, SYSTEM)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", access_log=False))
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
            door.bind(("127.0.0.1", 0))
            door.listen()
            started.set_result((Served(f"http://127.0.0.1:{door.getsockname()[1]}", residents), server))
            await server.serve([door])

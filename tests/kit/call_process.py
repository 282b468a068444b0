"""A web process that serves calls and nothing else, on a real database and a real Valkey. Several serve one visit.

Each is a fork of a server of forks that has imported everything, which else takes most of its start.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing import get_context, parent_process
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import uvicorn

from telehealth.access.rules import SCOPES
from telehealth.catalogue import read_catalogue
from telehealth.core.actors import Actor, Role
from telehealth.core.events import Event
from telehealth.core.ports import Ports, Signals
from telehealth.core.time import SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.http.app import build_app
from telehealth.http.call import Kit
from telehealth.http.locales import Locales
from telehealth.http.notices import Notices
from telehealth.http.pages import open_pages
from telehealth.http.ports import Authenticator
from telehealth.http.signals import ValkeySignals
from telehealth.video.captioner_client import HttpCaptioners
from telehealth.video.media_client import HttpMediaNode
from telehealth.video.media_grants import GrantSigner
from telehealth.video.node_client import HttpMediaRooms
from telehealth.video.ports import Captioners, IceServers, MediaNode, MediaRooms, OpenChecks, Recorders, RoomBus
from telehealth.video.recorder_client import HttpRecorders
from telehealth.video.routes import OPERATIONS, PAGES, SOCKETS
from telehealth.video.valkey_rooms import ValkeyRooms
from tests.kit.call_page import CALL_PAGE
from tests.kit.media_process import free_port
from tests.kit.nodes import RehearsedNodes
from tests.kit.patience import PATIENCE
from tests.kit.web import KnownActors

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["tests.kit.preloaded"])


@dataclass(frozen=True, slots=True)
class Behind:
    """What a process stands on. `known` are the actors behind session secrets, as JSON values; `log` is a file for what
    it says; `pid` is there when it runs.
    """

    database: str
    valkey: str
    known: dict[str, dict[str, str | None]]
    turn_urls: tuple[str, ...] = ()
    turn_secret: str | None = None
    grant_key: str | None = None
    host: str = "127.0.0.1"
    recordings: str | None = None
    captions: bool = False
    media_url: str = "http://127.0.0.1:9"
    port: int = field(default_factory=free_port)
    log: str | None = None
    pid: int = 0

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"


def to_json(actor: Actor) -> dict[str, str | None]:
    ids = {"id": actor.id, "person_id": actor.person_id, "visit_id": actor.visit_id}
    return {"role": actor.role.value, **{name: None if each is None else str(each) for name, each in ids.items()}}


def from_json(value: dict[str, str | None]) -> Actor:
    role = Role(value["role"] or "")
    identity, person, visit = (
        UUID(text) if (text := value[name]) else None for name in ("id", "person_id", "visit_id")
    )
    return Actor(identity, role, SCOPES[role], person_id=person, visit_id=visit)


@contextmanager
def running_web(*processes: Behind) -> Iterator[Sequence[Behind]]:
    """Each of them as a process of its own, until the end."""
    started = [start_web(each) for each in processes]
    try:
        for each in processes:
            until_web_answers(each)
        yield [replace(each, pid=process.pid or 0) for each, process in zip(processes, started, strict=True)]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join(PATIENCE)


def start_web(process: Behind) -> ForkServerProcess:
    started = FORKS.Process(target=_run, args=(process,))
    started.start()
    return started


def _run(process: Behind) -> None:
    if process.log is not None:
        with Path(process.log).open("ab") as log:
            os.dup2(log.fileno(), sys.stderr.fileno())
    asyncio.run(serve(process))


def until_web_answers(process: Behind) -> None:
    for _ in range(3600):
        try:
            urlopen(f"{process.origin}/call").close()  # noqa: S310
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the web process does not answer")


def _media_rooms(behind: Behind) -> MediaRooms:
    """Real media nodes where there is a key for them."""
    return HttpMediaRooms((), GrantSigner(behind.grant_key)) if behind.grant_key else RehearsedNodes()


def _recorders(behind: Behind) -> Recorders:
    signer = GrantSigner(behind.grant_key) if behind.grant_key else None
    return HttpRecorders(signer, Path(behind.recordings) if behind.recordings else None, timedelta(days=30))


def _captioners(behind: Behind) -> Captioners:
    return HttpCaptioners(GrantSigner(behind.grant_key) if behind.grant_key else None, offered=behind.captions)


def _leave_with_the_test(server: uvicorn.Server) -> None:
    """A test process that is killed leaves no web process behind."""
    loop, parent = asyncio.get_running_loop(), parent_process()

    def leave(sentinel: int) -> None:
        loop.remove_reader(sentinel)
        server.should_exit = server.force_exit = True

    if parent is not None:
        loop.add_reader(parent.sentinel, leave, parent.sentinel)


async def serve(behind: Behind) -> None:
    engine = open_engine(behind.database)
    vault = Vault({"test": b"k" * 32})
    signals, rooms = ValkeySignals(behind.valkey, Notices(behind.database)), ValkeyRooms(behind.valkey, vault)

    async def nudge(events: Sequence[Event]) -> None:
        await signals.publish(tuple(topic for event in events for topic in event.topics()))

    ports: dict[type[Any], object] = {
        Authenticator: KnownActors({secret: from_json(each) for secret, each in behind.known.items()}),
        Signals: signals,
        RoomBus: rooms,
        MediaRooms: _media_rooms(behind),
        Recorders: _recorders(behind),
        Captioners: _captioners(behind),
        MediaNode: HttpMediaNode(behind.media_url, GrantSigner(behind.grant_key) if behind.grant_key else None),
        OpenChecks: OpenChecks(),
        IceServers: IceServers(tuple(behind.turn_urls), behind.turn_secret),
    }
    unit_of_work = UnitOfWork(engine, SystemClock(), vault, read_catalogue().conflicts, nudge)
    kit = Kit(unit_of_work, Ports(ports), open_pages(Locales.load()), behind.origin)
    app = build_app(kit, (*OPERATIONS, *PAGES, *CALL_PAGE), SOCKETS)
    limits: dict[str, Any] = {"ws_ping_interval": 5, "ws_ping_timeout": PATIENCE, "ws_max_size": 65536}
    config = uvicorn.Config(app, host=behind.host, port=behind.port, log_level="warning", access_log=False, **limits)
    server = uvicorn.Server(config)
    _leave_with_the_test(server)
    await server.serve()
    await rooms.close()
    await signals.close()
    await engine.dispose()

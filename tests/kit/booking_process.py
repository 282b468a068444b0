"""A web process that books and nothing else, on a real database. Several serve one clinic, and one may be killed."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from urllib.error import URLError
from urllib.request import urlopen

import uvicorn

from telehealth.catalogue import read_catalogue
from telehealth.core.events import Event
from telehealth.core.ports import Ports, Signals
from telehealth.core.time import SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.http.app import build_app
from telehealth.http.call import Kit
from telehealth.http.locales import Locales
from telehealth.http.pages import open_pages
from telehealth.http.paging import CursorKey
from telehealth.http.ports import Authenticator
from telehealth.scheduling.booking.routes import OPERATIONS as BOOKING
from tests.kit.call_process import from_json
from tests.kit.media_process import free_port
from tests.kit.ways_in import OPERATIONS as VISITS
from tests.kit.web import KnownActors, SilentSignals


@dataclass(frozen=True, slots=True)
class BookingProcess:
    """`known` are the actors behind bearer secrets, as JSON values."""

    database: str
    known: dict[str, dict[str, str | None]]
    port: int = field(default_factory=free_port)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", __name__, json.dumps(asdict(self))])

    def wait(self) -> None:
        for _ in range(600):
            try:
                urlopen(f"{self.origin}/v1/lifecycle").close()  # noqa: S310
            except URLError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("the web process does not answer")


def end(process: "subprocess.Popen[bytes]", how: signal.Signals = signal.SIGTERM) -> None:
    process.send_signal(how)
    process.wait(60)


async def serve(behind: BookingProcess) -> None:
    async def nudge(events: Sequence[Event]) -> None:
        del events

    engine = open_engine(behind.database, pool_size=10)
    unit_of_work = UnitOfWork(engine, SystemClock(), Vault({"test": b"k" * 32}), read_catalogue().conflicts, nudge)
    known = {secret: from_json(each) for secret, each in behind.known.items()}
    ports: dict[type, object] = {
        Authenticator: KnownActors(known),
        CursorKey: CursorKey("k" * 32),
        Signals: SilentSignals(),
    }
    kit = Kit(unit_of_work, Ports(ports), open_pages(Locales.load()), behind.origin)
    app = build_app(kit, (*BOOKING, *VISITS), ())
    await uvicorn.Server(uvicorn.Config(app, port=behind.port, log_level="warning", access_log=False)).serve()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(serve(BookingProcess(**json.loads(sys.argv[1]))))

"""A real Valkey for tests, on a Unix socket, in memory only."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from telehealth.cli.valkey import find_valkey
from tests.kit.patience import PATIENCE


@dataclass
class Valkey:
    """One that can be killed and begun again at the same address; what it held is gone then."""

    directory: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.directory / "v.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def begin(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        options += ["--dir", str(self.directory)]
        self.process = subprocess.Popen([str(find_valkey(environ)), *options], stdout=subprocess.DEVNULL)
        _until_it_answers(self.url)

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)


@contextmanager
def mortal_valkey() -> Iterator[Valkey]:
    """A fresh server in the caller's hands."""
    with tempfile.TemporaryDirectory(prefix="th-") as directory:
        valkey = Valkey(Path(directory))
        try:
            valkey.begin()
            yield valkey
        finally:
            valkey.kill()


@contextmanager
def running_valkey() -> Iterator[str]:
    """The URL of a fresh server."""
    with mortal_valkey() as valkey:
        yield valkey.url


def _until_it_answers(url: str) -> None:
    with Redis.from_url(url) as client:
        for _ in range(3000):
            try:
                client.ping()
            except RedisError:
                time.sleep(0.02)
            else:
                return
    raise RuntimeError("Valkey does not answer")

"""A real Valkey for tests, on a Unix socket, in memory only."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from telehealth.cli.valkey import find_valkey


@contextmanager
def running_valkey() -> Iterator[str]:
    """The URL of a fresh server."""
    with tempfile.TemporaryDirectory(prefix="th-") as directory:
        socket = Path(directory) / "v.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", directory]
        with subprocess.Popen([str(find_valkey(environ)), *options], stdout=subprocess.DEVNULL) as process:
            try:
                _until_it_answers(f"unix://{socket}")
                yield f"unix://{socket}"
            finally:
                process.terminate()
                process.wait(10)


def _until_it_answers(url: str) -> None:
    with Redis.from_url(url) as client:
        for _ in range(200):
            try:
                client.ping()
            except RedisError:
                time.sleep(0.02)
            else:
                return
    raise RuntimeError("Valkey does not answer")

"""The real web process, `python -m telehealth.asgi`: started, killed and started again by whoever tests it."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import environ
from pathlib import Path

import httpx

from tests.kit.media_process import free_port

PATIENCE = 60.0
PLAIN = {name: value for name, value in environ.items() if not name.startswith("TELEHEALTH_")}


@dataclass
class WebProcess:
    """`settings` as `house.environment_of` gives them. What it says is kept in `log`, once more at every start."""

    settings: Mapping[str, str]
    log: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def begin(self) -> "WebProcess":
        env = PLAIN | dict(self.settings) | {"PORT": str(self.port), "TELEHEALTH_PUBLIC_URL": self.url}
        with Path(self.log or "/dev/null").open("ab") as log:
            argv = [sys.executable, "-m", "telehealth.asgi"]
            self.process = subprocess.Popen(argv, env=env, stdout=log, stderr=log)
        return self

    def until_it_answers(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError("the web process does not answer")

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@contextmanager
def running_webs(settings: Mapping[str, str], count: int, log: Path | None = None) -> Iterator[list[WebProcess]]:
    """Several on one database and one Valkey."""
    webs = [WebProcess(settings, log) for _ in range(count)]
    try:
        for each in webs:
            each.begin()
        for each in webs:
            each.until_it_answers()
        yield webs
    finally:
        for each in webs:
            each.kill()

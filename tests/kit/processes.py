"""The real processes of the house: started, killed and started again by whoever tests them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Self

import httpx

from telehealth.cli.procfile import read_procfile
from tests.kit.database import ROOT
from tests.kit.media_process import free_port
from tests.kit.patience import PATIENCE

PLAIN = {name: value for name, value in environ.items() if not name.startswith("TELEHEALTH_")}
CELERY = ("celery", "-q", "-A", "telehealth.celery")
WORKER = (*CELERY, "worker", "--concurrency", "2", "--loglevel", "warning", "--without-gossip", "--without-mingle")
BEAT = (*CELERY, "beat", "--loglevel", "warning", "--scheduler", "celery.beat.Scheduler")


@dataclass
class Process:
    """`settings` as `house.environment_of` gives them. What it says goes on in `log`."""

    settings: Mapping[str, str]
    argv: Sequence[str] = ("telehealth.asgi",)
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> Self:
        with Path(self.log or os.devnull).open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.argv],
                env=PLAIN | dict(self.environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    @property
    def environment(self) -> Mapping[str, str]:
        return self.settings

    def kill(self) -> None:
        """`kill -9`, of its children too."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)


def line(name: str, settings: Mapping[str, str], log: Path | None = None) -> Process:
    """One as the Procfile has it."""
    python, module, *argv = read_procfile(ROOT / "Procfile").processes[name].split()
    assert (python, module) == ("python", "-m")
    return Process(settings, argv, log)


@dataclass
class WebProcess(Process):
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        return {**self.settings, "PORT": str(self.port), "TELEHEALTH_PUBLIC_URL": self.url}

    def until_it_answers(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError("the web process does not answer")


@contextmanager
def running_webs(settings: Mapping[str, str], count: int, log: Path | None = None) -> Iterator[list[WebProcess]]:
    """Several on one database and one Valkey."""
    webs = [WebProcess(settings, log=log) for _ in range(count)]
    with running(*webs):
        for each in webs:
            each.until_it_answers()
        yield webs


@contextmanager
def running(*processes: Process) -> Iterator[Sequence[Process]]:
    try:
        for each in processes:
            each.begin()
        yield processes
    finally:
        for each in processes:
            each.kill()

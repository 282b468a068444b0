"""`telehealth up` as a process of its own, for tests: started, waited for, killed, stopped, its words kept."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 240.0
NO_SETTINGS = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("TELEHEALTH_")
    and name not in {"DATABASE_URL", "BROKER_URL", "VALKEY_URL", "SMTP_URL", "RECORD_SERVICE_URL", "PORT"}
}


@dataclass
class Up:
    """One `up` (or `demo`) on one state directory; `begin` may be called again after `stop` or `kill`."""

    state: Path
    procfile: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ("--free-ports",)
    python: str = sys.executable
    user: int | None = None
    command: str = "up"
    process: subprocess.Popen[bytes] | None = None

    @property
    def ready_file(self) -> Path:
        return self.state.with_name(f"{self.state.name}-ready.json")

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return self.state.with_name(f"{self.state.name}.log")

    def begin(self) -> "Up":
        argv = [self.python, "-m", "telehealth", self.command, "--state", str(self.state), *self.options]
        argv += ["--ready-file", str(self.ready_file)]
        argv += ["--procfile", str(self.procfile)] if self.procfile is not None else []
        self.ready_file.unlink(missing_ok=True)  # that of a killed run
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                argv,
                env={**NO_SETTINGS, **self.env},
                cwd="/",
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def ready(self) -> dict[str, Any]:
        """What the ready file tells. Fails with everything `up` said when it does not come."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process is not None and self.process.poll() is None:
            told = self.told()
            if told is not None:
                return told
            time.sleep(0.05)
        raise AssertionError(f"up is not ready:\n{self.output}")

    def told(self) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = json.loads(self.ready_file.read_text())
        except FileNotFoundError:
            return None
        return told

    def says(self, words: str) -> None:
        """Waits until the output holds these words."""
        end = time.monotonic() + PATIENCE
        while words not in self.output:
            if time.monotonic() > end or self.process is None or self.process.poll() is not None:
                raise AssertionError(f"up does not say {words}:\n{self.output}")
            time.sleep(0.05)

    def ended(self, seconds: float = PATIENCE) -> int:
        """The exit code, waited for."""
        assert self.process is not None
        return self.process.wait(seconds)

    def kill(self) -> None:
        """`kill -9` of `up` alone: its children live on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Ctrl+C. Returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.ended()

"""Medplum's FHIR R4 router over its repository in memory, on Node.js, as a process of its own (`medplum/serve.mjs`).

What it finds, creates once, versions and refuses is decided by Medplum's code. Its sign-in, its access policies and its
PostgreSQL are parts of Medplum's server, which is not here.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.needs import MEDPLUM, program
from tests.kit.record_admin import Administered


@dataclass(frozen=True, slots=True)
class RunningMedplum(Administered):
    origin: str

    @property
    def base_url(self) -> str:
        return f"{self.origin}/fhir/R4"

    @property
    def authorization(self) -> None:
        return None


@contextmanager
def medplum_server(directory: Path) -> Iterator[RunningMedplum]:
    """Ready when entered, gone with all it held when left. It ends with this process too, however that ends."""
    log = directory / "log.txt"
    argv = [program("medplum"), str(MEDPLUM / "serve.mjs")]
    with (
        log.open("wb") as errors,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().decode().strip()
            if not port:
                raise RuntimeError(log.read_text()[-2000:])
            yield RunningMedplum(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
            process.wait(timeout=60)

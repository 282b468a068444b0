"""A real FHIR R4 server (sekmet) as a process of its own, SMART Backend Services enforced, in a directory of its own.

Lenient where others are not: 400 instead of 422, no check that references exist, an open web console. Its settings
file is YAML, of which JSON is a part.
"""

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from joserfc.jwk import ECKey

from tests.kit.record_admin import Administered, Json

CLIENT_ID = "telehealth"
SCOPES = (
    "system/DocumentReference.crus system/Provenance.c system/Encounter.crus system/Appointment.crus "
    "system/Practitioner.rs system/Patient.cruds system/Patient.rs"
)
READY_WITHIN = 90.0


@dataclass(slots=True)
class RunningRecordService(Administered):
    """`private_key` belongs to `client_id`."""

    directory: Path
    origin: str
    private_key: Mapping[str, str | list[str]]
    admin_token: str
    process: subprocess.Popen[bytes] | None = None
    client_id: str = CLIENT_ID

    @property
    def base_url(self) -> str:
        return f"{self.origin}/fhir"

    @property
    def authorization(self) -> str:
        return f"Bearer {self.admin_token}"

    def start(self) -> None:
        program = Path(sys.executable).with_name("sekmet")
        with (self.directory / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "serve", "-c", "settings.yaml"], cwd=self.directory, stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError((self.directory / "log.txt").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def documents(self, *, system: str, value: str) -> list[Json]:
        """Every DocumentReference that carries the identifier."""
        return self.carriers("DocumentReference", system=system, value=value)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.base_url}/metadata", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def record_service(
    directory: Path, *, token_seconds: int = 3600, public: str | None = None
) -> Iterator[RunningRecordService]:
    """Ready when entered, stopped when left. Data stays in `directory` between `stop` and `start`.

    `public`: the origin it calls its own, when others reach it through a proxy.
    """
    key = ECKey.generate_key("P-384", parameters={"use": "sig", "alg": "ES384"}, auto_kid=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = RunningRecordService(
        directory=directory,
        origin=f"http://127.0.0.1:{port}",
        private_key=key.as_dict(private=True),
        admin_token=secrets.token_urlsafe(24),
    )
    settings = {
        "base_url": f"{public or service.origin}/fhir",
        "host": "127.0.0.1",
        "port": port,
        "data_dir": str(directory / "data"),
        "log_inbound": False,
        "simulator": {"enabled": False},
        "server_auth": {
            "types": ["smart", "bearer"],
            "tokens": [service.admin_token],
            "token_lifetime": token_seconds,
            "smart_clients": [
                {"client_id": CLIENT_ID, "jwks": {"keys": [key.as_dict(private=False)]}, "scopes": SCOPES}
            ],
        },
    }
    (directory / "settings.yaml").write_text(json.dumps(settings))
    try:
        service.start()
        yield service
    finally:
        service.stop()

"""The patient record service of a trial: a FHIR R4 server of its own (`sekmet-fhir`), as a process of its own.

It is another party: never imported, reached over HTTP only, and it lets our client in by SMART Backend Services (a
signed assertion against the public key registered here) like a hospital's would. It listens on loopback only. Its
own console at `/ui` asks for no sign-in: fit for trials and tests, not for people's data.
"""

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from telehealth.cli.addresses import LOOPBACK
from telehealth.cli.errors import CannotStart
from telehealth.cli.processes import Program
from telehealth.cli.state import StateDirectory, write_private

NAME = "record"
CLIENT_ID = "telehealth"
SCOPES = "system/*.read system/*.write system/*.rs system/*.cruds"


def base_url(port: int) -> str:
    """The FHIR base address. Tokens are bound to this very text."""
    return f"http://{LOOPBACK}:{port}/fhir"


def require_installed() -> None:
    if find_spec("sekmet") is None:
        raise CannotStart(
            "The record service is not installed. Install it with `pip install telehealth[embedded]`, "
            "or name another FHIR R4 server with --record-service URL."
        )


def server(state: StateDirectory, port: int, *, client_id: str, jwks: str, env: Mapping[str, str]) -> Program:
    """Without its access log: request lines carry identifiers of patients."""
    home = state.path / "record-service"
    home.mkdir(mode=0o700, exist_ok=True)
    settings = home / "settings.yaml"
    write_private(settings, json.dumps(_settings(home, port, client_id, jwks), indent=2))  # JSON is YAML
    argv = (sys.executable, "-m", "uvicorn", "sekmet.main:app_factory", "--factory", "--host", LOOPBACK)
    return Program(
        name=NAME,
        argv=(*argv, "--port", str(port), "--no-access-log", "--log-level", "warning"),
        env={**env, "SEKMET_CONFIG": str(settings)},
        cwd=home,
        foundation=True,
    )


def _settings(home: Path, port: int, client_id: str, jwks: str) -> dict[str, object]:
    client = {"client_id": client_id, "jwks": json.loads(jwks), "scopes": SCOPES}
    return {
        "base_url": base_url(port),
        "host": LOOPBACK,
        "port": port,
        "data_dir": str(home),
        "facility_name": "Patient records (trial)",
        "log_inbound": False,  # its traffic log would keep a second copy of every document
        "simulator": {"enabled": False},
        "own_private_key_path": str(home / "unused.pem"),
        "server_auth": {"types": ["smart"], "smart_clients": [client]},
    }

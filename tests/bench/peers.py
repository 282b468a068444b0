"""Where the peers come from: each into a directory of its own, by the package managers' ordinary commands.

Neither is a dependency of this project. A peer that cannot be had is told loudly, and the rest is measured without it.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DJANGO_APPOINTMENT = "django-appointment==3.12.0"
CALCOM = "@calcom/platform-libraries@0.0.360"
BESIDE_CALCOM = ("dayjs@1.11.23", "zod@3")  # what the slot code of the bundle imports
HERE = Path(__file__).parent
PATIENCE = 900  # seconds


class NotHere(Exception):
    """The peer cannot be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Calcom:
    directory: Path
    node: str

    def ask(self, request: Mapping[str, Any], zone: str = "UTC") -> dict[str, Any]:
        """One run of calcom.mjs; `zone` is the server's own time zone."""
        command = [self.node, str(HERE / "calcom.mjs"), str(self.directory)]
        done = _run(command, stdin=json.dumps(request), env={**os.environ, "TZ": zone})
        answer: dict[str, Any] = json.loads(done)
        return answer


@dataclass(frozen=True, slots=True)
class DjangoAppointment:
    python: Path
    directory: Path

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One run of django_peer.py."""
        question, answer = self.directory / "request.json", self.directory / "answer.json"
        question.write_text(json.dumps(request))
        _run([str(self.python), str(HERE / "django_peer.py"), str(question), str(answer)])
        read: dict[str, Any] = json.loads(answer.read_text())
        return read


def calcom(directory: Path) -> Calcom:
    """cal.com's slot code in `directory`, installed there if it is not. Raises NotHere."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotHere("Node.js and npm are not on the PATH")
    package = directory / "node_modules" / "@calcom" / "platform-libraries"
    if not package.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        _run([npm, "install", *quiet, "--prefix", str(directory), *BESIDE_CALCOM])
        _run([npm, "pack", CALCOM, "--silent", "--pack-destination", str(directory)])  # it names what npm does not have
        _unpack(next(directory.glob("calcom-platform-libraries-*.tgz")), package)
    return Calcom(directory, node)


def django_appointment(directory: Path) -> DjangoAppointment:
    """django-appointment in a virtual environment in `directory`, made if it is not there. Raises NotHere."""
    python = directory / "venv" / "bin" / "python"
    if not python.exists():
        directory.mkdir(parents=True, exist_ok=True)
        uv = [sys.executable, "-m", "uv"]
        _run([*uv, "venv", "--quiet", str(directory / "venv")])
        _run([*uv, "pip", "install", "--quiet", "--python", str(python), DJANGO_APPOINTMENT])
    return DjangoAppointment(python, directory)


def _unpack(archive: Path, package: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(package.parent, filter="data")
    (package.parent / "package").rename(package)


def _run(command: list[str], *, stdin: str | None = None, env: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, input=stdin, env=env, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except subprocess.CalledProcessError as error:
        raise NotHere(f"{' '.join(command[:3])} … ended with {error.returncode}: {error.stderr[-2000:]}") from None
    except subprocess.TimeoutExpired:
        raise NotHere(f"{' '.join(command[:3])} … took longer than {PATIENCE} s") from None
    return done.stdout

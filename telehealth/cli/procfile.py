"""Procfile: `name: command`, one a line. `release` runs once before the others."""

import re
from dataclasses import dataclass
from pathlib import Path

from telehealth.cli.errors import CannotStart

RELEASE = "release"

_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Procfile:
    release: str | None
    processes: dict[str, str]
    """Name -> shell command, in the order of the file."""


def find_procfile() -> Path:
    """The Procfile beside the package in a checkout. Raises CannotStart when the package stands elsewhere."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "Procfile").is_file():
        raise CannotStart(
            f"There is no Procfile in {root}. `telehealth up` runs from a checkout: clone the repository and install "
            "it with `pip install -e .[embedded]`, or name a file with --procfile."
        )
    return root / "Procfile"


def read_procfile(path: Path) -> Procfile:
    try:
        text = path.read_text()
    except OSError as error:
        raise CannotStart(f"{path}: {error.strerror}") from None
    return parse_procfile(text, str(path))


def parse_procfile(text: str, where: str = "Procfile") -> Procfile:
    """Raises CannotStart with the line's number when a line is neither blank, a comment nor `name: command`."""
    commands: dict[str, str] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise CannotStart(f"{where}, line {number}: not `name: command`")
        if match[1] in commands:
            raise CannotStart(f"{where}, line {number}: {match[1]} is there twice")
        commands[match[1]] = match[2]
    release = commands.pop(RELEASE, None)
    if not commands:
        raise CannotStart(f"{where}: no process line")
    return Procfile(release=release, processes=commands)

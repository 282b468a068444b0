"""A copy of the house to build on, and what its own tools say of it."""

import subprocess
import sys
from os import environ
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

ROOT = Path(__file__).parents[2]
READ_CATALOGUE = "from telehealth.catalogue import read_catalogue; read_catalogue()"
LINT_IMPORTS = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def copy_tree(to: Path) -> Path:
    """The package and its contracts. What is compiled comes along: it is told by the time of the source."""
    copytree(ROOT / "telehealth", to / "telehealth", ignore=ignore_patterns("web"))
    copy(ROOT / "pyproject.toml", to)
    return to


def add_package(tree: Path, name: str, files: dict[str, str]) -> None:
    """The package and its line in the catalogue; a package without files is the line alone."""
    replace_once(tree / "telehealth" / "catalogue.py", '    "exchange",\n', f'    "exchange",\n    "{name}",\n')
    if files:
        package = tree / "telehealth" / name
        package.mkdir()
        for file, content in {"__init__": "", **files}.items():
            (package / f"{file}.py").write_text(content)


def replace_once(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


def said(tree: Path, program: str) -> tuple[int, str]:
    """Exit code and output of a Python program in that tree."""
    plain = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tree, env=plain, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr

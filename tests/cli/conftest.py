"""State directories and `up` processes that end with their test."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit.up import Up

STANDINS = Path(__file__).parent / "standins"

StartUp = Callable[..., Up]


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory other users may pass through, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="th-cli-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def start_up() -> Iterator[StartUp]:
    """Begins an `up` with the stand-in Procfile; stopped at the end of the test, by force if need be."""
    with ExitStack() as stack:

        def begin(state: Path, **options: Any) -> Up:
            up = Up(state, **{"procfile": STANDINS / "Procfile", **options})
            stack.callback(_end, up)
            return up.begin()

        yield begin


def _end(up: Up) -> None:
    if up.process is not None and up.process.poll() is None:
        up.stop()

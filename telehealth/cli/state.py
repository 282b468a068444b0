"""The state directory: who may use it, and where sockets go."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from telehealth.cli.errors import CannotStart

SOCKET_PATH_LIMIT = 107
"""Bytes of sun_path in Linux's unix(7), less its closing zero; macOS has 103."""

_LONGEST_SOCKET_NAME = len("/pg/.s.PGSQL.5432.lock")
_SHORT = Path("/tmp")  # noqa: S108 - what lies there is checked to be ours in `make_private`
_SAFE = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Everything `up` keeps: data, keys, and what runs now."""

    path: Path

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def run_file(self) -> Path:
        return self.run / "processes.json"

    @property
    def ready_file(self) -> Path:
        """What runs where, while it runs; `--ready-file` has it written elsewhere too."""
        return self.run / "ready.json"

    @property
    def sockets(self) -> Path:
        """Where Unix sockets live: in the state directory, or in a short one of ours when that path is too long."""
        near = str(self.run)
        if len(os.fsencode(near)) + _LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT and _SAFE.fullmatch(near):
            return self.run
        name = sha256(os.fsencode(self.path)).hexdigest()[:12]
        return _SHORT / f"telehealth-{os.geteuid()}-{name}"


def open_state(path: Path) -> StateDirectory:
    """Makes what is missing. As root others may pass through (not look), because PostgreSQL never runs as root."""
    state = StateDirectory(path.absolute())
    passage = 0o711 if os.geteuid() == 0 else 0o700
    try:
        make_private(state.path, passage)
        make_private(state.run, passage)
        make_private(state.keys, 0o700)
        make_private(state.sockets, passage)
    except OSError as error:
        raise CannotStart(f"{error.filename}: {error.strerror}. Name another directory with --state.") from None
    return state


def make_private(path: Path, mode: int) -> None:
    """A directory of ours with this mode when new. One that is there must be ours, and no symbolic link under /tmp."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(mode)
    found = path.lstat() if path.parent == _SHORT else path.stat()
    if found.st_uid != os.geteuid() or not path.is_dir():
        raise CannotStart(
            f"{path} belongs to user {found.st_uid}, this is user {os.geteuid()}. "
            "Start as that user, or name another directory with --state."
        )


@contextmanager
def locked(state: StateDirectory) -> Iterator[None]:
    """One `up` for one state directory. The kernel lets go of the lock when the process dies, however it dies."""
    descriptor = os.open(state.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            raise CannotStart(
                f"Another `telehealth up` (process {holder}) uses {state.path}. "
                "Stop it with Ctrl+C there, or give this one its own directory with --state."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, readable by its owner only."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)

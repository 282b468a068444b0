"""A PostgreSQL of its own that can be killed and begun again over the same rows."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import environ
from pathlib import Path

import psycopg

from telehealth.cli.postgres import prepare_cluster, server
from telehealth.cli.processes import Program
from telehealth.cli.state import open_state
from tests.kit.database import migrate
from tests.kit.patience import PATIENCE


@dataclass
class Postgres:
    """`url` leads to a database with the whole schema."""

    program: Program
    maintenance: str
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return self.maintenance.replace("/postgres?", "/house?")

    def begin(self) -> None:
        """Up when this returns."""
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < end, "PostgreSQL does not answer"
            if self.process is None or self.process.poll() is not None:
                if self.program.prepare is not None:
                    self.program.prepare()  # as the house does: nothing of an earlier life is left
                argv = [*self.program.argv, "-c", "fsync=off"]
                user, group = self.program.user, self.program.group
                self.process = subprocess.Popen(
                    argv, cwd="/", user=user, group=group, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9` of the postmaster; its backends end with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)
            self.process.wait(PATIENCE)

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return False
        try:
            psycopg.connect(self.maintenance, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def mortal_postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="th-") as directory:
        root = Path(directory)
        root.chmod(0o755)
        cluster = prepare_cluster(open_state(root / "s"), environ)
        postgres = Postgres(server(cluster, environ), cluster.url.replace("/telehealth?", "/postgres?"))
        try:
            postgres.begin()
            with psycopg.connect(postgres.maintenance, autocommit=True) as connection:
                connection.execute("CREATE DATABASE house")
            migrate(postgres.url)
            yield postgres
        finally:
            postgres.stop()

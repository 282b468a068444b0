"""A migration that finds a table held: it does not keep everybody waiting behind it, and is run again later."""

import os
import subprocess
import sys

import psycopg
import pytest
from alembic.util.exc import CommandError

from alembic import command
from tests.kit.database import ROOT, Databases, alembic_config, migrate
from tests.kit.house import environment_of

BEFORE, HELD = "0058", "LOCK TABLE device_alert IN ROW EXCLUSIVE MODE"  # as whoever writes holds it; 0059 adds an index


def version(url: str) -> tuple[str] | None:
    with psycopg.connect(url) as connection:
        found: tuple[str] | None = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return found


def test_what_waits_for_a_transaction_gives_up_in_words_and_is_run_again(databases: Databases) -> None:
    url = databases.create_empty()
    migrate(url, BEFORE)
    with psycopg.connect(url) as connection:
        connection.execute(HELD.encode())
        with pytest.raises(CommandError, match="Nothing was changed"):
            migrate(url)
        said = subprocess.run(
            [sys.executable, "-m", "telehealth", "migrate"],
            cwd=ROOT,
            env=os.environ | environment_of(url, "redis://127.0.0.1:1/0"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode != 0
        assert "run this again" in said.stdout + said.stderr
        assert "Traceback" not in said.stdout + said.stderr
        assert version(url) == (BEFORE,)
    migrate(url)
    command.check(alembic_config(url))

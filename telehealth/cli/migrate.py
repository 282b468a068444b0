"""Migrations, run in this process through Alembic's own interface."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from alembic import command
from telehealth.cli.errors import CannotStart


def alembic_config() -> Config:
    """`[tool.alembic]` of the checkout's pyproject.toml. Raises CannotStart when there is no checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "alembic" / "env.py").is_file():
        raise CannotStart(f"There are no migrations in {root / 'alembic'}: run from a checkout of the repository.")
    return Config(toml_file=str(root / "pyproject.toml"))


def upgrade() -> None:
    """To the head. The database is that of the settings. Raises CannotStart, in the words of what is in the way."""
    try:
        command.upgrade(alembic_config(), "head")
    except CommandError as error:
        raise CannotStart(str(error)) from None


def heads(database_url: str) -> tuple[set[str], set[str]]:
    """The revisions the database has, and those it should have."""
    wanted = set(ScriptDirectory.from_config(alembic_config()).get_heads())
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()), wanted

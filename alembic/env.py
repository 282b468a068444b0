"""Alembic's environment: DATABASE_URL, the catalogue's tables, one migration at a time across processes."""

from typing import Literal

from alembic.util.exc import CommandError
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from alembic import context
from telehealth.catalogue import read_catalogue
from telehealth.db.engine import DRIVER
from telehealth.db.tables import UtcDateTime
from telehealth.db.unit import LOCK_NOT_AVAILABLE
from telehealth.settings.environment import read_settings

ONE_AT_A_TIME = 0x7E1E4EA1  # any constant: the advisory lock of migrations
LOCK_WAIT_SECONDS = 5  # a migration that waits for a table keeps everybody else from it who comes after
HELD = (
    "A transaction has held for more than five seconds what this upgrade changes. Nothing was changed, since all "
    "migrations are one transaction, and the former release goes on. Wait until that transaction is over, or end it "
    "(pg_stat_activity shows it: the oldest xact_start), and run this again."
)


def render_item(kind: str, item: object, _: object) -> str | Literal[False]:
    """Migrations outlive our code: our own types are written as what they are in the database."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run() -> None:
    """Upgrade under an advisory lock: two `release` processes wait for each other, however long, but no migration for
    who has a table. Raises CommandError.
    """
    tables = read_catalogue().tables
    url = context.config.attributes.get("url") or read_settings().database_url.get_secret_value()
    engine = create_engine(make_url(url).set(drivername=DRIVER), hide_parameters=True)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
            connection.execute(
                text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": f"{LOCK_WAIT_SECONDS}s"}
            )
            context.configure(connection=connection, target_metadata=tables, compare_type=True, render_item=render_item)
            context.run_migrations()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise CommandError(HELD) from None
        raise
    finally:
        engine.dispose()


run()

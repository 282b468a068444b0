"""Alembic's environment: DATABASE_URL, the catalogue's tables, one migration at a time across processes."""

from typing import Literal

from sqlalchemy import create_engine, make_url, text

from alembic import context
from telehealth.catalogue import read_catalogue
from telehealth.db.engine import DRIVER
from telehealth.db.tables import UtcDateTime
from telehealth.settings.environment import read_settings

ONE_AT_A_TIME = 0x7E1E4EA1  # any constant: the advisory lock of migrations


def render_item(kind: str, item: object, _: object) -> str | Literal[False]:
    """Migrations outlive our code: our own types are written as what they are in the database."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run() -> None:
    """Upgrade under an advisory lock: two `release` processes wait for each other."""
    tables = read_catalogue().tables
    url = context.config.attributes.get("url") or read_settings().database_url.get_secret_value()
    engine = create_engine(make_url(url).set(drivername=DRIVER), hide_parameters=True)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
            context.configure(connection=connection, target_metadata=tables, compare_type=True, render_item=render_item)
            context.run_migrations()
    finally:
        engine.dispose()


run()
